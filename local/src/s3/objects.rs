//! Single objects: put, get, head, delete and tags.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use s3s::dto::{
    GetObjectInput, GetObjectOutput, GetObjectTaggingInput, GetObjectTaggingOutput, HeadObjectInput,
    HeadObjectOutput, PutObjectInput, PutObjectOutput, PutObjectTaggingInput, Tag,
};
use s3s::{S3Request, S3Response, S3Result, s3_error};
use url::form_urlencoded;

use super::blob;
use super::condition::{WriteCondition, check_read};
use super::model::{About, Object, now_ms, timestamp};
use super::receive::{Expected, receive};
use super::store::Store;
use super::{blocking, checksums_of, with_checksums};

pub(super) async fn put(
    store: &Arc<Store>,
    request: S3Request<PutObjectInput>,
) -> S3Result<S3Response<PutObjectOutput>> {
    let input = request.input;
    let condition = WriteCondition::from_headers(input.if_match, input.if_none_match)?;
    let sent = checksums_of!(input);
    let about = About {
        bucket: input.bucket,
        key: input.key,
        content_type: input.content_type,
        cache_control: input.cache_control,
        content_disposition: input.content_disposition,
        content_encoding: stored_encoding(input.content_encoding),
        content_language: input.content_language,
        metadata: input.metadata.unwrap_or_default().into_iter().collect(),
        tags: parse_tags(input.tagging.as_deref())?.into_iter().collect(),
    };
    let expected = Expected::new(input.content_md5, sent, &request.headers, request.trailing_headers);
    // Known too late otherwise: the body would be stored first.
    store.with_bucket(&about.bucket, |_| ())?;
    let received = receive(store, input.body, expected).await?;
    let object = Object {
        about,
        etag: received.md5,
        checksums: received.checksums,
        size_bytes: received.blob.size_bytes,
        modified_ms: now_ms(),
        version: 0,
        is_marker: false,
        blobs: vec![received.blob],
    };
    let output = PutObjectOutput { e_tag: Some(object.etag()), ..PutObjectOutput::default() };
    let output = with_checksums!(output, object.checksums.clone());
    blocking(store, move |store| store.put(object, &condition)).await?;
    Ok(S3Response::new(output))
}

pub(super) fn get(
    store: &Store,
    request: S3Request<GetObjectInput>,
) -> S3Result<S3Response<GetObjectOutput>> {
    let input = request.input;
    if input.part_number.is_some() {
        return Err(s3_error!(NotImplemented, "partNumber is not implemented"));
    }
    let object = version(store, &input.bucket, &input.key, input.version_id.as_deref())?;
    check_read(&object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
    let whole = 0..object.size_bytes;
    let range = match &input.range {
        None => whole.clone(),
        Some(range) => range.check(object.size_bytes)?,
    };
    let about = &object.about;
    let output = GetObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        body: Some(blob::read(&object.blobs, range.clone())),
        cache_control: input.response_cache_control.or_else(|| about.cache_control.clone()),
        content_disposition: input.response_content_disposition.or_else(|| about.content_disposition.clone()),
        content_encoding: input.response_content_encoding.or_else(|| about.content_encoding.clone()),
        content_language: input.response_content_language.or_else(|| about.content_language.clone()),
        content_length: Some(length(range.end - range.start)),
        content_range: input.range.map(|_| content_range(&range, object.size_bytes)),
        content_type: input.response_content_type.or_else(|| about.content_type.clone()),
        e_tag: Some(object.etag()),
        last_modified: Some(timestamp(object.modified_ms)),
        metadata: Some(about.metadata.clone().into_iter().collect()),
        tag_count: tag_count(about),
        ..GetObjectOutput::default()
    };
    // They are of the whole object: a client would check a range against them and fail.
    Ok(S3Response::new(match input.checksum_mode {
        Some(_) if range == whole => with_checksums!(output, object.checksums.clone()),
        _ => output,
    }))
}

