//! One object in parts: a part is sent while the next one fills.

use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use shared::aws::Bucket;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::digests::{Sums, crc64nvme};
use super::put::store_error;
use crate::error::CopyError;
use crate::name::Name;
use crate::sniff::Media;

/// How long an abort may take. The bucket's lifecycle removes what is left.
const ABORT_TIMEOUT: Duration = Duration::from_secs(4);

/// An object in parts. Its requests run as tasks. So they go on during the download, and the upload's id is
/// known even if the copy is cut off while the upload begins.
#[derive(Debug)]
pub(super) struct Parts {
    key: String,
    upload_id: Option<String>,
    starting: JoinSet<Result<String, CopyError>>,
    sending: JoinSet<Result<CompletedPart, CopyError>>,
    sent: Vec<CompletedPart>,
    complete: bool,
}

impl Parts {
    /// Begins an object.
    pub(super) fn start(bucket: &Bucket, name: &Name, key: String, media: Media) -> Self {
        let request = (bucket.client.create_multipart_upload().bucket(&bucket.name).key(&key))
            .content_type(media.content_type)
            .checksum_algorithm(ChecksumAlgorithm::Crc64Nvme)
            .checksum_type(ChecksumType::FullObject)
            .set_metadata(Some(name.metadata()))
            .tagging(name.tagging());
        let mut starting = JoinSet::new();
        starting.spawn(async move {
            let answer = request.send().await.map_err(|error| store_error(&error))?;
            answer.upload_id.ok_or_else(|| CopyError::transient_with("bucket", "no upload id"))
        });
        let (sending, sent) = (JoinSet::new(), Vec::new());
        Self { key, upload_id: None, starting, sending, sent, complete: false }
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Sends a part, after the one before it has arrived.
    pub(super) async fn send(&mut self, bucket: &Bucket, content: Bytes) -> Result<(), CopyError> {
        let upload_id = self.upload_id().await?;
        self.settle().await?;
        let number = i32::try_from(self.sent.len() + 1).unwrap_or(i32::MAX);
        let checksum = crc64nvme(&content);
        let request = (bucket.client.upload_part().bucket(&bucket.name).key(&self.key))
            .upload_id(upload_id)
            .part_number(number)
            .checksum_crc64_nvme(&checksum)
            .body(ByteStream::from(content))
            .customize()
            // The checksum is signed, and S3 compares it with the content: that is proof enough.
            .disable_payload_signing();
        self.sending.spawn(async move {
            let answer = request.send().await.map_err(|error| store_error(&error))?;
            let part = CompletedPart::builder().part_number(number).checksum_crc64_nvme(checksum);
            Ok(part.set_e_tag(answer.e_tag).build())
        });
        Ok(())
    }

    /// Makes an object of the parts, if its name is free. S3 compares its checksum and size with ours.
    pub(super) async fn complete(&mut self, bucket: &Bucket, sums: &Sums) -> Result<String, CopyError> {
        let upload_id = self.upload_id().await?;
        self.settle().await?;
        let parts = CompletedMultipartUpload::builder().set_parts(Some(self.sent.clone())).build();
        let answer = (bucket.client.complete_multipart_upload().bucket(&bucket.name).key(&self.key))
            .upload_id(upload_id)
            .if_none_match("*")
            .checksum_crc64_nvme(&sums.crc64nvme)
            .checksum_type(ChecksumType::FullObject)
            .mpu_object_size(i64::try_from(sums.size).unwrap_or(i64::MAX))
            .multipart_upload(parts)
            .send()
            .await
            .map_err(|error| store_error(&error))?;
        self.complete = true;
        Ok(answer.e_tag.unwrap_or_default())
    }

    /// Removes what was sent.
    pub(super) async fn abort(mut self, bucket: &Bucket) {
        self.sending.abort_all();
        let abort = async {
            let Ok(upload_id) = self.upload_id().await else { return Ok(()) };
            let request = bucket.client.abort_multipart_upload().bucket(&bucket.name).key(&self.key);
            request.upload_id(upload_id).send().await.map(|_| ()).map_err(|error| store_error(&error))
        };
        match timeout(ABORT_TIMEOUT, abort).await {
            Ok(Ok(())) => {}
            Ok(Err(fault)) => tracing::warn!(?fault, "an upload was not aborted; the lifecycle removes it"),
            Err(_) => tracing::warn!("an upload was not aborted in time; the lifecycle removes it"),
        }
    }

    async fn upload_id(&mut self) -> Result<String, CopyError> {
        if let Some(started) = self.starting.join_next().await {
            self.upload_id = Some(started.map_err(|_| CopyError::transient("task_lost"))??);
        }
        self.upload_id.clone().ok_or_else(|| CopyError::transient("upload_lost"))
    }

    /// Waits until no part is on its way.
    pub(super) async fn settle(&mut self) -> Result<(), CopyError> {
        while let Some(sent) = self.sending.join_next().await {
            self.sent.push(sent.map_err(|_| CopyError::transient("task_lost"))??);
        }
        Ok(())
    }
}
