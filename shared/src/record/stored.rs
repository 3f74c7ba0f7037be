//! The record as a CALL item keeps it: a compact JSON text, and what stands beside it.
//!
//! Fields are grouped by the event that set them:
//!
//! ```json
//! {"layers":[{"stamp":{"occurred_at":1782554700000},
//!             "fields":{"account_id":"w1"}, "columns":["from.raw","from.e164"], "made_ids":["0c0e…"],
//!             "packed":["transcript.text"], "large":{"analysis.summary":{"bytes":20002,"sha256":"…"}},
//!             "derived":["from.e164"]}],
//!  "lists":{"events":[…]}, "same_ids":["aliases"], "packed":["transcript.turns"],
//!  "large":{"tool_calls":[{"bytes":…,"sha256":"…"}]}}
//! ```
//!
//! Nothing stands there twice, and what is empty is left out:
//!
//! - `columns` names the fields whose value is in a column of the item or in its key. The columns of the
//!   last layer are not named: every column that no layer names is a field of it.
//! - `read_ids` and `made_ids` are recordings: `recordings.<id>.recording_id` is `<id>`, as the provider told
//!   it or as we made it.
//! - `same_ids` names the lists of ids of which one is the id itself: `aliases` of `call_id`, and so on.
//! - `packed` names the fields and lists that are in the packed transcript, `large` those in the bucket.

use std::borrow::Cow;
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

/// Lists of ids, each with the field of the id that they are other names of.
const IDS: [(&str, &str); 3] =
    [("aliases", "call_id"), ("parent_call_aliases", "parent_call_id"), ("dial.aliases", "dial.call_id")];

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
    /// The fields and lists whose values were not where the core says.
    pub missing: Vec<Path>,
}

/// The text is not the core of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored record is damaged")]
pub struct RecordError;

impl Record {
    /// The record as it is stored. `column` says which values are in a column or the key.
    ///
    /// # Errors
    /// The values can't be written as JSON: a bug.
    pub fn store(&self, column: impl Fn(&str, &Value) -> Option<Column>) -> serde_json::Result<Stored> {
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
        let last = stamps.last().copied();
        for stamp in stamps {
            let mut layer = Layer { stamp, ..Layer::default() };
            for register in registers.iter().filter(|register| register.stamp == stamp) {
                layer.add(register, &column, last == Some(stamp), &mut transcript);
            }
            layers.push(layer);
        }
        let mut core = Core { layers, ..Core::default() };
        for (path, list) in &self.lists {
            core.add(path, list, self.same_id(path), &mut transcript);
        }
        let core = serde_json::to_string(&core)?;
        let transcript = (!transcript.is_empty()).then(|| Value::Object(transcript).to_string());
        Ok(Stored { core, transcript })
    }

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
                Some(id) => super::insert(&mut record.lists.entry(path).or_default().members, id),
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

    /// The id that a list has other names of.
    fn same_id(&self, list: &str) -> Option<&Value> {
        let (_, field) = IDS.into_iter().find(|(path, _)| *path == list)?;
        self.get(field).filter(|id| id.is_string())
    }
}

#[derive(Default, Serialize)]
struct Core<'a> {
    layers: Vec<Layer<'a>>,
    #[serde(serialize_with = "as_map", skip_serializing_if = "Vec::is_empty")]
    lists: Vec<(&'a str, Vec<Cow<'a, Value>>)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    same_ids: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    packed: Vec<&'a str>,
    #[serde(serialize_with = "as_map", skip_serializing_if = "Vec::is_empty")]
    large: Vec<(&'a str, &'a Vec<LargeValue>)>,
}

#[derive(Default, Serialize)]
struct Layer<'a> {
    #[serde(skip_serializing_if = "Stamp::is_empty")]
    stamp: Stamp,
    #[serde(serialize_with = "as_map", skip_serializing_if = "Vec::is_empty")]
    fields: Vec<(&'a str, &'a Value)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    columns: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    read_ids: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    made_ids: Vec<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    packed: Vec<&'a str>,
    #[serde(serialize_with = "as_map", skip_serializing_if = "Vec::is_empty")]
    large: Vec<(&'a str, &'a LargeValue)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    derived: Vec<&'a str>,
}

impl<'a> Core<'a> {
    fn add(
        &mut self,
        path: &'a str,
        list: &'a List,
        same_id: Option<&Value>,
        transcript: &mut Map<String, Value>,
    ) {
        if !list.large.is_empty() {
            self.large.push((path, &list.large));
        }
        if list.members.is_empty() {
            return;
        }
        if TRANSCRIPT.contains(&path) {
            transcript.insert(path.to_owned(), Value::Array(list.members.clone()));
            self.packed.push(path);
            return;
        }
        let mut members: Vec<_> = list.members.iter().map(Cow::Borrowed).collect();
        if path == EVENTS {
            members = list.members.iter().map(without_nulls).map(Cow::Owned).collect();
        }
        if let Some(place) = same_id.and_then(|id| list.members.iter().position(|member| member == id)) {
            members.remove(place);
            self.same_ids.push(path);
        }
        if !members.is_empty() {
            self.lists.push((path, members));
        }
    }
}

impl<'a> Layer<'a> {
    fn add(
        &mut self,
        register: &'a Register,
        column: impl Fn(&str, &Value) -> Option<Column>,
        is_last: bool,
        transcript: &mut Map<String, Value>,
    ) {
        let path = &*register.path;
        if let Some(id) = own_recording_id(register) {
            let ids = if register.derived { &mut self.made_ids } else { &mut self.read_ids };
            ids.push(id);
            return;
        }
        if register.derived {
            self.derived.push(path);
        }
        if let Some(large) = &register.large {
            self.large.push((path, large));
            return;
        }
        match column(path, &register.value) {
            Some(Column::Own) if is_last => {}
            Some(Column::Own | Column::Shared) => self.columns.push(path),
            None if TRANSCRIPT.contains(&path) => {
                transcript.insert(path.to_owned(), register.value.clone());
                self.packed.push(path);
            }
            None => self.fields.push((path, &register.value)),
        }
    }
}

/// The id in a register that says that a recording's id is the one in its path.
fn own_recording_id(register: &Register) -> Option<&str> {
    let id = register.path.strip_prefix("recordings.")?.strip_suffix(".recording_id")?;
    (register.large.is_none() && register.value == id).then_some(id)
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
