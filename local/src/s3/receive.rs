//! Receives a body into a blob, and checks it against the checksums that the client sent.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity.html>

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures_util::StreamExt;
use http::HeaderMap;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use s3s::dto::StreamingBlob;
use s3s::{S3Error, S3Result, TrailingHeaders, s3_error};

use super::blob::Blob;
use super::model::Checksums;
use super::store::Store;

/// A body that arrived whole, with the checksums that the client sent.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) blob: Arc<Blob>,
    pub(super) md5: String,
    /// Those the client sent, and CRC64NVME always.
    pub(super) checksums: Checksums,
}

/// The checksums that a client sends before a body and after it.
#[derive(Debug)]
pub(super) struct Expected {
    content_md5: Option<String>,
    checksums: Checksums,
    /// The `x-amz-trailer` header: names of checksums that follow the body.
    announced: String,
    trailers: Option<TrailingHeaders>,
}

impl Expected {
    pub(super) fn new(
        content_md5: Option<String>,
        checksums: Checksums,
        headers: &HeaderMap,
        trailers: Option<TrailingHeaders>,
    ) -> Expected {
        let announced = headers
            .get_all("x-amz-trailer")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .collect::<Vec<_>>()
            .join(",");
        Expected { content_md5, checksums, announced: announced.to_ascii_lowercase(), trailers }
    }

    fn announces(&self, trailer: &str) -> bool {
        self.announced.split(',').any(|name| name.trim() == trailer)
    }
}

/// Streams `body` into a new blob.
///
/// # Errors
/// `BadDigest` if a checksum differs, `InvalidRequest` if an announced one did not come.
pub(super) async fn receive(
    store: &Store,
    body: Option<StreamingBlob>,
    mut expected: Expected,
) -> S3Result<Received> {
    let mut md5 = Md5::new();
    let mut hasher = hasher(&expected);
    let mut writer = store.writer().await.map_err(internal)?;
    if let Some(mut body) = body {
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(broken_body)?;
            md5.update(&chunk);
            hasher.update(&chunk);
            writer.write(chunk).await.map_err(internal)?;
        }
    }
    let md5 = md5.finalize();
    if let Some(content_md5) = &expected.content_md5 {
        let sent = STANDARD.decode(content_md5);
        let sent = sent.map_err(|error| s3_error!(error, InvalidDigest))?;
        if sent != md5 {
            return Err(s3_error!(BadDigest, "Content-MD5 does not match the body"));
        }
    }
    let computed = computed(hasher);
    expected.read_trailers()?;
    expected.checksums.check(&computed)?;
    Ok(Received {
        blob: writer.finish().await.map_err(internal)?,
        md5: hex::encode(md5),
        checksums: computed,
    })
}

impl Expected {
    /// Adds the checksums that came after the body.
    fn read_trailers(&mut self) -> S3Result<()> {
        let trailers = self.trailers.take().and_then(|trailers| trailers.take());
        let trailers = trailers.unwrap_or_default();
        let announced = self.announced.split(',').map(str::trim);
        for name in announced.filter(|name| name.starts_with("x-amz-checksum-")) {
            let Some(place) = self.checksums.by_trailer(name) else {
                return Err(s3_error!(NotImplemented, "the trailer {name} is not known"));
            };
            let sent = trailers.get(name).and_then(|value| value.to_str().ok());
            let Some(sent) = sent else {
                return Err(s3_error!(InvalidRequest, "the trailer {name} is missing"));
            };
            *place = Some(sent.to_owned());
        }
        Ok(())
    }
}

impl Checksums {
    /// Compares each checksum that is there with the one computed.
    pub(super) fn check(&self, computed: &Checksums) -> S3Result<()> {
        let pairs = [
            ("crc32", &self.crc32, &computed.crc32),
            ("crc32c", &self.crc32c, &computed.crc32c),
            ("crc64nvme", &self.crc64nvme, &computed.crc64nvme),
            ("sha1", &self.sha1, &computed.sha1),
            ("sha256", &self.sha256, &computed.sha256),
        ];
        for (name, sent, computed) in pairs {
            if sent.is_some() && sent != computed {
                return Err(s3_error!(BadDigest, "the {name} you specified did not match what was received"));
            }
        }
        Ok(())
    }

    fn by_trailer(&mut self, name: &str) -> Option<&mut Option<String>> {
        match name {
            "x-amz-checksum-crc32" => Some(&mut self.crc32),
            "x-amz-checksum-crc32c" => Some(&mut self.crc32c),
            "x-amz-checksum-crc64nvme" => Some(&mut self.crc64nvme),
            "x-amz-checksum-sha1" => Some(&mut self.sha1),
            "x-amz-checksum-sha256" => Some(&mut self.sha256),
            _ => None,
        }
    }
}

/// Computes what the client sent or will send, and CRC64NVME, which every object has.
fn hasher(expected: &Expected) -> ChecksumHasher {
    let sent = &expected.checksums;
    let wanted = |sent: &Option<String>, trailer| sent.is_some() || expected.announces(trailer);
    ChecksumHasher {
        crc32: wanted(&sent.crc32, "x-amz-checksum-crc32").then(Crc32::new),
        crc32c: wanted(&sent.crc32c, "x-amz-checksum-crc32c").then(Crc32c::new),
        sha1: wanted(&sent.sha1, "x-amz-checksum-sha1").then(Sha1::new),
        sha256: wanted(&sent.sha256, "x-amz-checksum-sha256").then(Sha256::new),
        crc64nvme: Some(Crc64Nvme::new()),
    }
}

fn computed(hasher: ChecksumHasher) -> Checksums {
    let computed = hasher.finalize();
    Checksums {
        crc32: computed.checksum_crc32,
        crc32c: computed.checksum_crc32c,
        crc64nvme: computed.checksum_crc64nvme,
        sha1: computed.checksum_sha1,
        sha256: computed.checksum_sha256,
    }
}

/// CRC64NVME of blobs laid end to end, as base64. Blocks.
pub(super) fn crc64nvme(blobs: &[Arc<Blob>]) -> S3Result<String> {
    let mut crc = Crc64Nvme::new();
    for blob in blobs {
        blob.for_each_chunk(|chunk| crc.update(chunk)).map_err(internal)?;
    }
    Ok(STANDARD.encode(crc.finalize()))
}

fn internal(error: std::io::Error) -> S3Error {
    s3_error!(error, InternalError)
}

/// `s3s` checks the signature's SHA-256 while the body streams, and says so only in words.
fn broken_body(error: Box<dyn std::error::Error + Send + Sync>) -> S3Error {
    if error.to_string().contains("Mismatch") {
        s3_error!(BadDigest, "the body does not match its signature")
    } else {
        s3_error!(IncompleteBody, "the body ended early: {error}")
    }
}
