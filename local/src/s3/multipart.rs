//! Multipart uploads.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html>

use std::sync::Arc;

use s3s::crypto::{Checksum, Md5};
use s3s::dto::{
    ChecksumType, CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart,
    CreateMultipartUploadInput, CreateMultipartUploadOutput, ETag, ListMultipartUploadsInput,
    ListMultipartUploadsOutput, ListPartsInput, ListPartsOutput, MultipartUpload, UploadPartInput,
    UploadPartOutput,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};

use super::condition::WriteCondition;
use super::model::{About, Checksums, Object, Part, Upload, now_ms, timestamp};
use super::objects::{parse_tags, stored_encoding};
use super::receive::{Expected, crc64nvme, receive};
use super::store::Store;
use super::{blocking, checksums_of, with_checksums};

/// Every part but the last has at least this size.
const MINIMUM_PART_BYTES: u64 = 5 * 1024 * 1024;
const MAXIMUM_PART_NUMBER: i32 = 10_000;

pub(super) async fn create(
    store: &Arc<Store>,
    input: CreateMultipartUploadInput,
) -> S3Result<CreateMultipartUploadOutput> {
    let upload = Upload {
        about: About {
            bucket: input.bucket,
            key: input.key,
            content_type: input.content_type,
            cache_control: input.cache_control,
            content_disposition: input.content_disposition,
            content_encoding: stored_encoding(input.content_encoding),
            content_language: input.content_language,
            metadata: input.metadata.unwrap_or_default().into_iter().collect(),
            tags: parse_tags(input.tagging.as_deref())?.into_iter().collect(),
        },
        id: format!("{:032x}", fastrand::u128(..)),
        started_ms: now_ms(),
        parts: std::collections::BTreeMap::new(),
    };
    let output = CreateMultipartUploadOutput {
        bucket: Some(upload.about.bucket.clone()),
        key: Some(upload.about.key.clone()),
        upload_id: Some(upload.id.clone()),
        checksum_algorithm: input.checksum_algorithm,
        checksum_type: input.checksum_type,
        ..CreateMultipartUploadOutput::default()
    };
    blocking(store, move |store| store.start_upload(upload)).await?;
    Ok(output)
}

pub(super) async fn upload_part(
    store: &Arc<Store>,
    request: S3Request<UploadPartInput>,
) -> S3Result<S3Response<UploadPartOutput>> {
    let input = request.input;
    if !(1..=MAXIMUM_PART_NUMBER).contains(&input.part_number) {
        return Err(s3_error!(InvalidArgument, "part numbers go from 1 to 10000"));
    }
    store.upload(&input.bucket, &input.key, &input.upload_id)?;
    let sent = checksums_of!(input);
    let expected = Expected::new(input.content_md5, sent, &request.headers, request.trailing_headers);
    let received = receive(store, input.body, expected).await?;
    let part = Part {
        etag: received.md5,
        checksums: received.checksums,
        modified_ms: now_ms(),
        blob: received.blob,
    };
    let output =
        UploadPartOutput { e_tag: Some(ETag::Strong(part.etag.clone())), ..UploadPartOutput::default() };
    let output = with_checksums!(output, part.checksums.clone());
    let (bucket, key, id) = (input.bucket, input.key, input.upload_id);
    blocking(store, move |store| store.put_part((&bucket, &key, &id), input.part_number, part)).await?;
    Ok(S3Response::new(output))
}

pub(super) async fn complete(
    store: &Arc<Store>,
    input: CompleteMultipartUploadInput,
) -> S3Result<CompleteMultipartUploadOutput> {
    let condition = WriteCondition::from_headers(input.if_match.clone(), input.if_none_match.clone())?;
    let sent = checksums_of!(input);
    if [&sent.crc32, &sent.crc32c, &sent.sha1, &sent.sha256].iter().any(|checksum| checksum.is_some()) {
        return Err(s3_error!(NotImplemented, "of a whole multipart object only CRC64NVME is computed here"));
    }
    blocking(store, move |store| {
        let upload = store.upload(&input.bucket, &input.key, &input.upload_id)?;
        let listed = input.multipart_upload.and_then(|upload| upload.parts);
        let parts = choose_parts(&upload, &listed.unwrap_or_default())?;
        let object = assemble(upload.about.clone(), &parts)?;
        sent.check(&object.checksums)?;
        if input.mpu_object_size.is_some_and(|size| u64::try_from(size) != Ok(object.size_bytes)) {
            return Err(s3_error!(InvalidRequest, "the size differs from x-amz-mp-object-size"));
        }
        let output = CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(object.etag()),
            checksum_type: Some(ChecksumType::from_static(ChecksumType::FULL_OBJECT)),
            ..CompleteMultipartUploadOutput::default()
        };
        let output = with_checksums!(output, object.checksums.clone());
        store.complete(&upload.id, object, &condition)?;
        Ok(output)
    })
    .await
}

