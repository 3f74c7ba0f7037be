//! RETENTION: how far the search for what is older than it is to be kept has come. There is one.
//!
//! | attribute | holds |
//! |---|---|
//! | `began_at` | when the pass over all calls began |
//! | `after` | the key of the index that was read last; absent before the first and after the last |
//! | `finished` | true once the pass is over |
//! | `recordings_before` | the recordings of calls that were last updated before this are erased; RFC 3339 |
//! | `passed_over` | when the oldest call was last updated that is left for the next pass; RFC 3339 |
//!
//! It names the call that was looked at last, as long as a pass goes on.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{Item, get_owned, get_text, text};
use crate::ledger::key::{self, Key};
use crate::timestamp::{Timestamp, rfc3339};

/// How far the search has come.
#[derive(Clone, Debug, PartialEq)]
pub struct Progress {
    /// When the pass began.
    pub began_at: Timestamp,
    /// The key that was read last.
    pub(in crate::ledger) after: Option<HashMap<String, AttributeValue>>,
    /// Whether the pass is over.
    pub is_finished: bool,
    /// The recordings of calls that were last updated before this are erased; RFC 3339 UTC.
    pub recordings_before: Option<String>,
    /// When the oldest call was last updated that is left for the next pass; RFC 3339 UTC.
    pub(in crate::ledger) passed_over: Option<String>,
}

impl Progress {
    /// A pass that begins. The recordings that an earlier pass has erased are not looked for again.
    pub fn begin(now: Timestamp, before: Option<&Self>) -> Self {
        let recordings_before = before.and_then(|before| before.recordings_before.clone());
        Self { began_at: now, after: None, is_finished: false, recordings_before, passed_over: None }
    }

    /// Takes note of a call that is left for the next pass, by the time when it was last updated.
    pub fn pass_over(&mut self, updated_at: &str) {
        if self.passed_over.as_deref().is_none_or(|oldest| updated_at < oldest) {
            self.passed_over = Some(updated_at.to_owned());
        }
    }

    /// Takes note, at the end of a pass, that the recordings of calls that were last updated before a time
    /// are erased: of those that are older than every call that was passed over. The next pass looks at the
    /// others.
    pub fn finish(&mut self, recordings_before: Option<Timestamp>) {
        let erased = recordings_before.map(rfc3339).map(|limit| match &self.passed_over {
            Some(oldest) => limit.min(oldest.clone()),
            None => limit,
        });
        self.recordings_before = self.recordings_before.take().max(erased);
    }

    /// Its item.
    pub(in crate::ledger) fn write(&self) -> Item {
        let Key { pk, sk } = key::retention();
        let mut item = super::item(&pk, &sk);
        let mut put = |name: &str, value| drop(item.insert(name.to_owned(), value));
        put("began_at", text(rfc3339(self.began_at)));
        put("finished", AttributeValue::Bool(self.is_finished));
        if let Some(after) = &self.after {
            put("after", AttributeValue::M(after.clone()));
        }
        if let Some(before) = &self.recordings_before {
            put("recordings_before", text(before));
        }
        if let Some(oldest) = &self.passed_over {
            put("passed_over", text(oldest));
        }
        item
    }

    /// Reads the item; `None` if it can't be read.
    pub(in crate::ledger) fn read(item: &Item) -> Option<Self> {
        Some(Self {
            began_at: get_text(item, "began_at")?.parse().ok()?,
            after: item.get("after").and_then(|after| after.as_m().ok().cloned()),
            is_finished: item.get("finished").is_some_and(|finished| finished.as_bool() == Ok(&true)),
            recordings_before: get_owned(item, "recordings_before"),
            passed_over: get_owned(item, "passed_over"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_count_as_erased_up_to_the_oldest_call_that_was_passed_over() {
        let at = |day: i64| -> Timestamp { Timestamp::from_second(day * 86_400).unwrap() };
        let mut progress = Progress::begin(at(1), None);
        progress.finish(Some(at(10)));
        assert_eq!(progress.recordings_before, Some(rfc3339(at(10))));
        let mut progress = Progress::begin(at(2), Some(&progress));
        for day in [16, 15, 17] {
            progress.pass_over(&rfc3339(at(day)));
        }
        progress = Progress::read(&progress.write()).unwrap();
        progress.finish(Some(at(20)));
        assert_eq!(progress.recordings_before, Some(rfc3339(at(15))));
        // The next pass knows of none yet. What is erased stays so, whatever the limit is by then.
        progress = Progress::begin(at(3), Some(&progress));
        for limit in [None, Some(at(12))] {
            progress.finish(limit);
            assert_eq!(progress.recordings_before, Some(rfc3339(at(15))));
        }
        progress.finish(Some(at(21)));
        assert_eq!(progress.recordings_before, Some(rfc3339(at(21))));
    }
}
