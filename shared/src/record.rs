//! The normalized record of one call, as values that merge.
//!
//! A record is a flat map from a field's path (`hangup.cause`) to the value that some body gave it, with that
//! body's [`Stamp`], a few sets that only grow, and a few lists. One body normalizes to one record; [`merge`]
//! folds records of the same call together. Every value keeps the stamp of its body, and stamps have one total
//! order, so the fold is commutative, associative and idempotent: order and repetition of deliveries can't
//! show.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use list::List;
use registers::{Register, Registers};
use serde_json::Value;

mod field;
mod stamp;
mod registers;
mod list;
mod merge;
mod render;
mod joined;
mod large;
mod stored;

pub use field::{FIELDS, Field, field};
pub use large::{LargeValue, Sized};
pub use merge::merge;
pub use stamp::{BodyHash, Stamp};
pub use stored::{Beside, Column, RecordError, Restored, Stored, TRANSCRIPT};

/// The content of one or more bodies about one call.
#[derive(Clone, Default)]
pub struct Record {
    registers: Registers,
    sets: BTreeMap<Path, Set>,
    lists: BTreeMap<Path, List>,
}

/// The members of a set, in the order of their values.
#[derive(Clone, Debug, Default, PartialEq)]
struct Set {
    members: Vec<Value>,
    /// Further members that are in the bucket.
    large: Vec<LargeValue>,
}

/// A field's path: one of [`FIELDS`], or an entry of an open map such as `extensions.<name>`.
pub type Path = Cow<'static, str>;

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

    /// Adds a member to one of the sets: `aliases`, `parent_call_aliases`, `events`, `warnings`, or
    /// `recordings.<id>.links`.
    pub fn add(&mut self, set: impl Into<Path>, member: impl Into<Value>) {
        insert(&mut self.sets.entry(set.into()).or_default().members, member.into());
    }

    /// Sets one of the lists, `tool_calls` or `transcript.turns`, to members in the order in which they were
    /// sent. An empty list says nothing.
    pub fn set_list(&mut self, list: &'static str, members: Vec<Value>) {
        if !members.is_empty() {
            self.lists.insert(Cow::Borrowed(list), List::of_body(members));
        }
    }

    /// Completes the record of one body: stamps every value with it.
    pub fn stamp(&mut self, stamp: Stamp) {
        self.registers.settle();
        for register in self.registers.iter_mut() {
            register.stamp = stamp;
        }
        for list in self.lists.values_mut() {
            list.stamp(stamp);
        }
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

/// Adds a member to a set that is in the order of its members, unless it is there.
fn insert(members: &mut Vec<Value>, member: Value) {
    if let Err(place) = members.binary_search_by(|other| merge::compare(other, &member)) {
        members.insert(place, member);
    }
}
