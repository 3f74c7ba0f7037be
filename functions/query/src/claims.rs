//! Large values on their way back from the bucket into the record.

use futures_util::future::join_all;
use serde_json::Value;
use shared::ledger::claim::{CLAIM, value_prefix};
use shared::record::Record;

use crate::Bucket;
use crate::answer::{take, weight};

/// Puts the values that claims stand for in their place, the smaller ones first, as long as there is
/// room. A claim whose value has no room or can't be had stays: it says where the value is.
pub(crate) async fn resolve(
    bucket: &Bucket,
    provider: &str,
    source: &str,
    record: &mut Record,
    mut room: usize,
) {
    let prefix = value_prefix(provider, source);
    let mut found: Vec<(u64, &Value)> =
        record.values().filter_map(|value| Some((size_bytes(value)?, value))).collect();
    found.sort_by_key(|(size_bytes, _)| *size_bytes);
    found.dedup();
    // Here the sizes are those in the claims, so that nothing is fetched in vain.
    let mut left = room;
    found.retain(|(size_bytes, _)| take(&mut left, usize::try_from(*size_bytes).unwrap_or(usize::MAX)));
    let mut fetches = Vec::with_capacity(found.len());
    for (_, claim) in &found {
        fetches.push(fetch(bucket, &prefix, claim));
    }
    let fetched = join_all(fetches).await;
    let mut known: Vec<(Value, Value)> = Vec::new();
    for ((_, claim), value) in found.into_iter().zip(fetched) {
        let Some(value) = value else {
            tracing::warn!("a large value could not be fetched");
            continue;
        };
        if take(&mut room, weight(&value)) {
            known.push((claim.clone(), value));
        }
    }
    record.restore(|value| {
        known.iter().find(|(claim, _)| claim == value).map(|(_, original)| original.clone())
    });
}

/// Fetches what a claim stands for; `None` if it is no claim or the object is not there.
///
/// A payload may hold what looks like a claim, so nothing but its own source's values is ever fetched
/// for one.
async fn fetch(bucket: &Bucket, prefix: &str, value: &Value) -> Option<Value> {
    let key = value.get(CLAIM)?.get("s3_key")?.as_str()?;
    if !key.starts_with(prefix) {
        return None;
    }
    let object = bucket.s3.get_object().bucket(&bucket.name).key(key).send().await.ok()?;
    let content = object.body.collect().await.ok()?.into_bytes();
    serde_json::from_slice(&content).ok()
}

/// What a claim says of its value's size; `None` if it is none.
fn size_bytes(value: &Value) -> Option<u64> {
    value.get(CLAIM)?.get("size_bytes")?.as_u64()
}
