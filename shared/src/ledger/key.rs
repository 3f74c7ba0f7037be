//! Keys: how the names of calls, deliveries and recordings become the table's keys.

use std::borrow::Cow;
use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::applied::{EventBody, hash};
use crate::timestamp::{self, Timestamp, rfc3339};

mod object;

pub use object::{covers, hashed, object_part, object_suffix, recordings_folder};

/// The partition key's attribute.
pub const PK: &str = "pk";
/// The sort key's attribute.
pub const SK: &str = "sk";
/// A call's sort key.
pub const CALL: &str = "CALL";
/// The start of a delivery's sort key.
pub const DELIVERY_PREFIX: &str = "DELIVERY#";
/// The start of a recording's sort key.
pub const RECORDING_PREFIX: &str = "RECORDING#";

/// The start of the partition key of a body that names no call, without the `#` after it.
const EVENT: &str = "EVENT";

/// The length of a delivery id: two hashes of 16 bytes in base64url.
const DELIVERY_ID_CHARS: usize = 44;

/// The start of the sort key of an entry of the audit trail.
const AUDIT_PREFIX: &str = "AUDIT#";

/// The longest name in bytes that stands in a key as it is; a longer one is replaced by its hash.
/// DynamoDB takes sort keys of 1,024 bytes, S3 object keys as long.
const MAX_NAME_BYTES: usize = 512;

/// The start of a hashed name. A provider's name that starts like this is hashed, too.
const HASHED: &str = "sha256:";

/// The number of partitions of a day's calls in the `by-time` index.
pub const DAY_SHARDS: u64 = 4;

/// The number of partitions of the due work in the `work` index.
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
    /// Whether it is in the partition of a call, and not of a body that names none.
    pub fn names_a_call(&self) -> bool {
        self.pk.split('#').next() == Some(CALL)
    }

    /// The key as the SDK takes it.
    pub fn attributes(&self) -> HashMap<String, AttributeValue> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        HashMap::from([(PK.to_owned(), text(&self.pk)), (SK.to_owned(), text(&self.sk))])
    }
}

/// The names in a partition key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Names<'a> {
    /// The provider.
    pub provider: &'a str,
    /// The source.
    pub source: &'a str,
    /// The call as it stands in keys; see [`name`].
    pub call: &'a str,
}

impl<'a> Names<'a> {
    /// Reads the partition key of a call, or of a body that names no call.
    pub fn of(pk: &'a str) -> Option<Self> {
        let mut parts = pk.splitn(4, '#').skip(1);
        Some(Self { provider: parts.next()?, source: parts.next()?, call: parts.next()? })
    }
}

/// The key of a call's record.
pub fn call(provider: &str, source: &str, call_id: &str) -> Key {
    Key { pk: format!("CALL#{provider}#{source}#{}", name(call_id)), sk: CALL.to_owned() }
}

/// The key of the record in a call's partition.
pub fn of_record(pk: &str) -> Key {
    Key { pk: pk.to_owned(), sk: CALL.to_owned() }
}

/// The start of the partition keys of a source's calls; without a source, of all calls of the provider.
pub fn calls_prefix(provider: &str, source: Option<&str>) -> String {
    source.map_or_else(|| format!("CALL#{provider}#"), |source| format!("CALL#{provider}#{source}#"))
}

/// The partition of a body that names no call.
pub fn event_pk(provider: &str, source: &str, body: &EventBody) -> String {
    format!("EVENT#{provider}#{source}#{}", short(&body.body))
}

/// The sort key of a delivery: its event and its body.
pub fn delivery_sk(EventBody { event, body }: &EventBody) -> String {
    format!("{}{}#{}", DELIVERY_PREFIX, short(event), short(body))
}

/// The id of a delivery among those of its call, from its sort key: `A-Z a-z 0-9 - _` only.
pub fn delivery_id(sk: &str) -> Option<String> {
    Some(sk.strip_prefix(DELIVERY_PREFIX)?.replace('#', ""))
}

/// The event and the body of a delivery, from its id; `None` if it is not one.
pub fn delivery_of(delivery_id: &str) -> Option<EventBody> {
    let bytes = |text: &str| BASE64_URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok();
    let (event, body) = delivery_id.split_at_checked(delivery_id.len() / 2)?;
    Some(EventBody { event: bytes(event)?, body: bytes(body)? })
}

