//! Every version of the objects of something that is erased.

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::list_object_versions::ListObjectVersionsOutput;
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::{Amounts, StoreError};
use crate::aws::Bucket;
use crate::ledger::key::covers;

/// The names of the amounts of objects, by the folder that they are in.
const KINDS: [(&str, &str); 4] = [
    ("recordings/", "copies"),
    ("values/", "large_values"),
    ("evidence/", "large_bodies"),
    ("quarantine/", "large_bodies"),
];

/// The number of versions that are deleted at a time. Requests for many at once would save little: a call has few.
const DELETES_AT_ONCE: usize = 16;

/// Counts the versions of objects, and their bytes.
pub(super) async fn survey(bucket: &Bucket, objects: &[String]) -> Result<Amounts, StoreError> {
    let mut found = Amounts::default();
    for beginning in objects {
        let kind = KINDS.into_iter().find(|(folder, _)| beginning.starts_with(folder));
        let kind = kind.map_or("objects", |(_, kind)| kind);
        let mut pages = Pages::of(bucket, beginning);
        while let Some(page) = pages.next().await? {
            for version in page.versions() {
                if version.key().is_some_and(|key| covers(beginning, key)) {
                    found.add(kind, version.size().and_then(|size| u64::try_from(size).ok()).unwrap_or(0));
                }
            }
        }
    }
    Ok(found)
}

/// Deletes every version of objects, and every marker of a deletion.
pub(in crate::ledger) async fn delete(bucket: &Bucket, objects: &[String]) -> Result<(), StoreError> {
    for beginning in objects {
        let mut pages = Pages::of(bucket, beginning);
        while let Some(page) = pages.next().await? {
            let versions = page.versions().iter().map(|version| (version.key(), version.version_id()));
            let markers = page.delete_markers().iter().map(|marker| (marker.key(), marker.version_id()));
            let doomed: Vec<_> = (versions.chain(markers))
                .filter_map(|(key, version)| Some((key.filter(|key| covers(beginning, key))?, version?)))
                .map(|(key, version)| delete_version(bucket, key.to_owned(), version.to_owned()))
                .collect();
            let deleted = futures_util::stream::iter(doomed).buffer_unordered(DELETES_AT_ONCE);
            deleted.try_collect::<()>().await?;
        }
    }
    Ok(())
}

async fn delete_version(bucket: &Bucket, key: String, version: String) -> Result<(), StoreError> {
    let delete = bucket.client.delete_object().bucket(&bucket.name).key(key).version_id(version);
    delete.send().await.map(|_| ()).map_err(|error| unavailable(&error))
}

/// The pages of the versions of the keys with a prefix.
struct Pages<'a> {
    bucket: &'a Bucket,
    prefix: &'a str,
    /// The last key and version of the page before; `None` after the last page.
    after: Option<(Option<String>, Option<String>)>,
}

impl<'a> Pages<'a> {
    fn of(bucket: &'a Bucket, prefix: &'a str) -> Self {
        Self { bucket, prefix, after: Some((None, None)) }
    }

    async fn next(&mut self) -> Result<Option<ListObjectVersionsOutput>, StoreError> {
        let Some((key, version)) = self.after.take() else { return Ok(None) };
        let Bucket { client, name } = self.bucket;
        let request = client.list_object_versions().bucket(name).prefix(self.prefix);
        let request = request.set_key_marker(key).set_version_id_marker(version);
        let page = request.send().await.map_err(|error| unavailable(&error))?;
        if page.is_truncated() == Some(true) {
            let marker = |marker: Option<&str>| marker.map(str::to_owned);
            self.after = Some((marker(page.next_key_marker()), marker(page.next_version_id_marker())));
        }
        Ok(Some(page))
    }
}

/// S3's code, and nothing of the request.
fn unavailable<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> StoreError {
    let cause = match error {
        SdkError::ServiceError(service) => service.err().code().unwrap_or("unknown error"),
        SdkError::TimeoutError(_) => "timed out",
        SdkError::DispatchFailure(_) => "could not be reached",
        _ => "no answer",
    };
    StoreError(format!("the bucket: {cause}"))
}
