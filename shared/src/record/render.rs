//! The record as the API shows it: nested, every field present, null where unknown.

use serde_json::{Map, Value, json};

use super::Record;
use super::field::{self, FIELDS, Shape};
use super::list::List;
use super::registers::Register;

impl Record {
    /// The normalized record as nested JSON, with `derived[]` naming each value that was computed.
    ///
    /// `recordings` is a list here, each entry with its `recording_id`; a recording that was announced twice
    /// is one.
    pub fn render(&self) -> Map<String, Value> {
        self.joined().render_joined()
    }

    fn render_joined(&self) -> Map<String, Value> {
        let mut root = Map::new();
        for field in FIELDS {
            let value = match field.shape {
                Shape::Value => self.get(field.path).cloned().unwrap_or(Value::Null),
                Shape::Texts => self.get(field.path).cloned().unwrap_or_else(|| json!([])),
                Shape::Set => self.render_set(field.path),
                Shape::List => self.lists.get(field.path).map_or_else(Vec::new, List::shown).into(),
                Shape::Map if field.path == field::RECORDINGS => self.render_recordings(),
                Shape::Map => self
                    .entries(field)
                    .map(|(name, register)| (name.to_owned(), register.value.clone()))
                    .collect(),
            };
            place(&mut root, field.path, value);
        }
        for unknown in [field::STATUS, "direction", "channel", "duration_basis"] {
            if root[unknown].is_null() {
                root[unknown] = json!("unknown");
            }
        }
        let derived = self
            .registers
            .ordered()
            .into_iter()
            .filter(|register| register.derived)
            .map(|register| json!(register.path));
        root.insert("derived".to_owned(), derived.collect());
        root
    }

    /// The ids of the recordings that the record names, in order.
    pub fn recording_ids(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = self.recording_fields().map(|(id, _, _)| id).collect();
        ids.dedup();
        ids
    }

    /// Whether any event named a recording.
    pub fn has_recording(&self) -> bool {
        self.registers.iter().any(|register| register.path.starts_with("recordings."))
    }

    /// Whether any event had a transcript.
    pub fn has_transcript(&self) -> bool {
        self.lists.contains_key("transcript.turns") || self.registers.get("transcript.text").is_some()
    }

    fn render_set(&self, path: &str) -> Value {
        let mut members = self.sets.get(path).map_or_else(Vec::new, |set| set.members.clone());
        // The sets are stored in the order of their values; people read events in the order of time.
        members.sort_by_cached_key(|member| {
            let text = |name: &str| member.get(name).and_then(Value::as_str).map(str::to_owned);
            (text("occurred_at"), text("sent_at"), member.get("sequence").and_then(Value::as_i64))
        });
        Value::Array(members)
    }

    fn render_recordings(&self) -> Value {
        let recordings = self.recording_ids().into_iter().map(|id| {
            let fields = self.recording_fields().filter(|(of, _, _)| *of == id);
            let mut recording: Map<String, Value> =
                fields.map(|(_, name, register)| (name.to_owned(), register.value.clone())).collect();
            recording.insert("recording_id".to_owned(), json!(id));
            Value::Object(recording)
        });
        recordings.collect()
    }

    /// `(recording id, field name, register)`, ordered by id.
    pub(super) fn recording_fields(&self) -> impl Iterator<Item = (&str, &str, &Register)> {
        let recordings = FIELDS.iter().filter(|field| field.path == field::RECORDINGS);
        // A recording's id may have dots, its fields have none.
        let mut fields: Vec<_> = recordings
            .flat_map(|field| self.entries(field))
            .filter_map(|(entry, register)| entry.rsplit_once('.').map(|(id, name)| (id, name, register)))
            .collect();
        fields.sort_by_key(|(id, name, _)| (*id, *name));
        fields.into_iter()
    }

    fn entries<'a>(&'a self, map: &'a field::Field) -> impl Iterator<Item = (&'a str, &'a Register)> {
        self.registers
            .ordered()
            .into_iter()
            .filter_map(|register| Some((field::map_entry(map, &register.path)?, register)))
    }
}

fn place(root: &mut Map<String, Value>, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            root.insert(path.to_owned(), value);
        }
        Some((head, rest)) => {
            let child = root.entry(head).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(child) = child {
                place(child, rest, value);
            }
        }
    }
}
