//! The record as one compact JSON text, the way a CALL item keeps it.
//!
//! Fields are grouped by the event that set them:
//! `{"layers":[{"stamp":{…},"fields":{…},"derived":[…]}],"sets":{…}}`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::ser::{SerializeMap, SerializeSeq, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::registers::Register;
use super::{Path, Record, Stamp};

impl Serialize for Record {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut stored = serializer.serialize_struct("Record", 2)?;
        stored.serialize_field("layers", &Layers(self.registers.ordered()))?;
        stored.serialize_field("sets", &self.sets)?;
        stored.end()
    }
}

impl<'de> Deserialize<'de> for Record {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        let registers = stored.layers.into_iter().flat_map(|layer| {
            let StoredLayer { stamp, fields, derived } = layer;
            fields.into_iter().map(move |(path, value)| {
                let derived = derived.contains(&path);
                Register { path, stamp, derived, value }
            })
        });
        Ok(Self { registers: registers.collect(), sets: stored.sets })
    }
}

#[derive(Deserialize)]
struct Stored {
    layers: Vec<StoredLayer>,
    sets: BTreeMap<Cow<'static, str>, Vec<Value>>,
}

#[derive(Deserialize)]
struct StoredLayer {
    stamp: Stamp,
    fields: BTreeMap<Path, Value>,
    #[serde(default)]
    derived: Vec<Path>,
}

struct Layers<'a>(Vec<&'a Register>);

impl Serialize for Layers<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut stamps: Vec<Stamp> = Vec::with_capacity(1);
        for register in &self.0 {
            // Nearly always there is one event, or the same one as before.
            if !stamps.contains(&register.stamp) {
                stamps.push(register.stamp);
            }
        }
        stamps.sort_unstable();
        let mut layers = serializer.serialize_seq(Some(stamps.len()))?;
        for stamp in stamps {
            layers.serialize_element(&Layer { stamp, registers: &self.0 })?;
        }
        layers.end()
    }
}

struct Layer<'a> {
    stamp: Stamp,
    registers: &'a [&'a Register],
}

impl Layer<'_> {
    fn registers(&self) -> impl Iterator<Item = &Register> {
        self.registers.iter().copied().filter(|register| register.stamp == self.stamp)
    }
}

impl Serialize for Layer<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut layer = serializer.serialize_struct("Layer", 3)?;
        layer.serialize_field("stamp", &self.stamp)?;
        layer.serialize_field("fields", &Fields(self))?;
        layer.serialize_field("derived", &Derived(self))?;
        layer.end()
    }
}

struct Fields<'a>(&'a Layer<'a>);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        for register in self.0.registers() {
            fields.serialize_entry(&register.path, &register.value)?;
        }
        fields.end()
    }
}

struct Derived<'a>(&'a Layer<'a>);

impl Serialize for Derived<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(
            self.0.registers().filter(|register| register.derived).map(|register| &register.path),
        )
    }
}
