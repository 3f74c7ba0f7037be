//! The normalized record of one call, as registers that merge.
//!
//! A record is a flat map from a field's path (`hangup.cause`) to the value some event gave it, with
//! that event's [`Stamp`], and a few sets that only grow. One event normalizes to one record;
//! [`merge`] folds records of the same call together. Because every field keeps the stamp that set
//! it, the fold is commutative, associative and idempotent: order and repetition of deliveries
//! cannot show.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use registers::{Register, Registers};
use serde::{Deserialize, Serialize};
use serde_json::Value;

mod field;
mod registers;
mod merge;
mod render;
mod large;
mod stored;

pub use field::{FIELDS, Field, field};
pub use large::{LargeValue, Sized};
pub use merge::merge;
pub use stored::{Column, RecordError, Restored, Stored, TRANSCRIPT};

/// The content of one or more events about one call.
#[derive(Clone, Default)]
pub struct Record {
    registers: Registers,
    lists: BTreeMap<Path, List>,
}

/// The members of a list, in the order of their values.
#[derive(Clone, Debug, Default, PartialEq)]
struct List {
    members: Vec<Value>,
    /// Further members that are in the bucket.
    large: Vec<LargeValue>,
}

/// A field's path: one of [`FIELDS`], or an entry of an open map such as `extensions.<name>`.
pub type Path = Cow<'static, str>;

/// When an event happened, for deciding which of two known values is the later one.
///
/// Ordered by rank, then sequence, then time; an event without a sequence is earlier than one with
/// it, so the order is total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stamp {
    /// 0 for the first body of a dedupe key. Negative for a revision of it, which may fill fields
    /// but not change them; the more negative, the later it came.
    #[serde(default, skip_serializing_if = "is_first")]
    pub rank: i64,
    /// The provider's own sequence number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<i64>,
    /// Milliseconds since the Unix epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<i64>,
}

impl Stamp {
    /// Whether it is empty: of the first body of an event without a time and a sequence.
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether a rank is that of the first body of a dedupe key.
fn is_first(rank: &i64) -> bool {
    *rank == 0
}

impl fmt::Debug for Record {
    /// Shows the names of the fields that are known, and no values: these are personal.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.registers.iter().map(|register| &register.path)).finish()
    }
}

impl Record {
    /// Sets a field that the payload states.
    pub fn set(&mut self, path: impl Into<Path>, value: impl Into<Option<Value>>) {
        self.put(path.into(), value.into(), false);
    }

    /// Sets a field that we computed; it is named in `derived`.
    pub fn derive(&mut self, path: impl Into<Path>, value: impl Into<Option<Value>>) {
        self.put(path.into(), value.into(), true);
    }

    /// Adds a member to one of the sets: `aliases`, `events`, `tool_calls`, `transcript.turns`,
    /// `warnings`.
    pub fn add(&mut self, set: &'static str, member: impl Into<Value>) {
        insert(&mut self.list_mut(set).members, member.into());
    }

    /// Adds a list's members to one of the sets.
    pub fn add_all(&mut self, set: &'static str, new: impl IntoIterator<Item = Value>) {
        let mut new = new.into_iter().peekable();
        if new.peek().is_some() {
            let members = &mut self.list_mut(set).members;
            members.extend(new);
            members.sort_by(merge::compare);
        }
    }

    /// Completes the record of one event: every field gets the event's stamp.
    pub fn stamp(&mut self, stamp: Stamp) {
        self.registers.settle();
        for register in self.registers.iter_mut() {
            register.stamp = stamp;
        }
    }

    /// Returns the record as a revision: it may add fields to a call, and change none.
    ///
    /// `arrival` counts the changes the record had seen before; later revisions rank lower.
    pub fn into_revision(mut self, arrival: u64) -> Self {
        let rank = i64::try_from(arrival).map_or(i64::MIN, |arrival| -arrival.max(1));
        for register in self.registers.iter_mut() {
            register.stamp.rank = rank;
        }
        self
    }

    /// The value of a field, if any event set it.
    pub fn get(&self, path: &str) -> Option<&Value> {
        self.registers.get(path).map(|register| &register.value)
    }

    /// The text of a field, if any event set it to text.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.get(path).and_then(Value::as_str)
    }

    /// When the earliest event that set a field happened, milliseconds since the Unix epoch.
    pub fn earliest_event(&self) -> Option<i64> {
        self.registers.iter().filter_map(|register| register.stamp.occurred_at).min()
    }

    fn put(&mut self, path: Path, value: Option<Value>, derived: bool) {
        debug_assert!(field::is_known(&path), "{path} is not a field of the record");
        match value {
            None | Some(Value::Null) => {}
            Some(value) => {
                self.registers.put(Register { path, stamp: Stamp::default(), derived, value, large: None });
            }
        }
    }
}

/// Adds a member to a list that is in the order of its members.
fn insert(members: &mut Vec<Value>, member: Value) {
    let position = members.partition_point(|other| merge::compare(other, &member).is_lt());
    members.insert(position, member);
}
