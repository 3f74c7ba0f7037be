//! The record as a CALL item keeps it: a compact JSON text, and what stands beside it.
//!
//! Values are grouped by the body that they are of:
//!
//! ```json
//! {"layers":[{"stamp":{"occurred_at":1782554700000,"weight":12,"body":1},
//!             "fields":{"account_id":"w1"}, "columns":["from.raw","from.e164"], "made_ids":["0c0e…"],
//!             "packed":["transcript.text"], "large":{"analysis.summary":{"bytes":20002,"sha256":"…"}},
//!             "derived":["from.e164"], "lists":{"tool_calls":[…]}, "places":{"tool_calls":[0,2]}}],
//!  "sets":{"events":[…]}, "same_ids":["aliases"], "large":{"warnings":[{"bytes":…,"sha256":"…"}]},
//!  "links":["0c0e…"], "whole":["tool_calls"]}
//! ```
//!
//! Nothing stands there twice, and what is empty is left out:
//!
//! - `body` is the place of the body's hash in `applied`; it is left out for the first.
//! - `columns` names the fields whose value is in a column of the item or in its key. The columns of the
//!   last layer are not named: every column that no layer names is a field of it.
//! - `read_ids` and `made_ids` are recordings: `recordings.<id>.recording_id` is `<id>`, as the provider told
//!   it or as we made it.
//! - `places` has the places that a list's members had in the body, where they are not 0, 1, 2 and so on.
//! - `same_ids` names the sets of ids of which one is the id itself: `aliases` of `call_id`, and so on.
//! - `packed` names the fields and lists that are in the packed transcript, `large` those in the bucket. The
//!   packed part of a list is an array of its parts, in the order of the layers.
//! - `links` has the marks of the links of recordings, by id; without the id where the provider told only one.
//! - `whole` names the lists of which the last part stands alone, where the members do not show it.

use serde_json::Value;

use super::registers::Register;
use super::{Path, Record};

mod store;
mod restore;

pub use restore::Beside;

/// The field and the list that are packed.
pub const TRANSCRIPT: [&str; 2] = ["transcript.text", "transcript.turns"];

/// The list of events, and the members of an entry; those that are null are not stored.
const EVENTS: &str = "events";
const EVENT_MEMBERS: [&str; 5] = ["kind", "occurred_at", "provider_event_id", "sent_at", "sequence"];

/// Sets of ids, each with the field of the id that they are other names of.
const IDS: [(&str, &str); 2] = [("aliases", "call_id"), ("parent_call_aliases", "parent_call_id")];

/// Where a value is that is in a column or the key of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// In a column that always is this field's value.
    Own,
    /// In a column that may be another form of the value.
    Shared,
}

/// A record as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The core: JSON for people and programs to read.
    pub core: String,
    /// The transcript: a JSON object of the values of [`TRANSCRIPT`], to be packed; `None` if there are none.
    pub transcript: Option<String>,
}

/// A record that was read from where it is stored.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The record, without what is missing.
    pub record: Record,
    /// The fields, sets and lists whose values were not where the core says.
    pub missing: Vec<Path>,
}

/// The text is not the core of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored record is damaged")]
pub struct RecordError;

impl Record {
    /// The id that a set has other names of.
    fn same_id(&self, set: &str) -> Option<&Value> {
        let (_, field) = IDS.into_iter().find(|(path, _)| *path == set)?;
        self.get(field).filter(|id| id.is_string())
    }
}

/// The id in a register that says that a recording's id is the one in its path.
fn own_recording_id(register: &Register) -> Option<&str> {
    let id = register.path.strip_prefix("recordings.")?.strip_suffix(".recording_id")?;
    (register.large.is_none() && register.value == id).then_some(id)
}

#[cfg(test)]
mod tests;