/// The parts the client listed, checked against those received.
fn choose_parts(upload: &Upload, listed: &[CompletedPart]) -> S3Result<Vec<Part>> {
    let mut chosen: Vec<Part> = Vec::with_capacity(listed.len());
    let mut last_number = 0;
    for entry in listed {
        let number = entry.part_number.unwrap_or_default();
        if number <= last_number {
            return Err(s3_error!(InvalidPartOrder));
        }
        last_number = number;
        let part = upload.parts.get(&number).ok_or_else(|| s3_error!(InvalidPart))?;
        let same_etag = entry.e_tag.as_ref().is_some_and(|etag| etag.value() == part.etag);
        if !same_etag || checksums_of!(entry.clone()).check(&part.checksums).is_err() {
            return Err(s3_error!(InvalidPart));
        }
        if chosen.last().is_some_and(|part| part.blob.size_bytes < MINIMUM_PART_BYTES) {
            return Err(s3_error!(EntityTooSmall));
        }
        chosen.push(part.clone());
    }
    if chosen.is_empty() {
        return Err(s3_error!(MalformedXML, "at least one part is needed"));
    }
    Ok(chosen)
}

fn assemble(about: About, parts: &[Part]) -> S3Result<Object> {
    let mut md5 = Md5::new();
    for part in parts {
        let digest = hex::decode(&part.etag).map_err(|error| s3_error!(error, InternalError))?;
        md5.update(&digest);
    }
    let blobs: Vec<_> = parts.iter().map(|part| Arc::clone(&part.blob)).collect();
    Ok(Object {
        about,
        etag: format!("{}-{}", hex::encode(md5.finalize()), parts.len()),
        checksums: Checksums { crc64nvme: Some(crc64nvme(&blobs)?), ..Checksums::default() },
        size_bytes: blobs.iter().map(|blob| blob.size_bytes).sum(),
        modified_ms: now_ms(),
        version: 0,
        is_marker: false,
        blobs,
    })
}

pub(super) fn list_uploads(
    store: &Store,
    input: ListMultipartUploadsInput,
) -> S3Result<ListMultipartUploadsOutput> {
    let prefix = input.prefix.clone().unwrap_or_default();
    let mut uploads = store.uploads(&input.bucket)?;
    uploads.retain(|upload| upload.about.key.starts_with(&prefix));
    uploads.sort_by(|a, b| (&a.about.key, a.started_ms).cmp(&(&b.about.key, b.started_ms)));
    let listed = uploads.into_iter().map(|upload| MultipartUpload {
        initiated: Some(timestamp(upload.started_ms)),
        key: Some(upload.about.key),
        upload_id: Some(upload.id),
        ..MultipartUpload::default()
    });
    Ok(ListMultipartUploadsOutput {
        bucket: Some(input.bucket),
        prefix: input.prefix,
        // All at once: a local bucket has few uploads, and a client must only not be misled.
        is_truncated: Some(false),
        uploads: Some(listed.collect()),
        ..ListMultipartUploadsOutput::default()
    })
}

pub(super) fn list_parts(store: &Store, input: ListPartsInput) -> S3Result<ListPartsOutput> {
    let upload = store.upload(&input.bucket, &input.key, &input.upload_id)?;
    let after = input.part_number_marker.unwrap_or_default();
    let listed = upload.parts.into_iter().filter(|(number, _)| *number > after);
    let parts = listed.map(|(number, part)| {
        let listed = s3s::dto::Part {
            e_tag: Some(ETag::Strong(part.etag)),
            last_modified: Some(timestamp(part.modified_ms)),
            part_number: Some(number),
            size: i64::try_from(part.blob.size_bytes).ok(),
            ..s3s::dto::Part::default()
        };
        with_checksums!(listed, part.checksums)
    });
    Ok(ListPartsOutput {
        bucket: Some(input.bucket),
        key: Some(input.key),
        upload_id: Some(input.upload_id),
        is_truncated: Some(false),
        parts: Some(parts.collect()),
        ..ListPartsOutput::default()
    })
}
