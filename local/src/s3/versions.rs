//! Versions of objects: keeping, listing and deleting them.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/Versioning.html>

use std::sync::Arc;

use s3s::dto::{
    BucketVersioningStatus, DeleteMarkerEntry, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput,
    DeleteObjectsOutput, DeletedObject, GetBucketVersioningOutput, ListObjectVersionsInput,
    ListObjectVersionsOutput, ObjectVersion, PutBucketVersioningInput, PutBucketVersioningOutput,
};
use s3s::{S3Result, s3_error};

use super::blocking;
use super::model::{Object, timestamp};
use super::store::Store;

const MAXIMUM_KEYS: i32 = 1000;

pub(super) async fn set(
    store: &Arc<Store>,
    input: PutBucketVersioningInput,
) -> S3Result<PutBucketVersioningOutput> {
    let status = input.versioning_configuration.status;
    if status.as_ref().map(BucketVersioningStatus::as_str) != Some(BucketVersioningStatus::ENABLED) {
        return Err(s3_error!(NotImplemented, "a bucket here can't stop to keep versions"));
    }
    let bucket = input.bucket;
    blocking(store, move |store| store.keep_versions(&bucket)).await?;
    Ok(PutBucketVersioningOutput::default())
}

pub(super) fn get(store: &Store, bucket: &str) -> S3Result<GetBucketVersioningOutput> {
    let enabled = || BucketVersioningStatus::from_static(BucketVersioningStatus::ENABLED);
    let status = store.keeps_versions(bucket)?.then(enabled);
    Ok(GetBucketVersioningOutput { status, ..GetBucketVersioningOutput::default() })
}

/// Lists one page: the versions after the markers, which are the last entry of the page before.
pub(super) fn list(store: &Store, input: ListObjectVersionsInput) -> S3Result<ListObjectVersionsOutput> {
    if input.delimiter.as_ref().is_some_and(|delimiter| !delimiter.is_empty()) {
        return Err(s3_error!(NotImplemented, "versions are listed without a delimiter here"));
    }
    let prefix = input.prefix.clone().unwrap_or_default();
    let mut all = store.versions(&input.bucket, &prefix)?;
    let newest: Vec<_> =
        (0..all.len()).map(|place| place == 0 || all[place - 1].about.key != all[place].about.key).collect();
    let mut all: Vec<_> = all.drain(..).zip(newest).collect();
    if let Some(key) = &input.key_marker {
        let version = input.version_id_marker.as_deref();
        let place = all
            .iter()
            .position(|(object, _)| object.about.key == *key && Some(&*object.version_id()) == version);
        match place {
            Some(place) => drop(all.drain(..=place)),
            // The entry was deleted since: whatever has a greater key, or is of the key and older.
            None => all.retain(|(object, _)| {
                let older = version.is_some_and(|version| &*object.version_id() < version);
                object.about.key > *key || (object.about.key == *key && older)
            }),
        }
    }
    let maximum = input.max_keys.unwrap_or(MAXIMUM_KEYS).clamp(0, MAXIMUM_KEYS);
    let limit = usize::try_from(maximum).unwrap_or_default();
    let is_truncated = all.len() > limit;
    all.truncate(limit);
    let last = all.last().filter(|_| is_truncated).map(|(object, _)| object.clone());
    let (markers, versions): (Vec<_>, Vec<_>) = all.into_iter().partition(|(object, _)| object.is_marker);
    Ok(ListObjectVersionsOutput {
        versions: Some(versions.iter().map(|(object, latest)| version(object, *latest)).collect()),
        delete_markers: Some(markers.iter().map(|(object, latest)| marker(object, *latest)).collect()),
        is_truncated: Some(is_truncated),
        next_key_marker: last.as_ref().map(|object| object.about.key.clone()),
        next_version_id_marker: last.as_ref().map(|object| object.version_id()),
        key_marker: input.key_marker,
        version_id_marker: input.version_id_marker,
        max_keys: Some(maximum),
        name: Some(input.bucket),
        prefix: input.prefix,
        ..ListObjectVersionsOutput::default()
    })
}

fn version(object: &Object, latest: bool) -> ObjectVersion {
    ObjectVersion {
        key: Some(object.about.key.clone()),
        version_id: Some(object.version_id()),
        is_latest: Some(latest),
        e_tag: Some(object.etag()),
        size: i64::try_from(object.size_bytes).ok(),
        last_modified: Some(timestamp(object.modified_ms)),
        ..ObjectVersion::default()
    }
}

fn marker(object: &Object, latest: bool) -> DeleteMarkerEntry {
    DeleteMarkerEntry {
        key: Some(object.about.key.clone()),
        version_id: Some(object.version_id()),
        is_latest: Some(latest),
        last_modified: Some(timestamp(object.modified_ms)),
        ..DeleteMarkerEntry::default()
    }
}

/// Deletes an object, or one of its versions for good.
pub(super) async fn delete(store: &Arc<Store>, input: DeleteObjectInput) -> S3Result<DeleteObjectOutput> {
    let DeleteObjectInput { bucket, key, if_match, version_id, .. } = input;
    if if_match.is_some() {
        return Err(s3_error!(NotImplemented, "If-Match can't guard a deletion here"));
    }
    blocking(store, move |store| match version_id {
        Some(version) => store.delete_version(&bucket, &key, &version),
        None => store.delete(&bucket, &key),
    })
    .await?;
    Ok(DeleteObjectOutput::default())
}

/// Deletes several objects or versions.
pub(super) async fn delete_all(
    store: &Arc<Store>,
    input: DeleteObjectsInput,
) -> S3Result<DeleteObjectsOutput> {
    let DeleteObjectsInput { bucket, delete, .. } = input;
    if delete.objects.len() > 1000 {
        return Err(s3_error!(MalformedXML, "at most 1000 objects are deleted at a time"));
    }
    let quiet = delete.quiet.unwrap_or(false);
    let mut deleted = Vec::with_capacity(delete.objects.len());
    for object in delete.objects {
        let input = DeleteObjectInput {
            bucket: bucket.clone(),
            key: object.key.clone(),
            version_id: object.version_id.clone(),
            ..DeleteObjectInput::default()
        };
        self::delete(store, input).await?;
        deleted.push(DeletedObject {
            key: Some(object.key),
            version_id: object.version_id,
            ..DeletedObject::default()
        });
    }
    let deleted = Some(deleted).filter(|_| !quiet);
    Ok(DeleteObjectsOutput { deleted, ..DeleteObjectsOutput::default() })
}
