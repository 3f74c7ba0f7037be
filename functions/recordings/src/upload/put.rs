//! Writes one object in one request, and compares objects.

use std::time::Duration;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumMode, ChecksumType};
use bytes::Bytes;
use shared::aws::Bucket;
use shared::ledger::jobs::Copied;
use tokio::time::sleep;

use super::digests::Sums;
use crate::error::CopyError;
use crate::name::Name;
use crate::sniff::Media;

/// The metadata entry with an object's SHA-256, if that was known before the upload.
const SHA256: &str = "sha256";

/// The pauses before a request that met a conflict is sent again.
const CONFLICT_PAUSES: [Duration; 3] =
    [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(4)];

/// A recording that is in memory as a whole.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) content: Bytes,
    pub(super) digests: Sums,
    pub(super) media: Media,
}

/// The result of [`put`].
#[derive(Debug)]
pub(super) enum Put {
    /// The object is there: written now, or earlier with the same bytes.
    Stored(Copied),
    /// Another object has the name.
    TakenByOther,
}

/// The result of [`compare`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The same bytes.
    Same {
        /// Their entity tag.
        etag: String,
    },
    /// Other bytes.
    Other,
    /// Nothing.
    Nothing,
}

/// Writes an object if its name is free.
pub(super) async fn put(bucket: &Bucket, name: &Name, body: &Body) -> Result<Put, CopyError> {
    for pause in CONFLICT_PAUSES {
        match put_once(bucket, name, body).await {
            // Another request for the same name is not over yet: perhaps one of ours that timed out.
            Err(fault) if fault == conflict() => sleep(pause).await,
            put => return put,
        }
    }
    put_once(bucket, name, body).await
}

async fn put_once(bucket: &Bucket, name: &Name, body: &Body) -> Result<Put, CopyError> {
    let (key, sums) = (name.key(body.media.extension), &body.digests);
    let mut metadata = name.metadata();
    metadata.insert(SHA256.to_owned(), sums.sha256.clone());
    let sent = (bucket.client.put_object().bucket(&bucket.name).key(&key))
        .if_none_match("*")
        .content_type(body.media.content_type)
        .checksum_crc64_nvme(&sums.crc64nvme)
        .set_metadata(Some(metadata))
        .tagging(name.tagging())
        .body(ByteStream::from(body.content.clone()))
        .customize()
        // The checksum is signed, and S3 compares it with the content: that is proof enough.
        .disable_payload_signing()
        .send()
        .await;
    let stored = |etag: String| Put::Stored(sums.copied(key.clone(), etag, body.media.content_type));
    match sent {
        Ok(answer) => Ok(stored(answer.e_tag.unwrap_or_default())),
        Err(error) if is_precondition(&error) => match compare(bucket, &key, sums).await? {
            Found::Same { etag } => Ok(stored(etag)),
            Found::Other => Ok(Put::TakenByOther),
            // It was deleted between the two requests.
            Found::Nothing => Err(CopyError::transient("object_taken")),
        },
        Err(error) => Err(store_error(&error)),
    }
}

/// Compares the object under a key with the recording.
pub(super) async fn compare(bucket: &Bucket, key: &str, sums: &Sums) -> Result<Found, CopyError> {
    let head = (bucket.client.head_object().bucket(&bucket.name).key(key))
        .checksum_mode(ChecksumMode::Enabled)
        .send()
        .await;
    // Without the permission to list, S3 answers 403 for an object that is not there.
    let head = match head {
        Ok(head) => head,
        Err(SdkError::ServiceError(error)) if matches!(error.raw().status().as_u16(), 403 | 404) => {
            return Ok(Found::Nothing);
        }
        Err(error) => return Err(store_error(&error)),
    };
    let sha256 = head.metadata().and_then(|metadata| metadata.get(SHA256));
    let full = head.checksum_type().is_none_or(|kind| *kind == ChecksumType::FullObject);
    let same_content = match (sha256, head.checksum_crc64_nvme()) {
        (Some(sha256), _) => *sha256 == sums.sha256,
        (None, Some(crc64nvme)) => full && crc64nvme == sums.crc64nvme,
        (None, None) => false,
    };
    let same_size = head.content_length().and_then(|size| u64::try_from(size).ok()) == Some(sums.size);
    Ok(if same_content && same_size {
        Found::Same { etag: head.e_tag.unwrap_or_default() }
    } else {
        Found::Other
    })
}

/// The error of S3 while another conditional request for the same name is not over.
fn conflict() -> CopyError {
    CopyError::transient_with("bucket", "ConditionalRequestConflict")
}

/// Whether a request failed because its object is there already.
fn is_precondition<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> bool {
    error.code() == Some("PreconditionFailed")
}

/// Returns the error of a request to the bucket: S3's code, and nothing of the request.
pub(super) fn store_error<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> CopyError {
    let detail = match error {
        SdkError::ServiceError(service) => service.err().code().unwrap_or("unknown error"),
        SdkError::TimeoutError(_) => "timed out",
        SdkError::DispatchFailure(_) => "could not be reached",
        _ => "no answer",
    };
    CopyError::transient_with("bucket", detail)
}
