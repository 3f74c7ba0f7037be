//! Values that are too large for an item: they are in the bucket, and the record knows which they are.
//!
//! The values in the bucket are listed beside the other values and never among them, so nothing in a payload
//! can be taken for one of them.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Path, Record, merge};

/// A value in the bucket.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LargeValue {
    /// The size of its JSON in bytes.
    pub bytes: u64,
    /// The SHA-256 of its JSON in hex, which is also its name in the bucket.
    pub sha256: String,
}

/// A field or a list with its size as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sized {
    /// Its path.
    pub path: Path,
    /// The size of its JSON in bytes.
    pub bytes: usize,
}

impl Record {
    /// The fields and lists that are in the record itself, with their sizes.
    pub fn sizes(&self) -> Vec<Sized> {
        let fields = self.registers.iter().filter(|register| register.large.is_none());
        let fields = fields.map(|register| (register.path.clone(), json_bytes(&register.value)));
        let lists = self.lists.iter().filter(|(_, list)| !list.members.is_empty());
        let lists = lists.map(|(path, list)| {
            (path.clone(), 1 + list.members.iter().map(|member| 1 + json_bytes(member)).sum::<usize>())
        });
        fields.chain(lists).map(|(path, bytes)| Sized { path, bytes }).collect()
    }

    /// Takes a field's value, or the members of a list, out of the record; `large` is given the JSON and
    /// returns what stands for it.
    pub fn take_out(&mut self, path: &str, large: impl FnOnce(String) -> LargeValue) {
        if let Some(list) = self.lists.get_mut(path) {
            let value = large(Value::Array(std::mem::take(&mut list.members)).to_string());
            list.large.push(value);
            list.large.sort_unstable();
            list.large.dedup();
        } else if let Some(register) = self.registers.iter_mut().find(|register| register.path == path) {
            register.large = Some(large(std::mem::take(&mut register.value).to_string()));
        }
    }

    /// The values in the bucket, by path, the smallest first.
    pub fn large_values(&self) -> Vec<(Path, LargeValue)> {
        let fields = self.registers.iter().filter_map(|register| {
            register.large.as_ref().map(|large| (register.path.clone(), large.clone()))
        });
        let lists = (self.lists.iter())
            .flat_map(|(path, list)| list.large.iter().map(|large| (path.clone(), large.clone())));
        let mut values: Vec<_> = fields.chain(lists).collect();
        values.sort_by(|one, other| (&one.1, &one.0).cmp(&(&other.1, &other.0)));
        values
    }

    /// Puts a value from the bucket back in its place. The members of a list are united with its others.
    pub fn put_back(&mut self, path: &str, large: &LargeValue, value: Value) {
        if let Some(list) = self.lists.get_mut(path) {
            let mut members = match value {
                Value::Array(members) => members,
                other => vec![other],
            };
            list.large.retain(|other| other != large);
            members.sort_by(merge::compare);
            list.members = merge::unite(std::mem::take(&mut list.members), members);
        } else if let Some(register) = self.registers.iter_mut().find(|register| register.path == path) {
            register.large = None;
            register.value = value;
        }
    }

    /// Returns a list, which is empty if the record does not have it.
    pub(super) fn list_mut(&mut self, path: &'static str) -> &mut super::List {
        self.lists.entry(Cow::Borrowed(path)).or_default()
    }
}

/// The size of a value as JSON.
fn json_bytes(value: &Value) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, json: &[u8]) -> std::io::Result<usize> {
            self.0 += json.len();
            Ok(json.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // This can't fail: counting takes every byte, and the value was read from JSON.
    let _ = serde_json::to_writer(&mut count, value);
    count.0
}
