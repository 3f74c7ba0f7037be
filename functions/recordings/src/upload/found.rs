//! Looks for a copy that is in no item yet: its copier died after it wrote the object.

use aws_sdk_s3::error::SdkError;
use shared::aws::Bucket;
use shared::ledger::jobs::Copied;

use super::digests::Digests;
use super::put::store_error;
use crate::error::CopyError;
use crate::name::Name;
use crate::sniff::EXTENSIONS;

/// Returns the copy under a name, with the digests of the stored bytes; `None` if there is no object.
pub(crate) async fn find(bucket: &Bucket, name: &Name) -> Result<Option<Copied>, CopyError> {
    for extension in EXTENSIONS {
        let key = name.key(extension);
        let answer = bucket.client.get_object().bucket(&bucket.name).key(&key).send().await;
        let mut object = match answer {
            Ok(object) => object,
            // Without the permission to list, S3 answers 403 for an object that is not there.
            Err(SdkError::ServiceError(error)) if matches!(error.raw().status().as_u16(), 403 | 404) => {
                continue;
            }
            Err(error) => return Err(store_error(&error)),
        };
        let mut digests = Digests::default();
        while let Some(piece) = object.body.next().await {
            let piece =
                piece.map_err(|_| CopyError::transient_with("bucket", "the object's end is missing"))?;
            digests.update(&piece);
        }
        let etag = object.e_tag.unwrap_or_default();
        let content_type = object.content_type.as_deref().unwrap_or_default();
        return Ok(Some(digests.sums().copied(key, etag, content_type)));
    }
    Ok(None)
}
