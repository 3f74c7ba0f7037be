//! Claim checks: what is too large for an item is put in the bucket, and the item holds the claim.

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata as _;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use serde_json::{Value, json};

use super::Unavailable;

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
pub struct Claims {
    client: Client,
    bucket: String,
}

impl Claims {
    /// Claims in a bucket.
    pub fn new(client: Client, bucket: String) -> Self {
        Self { client, bucket }
    }

    /// Puts an object that other deliveries may have put before, with the same content.
    pub(super) async fn put(&self, key: &str, content: Bytes) -> Result<(), Unavailable> {
        loop {
            let put = self.client.put_object().bucket(&self.bucket).key(key).if_none_match("*");
            let Err(error) = put.body(ByteStream::from(content.clone())).send().await else { return Ok(()) };
            match error.code() {
                Some("PreconditionFailed") => return Ok(()),
                // Another delivery is putting the same content at this moment.
                Some("ConditionalRequestConflict") => tokio::time::sleep(CONFLICT_PAUSE).await,
                code => {
                    return Err(Unavailable(format!(
                        "the bucket: {}",
                        code.unwrap_or("could not be reached")
                    )));
                }
            }
        }
    }

    /// Fetches what a claim stands for; `None` if it is no claim or the object is not there.
    ///
    /// A payload may hold what looks like a claim, so nothing but its own source's values is ever
    /// fetched for one.
    pub async fn fetch(&self, provider: &str, source: &str, value: &Value) -> Option<Value> {
        let key = value.get(CLAIM)?.get("s3_key")?.as_str()?;
        if !key.starts_with(&value_prefix(provider, source)) {
            return None;
        }
        let object = self.client.get_object().bucket(&self.bucket).key(key).send().await.ok()?;
        let content = object.body.collect().await.ok()?.into_bytes();
        serde_json::from_slice(&content).ok()
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

fn value_prefix(provider: &str, source: &str) -> String {
    format!("{VALUES_PREFIX}{provider}/{source}/")
}

/// What stands in the record for a value in the bucket.
pub(super) fn claim(key: &str, sha256: &str, size_bytes: usize) -> Value {
    json!({ CLAIM: { "s3_key": key, "sha256": sha256, "size_bytes": size_bytes } })
}
