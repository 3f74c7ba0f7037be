//! The record as a CALL item keeps it: a compact JSON text, and what stands beside it.
//!
//! Fields are grouped by the event that set them:
//!
//! ```json
//! {"layers":[{"stamp":{"occurred_at":1782554700000},
//!             "fields":{"account_id":"w1"}, "columns":["status","from.raw","from.e164"],
//!             "packed":["transcript.text"], "large":{"analysis.summary":{"bytes":20002,"sha256":"…"}},
//!             "derived":["from.e164"]}],
//!  "lists":{"events":[…]}, "packed":["transcript.turns"], "large":{"tool_calls":[{"bytes":…,"sha256":"…"}]}}
//! ```
//!
//! `columns` names the fields whose value is in a column of the item or in its key, `packed` those whose
//! value is in the packed transcript, `large` those whose value is in the bucket. What is empty is left out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, Serializer};
use serde_json::{Map, Value, json};

use super::registers::Register;
use super::{LargeValue, List, Path, Record, Stamp};

/// The fields and lists that are packed.
pub const TRANSCRIPT: [&str; 2] = ["transcript.text", "transcript.turns"];

/// The list of events, and the members of an entry; those that are null are not stored.
const EVENTS: &str = "events";
const EVENT_MEMBERS: [&str; 5] = ["kind", "occurred_at", "provider_event_id", "sent_at", "sequence"];

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
    /// The fields and lists whose values were not where the core says.
    pub missing: Vec<Path>,
}

/// The text is not the core of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored record is damaged")]
pub struct DamagedError;

impl Record {
    /// The record as it is stored. `is_column` says which fields have their value in a column or the key.
    ///
    /// # Errors
    /// The values can't be written as JSON: a bug.
    pub fn store(&self, is_column: impl Fn(&str, &Value) -> bool) -> serde_json::Result<Stored> {
        let registers = self.registers.ordered();
        let mut stamps: Vec<Stamp> = Vec::with_capacity(1);
        for register in &registers {
            // Nearly always there is one event, or the same one as before.
            if !stamps.contains(&register.stamp) {
                stamps.push(register.stamp);
            }
        }
        stamps.sort_unstable();
        let mut transcript = Map::new();
        let mut layers = Vec::with_capacity(stamps.len());
        for stamp in stamps {
            let mut layer = Layer { stamp, ..Layer::default() };
            for register in registers.iter().filter(|register| register.stamp == stamp) {
                layer.add(register, &is_column, &mut transcript);
            }
            layers.push(layer);
        }
        let (mut lists, mut packed, mut large) = (Vec::new(), Vec::new(), Vec::new());
        for (path, list) in &self.lists {
            if TRANSCRIPT.contains(&&**path) {
                if !list.members.is_empty() {
                    transcript.insert(path.to_string(), Value::Array(list.members.clone()));
                    packed.push(&**path);
                }
            } else if path == EVENTS {
                lists.push((&**path, list.members.iter().map(without_nulls).collect()));
            } else if !list.members.is_empty() {
                lists.push((&**path, Value::Array(list.members.clone())));
            }
            if !list.large.is_empty() {
                large.push((&**path, &list.large));
            }
        }
        let core = serde_json::to_string(&Core { layers, lists, packed, large })?;
        let transcript = (!transcript.is_empty()).then(|| Value::Object(transcript).to_string());
        Ok(Stored { core, transcript })
    }

