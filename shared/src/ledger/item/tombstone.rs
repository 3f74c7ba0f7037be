//! A tombstone: what is left in place of a CALL, a DELIVERY or a RECORDING that was erased. It holds nothing personal.
//!
//! | attribute | holds |
//! |---|---|
//! | `state` | `erased` |
//! | `erased_at` | when the erasure began |
//! | `receipt` | how much of each kind was there then, as JSON |
//! | `objects` | where its objects were in the bucket: folders, and beginnings of keys |
//! | `applied` | of a call: the hashes of what was applied |
//! | `version` | of a recording: the counter that every change raises |
//! | `work_shard`, `work_due` | the keys of `work`, until everything was deleted for the last time |
//!
//! It has no key of the other indexes. The tombstone of a call is the only item of its partition. It stays for ever,
//! so that nothing brings back what was erased.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use super::{
    Item, PK, SK, WORK_DUE, WORK_SHARD, bytes, get_bytes, get_number, get_text, number, recording, text,
};
use crate::ledger::key::{self, Key};
use crate::timestamp::{Timestamp, rfc3339};

/// The partitions of tombstones in the `work` index whose objects and items are to be deleted again:
/// `erased#<shard>`.
pub(in crate::ledger) const WORK: &str = "erased";

/// The state of a tombstone.
pub const STATE: &str = "erased";

/// How long after the erasure everything is deleted again: once no function still runs that ran then, and once more.
const AGAIN: [SignedDuration; 2] = [SignedDuration::from_mins(20), SignedDuration::from_hours(24)];

/// How much of a kind was erased.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// The number of items, or of versions of objects.
    pub count: u64,
    /// Their size.
    pub bytes: u64,
}

/// How much of each kind was erased, by the kind's name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Amounts(pub BTreeMap<String, Amount>);

/// What is left of something that was erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// The key of the item that it replaces.
    pub key: Key,
    /// When the erasure began.
    pub erased_at: Timestamp,
    /// What was there then.
    pub erased: Amounts,
    /// Where its objects were; see [`key::covers`].
    pub objects: Vec<String>,
    /// The hashes of what was applied to a call.
    pub applied: Option<Vec<u8>>,
    /// The version of a recording.
    pub version: Option<u64>,
    /// Its place in the `work` index, if it is there.
    pub work_due: Option<String>,
}

impl Amounts {
    /// Adds one item or object of a size.
    pub fn add(&mut self, kind: &str, bytes: u64) {
        let amount = self.0.entry(kind.to_owned()).or_default();
        amount.count += 1;
        amount.bytes += bytes;
    }

    /// Adds other amounts.
    pub fn extend(&mut self, others: &Self) {
        for (kind, other) in &others.0 {
            let amount = self.0.entry(kind.clone()).or_default();
            amount.count += other.count;
            amount.bytes += other.bytes;
        }
    }
}

/// Returns whether an item is a tombstone.
pub fn is_tombstone(item: &Item) -> bool {
    get_text(item, "state") == Some(STATE)
}

/// Returns the time of the next deletion after an erasure; `None` after the last.
pub(in crate::ledger) fn next(erased_at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    AGAIN.into_iter().filter_map(|after| erased_at.checked_add(after).ok()).find(|at| *at > now)
}

impl Tombstone {
    /// Its item, due for the next deletion.
    pub(in crate::ledger) fn write(&self) -> Item {
        let Self { key, erased_at, erased, objects, applied, version, work_due: _ } = self;
        let mut item = super::item(&key.pk, &key.sk);
        let mut put = |name: &str, value| drop(item.insert(name.to_owned(), value));
        put("state", text(STATE));
        put("erased_at", text(rfc3339(*erased_at)));
        // Names and numbers can always be written as JSON.
        put("receipt", text(serde_json::to_string(erased).unwrap_or_default()));
        put("objects", AttributeValue::L(objects.iter().map(text).collect()));
        if let Some(applied) = applied {
            put("applied", bytes(applied.clone()));
        }
        if let Some(version) = version {
            put("version", number(version));
        }
        let due = next(*erased_at, *erased_at).unwrap_or(*erased_at);
        put(WORK_SHARD, text(key::work_shard(WORK, &key.pk)));
        put(WORK_DUE, text(key::work_due(&rfc3339(due), key)));
        item
    }

