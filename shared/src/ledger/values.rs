//! Objects in the bucket: evidence and values of records that are too large for an item.
//!
//! They lie in a folder of their call, under their SHA-256: `evidence/<folder><sha256 of the body>`,
//! `quarantine/<folder><sha256 of the body>` and `values/<folder><sha256>.json`. An item holds only the hash,
//! so it can lead to no object of another call. Evidence expires, but not while it is in quarantine.

use std::fmt;
use std::time::Duration;

use aws_smithy_runtime::client::orchestrator::operation::Operation;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::StoreError;
use super::key;
use crate::aws::Aws;
use crate::aws::operation::{RefusedError, Unsigned, cause};
use crate::record::{LargeValue, Record, Sized, TRANSCRIPT};

/// A value, or packed evidence, that is larger than this goes to the bucket.
pub(super) const MAX_INLINE_BYTES: usize = 16 * 1024;

/// A transcript that is longer than this goes to the bucket, however small it is when packed: it would have
/// no room in an answer.
pub(super) const MAX_TRANSCRIPT_BYTES: usize = 256 * 1024;

/// The smallest value that goes to the bucket to make an item fit. Smaller ones would not help.
const MIN_OBJECT_BYTES: usize = 1024;

/// About how many bytes of an item name one value in the bucket.
const POINTER_BYTES: usize = 128;

/// The most values of one record in the bucket. More would take longer to put than a provider waits.
const MAX_OBJECTS: usize = 256;

/// The pause after a put that conflicts with another put of the same object.
const CONFLICT_PAUSE: Duration = Duration::from_millis(50);

/// The record does not fit in an item, even with its large values in the bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLargeError;

/// An object to be put into the bucket.
#[derive(Clone, PartialEq, Eq)]
pub struct Object {
    /// Its key.
    pub key: String,
    /// Its content.
    pub content: Bytes,
}

/// Puts objects into the bucket, and reads them back.
#[derive(Clone, Debug)]
pub(super) struct ObjectStore {
    put: Operation<Object, (), RefusedError>,
    get: Operation<String, Bytes, RefusedError>,
}

impl ObjectStore {
    /// The bucket of a name.
    pub(super) fn new(aws: &Aws, bucket: &str) -> Self {
        let put = |Object { key, content }| {
            Ok(Unsigned {
                method: "PUT",
                path: format!("/{key}"),
                headers: vec![
                    ("content-type", "application/octet-stream".to_owned()),
                    ("if-none-match", "*".to_owned()),
                    ("x-amz-checksum-sha256", BASE64_STANDARD.encode(Sha256::digest(&content))),
                ],
                body: content,
            })
        };
        let get = |key: String| {
            Ok(Unsigned { method: "GET", path: format!("/{key}"), headers: Vec::new(), body: Bytes::new() })
        };
        let bucket = || aws.bucket(bucket);
        Self {
            put: bucket().operation("PutObject", put, |_| Ok(())),
            get: bucket().operation("GetObject", get, |body| Ok(Bytes::copy_from_slice(body))),
        }
    }

    /// Puts an object that an earlier try may have put already.
    pub(super) async fn put(&self, object: &Object) -> Result<(), StoreError> {
        loop {
            let Err(error) = self.put.invoke(object.clone()).await else { return Ok(()) };
            match cause(&error) {
                "PreconditionFailed" => return Ok(()),
                // Another delivery is putting the same content at this moment.
                "ConditionalRequestConflict" => tokio::time::sleep(CONFLICT_PAUSE).await,
                cause => return Err(StoreError(format!("the bucket: {cause}"))),
            }
        }
    }

    /// The content of an object; `None` if there is none.
    pub(super) async fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        match self.get.invoke(key.to_owned()).await {
            Ok(content) => Ok(Some(content)),
            Err(error) => match cause(&error) {
                // To whoever may not list the bucket, S3 says of an object that is gone that access is denied.
                "NoSuchKey" | "AccessDenied" => Ok(None),
                cause => Err(StoreError(format!("the bucket: {cause}"))),
            },
        }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Object").field("bytes", &self.content.len()).finish_non_exhaustive()
    }
}

/// The object key of a record's large value.
pub fn value_key(pk: &str, sha256: &str) -> String {
    format!("values/{}{sha256}.json", key::folder(pk).unwrap_or_default())
}

/// Takes values out of a record, the largest first, until none is too large for an item and `size` says
/// that all of it fits. Returns the objects to put.
///
/// `packed_bytes` is the size of the packed transcript: its parts are taken out only if that is large.
///
/// # Errors
/// The rest does not fit.
pub(super) fn take_out_large(
    record: &mut Record,
    pk: &str,
    packed_bytes: usize,
    max_bytes: usize,
    size: impl Fn(&Record) -> Result<usize, TooLargeError>,
) -> Result<Vec<Object>, TooLargeError> {
    let mut sizes = record.sizes();
    sizes.sort_by(|one, other| (other.bytes, &one.path, one.part).cmp(&(one.bytes, &other.path, other.part)));
    let mut objects = Vec::new();
    let mut left: Vec<Sized> = Vec::new();
    for sized in sizes {
        let is_packed = TRANSCRIPT.contains(&&*sized.path);
        let is_large = if is_packed {
            packed_bytes.min(sized.bytes) > MAX_INLINE_BYTES || sized.bytes > MAX_TRANSCRIPT_BYTES
        } else {
            sized.bytes > MAX_INLINE_BYTES
        };
        if is_large {
            objects.push(take_out(record, pk, &sized));
        } else {
            left.push(sized);
        }
    }
    let mut left = left.into_iter();
    // Measured again after each round: how much a packed value adds to the item is not known before.
    loop {
        let mut excess = size(record)?.saturating_sub(max_bytes);
        if excess == 0 {
            return if objects.len() <= MAX_OBJECTS { Ok(objects) } else { Err(TooLargeError) };
        }
        while excess > 0 {
            let next = left.next().filter(|sized| sized.bytes >= MIN_OBJECT_BYTES);
            let sized = next.filter(|_| objects.len() < MAX_OBJECTS).ok_or(TooLargeError)?;
            objects.push(take_out(record, pk, &sized));
            excess = excess.saturating_sub(sized.bytes - POINTER_BYTES);
        }
    }
}

fn take_out(record: &mut Record, pk: &str, sized: &Sized) -> Object {
    let mut object = Object { key: String::new(), content: Bytes::new() };
    record.take_out(sized, |json| {
        let sha256 = hex::encode(Sha256::digest(json.as_bytes()));
        let bytes = json.len() as u64;
        object = Object { key: value_key(pk, &sha256), content: Bytes::from(json) };
        LargeValue { bytes, sha256 }
    });
    object
}
