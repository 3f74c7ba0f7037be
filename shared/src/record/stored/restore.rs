//! Reads a stored record.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{EVENT_MEMBERS, EVENTS, RecordError, Restored, own_recording_id};
use crate::record::joined::links_path;
use crate::record::list::{self, Part};
use crate::record::registers::Register;
use crate::record::{self, BodyHash, LargeValue, Path, Record, Stamp, field};

/// The values of an item that are not in the core of its record.
pub struct Beside<C, B> {
    /// The fields that always have a column of their own, with their values.
    pub columns: Vec<(&'static str, Value)>,
    /// Returns the value of any field that is in a column or the key.
    pub column: C,
    /// The unpacked transcript; empty if there is none or it can't be read.
    pub transcript: Map<String, Value>,
    /// Returns the hash at a place of `applied`.
    pub body: B,
}

impl Record {
    /// Reads a stored record.
    ///
    /// # Errors
    /// The core is damaged.
    pub fn restore<C, B>(core: &str, beside: Beside<C, B>) -> Result<Restored, RecordError>
    where
        C: Fn(&str) -> Option<Value>,
        B: Fn(usize) -> Option<BodyHash>,
    {
        let StoredCore { layers, sets, same_ids, large, links, whole } =
            serde_json::from_str(core).map_err(|_| RecordError)?;
        let Beside { columns, column, mut transcript, body } = beside;
        let mut registers = Vec::with_capacity(40);
        let (mut record, mut missing) = (Self::default(), Vec::new());
        let mut own: BTreeMap<Path, Value> =
            columns.into_iter().map(|(path, value)| (path.into(), value)).collect();
        let count = layers.len();
        for (index, layer) in layers.into_iter().enumerate() {
            let StoredLayer {
                stamp,
                fields,
                columns,
                read_ids,
                made_ids,
                packed,
                large,
                derived,
                lists,
                mut places,
            } = layer;
            let StoredStamp { occurred_at, sequence, weight, body: place } = stamp;
            let hash = body(place).unwrap_or_else(|| {
                missing.push("stamp.body".into());
                BodyHash::default()
            });
            let stamp = Stamp { occurred_at, sequence, weight, body: hash };
            let mut put = |path: Path, value: Value, large: Option<LargeValue>| {
                let derived = derived.contains(&path);
                registers.push(Register { path, stamp, derived, value, large });
            };
            let mut put_part = |path: Path, members: Vec<Value>, large: Option<LargeValue>| {
                let places = places.remove(&path).unwrap_or_default();
                let list = record.lists.entry(path).or_default();
                list.stands_whole |= list::lacks_an_id(&members);
                list.parts.push(Part { stamp, members, places, large });
            };
            for (path, value) in fields {
                put(path, value, None);
            }
            for path in columns {
                match own.remove(&path).or_else(|| column(&path)) {
                    Some(value) => put(path, value, None),
                    None => missing.push(path),
                }
            }
            for (path, members) in lists {
                put_part(path, members, None);
            }
            for path in packed {
                let value = transcript.get_mut(&*path).map(Value::take);
                match value {
                    Some(Value::Array(mut parts)) if field::is_list(&path) && !parts.is_empty() => {
                        if let Value::Array(members) = parts.remove(0) {
                            put_part(path.clone(), members, None);
                        } else {
                            missing.push(path.clone());
                        }
                        transcript.insert(path.into_owned(), Value::Array(parts));
                    }
                    Some(value) if !value.is_null() && !field::is_list(&path) => put(path, value, None),
                    _ => missing.push(path),
                }
            }
            for (path, value) in large {
                if field::is_list(&path) {
                    put_part(path, Vec::new(), Some(value));
                } else {
                    put(path, Value::Null, Some(value));
                }
            }
            if index + 1 == count {
                for (path, value) in std::mem::take(&mut own) {
                    put(path, value, None);
                }
            }
            for (ids, derived) in [(read_ids, false), (made_ids, true)] {
                for id in ids {
                    let path = recording_id_path(&id);
                    registers.push(Register { path, stamp, derived, value: Value::from(id), large: None });
                }
            }
        }
        record.registers = registers.into_iter().collect();
        for (path, mut members) in sets {
            if path == EVENTS {
                members.iter_mut().for_each(with_nulls);
            }
            record.sets.entry(path).or_default().members = members;
        }
        for path in same_ids {
            match record.same_id(&path).cloned() {
                Some(id) => record::insert(&mut record.sets.entry(path).or_default().members, id),
                None => missing.push(path),
            }
        }
        for (path, values) in large {
            record.sets.entry(path).or_default().large = values;
        }
        let told = record.registers.iter().filter(|register| !register.derived).filter_map(own_recording_id);
        let links = match (links, told.map(str::to_owned).next()) {
            (None, _) => BTreeMap::new(),
            (Some(StoredLinks::ById(links)), _) => links,
            (Some(StoredLinks::OfTheOne(marks)), Some(id)) => BTreeMap::from([(id, marks)]),
            (Some(StoredLinks::OfTheOne(_)), None) => return Err(RecordError),
        };
        for (id, marks) in links {
            record.sets.entry(links_path(&id)).or_default().members = marks;
        }
        for path in whole {
            if let Some(list) = record.lists.get_mut(&path) {
                list.stands_whole = true;
            }
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
    sets: BTreeMap<Path, Vec<Value>>,
    #[serde(default)]
    same_ids: Vec<Path>,
    #[serde(default)]
    large: BTreeMap<Path, Vec<LargeValue>>,
    links: Option<StoredLinks>,
    #[serde(default)]
    whole: Vec<Path>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum StoredLinks {
    OfTheOne(Vec<Value>),
    ById(BTreeMap<String, Vec<Value>>),
}

#[derive(Deserialize)]
struct StoredLayer {
    stamp: StoredStamp,
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
    #[serde(default)]
    lists: BTreeMap<Path, Vec<Value>>,
    #[serde(default)]
    places: BTreeMap<Path, Vec<u32>>,
}

#[derive(Deserialize)]
struct StoredStamp {
    occurred_at: Option<i64>,
    sequence: Option<i64>,
    weight: u32,
    #[serde(default)]
    body: usize,
}

fn with_nulls(event: &mut Value) {
    if let Value::Object(members) = event {
        for name in EVENT_MEMBERS {
            members.entry(name).or_insert_with(|| json!(null));
        }
    }
}