    /// Reads a stored record. `column` returns the value of a field that is in a column or the key;
    /// `transcript` is the packed part, empty if there is none or it can't be read.
    ///
    /// # Errors
    /// The core is damaged.
    pub fn restore(
        core: &str,
        column: impl Fn(&str) -> Option<Value>,
        mut transcript: Map<String, Value>,
    ) -> Result<Restored, DamagedError> {
        let StoredCore { layers, lists, packed, large } =
            serde_json::from_str(core).map_err(|_| DamagedError)?;
        let (mut registers, mut missing) = (Vec::with_capacity(40), Vec::new());
        for StoredLayer { stamp, fields, columns, packed, large, derived } in layers {
            let mut put = |path: Path, value: Value, large: Option<LargeValue>| {
                let derived = derived.contains(&path);
                registers.push(Register { path, stamp, derived, value, large });
            };
            for (path, value) in fields {
                put(path, value, None);
            }
            for path in columns {
                match column(&path) {
                    Some(value) => put(path, value, None),
                    None => missing.push(path),
                }
            }
            for path in packed {
                match transcript.remove(&*path) {
                    Some(value) => put(path, value, None),
                    None => missing.push(path),
                }
            }
            for (path, value) in large {
                put(path, Value::Null, Some(value));
            }
        }
        let mut restored: BTreeMap<Path, List> = BTreeMap::new();
        for (path, mut members) in lists {
            if path == EVENTS {
                members.iter_mut().for_each(with_nulls);
            }
            restored.entry(path).or_default().members = members;
        }
        for path in packed {
            match transcript.remove(&*path) {
                Some(Value::Array(members)) => restored.entry(path).or_default().members = members,
                _ => missing.push(path),
            }
        }
        for (path, values) in large {
            restored.entry(path).or_default().large = values;
        }
        let record = Self { registers: registers.into_iter().collect(), lists: restored };
        Ok(Restored { record, missing })
    }
}

#[derive(Serialize)]
struct Core<'a> {
    layers: Vec<Layer<'a>>,
    #[serde(serialize_with = "as_map", skip_serializing_if = "Vec::is_empty")]
    lists: Vec<(&'a str, Value)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    packed: Vec<&'a str>,
    #[serde(serialize_with = "as_map", skip_serializing_if = "Vec::is_empty")]
    large: Vec<(&'a str, &'a Vec<LargeValue>)>,
}

#[derive(Default, Serialize)]
struct Layer<'a> {
    stamp: Stamp,
    #[serde(serialize_with = "as_map", skip_serializing_if = "Vec::is_empty")]
    fields: Vec<(&'a str, &'a Value)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    packed: Vec<&'a str>,
    #[serde(serialize_with = "as_map", skip_serializing_if = "Vec::is_empty")]
    large: Vec<(&'a str, &'a LargeValue)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    derived: Vec<&'a str>,
}

impl<'a> Layer<'a> {
    fn add(
        &mut self,
        register: &'a Register,
        is_column: impl Fn(&str, &Value) -> bool,
        transcript: &mut Map<String, Value>,
    ) {
        let path = &*register.path;
        if register.derived {
            self.derived.push(path);
        }
        if let Some(large) = &register.large {
            self.large.push((path, large));
        } else if is_column(path, &register.value) {
            self.columns.push(path);
        } else if TRANSCRIPT.contains(&path) {
            transcript.insert(path.to_owned(), register.value.clone());
            self.packed.push(path);
        } else {
            self.fields.push((path, &register.value));
        }
    }
}

#[derive(Deserialize)]
struct StoredCore {
    layers: Vec<StoredLayer>,
    #[serde(default)]
    lists: BTreeMap<Path, Vec<Value>>,
    #[serde(default)]
    packed: Vec<Path>,
    #[serde(default)]
    large: BTreeMap<Path, Vec<LargeValue>>,
}

#[derive(Deserialize)]
struct StoredLayer {
    stamp: Stamp,
    #[serde(default)]
    fields: BTreeMap<Path, Value>,
    #[serde(default)]
    columns: Vec<Path>,
    #[serde(default)]
    packed: Vec<Path>,
    #[serde(default)]
    large: BTreeMap<Path, LargeValue>,
    #[serde(default)]
    derived: Vec<Path>,
}

fn as_map<S: Serializer, V: Serialize>(entries: &[(&str, V)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(entries.iter().map(|(path, value)| (path, value)))
}

fn without_nulls(event: &Value) -> Value {
    match event {
        Value::Object(members) => {
            let known = members.iter().filter(|(_, value)| !value.is_null());
            known.map(|(name, value)| (name.clone(), value.clone())).collect()
        }
        other => other.clone(),
    }
}

fn with_nulls(event: &mut Value) {
    if let Value::Object(members) = event {
        for name in EVENT_MEMBERS {
            members.entry(name).or_insert_with(|| json!(null));
        }
    }
}

#[cfg(test)]
mod tests;
