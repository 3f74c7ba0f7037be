//! Values that are too large for an item: they are in the bucket, and the record knows which they are.
//!
//! The values in the bucket are listed beside the other values and never among them, so nothing in a payload
//! can be taken for one of them.

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

/// A field, a set or a part of a list with how large it is as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sized {
    /// Its path.
    pub path: Path,
    /// Which part of a list it is, from 0; 0 for anything else.
    pub part: usize,
    /// The size of its JSON in bytes.
    pub bytes: usize,
}

impl Record {
    /// What is in the record itself, with the sizes.
    pub fn sizes(&self) -> Vec<Sized> {
        let fields = self.registers.iter().filter(|register| register.large.is_none());
        let fields = fields.map(|register| (&register.path, 0, json_bytes(&register.value)));
        let sets = self.sets.iter().map(|(path, set)| (path, 0, array_bytes(&set.members)));
        let lists = self.lists.iter().flat_map(|(path, list)| {
            let parts = list.parts.iter().enumerate();
            parts.map(move |(part, of_body)| (path, part, array_bytes(&of_body.members)))
        });
        let all = fields.chain(sets).chain(lists).filter(|(_, _, bytes)| *bytes > 0);
        all.map(|(path, part, bytes)| Sized { path: path.clone(), part, bytes }).collect()
    }

    /// Takes a field's value, or the members of a set or of a part of a list, out of the record; `large` is
    /// given the JSON and returns what stands for it.
    pub fn take_out(&mut self, Sized { path, part, .. }: &Sized, large: impl FnOnce(String) -> LargeValue) {
        let json = |members: &mut Vec<Value>| Value::Array(std::mem::take(members)).to_string();
        if let Some(set) = self.sets.get_mut(path) {
            set.large.push(large(json(&mut set.members)));
            set.large.sort_unstable();
            set.large.dedup();
        } else if let Some(part) = self.lists.get_mut(path).and_then(|list| list.parts.get_mut(*part)) {
            part.large = Some(large(json(&mut part.members)));
        } else if let Some(register) = self.registers.iter_mut().find(|register| register.path == *path) {
            register.large = Some(large(std::mem::take(&mut register.value).to_string()));
        }
    }

    /// The values in the bucket, by path, the smallest first.
    pub fn large_values(&self) -> Vec<(Path, LargeValue)> {
        let fields = self.registers.iter().map(|register| (&register.path, register.large.as_ref()));
        let sets =
            self.sets.iter().flat_map(|(path, set)| set.large.iter().map(move |large| (path, Some(large))));
        let lists = self.lists.iter();
        let lists =
            lists.flat_map(|(path, list)| list.parts.iter().map(move |part| (path, part.large.as_ref())));
        let all = fields.chain(sets).chain(lists);
        let mut values: Vec<_> =
            all.filter_map(|(path, large)| Some((path.clone(), large?.clone()))).collect();
        values.sort_by(|one, other| (&one.1, &one.0).cmp(&(&other.1, &other.0)));
        values
    }

    /// Puts a value from the bucket back in its place. The members of a set are united with its others.
    pub fn put_back(&mut self, path: &str, large: &LargeValue, value: Value) {
        let members = |value| match value {
            Value::Array(members) => members,
            other => vec![other],
        };
        if let Some(set) = self.sets.get_mut(path) {
            set.large.retain(|other| other != large);
            let mut members = members(value);
            members.sort_by(merge::compare);
            set.members = merge::unite(std::mem::take(&mut set.members), members);
        } else if let Some(list) = self.lists.get_mut(path) {
            if let Some(part) = list.parts.iter_mut().find(|part| part.large.as_ref() == Some(large)) {
                part.large = None;
                part.members = members(value);
            }
        } else if let Some(register) = self.registers.iter_mut().find(|register| register.path == path) {
            register.large = None;
            register.value = value;
        }
    }
}

/// The size of an array of values as JSON; 0 if it is empty.
fn array_bytes(members: &[Value]) -> usize {
    if members.is_empty() {
        0
    } else {
        1 + members.iter().map(|member| 1 + json_bytes(member)).sum::<usize>()
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
