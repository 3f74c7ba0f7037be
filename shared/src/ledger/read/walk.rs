//! Reads several partitions of an index as if they were one, newest first.

use std::collections::VecDeque;

use futures_util::future::try_join_all;

/// The most requests to the table for one page. A page that is not full by then ends early, with a
/// cursor: a rare filter must not turn one request into a scan.
pub(super) const MAX_READS: usize = 20;

/// The number of entries beyond its share that a partition is first asked for: the shares are not even.
const SPARE: usize = 8;

/// One answer of the table about one partition.
#[derive(Debug)]
pub(super) struct Read<T> {
    /// The entries found, by descending key.
    pub(super) found: Vec<(String, T)>,
    /// The lowest key that was read: only entries below it are left. `None` if none are left.
    pub(super) down_to: Option<String>,
}

/// A page of the merged partitions.
#[derive(Debug)]
pub(super) struct Walked<T> {
    /// By descending key, at most as many as asked for.
    pub(super) found: Vec<(String, T)>,
    /// The entries left have lower keys than this; `None` if there are none left.
    pub(super) rest_before: Option<String>,
}

/// Takes the `limit` greatest entries that are less than `before` out of `partitions` partitions.
///
/// `read` is given a partition, the key to begin below, and the most entries to look at. Fewer than `limit`
/// entries and a `rest_before` mean that [`MAX_READS`] were not enough.
pub(super) async fn walk<T, E, F: Future<Output = Result<Read<T>, E>>>(
    partitions: usize,
    limit: usize,
    before: Option<String>,
    read: impl Fn(usize, Option<String>, usize) -> F,
) -> Result<Walked<T>, E> {
    walk_until(partitions, limit, before, |reads| reads > MAX_READS, read).await
}

/// Does the same, until `is_over` says of the number of requests that there would be that they are too many. Each
/// partition is read once in any case.
pub(super) async fn walk_until<T, E, F: Future<Output = Result<Read<T>, E>>>(
    partitions: usize,
    limit: usize,
    before: Option<String>,
    is_over: impl Fn(usize) -> bool,
    read: impl Fn(usize, Option<String>, usize) -> F,
) -> Result<Walked<T>, E> {
    let mut partitions: Vec<_> = (0..partitions).map(|_| Partition::new(before.clone())).collect();
    let first_share = limit.div_ceil(partitions.len().max(1)) + SPARE;
    let mut found = Vec::with_capacity(limit);
    let mut reads = 0;
    loop {
        let waiting = take(&mut partitions, limit, &mut found);
        let full = found.len() >= limit;
        if full || waiting.is_empty() || (reads > 0 && is_over(reads + waiting.len())) {
            let rest_before = if partitions.iter().all(Partition::is_empty) {
                None
            } else if full {
                found.last().map(|(key, _)| key.clone())
            } else {
                // Every entry that is left is below the partition that was read the least far.
                waiting.iter().filter_map(|index| partitions[*index].unread_before().cloned()).max()
            };
            return Ok(Walked { found, rest_before });
        }
        reads += waiting.len();
        let answers = waiting.iter().map(|&index| {
            let partition = &partitions[index];
            // Where a filter leaves little, more is asked for each time.
            let share = first_share << (2 * partition.reads).min(16);
            read(index, partition.unread_before().cloned(), share)
        });
        for (index, answer) in waiting.iter().zip(try_join_all(answers).await?) {
            partitions[*index].learn(answer);
        }
    }
}

/// Moves the greatest entries to `found` as long as the next one is certain. Returns the partitions that must
/// be read to make it certain.
fn take<T>(partitions: &mut [Partition<T>], limit: usize, found: &mut Vec<(String, T)>) -> Vec<usize> {
    while found.len() < limit {
        let greatest = (0..partitions.len()).max_by_key(|&index| partitions[index].greatest());
        let next = greatest.and_then(|index| partitions[index].greatest());
        let in_the_way = |partition: &Partition<T>| match (&partition.unread, next) {
            _ if !partition.found.is_empty() => false,
            (Unread::Nothing, _) => false,
            (Unread::Before(key), Some(next)) => key.as_str() > next,
            (Unread::Everything | Unread::Before(_), _) => true,
        };
        let waiting: Vec<_> = (0..partitions.len()).filter(|&index| in_the_way(&partitions[index])).collect();
        let entry =
            greatest.filter(|_| waiting.is_empty()).and_then(|index| partitions[index].found.pop_front());
        match entry {
            Some(entry) => found.push(entry),
            None => return waiting,
        }
    }
    Vec::new()
}

/// One partition, as far as it was read.
struct Partition<T> {
    found: VecDeque<(String, T)>,
    unread: Unread,
    reads: usize,
}

enum Unread {
    Everything,
    Before(String),
    Nothing,
}

impl<T> Partition<T> {
    fn new(before: Option<String>) -> Self {
        let unread = before.map_or(Unread::Everything, Unread::Before);
        Self { found: VecDeque::new(), unread, reads: 0 }
    }

    fn greatest(&self) -> Option<&str> {
        self.found.front().map(|(key, _)| key.as_str())
    }

    fn unread_before(&self) -> Option<&String> {
        match &self.unread {
            Unread::Before(key) => Some(key),
            Unread::Everything | Unread::Nothing => None,
        }
    }

    fn is_empty(&self) -> bool {
        self.found.is_empty() && matches!(self.unread, Unread::Nothing)
    }

    fn learn(&mut self, read: Read<T>) {
        self.found.extend(read.found);
        self.unread = read.down_to.map_or(Unread::Nothing, Unread::Before);
        self.reads += 1;
    }
}

#[cfg(test)]
mod tests;
