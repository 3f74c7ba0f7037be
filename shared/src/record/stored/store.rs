//! Writing a record as it is stored.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::{Column, EVENTS, Stored, TRANSCRIPT, own_recording_id};
use crate::record::list::{self, Part};
use crate::record::registers::Register;
use crate::record::{BodyHash, LargeValue, Record, Set, Stamp};

impl Record {
    /// The record as it is stored. `column` says which values are in a column or the key, `body` the place of
    /// a body's hash in `applied`.
    ///
    /// # Errors
    /// The values can't be written as JSON: a bug.
    pub fn store(
        &self,
        column: impl Fn(&str, &Value) -> Option<Column>,
        body: impl Fn(&BodyHash) -> usize,
    ) -> serde_json::Result<Stored> {
        let registers = self.registers.ordered();
        let parts: Vec<(&str, &Part)> = (self.lists.iter())
            .flat_map(|(path, list)| list.parts.iter().map(move |part| (&**path, part)))
            .collect();
        let mut stamps: Vec<Stamp> = Vec::with_capacity(1);
        for stamp in
            registers.iter().map(|register| register.stamp).chain(parts.iter().map(|(_, part)| part.stamp))
        {
            // Nearly always there is one body, or the same one as before.
            if !stamps.contains(&stamp) {
                stamps.push(stamp);
            }
        }
        stamps.sort_unstable();
        let mut transcript = Map::new();
        let mut layers = Vec::with_capacity(stamps.len());
        let last = stamps.last().copied();
        for stamp in stamps {
            let place = LayerStamp { stamp, body: body(&stamp.body) };
            let mut layer = Layer { stamp: place, ..Layer::default() };
            for register in registers.iter().filter(|register| register.stamp == stamp) {
                layer.add(register, &column, last == Some(stamp), &mut transcript);
            }
            for (path, part) in parts.iter().filter(|(_, part)| part.stamp == stamp) {
                layer.add_part(path, part, &mut transcript);
            }
            layers.push(layer);
        }
        let mut core = Core { layers, ..Core::default() };
        let links: Vec<_> = self.links().collect();
        for (path, set) in &self.sets {
            if !path.ends_with(".links") || !links.iter().any(|(_, marks)| std::ptr::eq(*marks, &set.members))
            {
                core.add(path, set, self.same_id(path));
            }
        }
        let mut told =
            registers.iter().filter(|register| !register.derived).filter_map(|r| own_recording_id(r));
        core.links = match (&links[..], told.next(), told.next()) {
            ([], ..) => None,
            ([(id, marks)], Some(told), None) if *id == told => Some(Links::OfTheOne(marks)),
            _ => Some(Links::ById(links.iter().copied().collect())),
        };
        let shows = |part: &Part| list::lacks_an_id(&part.members);
        let whole = self.lists.iter().filter(|(_, list)| list.stands_whole && !list.parts.iter().any(shows));
        core.whole = whole.map(|(path, _)| &**path).collect();
        let core = serde_json::to_string(&core)?;
        let transcript = (!transcript.is_empty()).then(|| Value::Object(transcript).to_string());
        Ok(Stored { core, transcript })
    }
}

#[derive(Default, Serialize)]
struct Core<'a> {
    layers: Vec<Layer<'a>>,
    #[serde(serialize_with = "as_map", skip_serializing_if = "Vec::is_empty")]
    sets: Vec<(&'a str, Vec<Cow<'a, Value>>)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    same_ids: Vec<&'a str>,
    #[serde(serialize_with = "as_map", skip_serializing_if = "Vec::is_empty")]
    large: Vec<(&'a str, &'a Vec<LargeValue>)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    links: Option<Links<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    whole: Vec<&'a str>,
}

/// The marks of the links of recordings.
#[derive(Serialize)]
#[serde(untagged)]
enum Links<'a> {
    /// Of the only recording whose id the provider told.
    OfTheOne(&'a Vec<Value>),
    /// By the provider's id.
    ById(BTreeMap<&'a str, &'a Vec<Value>>),
}

#[derive(Default, Serialize)]
struct Layer<'a> {
    stamp: LayerStamp,
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
    #[serde(serialize_with = "as_map", skip_serializing_if = "Vec::is_empty")]
    lists: Vec<(&'a str, &'a Vec<Value>)>,
    #[serde(serialize_with = "as_map", skip_serializing_if = "Vec::is_empty")]
    places: Vec<(&'a str, &'a Vec<u32>)>,
}

#[derive(Default, Serialize)]
struct LayerStamp {
    #[serde(flatten)]
    stamp: Stamp,
    #[serde(skip_serializing_if = "is_first")]
    body: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_first(place: &usize) -> bool {
    *place == 0
}

impl<'a> Core<'a> {
    fn add(&mut self, path: &'a str, set: &'a Set, same_id: Option<&Value>) {
        if !set.large.is_empty() {
            self.large.push((path, &set.large));
        }
        let mut members: Vec<_> = set.members.iter().map(Cow::Borrowed).collect();
        if path == EVENTS {
            members = set.members.iter().map(without_nulls).map(Cow::Owned).collect();
        }
        if let Some(place) = same_id.and_then(|id| set.members.iter().position(|member| member == id)) {
            members.remove(place);
            self.same_ids.push(path);
        }
        if !members.is_empty() {
            self.sets.push((path, members));
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

    fn add_part(&mut self, path: &'a str, part: &'a Part, transcript: &mut Map<String, Value>) {
        if !part.places.is_empty() {
            self.places.push((path, &part.places));
        }
        if let Some(large) = &part.large {
            self.large.push((path, large));
        } else if TRANSCRIPT.contains(&path) {
            let parts = transcript.entry(path).or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(parts) = parts {
                parts.push(Value::Array(part.members.clone()));
            }
            self.packed.push(path);
        } else {
            self.lists.push((path, &part.members));
        }
    }
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
