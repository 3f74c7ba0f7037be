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
mod merge;
mod registers;
mod render;
mod stored;

pub use field::{FIELDS, Field, field};
pub use merge::merge;

/// What one or more events say about one call.
#[derive(Clone, Default)]
pub struct Record {
    registers: Registers,
    sets: BTreeMap<Cow<'static, str>, Vec<Value>>,
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
    pub rank: i64,
    /// The provider's own sequence number.
    pub sequence: Option<i64>,
    /// Milliseconds since the Unix epoch.
    pub occurred_at: Option<i64>,
}

impl fmt::Debug for Record {
    /// The fields that are known, and none of the values: they are numbers, names, what was said.
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
        let members = self.sets.entry(Cow::Borrowed(set)).or_default();
        let member = member.into();
        let position = members.partition_point(|other| merge::compare(other, &member).is_lt());
        members.insert(position, member);
    }

    /// Adds a list's members to one of the sets.
    pub fn add_all(&mut self, set: &'static str, new: impl IntoIterator<Item = Value>) {
        let mut new = new.into_iter().peekable();
        if new.peek().is_some() {
            let members = self.sets.entry(Cow::Borrowed(set)).or_default();
            members.extend(new);
            members.sort_by(merge::compare);
        }
    }

    /// Completes the record of one event: stamps every field with it.
    pub fn stamp(&mut self, stamp: Stamp) {
        self.registers.settle();
        for register in self.registers.iter_mut() {
            register.stamp = stamp;
        }
    }

    /// The same record as a revision: it may add to what is known and change nothing.
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

    /// Whether the record takes at most so many bytes when it is stored.
    pub fn fits(&self, limit: usize) -> bool {
        self.stored_at_most() <= limit
            || serde_json::to_string(self).is_ok_and(|stored| stored.len() <= limit)
    }

    /// About how many bytes the record takes when it is stored, never fewer.
    fn stored_at_most(&self) -> usize {
        let registers =
            self.registers.iter().map(|register| 2 * register.path.len() + 10 + json_bytes(&register.value));
        let members = self.sets.values().flatten().map(|member| 1 + json_bytes(member));
        // A layer's frame is about as long as the stamp in it, and every register may be one.
        200 + 100 * self.registers.len() + registers.sum::<usize>() + members.sum::<usize>()
    }

    /// Every field and set member larger than `limit` bytes as JSON is handed to `claim`, and what
    /// it returns takes its place.
    pub fn replace_larger_than(&mut self, limit: usize, mut claim: impl FnMut(String) -> Value) {
        for register in self.registers.iter_mut() {
            if json_bytes(&register.value) <= limit {
                continue;
            }
            let json = register.value.to_string();
            if json.len() > limit {
                register.value = claim(json);
            }
        }
        for members in self.sets.values_mut() {
            if members.iter().map(json_bytes).sum::<usize>() <= limit {
                continue;
            }
            let json = Value::Array(members.clone()).to_string();
            if json.len() > limit {
                *members = vec![claim(json)];
            }
        }
    }

    /// Every field's value and every set's members, in a fixed order.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.registers
            .ordered()
            .into_iter()
            .map(|register| &register.value)
            .chain(self.sets.values().flatten())
    }

    /// Undoes [`Record::replace_larger_than`]: what `original` knows of a claim takes its place, for
    /// a set's claim the members it stands for.
    pub fn restore(&mut self, original: impl Fn(&Value) -> Option<Value>) {
        for register in self.registers.iter_mut() {
            if let Some(value) = original(&register.value) {
                register.value = value;
            }
        }
        for members in self.sets.values_mut() {
            let mut restored = Vec::new();
            members.retain(|member| match original(member) {
                Some(Value::Array(list)) => {
                    restored.push(list);
                    false
                }
                _ => true,
            });
            for list in restored {
                *members = merge::unite(std::mem::take(members), list);
            }
        }
    }

    fn put(&mut self, path: Path, value: Option<Value>, derived: bool) {
        debug_assert!(field::is_known(&path), "{path} is not a field of the record");
        match value {
            None | Some(Value::Null) => {}
            Some(value) => {
                self.registers.put(Register { path, stamp: Stamp::default(), derived, value });
            }
        }
    }
}

/// The size of a value as JSON, never too small. Long texts are measured, short ones taken to be all
/// escapes, which saves looking at every byte of nearly every record.
fn json_bytes(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        Value::Number(_) => 24,
        Value::String(text) => text_bytes(text),
        Value::Array(items) => 2 + items.iter().map(|item| 1 + json_bytes(item)).sum::<usize>(),
        Value::Object(entries) => {
            2 + entries.iter().map(|(key, item)| 2 + text_bytes(key) + json_bytes(item)).sum::<usize>()
        }
    }
}

fn text_bytes(text: &str) -> usize {
    const LONGEST_ESCAPE: usize = r"\u0000".len();
    if text.len() < 256 {
        return 2 + LONGEST_ESCAPE * text.len();
    }
    let escape = |byte: u8| match byte {
        0..0x20 => LONGEST_ESCAPE - 1,
        b'"' | b'\\' => 1,
        _ => 0,
    };
    2 + text.len() + text.bytes().map(escape).sum::<usize>()
}
