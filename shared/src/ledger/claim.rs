//! Claim checks: what is too large for an item is put in the bucket, and the item holds the claim.

use std::fmt;
use std::time::Duration;

use aws_smithy_runtime::client::orchestrator::operation::Operation;
use base64::prelude::{BASE64_STANDARD, Engine as _};
use bytes::Bytes;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::Unavailable;
use crate::aws::Aws;
use crate::aws::operation::{Refused, Unsigned, cause};

/// What is larger than this does not stay in an item.
pub const MAX_INLINE_BYTES: usize = 16 * 1024;

/// The member by which a claim is known among a record's values.
pub const CLAIM: &str = "$claim";

/// Where the raw bodies of large deliveries are; they expire with their deliveries.
const EVIDENCE_PREFIX: &str = "evidence/";

/// Where large values of records are, such as transcripts; they stay as long as the records.
const VALUES_PREFIX: &str = "values/";

/// How long to wait for somebody else's put of the same object.
const CONFLICT_PAUSE: Duration = Duration::from_millis(50);

/// The bucket that large values go to, under the SHA-256 of their content.
#[derive(Clone, Debug)]
pub(super) struct Claims(Operation<Object, (), Refused>);

struct Object {
    key: String,
    content: Bytes,
}

impl Claims {
    /// Claims in a bucket.
    pub(super) fn new(aws: &Aws, bucket: &str) -> Self {
        let request = |Object { key, content }| {
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
        Self(aws.bucket(bucket).operation("PutObject", request, |_| Ok(())))
    }

    /// Puts an object that other deliveries may have put before, with the same content.
    pub(super) async fn put(&self, key: &str, content: Bytes) -> Result<(), Unavailable> {
        loop {
            let object = Object { key: key.to_owned(), content: content.clone() };
            let Err(error) = self.0.invoke(object).await else { return Ok(()) };
            match cause(&error) {
                "PreconditionFailed" => return Ok(()),
                // Another delivery is putting the same content at this moment.
                "ConditionalRequestConflict" => tokio::time::sleep(CONFLICT_PAUSE).await,
                cause => return Err(Unavailable(format!("the bucket: {cause}"))),
            }
        }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Object").field("key", &self.key).finish_non_exhaustive()
    }
}

/// The object key of a delivery's body.
pub(super) fn evidence_key(sha256: &str) -> String {
    format!("{EVIDENCE_PREFIX}{sha256}")
}

/// The object key of a record's large value.
pub(super) fn value_key(provider: &str, source: &str, sha256: &str) -> String {
    format!("{}{sha256}.json", value_prefix(provider, source))
}

/// How the object keys of a source's large values begin.
pub fn value_prefix(provider: &str, source: &str) -> String {
    format!("{VALUES_PREFIX}{provider}/{source}/")
}

/// What stands in the record for a value in the bucket.
pub(super) fn claim(key: &str, sha256: &str, size_bytes: usize) -> Value {
    json!({ CLAIM: { "s3_key": key, "sha256": sha256, "size_bytes": size_bytes } })
}