/// Answers from the metadata alone.
pub(super) fn head(store: &Store, input: HeadObjectInput) -> S3Result<HeadObjectOutput> {
    if input.range.is_some() || input.part_number.is_some() {
        return Err(s3_error!(NotImplemented, "HEAD answers for whole objects"));
    }
    let object = version(store, &input.bucket, &input.key, input.version_id.as_deref())?;
    check_read(&object, input.if_match.as_ref(), input.if_none_match.as_ref())?;
    let about = object.about.clone();
    let output = HeadObjectOutput {
        accept_ranges: Some("bytes".to_owned()),
        cache_control: about.cache_control,
        content_disposition: about.content_disposition,
        content_encoding: about.content_encoding,
        content_language: about.content_language,
        content_length: Some(length(object.size_bytes)),
        content_type: about.content_type,
        e_tag: Some(object.etag()),
        last_modified: Some(timestamp(object.modified_ms)),
        metadata: Some(about.metadata.into_iter().collect()),
        ..HeadObjectOutput::default()
    };
    Ok(match input.checksum_mode {
        Some(_) => with_checksums!(output, object.checksums.clone()),
        None => output,
    })
}

/// The object of a key, or a version of it.
fn version(store: &Store, bucket: &str, key: &str, version: Option<&str>) -> S3Result<Arc<Object>> {
    match version {
        None => store.object(bucket, key),
        Some(version) => {
            let object = store.version(bucket, key, version)?;
            if object.is_marker { Err(s3_error!(MethodNotAllowed)) } else { Ok(object) }
        }
    }
}

pub(super) fn tagging(store: &Store, input: &GetObjectTaggingInput) -> S3Result<GetObjectTaggingOutput> {
    let object = store.object(&input.bucket, &input.key)?;
    let tags = object.about.tags.clone().into_iter();
    Ok(GetObjectTaggingOutput {
        tag_set: tags.map(|(key, value)| Tag { key: Some(key), value: Some(value) }).collect(),
        version_id: None,
    })
}

pub(super) async fn set_tagging(store: &Arc<Store>, input: PutObjectTaggingInput) -> S3Result<()> {
    let pairs = input.tagging.tag_set.into_iter();
    let pairs = pairs.map(|tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default()));
    let tags = unique_tags(pairs)?.into_iter().collect();
    blocking(store, move |store| store.set_tags(&input.bucket, &input.key, tags)).await
}

/// Tags from the `x-amz-tagging` header, which is a query string.
pub(super) fn parse_tags(header: Option<&str>) -> S3Result<BTreeMap<String, String>> {
    let pairs = form_urlencoded::parse(header.unwrap_or_default().as_bytes());
    unique_tags(pairs.map(|(key, value)| (key.into_owned(), value.into_owned())))
}

/// Without `aws-chunked`, which describes the request and not the object.
pub(super) fn stored_encoding(sent: Option<String>) -> Option<String> {
    let sent = sent?;
    let kept: Vec<_> = sent
        .split(',')
        .map(str::trim)
        .filter(|coding| *coding != "aws-chunked" && !coding.is_empty())
        .collect();
    (!kept.is_empty()).then(|| kept.join(","))
}

/// S3's limits: ten tags, keys of 1 to 128 and values of at most 256 characters.
fn unique_tags(pairs: impl Iterator<Item = (String, String)>) -> S3Result<BTreeMap<String, String>> {
    let mut tags = BTreeMap::new();
    for (key, value) in pairs {
        let fits = (1..=128).contains(&key.chars().count()) && value.chars().count() <= 256;
        if !fits || tags.insert(key, value).is_some() {
            return Err(s3_error!(InvalidTag));
        }
    }
    if tags.len() > 10 {
        return Err(s3_error!(InvalidTag, "an object has at most ten tags"));
    }
    Ok(tags)
}

fn tag_count(about: &About) -> Option<i32> {
    let count = i32::try_from(about.tags.len()).ok()?;
    (count > 0).then_some(count)
}

fn content_range(range: &Range<u64>, size_bytes: u64) -> String {
    format!("bytes {}-{}/{size_bytes}", range.start, range.end - 1)
}

fn length(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
