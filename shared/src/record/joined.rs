//! Recordings that were announced twice: by a link alone, and by the provider's id with the same link.
//!
//! A link without an id makes an id of its own. Where an announcement has both, the record notes a mark of the id
//! that the link would make: `recordings.<id>.links`. By that, and whichever came first, both are one recording,
//! shown under the provider's id. Links that differ without a common id stay two recordings.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::field::{LINKS, RECORDINGS};
use super::merge::Rank;
use super::registers::Register;
use super::{Path, Record};

impl Record {
    /// Notes that a recording with an id of the provider's was announced with a link that would make
    /// another id.
    pub fn add_link(&mut self, recording_id: &str, made_id: &str) {
        self.add(links_path(recording_id), mark(made_id));
    }

    /// The ids under which the recording of an id was announced, and so may have its copy job: the id itself,
    /// then of a provider's id those that its links make, of an id that a link made the provider's.
    pub fn ids_of_recording(&self, recording_id: &str) -> Vec<&str> {
        let announced = self.recording_ids();
        let mut ids: Vec<&str> = Vec::with_capacity(1);
        for (id, marks) in self.links() {
            let has = |made_id: &str| marks.iter().any(|known| known == mark(made_id));
            if id == recording_id {
                ids.extend(announced.iter().filter(|other| has(other)));
            } else if has(recording_id) {
                ids.push(id);
            }
        }
        announced.into_iter().filter(|id| *id == recording_id).chain(ids).collect()
    }

    /// The ids under which recordings are shown: without those that a link made which came with an id, too.
    pub fn shown_recording_ids(&self) -> Vec<&str> {
        let shown_as = self.provider_ids();
        self.recording_ids().into_iter().filter(|id| !shown_as.contains_key(id)).collect()
    }

    /// The record with every recording under one id.
    pub(super) fn joined(&self) -> Cow<'_, Self> {
        let shown_as = self.provider_ids();
        if shown_as.is_empty() {
            return Cow::Borrowed(self);
        }
        let mut registers: BTreeMap<Path, Register> = BTreeMap::new();
        for register in self.registers.iter() {
            let mut register = register.clone();
            if let Some((id, name)) = recording_field(&register.path)
                && let Some(shown) = shown_as.get(id)
            {
                // The id that the link made says nothing beside the provider's.
                if name == "recording_id" {
                    continue;
                }
                register.path = [RECORDINGS, ".", shown, ".", name].concat().into();
            }
            match registers.get(&register.path) {
                Some(known)
                    if Rank::of(std::slice::from_ref(known)) > Rank::of(std::slice::from_ref(&register)) => {}
                _ => drop(registers.insert(register.path.clone(), register)),
            }
        }
        let registers = registers.into_values().collect();
        Cow::Owned(Self { registers, sets: self.sets.clone(), lists: self.lists.clone() })
    }

    /// For each id that a link made, the provider's id of the same recording; of several the least.
    fn provider_ids(&self) -> BTreeMap<&str, &str> {
        let links: Vec<_> = self.links().collect();
        let announced = if links.is_empty() { Vec::new() } else { self.recording_ids() };
        let provider_id = |made_id: &str| {
            let has = |(_, marks): &&(&str, &Vec<Value>)| marks.iter().any(|known| known == mark(made_id));
            links.iter().find(has).map(|(id, _)| *id)
        };
        announced.into_iter().filter_map(|id| Some((id, provider_id(id)?))).collect()
    }

    /// The provider's ids that came with links, in their order, each with the marks of the links.
    pub(super) fn links(&self) -> impl Iterator<Item = (&str, &Vec<Value>)> {
        self.sets.iter().filter_map(|(path, set)| {
            let (id, LINKS) = recording_field(path)? else { return None };
            Some((id, &set.members))
        })
    }
}

/// The path of the marks of a recording's links.
pub(super) fn links_path(recording_id: &str) -> Path {
    [RECORDINGS, ".", recording_id, ".", LINKS].concat().into()
}

/// What a record keeps of an id that a link makes: enough to tell it from any other.
fn mark(made_id: &str) -> &str {
    made_id.get(..MARK_CHARS).unwrap_or(made_id)
}

/// Hex digits; 72 bits.
const MARK_CHARS: usize = 18;

/// The recording's id and the field's name in a path. An id may have dots, names have none.
fn recording_field(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix(RECORDINGS)?.strip_prefix('.')?.rsplit_once('.')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::record::{Stamp, merge};

    fn announced(id: &str, links: &[&str], name: &str, second: i64) -> Record {
        let mut record = Record::default();
        record.set(format!("recordings.{id}.recording_id"), json!(id));
        record.set(format!("recordings.{id}.{name}"), json!(second));
        for link in links {
            record.add_link(id, link);
        }
        record.stamp(Stamp { occurred_at: Some(second), ..Stamp::default() });
        record
    }

    #[test]
    fn a_link_alone_and_an_id_with_the_link_are_one_recording() {
        let alone = announced("made", &[], "channels", 1);
        let both = announced("RE.1", &["made"], "channels", 2);
        let other = announced("other", &[], "channels", 3);
        let record = merge(merge(alone.clone(), other.clone()), both.clone());
        let again = merge(both, merge(other, alone));
        assert_eq!(record.render(), again.render());
        assert_eq!(
            record.render()["recordings"],
            json!([{ "channels": 2, "recording_id": "RE.1" }, { "channels": 3, "recording_id": "other" }])
        );
        assert_eq!(record.ids_of_recording("made"), ["made", "RE.1"]);
        assert_eq!(record.ids_of_recording("RE.1"), ["RE.1", "made"]);
        assert_eq!(record.ids_of_recording("other"), ["other"]);
        assert_eq!(record.ids_of_recording("unknown"), [""; 0]);
        assert_eq!(record.shown_recording_ids(), ["RE.1", "other"]);
    }

    #[test]
    fn two_ids_of_the_provider_stay_two_though_their_link_is_one() {
        let record =
            merge(announced("b", &["made"], "channels", 1), announced("a", &["made"], "channels", 2));
        assert_eq!(record.render()["recordings"].as_array().unwrap().len(), 2);
        let record = merge(record, announced("made", &[], "size_bytes", 3));
        assert_eq!(record.ids_of_recording("made"), ["made", "a", "b"]);
        assert_eq!(record.ids_of_recording("b"), ["b", "made"]);
        assert_eq!(record.shown_recording_ids(), ["a", "b"]);
    }
}
