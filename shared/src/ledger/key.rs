//! Keys: how the names of calls, deliveries and recordings become the table's keys.

use std::borrow::Cow;
use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use sha2::{Digest, Sha256};

use super::item::{self, text};

/// The longest name in bytes that stands in a key as it is; a longer one is replaced by its hash.
/// DynamoDB takes sort keys of 1,024 bytes, S3 object keys as long.
const MAX_NAME_BYTES: usize = 512;

/// What marks a hashed name. No name of a provider's starts so; one that did would be hashed too.
const HASHED: &str = "sha256:";

/// How many partitions a day's calls are spread over in the `by-time` index.
pub const DAY_SHARDS: u64 = 4;

/// How many partitions the due work is spread over in the `work` index.
pub const WORK_SHARDS: u64 = 8;

/// An item's key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The partition key.
    pub pk: String,
    /// The sort key.
    pub sk: String,
}

impl Key {
    /// The key as the SDK takes it.
    pub fn attributes(&self) -> HashMap<String, AttributeValue> {
        HashMap::from([(item::PK.to_owned(), text(&self.pk)), (item::SK.to_owned(), text(&self.sk))])
    }
}

/// The key of a call's record.
pub fn call(provider: &str, source: &str, call_id: &str) -> Key {
    Key { pk: format!("CALL#{provider}#{source}#{}", name(call_id)), sk: item::CALL.to_owned() }
}

/// The partition of a body that names no call.
pub fn event_pk(provider: &str, source: &str, dedupe_key: &str) -> String {
    format!("EVENT#{provider}#{source}#{}", name(dedupe_key))
}

/// The sort key of a delivery.
pub fn delivery_sk(dedupe_key: &str) -> String {
    format!("{}{}", item::DELIVERY_PREFIX, name(dedupe_key))
}

/// The sort key of a recording.
pub fn recording_sk(recording_id: &str) -> String {
    format!("{}{}", item::RECORDING_PREFIX, name(recording_id))
}

/// The partition of the `work` index that an item's due work stands in: `<what>#<shard>`.
pub fn work_shard(what: &str, pk: &str) -> String {
    format!("{what}#{}", shard(pk, WORK_SHARDS))
}

/// The partition of the `by-time` index that a day's calls stand in: `<day>#<shard>`.
pub fn day_shard(day: &str, shard: u64) -> String {
    format!("{day}#{shard}")
}

/// Which of `count` shards a partition key belongs to; the same for ever (FNV-1a).
pub fn shard(pk: &str, count: u64) -> u64 {
    let hash = pk.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (hash ^ (hash >> 32)) % count
}

/// A name as it stands in a key.
pub fn name(name: &str) -> Cow<'_, str> {
    if name.len() > MAX_NAME_BYTES || name.starts_with(HASHED) {
        Cow::Owned(format!("{HASHED}{}", hex::encode(Sha256::digest(name.as_bytes()))))
    } else {
        Cow::Borrowed(name)
    }
}