    /// Reads a tombstone; `None` if the item is none.
    pub fn read(item: &Item) -> Option<Self> {
        if !is_tombstone(item) {
            return None;
        }
        let of = |name| get_text(item, name);
        let objects = item.get("objects").and_then(|objects| objects.as_l().ok());
        Some(Self {
            key: Key { pk: of(PK)?.to_owned(), sk: of(SK)?.to_owned() },
            erased_at: of("erased_at")?.parse().ok()?,
            erased: serde_json::from_str(of("receipt")?).ok()?,
            objects: (objects.into_iter().flatten())
                .filter_map(|object| object.as_s().ok().cloned())
                .collect(),
            applied: get_bytes(item, "applied").map(<[u8]>::to_vec),
            version: get_number(item, "version"),
            work_due: of(WORK_DUE).map(str::to_owned),
        })
    }

    /// Whether it stands for a call, so that nothing else is left under its partition key.
    pub fn is_of_call(&self) -> bool {
        self.key.sk == super::CALL
    }
}

/// The size of an item as DynamoDB counts it, about.
pub(in crate::ledger) fn size(item: &Item) -> u64 {
    fn value(value: &AttributeValue) -> usize {
        match value {
            AttributeValue::S(text) | AttributeValue::N(text) => text.len(),
            AttributeValue::B(bytes) => bytes.as_ref().len(),
            AttributeValue::L(list) => list.iter().map(value_size).sum(),
            AttributeValue::M(map) => map.iter().map(|(name, value)| name.len() + value_size(value)).sum(),
            _ => 1,
        }
    }
    fn value_size(of: &AttributeValue) -> usize {
        value(of)
    }
    item.iter().map(|(name, value)| name.len() + value_size(value)).sum::<usize>() as u64
}

/// Where the objects of a recording are: the beginning of the keys of its copies, and the key of the one that is
/// recorded. `None` if the item does not say.
pub(in crate::ledger) fn objects_of_recording(item: &Item) -> Option<Vec<String>> {
    let (provider, source, call_id) = super::names(item)?;
    let folder = key::recordings_folder(provider, source, get_text(item, "object_day")?, call_id);
    let recording_id = recording::recording_id(item)?;
    let copies = format!("{folder}{}", key::object_part(&recording_id));
    let recorded = get_text(item, "s3_key").filter(|key| !key::covers(&copies, key)).map(str::to_owned);
    Some([copies].into_iter().chain(recorded).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tombstone_is_read_as_it_was_written_and_is_due_twice_more() {
        let erased_at: Timestamp = "2026-06-27T10:00:00Z".parse().unwrap();
        let mut erased = Amounts::default();
        erased.add("deliveries", 10);
        erased.add("deliveries", 20);
        let tombstone = Tombstone {
            key: key::call("agni", "default", "c"),
            erased_at,
            erased,
            objects: vec!["values/agni/default/f/".to_owned()],
            applied: Some(vec![7; 32]),
            version: None,
            work_due: None,
        };
        let item = tombstone.write();
        let due = get_text(&item, WORK_DUE).unwrap().to_owned();
        assert!(due.starts_with("2026-06-27T10:20:00.000Z#"), "{due}");
        assert_eq!(Tombstone::read(&item), Some(Tombstone { work_due: Some(due), ..tombstone }));
        let at = |minutes: i64| erased_at + SignedDuration::from_mins(minutes);
        assert_eq!(
            [0, 19, 20, 1439].map(|now| next(erased_at, at(now)).unwrap()),
            [at(20), at(20), at(1440), at(1440)]
        );
        assert_eq!(next(erased_at, at(1440)), None);
    }
}