/// The id of a delivery among all that wait in quarantine: its delivery id, then its partition key in base64url.
pub fn quarantine_id(key: &Key) -> Option<String> {
    Some(format!("{}{}", delivery_id(&key.sk)?, short(key.pk.as_bytes())))
}

/// The key of a delivery, from its quarantine id; `None` if it is not one.
pub fn of_quarantine_id(quarantine_id: &str) -> Option<Key> {
    let (delivery_id, pk) = quarantine_id.split_at_checked(DELIVERY_ID_CHARS)?;
    let sk = delivery_sk(&delivery_of(delivery_id)?);
    let pk = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(pk).ok()?).ok()?;
    let holds_deliveries = [CALL, EVENT].iter().any(|kind| pk.split('#').next() == Some(kind));
    (holds_deliveries && Names::of(&pk).is_some()).then_some(Key { pk, sk })
}

/// The folder of a call in the bucket, under `evidence/` or `values/`: `<provider>/<source>/<hash>/`.
///
/// The hash is of the whole partition key, so no two calls share a folder.
pub fn folder(pk: &str) -> Option<String> {
    let Names { provider, source, .. } = Names::of(pk)?;
    Some(format!("{provider}/{source}/{}/", short(&hash(pk.as_bytes()))))
}

/// Where a call stands among others in the indexes: by time, then in a fixed order without meaning.
pub fn time_key(time: &str, pk: &str) -> String {
    format!("{time}#{}", short(&hash(pk.as_bytes())[..6]))
}

/// Where an item stands in a partition of the `work` index: by time, then in a fixed order without meaning, so
/// that no two items have the same place.
pub fn work_due(time: &str, key: &Key) -> String {
    format!("{time}#{}", short(&hash(format!("{}\n{}", key.pk, key.sk).as_bytes())[..6]))
}

/// Returns a place in the `work` index after everything that stands there at a time or before it, and before
/// everything later.
pub fn work_until(time: &str) -> String {
    format!("{time}$")
}

/// The time in a place in the `work` index.
pub fn work_time(work_due: &str) -> &str {
    work_due.split('#').next().unwrap_or_default()
}

/// Bytes as text for keys: base64url without padding.
fn short(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The sort key of a recording.
pub fn recording_sk(recording_id: &str) -> String {
    format!("{}{}", RECORDING_PREFIX, name(recording_id))
}

/// The partition of the `work` index that an item's due work stands in: `<what>#<shard>`.
pub fn work_shard(what: &str, pk: &str) -> String {
    format!("{what}#{}", shard(pk, WORK_SHARDS))
}

/// The partition of the `by-time` index that a day's calls stand in: `<day>#<shard>`.
pub fn day_shard(day: &str, shard: u64) -> String {
    format!("{day}#{shard}")
}

/// The key of the progress of the search for what is too old.
pub fn retention() -> Key {
    Key { pk: "UPKEEP#retention".to_owned(), sk: "RETENTION".to_owned() }
}

/// The key of an entry of the audit trail.
pub fn audit(time: Timestamp, nonce: u64) -> Key {
    Key { pk: audit_pk(&timestamp::day(time)), sk: format!("{}#{nonce:016x}", audit_place(time)) }
}

/// The partition of the entries of a day, `YYYY-MM-DD`.
pub fn audit_pk(day: &str) -> String {
    format!("AUDIT#{day}")
}

/// A place in the audit trail: before all entries of a time, and after all earlier ones.
pub fn audit_place(time: Timestamp) -> String {
    format!("{AUDIT_PREFIX}{}", rfc3339(time))
}

/// The place before all entries of a day.
pub fn audit_day_start(day: &str) -> String {
    format!("{AUDIT_PREFIX}{day}T00:00:00.000Z")
}

/// The time of an entry or of a place.
pub fn audit_time(place: &str) -> Option<&str> {
    place.strip_prefix(AUDIT_PREFIX)?.split('#').next()
}

/// The day of the entries right before a place: at the start of a day, that is the day before. `None` if it is not a
/// place.
pub fn audit_day(place: &str) -> Option<String> {
    let date: jiff::civil::Date = audit_time(place)?.get(..10)?.parse().ok()?;
    let day = date.to_string();
    if place > audit_day_start(&day).as_str() { Some(day) } else { Some(date.yesterday().ok()?.to_string()) }
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
        Cow::Owned(hashed(name))
    } else {
        Cow::Borrowed(name)
    }
}
