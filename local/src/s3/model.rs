//! Objects and multipart uploads as the store keeps them: in memory and as documents.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use s3s::dto::{ETag, Timestamp};
use serde::{Deserialize, Serialize};

use super::blob::Blob;

/// A published object.
#[derive(Clone, Debug)]
pub(super) struct Object {
    pub(super) about: About,
    pub(super) etag: String,
    /// Of the whole object, never composite.
    pub(super) checksums: Checksums,
    pub(super) size_bytes: u64,
    pub(super) modified_ms: u64,
    /// A greater one is newer. 0 where its bucket keeps none.
    pub(super) version: u64,
    /// Whether it stands for a deletion.
    pub(super) is_marker: bool,
    /// One for a simple put, one per part otherwise: completing an upload copies nothing.
    pub(super) blobs: Vec<Arc<Blob>>,
}

/// A multipart upload neither completed nor aborted.
#[derive(Clone, Debug)]
pub(super) struct Upload {
    pub(super) about: About,
    pub(super) id: String,
    pub(super) started_ms: u64,
    pub(super) parts: BTreeMap<i32, Part>,
}

/// One received part of an upload.
#[derive(Clone, Debug)]
pub(super) struct Part {
    pub(super) etag: String,
    pub(super) checksums: Checksums,
    pub(super) modified_ms: u64,
    pub(super) blob: Arc<Blob>,
}

/// Texts by name. Every object in the index has some, and a map takes half a kilobyte for the first one.
pub(super) type Texts = Box<[(String, String)]>;

/// The metadata that the client sent when it began to write an object.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct About {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) content_type: Option<String>,
    pub(super) cache_control: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) content_language: Option<String>,
    /// The `x-amz-meta-*` headers, without that prefix.
    pub(super) metadata: Texts,
    pub(super) tags: Texts,
}

/// Base64 checksums by algorithm.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Checksums {
    pub(super) crc32: Option<String>,
    pub(super) crc32c: Option<String>,
    pub(super) crc64nvme: Option<String>,
    pub(super) sha1: Option<String>,
    pub(super) sha256: Option<String>,
}

/// An [`Object`] on disk.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ObjectDocument {
    pub(super) about: About,
    pub(super) etag: String,
    pub(super) checksums: Checksums,
    pub(super) size_bytes: u64,
    pub(super) modified_ms: u64,
    #[serde(default)]
    pub(super) version: u64,
    #[serde(default)]
    pub(super) is_marker: bool,
    pub(super) blobs: Vec<BlobName>,
}

/// An [`Upload`] on disk.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct UploadDocument {
    pub(super) about: About,
    pub(super) id: String,
    pub(super) started_ms: u64,
    pub(super) parts: Vec<PartDocument>,
}

/// A [`Part`] on disk.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PartDocument {
    pub(super) number: i32,
    pub(super) etag: String,
    pub(super) checksums: Checksums,
    pub(super) modified_ms: u64,
    pub(super) blob: BlobName,
}

/// A [`Blob`] on disk.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct BlobName {
    pub(super) name: String,
    pub(super) size_bytes: u64,
}

impl Object {
    /// The name of this object's document. A bucket's name has no slash, so no two objects have the same.
    pub(super) fn id(&self) -> String {
        format!("{}/{}", self.about.bucket, self.about.key)
    }

    pub(super) fn document(&self) -> ObjectDocument {
        ObjectDocument {
            about: self.about.clone(),
            etag: self.etag.clone(),
            checksums: self.checksums.clone(),
            size_bytes: self.size_bytes,
            modified_ms: self.modified_ms,
            version: self.version,
            is_marker: self.is_marker,
            blobs: self.blobs.iter().map(|blob| BlobName::of(blob)).collect(),
        }
    }

    pub(super) fn discard(&self) {
        self.blobs.iter().for_each(|blob| blob.discard());
    }

    pub(super) fn etag(&self) -> ETag {
        ETag::Strong(self.etag.clone())
    }
}

impl Upload {
    pub(super) fn document(&self) -> UploadDocument {
        UploadDocument {
            about: self.about.clone(),
            id: self.id.clone(),
            started_ms: self.started_ms,
            parts: self.parts.iter().map(PartDocument::of).collect(),
        }
    }
}

impl PartDocument {
    fn of((number, part): (&i32, &Part)) -> PartDocument {
        PartDocument {
            number: *number,
            etag: part.etag.clone(),
            checksums: part.checksums.clone(),
            modified_ms: part.modified_ms,
            blob: BlobName::of(&part.blob),
        }
    }
}

impl BlobName {
    fn of(blob: &Blob) -> BlobName {
        BlobName { name: blob.name(), size_bytes: blob.size_bytes }
    }
}

/// Milliseconds since 1970.
pub(super) fn now_ms() -> u64 {
    let since_epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn timestamp(ms: u64) -> Timestamp {
    Timestamp::from(SystemTime::UNIX_EPOCH + Duration::from_millis(ms))
}
