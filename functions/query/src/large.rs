//! Puts large values from the bucket back into the record.

use std::time::SystemTime;

use aws_sdk_s3::presigning::PresigningConfig;
use futures_util::future::join_all;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared::aws::Bucket;
use shared::ledger::values::value_key;
use shared::record::{LargeValue, Record};
use shared::timestamp::Timestamp;

use crate::recording::LINK_LIFETIME;
use crate::weight::{take, weight};

/// A larger value is answered as a link, so that no call is too large to read.
const MAX_VALUE_BYTES: u64 = 1024 * 1024;

/// Why a value is not in the record.
enum Absent {
    /// It has no room in the answer: a link to it is answered instead.
    Link,
    /// The object is gone, is not the one that was put, or can't be read now; the reason.
    Unreadable(&'static str),
}

/// Puts the values that are in the bucket back in their place, the smaller ones first, as long as there is
/// room. A value without room is answered as `{"link":…,"bytes":…}`. One that can't be read is named in the
/// warnings.
pub(crate) async fn resolve(bucket: &Bucket, pk: &str, record: &mut Record, mut room: usize, now: Timestamp) {
    let found = record.large_values();
    // Chosen by the sizes in the item, so that only values with room are fetched.
    let mut left = room;
    let fits = |large: &LargeValue, left: &mut usize| {
        let bytes = usize::try_from(large.bytes).unwrap_or(usize::MAX);
        large.bytes <= MAX_VALUE_BYTES && take(left, bytes)
    };
    let wanted: Vec<_> = found.iter().map(|(_, large)| fits(large, &mut left)).collect();
    let mut fetches = Vec::with_capacity(found.len());
    for ((_, large), wanted) in found.iter().zip(wanted) {
        fetches.push(async move { if wanted { fetch(bucket, pk, large).await } else { Err(Absent::Link) } });
    }
    let fetched = join_all(fetches).await;
    for ((path, large), value) in found.iter().zip(fetched) {
        let value = value
            .and_then(|value| if take(&mut room, weight(&value)) { Ok(value) } else { Err(Absent::Link) });
        let shown = match value {
            Ok(value) => value,
            Err(Absent::Link) => match link(bucket, pk, large, now).await {
                Some(link) => json!({ "link": link, "bytes": large.bytes }),
                None => continue,
            },
            Err(Absent::Unreadable(reason)) => {
                tracing::error!(pk, sha256 = large.sha256, reason, "a large value can't be read");
                record.add("warnings", format!("{path} can't be read: {reason}"));
                continue;
            }
        };
        record.put_back(path, large, shown);
    }
}

/// Fetches a value, and checks that it is the one that was put. Its key is made of the call's own key and
/// its hash, so no other object can be reached.
async fn fetch(bucket: &Bucket, pk: &str, large: &LargeValue) -> Result<Value, Absent> {
    let get = bucket.client.get_object().bucket(&bucket.name).key(value_key(pk, &large.sha256));
    let object = get.send().await.map_err(|error| {
        let is_gone = error.as_service_error().is_some_and(|error| error.is_no_such_key());
        Absent::Unreadable(if is_gone { "it is not in the bucket" } else { "the bucket did not answer" })
    })?;
    if object.content_length().and_then(|length| u64::try_from(length).ok()) != Some(large.bytes) {
        return Err(Absent::Unreadable("the object in the bucket is of another size"));
    }
    let content = object.body.collect().await.map_err(|_| Absent::Unreadable("the bucket did not answer"))?;
    let content = content.into_bytes();
    if hex::encode(Sha256::digest(&content)) != large.sha256 {
        return Err(Absent::Unreadable("the object in the bucket is another one"));
    }
    serde_json::from_slice(&content).map_err(|_| Absent::Unreadable("the object in the bucket is not JSON"))
}

async fn link(bucket: &Bucket, pk: &str, large: &LargeValue, now: Timestamp) -> Option<String> {
    let get = bucket.client.get_object().bucket(&bucket.name).key(value_key(pk, &large.sha256));
    let lifetime = PresigningConfig::builder()
        .start_time(SystemTime::from(now))
        .expires_in(LINK_LIFETIME)
        .build()
        .ok()?;
    Some(get.presigned(lifetime).await.ok()?.uri().to_owned())
}
