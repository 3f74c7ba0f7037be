//! ListObjectsV2.

use std::ops::Bound;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{CommonPrefix, EncodingType, ListObjectsV2Input, ListObjectsV2Output, Object};
use s3s::{S3Result, s3_error};

use super::model::timestamp;
use super::store::{Objects, Store};

const MAXIMUM_KEYS: i32 = 1000;

/// The characters that `encoding-type=url` encodes.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Lists one page. The continuation token is the last key or common prefix of the page before.
pub(super) fn list(store: &Store, input: ListObjectsV2Input) -> S3Result<ListObjectsV2Output> {
    let after = match &input.continuation_token {
        None => input.start_after.clone(),
        Some(token) => Some(decode_token(token)?),
    };
    let maximum = input.max_keys.unwrap_or(MAXIMUM_KEYS).clamp(0, MAXIMUM_KEYS);
    let prefix = input.prefix.clone().unwrap_or_default();
    let delimiter = input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty());
    let limit = usize::try_from(maximum).unwrap_or_default();
    let page = store
        .with_bucket(&input.bucket, |objects| page(objects, &prefix, delimiter, after.as_deref(), limit))?;

    let url = input.encoding_type.as_ref().is_some_and(|encoding| encoding.as_str() == EncodingType::URL);
    let encoded = |key: &str| match url {
        true => utf8_percent_encode(key, ENCODED).to_string(),
        false => key.to_owned(),
    };
    let contents =
        page.objects.into_iter().map(|object| Object { key: object.key.as_deref().map(encoded), ..object });
    let common_prefixes = page.prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(encoded(prefix)) });
    let contents: Vec<_> = contents.collect();
    let common_prefixes: Vec<_> = common_prefixes.collect();
    Ok(ListObjectsV2Output {
        name: Some(input.bucket),
        key_count: i32::try_from(contents.len() + common_prefixes.len()).ok(),
        contents: Some(contents),
        common_prefixes: Some(common_prefixes),
        prefix: Some(encoded(&prefix)),
        delimiter: input.delimiter.as_deref().map(encoded),
        max_keys: Some(maximum),
        is_truncated: Some(page.next.is_some()),
        next_continuation_token: page.next.map(|last| URL_SAFE_NO_PAD.encode(last)),
        continuation_token: input.continuation_token,
        start_after: input.start_after,
        encoding_type: input.encoding_type,
        ..ListObjectsV2Output::default()
    })
}

#[derive(Default)]
struct Page {
    objects: Vec<Object>,
    prefixes: Vec<String>,
    /// The last entry, if there are more.
    next: Option<String>,
}

fn page(objects: &Objects, prefix: &str, delimiter: Option<&str>, after: Option<&str>, limit: usize) -> Page {
    let mut page = Page::default();
    let mut last: Option<String> = None;
    let from = match after {
        Some(after) if after >= prefix => Bound::Excluded(after),
        _ => Bound::Included(prefix),
    };
    let matching = objects.range::<str, _>((from, Bound::Unbounded));
    for (key, object) in matching.take_while(|(key, _)| key.starts_with(prefix)) {
        let common = delimiter.and_then(|delimiter| common_prefix(key, prefix, delimiter));
        // A page may have ended with this common prefix, and many keys share it.
        if common.is_some_and(|common| after == Some(common) || last.as_deref() == Some(common)) {
            continue;
        }
        if page.objects.len() + page.prefixes.len() == limit {
            page.next = last;
            return page;
        }
        match common {
            Some(common) => page.prefixes.push(common.to_owned()),
            None => page.objects.push(Object {
                e_tag: Some(object.etag()),
                key: Some(key.clone()),
                last_modified: Some(timestamp(object.modified_ms)),
                size: i64::try_from(object.size_bytes).ok(),
                ..Object::default()
            }),
        }
        last = Some(common.unwrap_or(key).to_owned());
    }
    page
}

/// `key` up to and with the first delimiter after the prefix.
fn common_prefix<'a>(key: &'a str, prefix: &str, delimiter: &str) -> Option<&'a str> {
    let rest = key.get(prefix.len()..)?;
    let end = prefix.len() + rest.find(delimiter)? + delimiter.len();
    key.get(..end)
}

fn decode_token(token: &str) -> S3Result<String> {
    let key = URL_SAFE_NO_PAD.decode(token).ok();
    let key = key.and_then(|key| String::from_utf8(key).ok());
    key.ok_or_else(|| s3_error!(InvalidArgument, "the continuation token is not one of ours"))
}
