//! RETENTION: how far the search for what is older than it is to be kept has come. There is one.
//!
//! | attribute | holds |
//! |---|---|
//! | `began_at` | when the pass over all calls began |
//! | `after` | the key of the index that was read last; absent before the first and after the last |
//! | `finished` | true once the pass is over |
//! | `recordings_before` | the recordings of calls that were last updated before this are erased; RFC 3339 |
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
}

impl Progress {
    /// A pass that begins. The recordings that an earlier pass has erased are not looked for again.
    pub fn begin(now: Timestamp, before: Option<&Self>) -> Self {
        let recordings_before = before.and_then(|before| before.recordings_before.clone());
        Self { began_at: now, after: None, is_finished: false, recordings_before }
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
        item
    }

    /// Reads the item; `None` if it can't be read.
    pub(in crate::ledger) fn read(item: &Item) -> Option<Self> {
        Some(Self {
            began_at: get_text(item, "began_at")?.parse().ok()?,
            after: item.get("after").and_then(|after| after.as_m().ok().cloned()),
            is_finished: item.get("finished").is_some_and(|finished| finished.as_bool() == Ok(&true)),
            recordings_before: get_owned(item, "recordings_before"),
        })
    }
}
