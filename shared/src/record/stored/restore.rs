//! Reads a stored record.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{EVENT_MEMBERS, EVENTS, RecordError, Restored};
use crate::record::registers::Register;
use crate::record::{self, LargeValue, Path, Record, Stamp};

impl Record {
    /// Reads a stored record. `columns` are the fields that always have a column of their own, with their
    /// values; `column` returns the value of any field in a column or the key; `transcript` is the packed
    /// part, empty if there is none or it can't be read.
    ///
    /// # Errors
    /// The core is damaged.
    pub fn restore(
        core: &str,
        columns: Vec<(&'static str, Value)>,
        column: impl Fn(&str) -> Option<Value>,
        mut transcript: Map<String, Value>,
    ) -> Result<Restored, RecordError> {
        let StoredCore { layers, lists, same_ids, packed, large } =
            serde_json::from_str(core).map_err(|_| RecordError)?;
        let (mut registers, mut missing) = (Vec::with_capacity(40), Vec::new());
        let mut own: BTreeMap<Path, Value> =
            columns.into_iter().map(|(path, value)| (path.into(), value)).collect();
        let count = layers.len();
        for (index, layer) in layers.into_iter().enumerate() {
            let StoredLayer { stamp, fields, columns, read_ids, made_ids, packed, large, derived } = layer;
            let mut put = |path: Path, derived: bool, value: Value, large: Option<LargeValue>| {
                registers.push(Register { path, stamp, derived, value, large });
            };
            let is_derived = |path: &Path| derived.contains(path);
            for (path, value) in fields {
                put(path.clone(), is_derived(&path), value, None);
            }
            for path in columns {
                match own.remove(&path).or_else(|| column(&path)) {
                    Some(value) => put(path.clone(), is_derived(&path), value, None),
                    None => missing.push(path),
                }
            }
            for (ids, derived) in [(read_ids, false), (made_ids, true)] {
                for id in ids {
                    put(recording_id_path(&id), derived, Value::from(id), None);
                }
            }
            for path in packed {
                match transcript.remove(&*path) {
                    Some(value) => put(path.clone(), is_derived(&path), value, None),
                    None => missing.push(path),
                }
            }
            for (path, value) in large {
                put(path.clone(), is_derived(&path), Value::Null, Some(value));
            }
            if index + 1 == count {
                for (path, value) in std::mem::take(&mut own) {
                    put(path.clone(), is_derived(&path), value, None);
                }
            }
        }
        let mut record = Self { registers: registers.into_iter().collect(), lists: BTreeMap::new() };
        for (path, mut members) in lists {
            if path == EVENTS {
                members.iter_mut().for_each(with_nulls);
            }
            record.lists.entry(path).or_default().members = members;
        }
        for path in same_ids {
            match record.same_id(&path).cloned() {
                Some(id) => record::insert(&mut record.lists.entry(path).or_default().members, id),
                None => missing.push(path),
            }
        }
        for path in packed {
            match transcript.remove(&*path) {
                Some(Value::Array(members)) => record.lists.entry(path).or_default().members = members,
                _ => missing.push(path),
            }
        }
        for (path, values) in large {
            record.lists.entry(path).or_default().large = values;
        }
        Ok(Restored { record, missing })
    }
}

fn recording_id_path(id: &str) -> Path {
    ["recordings.", id, ".recording_id"].concat().into()
}

#[derive(Deserialize)]
struct StoredCore {
    layers: Vec<StoredLayer>,
    #[serde(default)]
    lists: BTreeMap<Path, Vec<Value>>,
    #[serde(default)]
    same_ids: Vec<Path>,
    #[serde(default)]
    packed: Vec<Path>,
    #[serde(default)]
    large: BTreeMap<Path, Vec<LargeValue>>,
}

#[derive(Deserialize)]
struct StoredLayer {
    #[serde(default)]
    stamp: Stamp,
    #[serde(default)]
    fields: BTreeMap<Path, Value>,
    #[serde(default)]
    columns: Vec<Path>,
    #[serde(default)]
    read_ids: Vec<String>,
    #[serde(default)]
    made_ids: Vec<String>,
    #[serde(default)]
    packed: Vec<Path>,
    #[serde(default)]
    large: BTreeMap<Path, LargeValue>,
    #[serde(default)]
    derived: Vec<Path>,
}

fn with_nulls(event: &mut Value) {
    if let Value::Object(members) = event {
        for name in EVENT_MEMBERS {
            members.entry(name).or_insert_with(|| json!(null));
        }
    }
}
