use std::cell::RefCell;
use std::future::Future;
use std::future::ready;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use proptest::prelude::*;

use super::*;

/// Partitions of entries, each with whether the filter lets it through.
type Table = Vec<Vec<(String, bool)>>;

/// Answers as DynamoDB does: looks at `limit` entries, or `page` at the most, and filters then. An
/// answer that ends exactly at the end still says that there may be more.
fn answer(entries: &[(String, bool)], before: Option<&str>, limit: usize) -> Read<()> {
    let mut left: Vec<_> =
        entries.iter().filter(|(key, _)| before.is_none_or(|before| &**key < before)).collect();
    left.sort_by(|one, other| other.0.cmp(&one.0));
    let looked_at = &left[..limit.min(left.len())];
    Read {
        found: looked_at.iter().filter(|(_, matches)| *matches).map(|(key, _)| (key.clone(), ())).collect(),
        down_to: if looked_at.len() == limit { looked_at.last().map(|(key, _)| key.clone()) } else { None },
    }
}

/// Nothing here waits for anything.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("the future waits"),
    }
}

struct Pages {
    keys: Vec<Vec<String>>,
    most_reads: usize,
}

/// Every page, one after the other.
fn pages(table: &Table, limit: usize, page: usize) -> Pages {
    let mut pages = Pages { keys: Vec::new(), most_reads: 0 };
    let mut before: Option<String> = None;
    loop {
        let reads = RefCell::new(0);
        let read = |index: usize, before: Option<String>, share: usize| {
            *reads.borrow_mut() += 1;
            ready(Ok::<_, ()>(answer(&table[index], before.as_deref(), share.min(page))))
        };
        let walked = now(walk(table.len(), limit, before.clone(), read)).unwrap();
        pages.keys.push(walked.found.into_iter().map(|(key, ())| key).collect());
        pages.most_reads = pages.most_reads.max(reads.into_inner());
        match walked.rest_before {
            None => return pages,
            Some(rest) => {
                assert!(before.is_none_or(|before| rest < before), "every page gets on");
                before = Some(rest);
            }
        }
    }
}

fn table() -> impl Strategy<Value = Table> {
    let entries = proptest::collection::btree_map(0..100_000_u32, any::<bool>(), 0..60);
    proptest::collection::vec(entries, 1..5).prop_map(|partitions| {
        let with_index = partitions.into_iter().enumerate();
        with_index
            .map(|(index, entries)| {
                entries.into_iter().map(|(key, matches)| (format!("{key:06}#{index}"), matches)).collect()
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn pages_together_have_every_match_exactly_once_in_order(
        table in table(), limit in 1..40_usize, page in 1..50_usize,
    ) {
        let mut expected: Vec<String> =
            table.iter().flatten().filter(|(_, matches)| *matches).map(|(key, _)| key.clone()).collect();
        expected.sort_unstable_by(|one, other| other.cmp(one));
        let pages = pages(&table, limit, page);
        prop_assert!(pages.most_reads <= MAX_READS);
        prop_assert!(pages.keys.iter().all(|keys| keys.len() <= limit));
        prop_assert_eq!(pages.keys.concat(), expected);
    }
}

#[test]
fn a_rare_match_ends_pages_early_instead_of_scanning() {
    let entries = |index: usize| (0..500).map(move |n| (format!("{n:06}#{index}"), n == 7)).collect();
    let table: Table = (0..4).map(entries).collect();
    let pages = pages(&table, 10, 20);
    assert_eq!(pages.most_reads, MAX_READS);
    assert!(pages.keys.len() > 2);
    assert_eq!(pages.keys.concat(), ["000007#3", "000007#2", "000007#1", "000007#0"]);
}

#[test]
fn a_rare_match_is_looked_for_in_ever_larger_steps() {
    let entries = |index: usize| (0..500).map(move |n| (format!("{n:06}#{index}"), n == 7)).collect();
    let table: Table = (0..4).map(entries).collect();
    let pages = pages(&table, 10, usize::MAX);
    assert_eq!((pages.keys.len(), pages.most_reads), (1, 16));
}

#[test]
fn a_page_of_evenly_spread_entries_takes_one_read_per_partition() {
    let entries = |index: usize| (0..500).map(move |n| (format!("{n:06}#{index}"), true)).collect();
    let table: Table = (0..4).map(entries).collect();
    let reads = RefCell::new(0);
    let read = |index: usize, before: Option<String>, share: usize| {
        *reads.borrow_mut() += 1;
        ready(Ok::<_, ()>(answer(&table[index], before.as_deref(), share)))
    };
    let walked = now(walk(4, 50, None, read)).unwrap();
    assert_eq!((walked.found.len(), reads.into_inner()), (50, 4));
}
