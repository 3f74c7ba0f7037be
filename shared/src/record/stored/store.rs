//! Writing a record as it is stored.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::{Column, EVENTS, Stored, TRANSCRIPT};
use crate::record::registers::Register;
use crate::record::{LargeValue, List, Record, Stamp};

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
