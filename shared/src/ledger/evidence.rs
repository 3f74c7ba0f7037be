//! Evidence: the kept headers and the body of a delivery, packed in one frame.
//!
//! Before it is packed, a frame is the headers as one line of JSON, a line break, and the body byte for byte.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::packing::{self, UnpackError};
use super::values::MAX_INLINE_BYTES;
use crate::provider::Provider;

/// The headers kept as evidence of every provider, beside the provider's own. No other header is kept:
/// some are personal or secret.
const KEPT_HEADERS: [&str; 2] = ["content-type", "user-agent"];

/// Where the evidence of a delivery is.
#[derive(Clone)]
pub(super) enum Evidence {
    /// In the item.
    Inline(Vec<u8>),
    /// In the bucket, since the frame is so large.
    InBucket(Bytes),
}

/// The kept headers and the body of a delivery.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The kept headers by name; the values of one that was sent twice are joined by a comma.
    pub headers: Map<String, Value>,
    /// The body.
    pub body: Bytes,
}

impl Evidence {
    /// Packs the evidence of a delivery.
    pub(super) fn pack(provider: Provider, kept: &[(&'static str, HeaderValue)], body: &[u8]) -> Self {
        // Names and texts can always be written as JSON, which has no line breaks inside.
        let mut evidence = Vec::with_capacity(body.len() + 512);
        let _ = serde_json::to_writer(&mut evidence, &headers_json(kept));
        evidence.push(b'\n');
        evidence.extend_from_slice(body);
        // Packing into memory fails only where memory has run out.
        #[expect(clippy::expect_used, reason = "as for every allocation")]
        let frame = packing::pack(provider, &evidence).expect("memory");
        if frame.len() <= MAX_INLINE_BYTES { Self::Inline(frame) } else { Self::InBucket(Bytes::from(frame)) }
    }
}

/// The headers that are kept of a delivery.
pub(super) fn kept_headers(provider: Provider, headers: &HeaderMap) -> Vec<(&'static str, HeaderValue)> {
    let kept = |name: &HeaderName| {
        let mut names = KEPT_HEADERS.iter().chain(provider.evidence_headers());
        names.find(|kept| **kept == name.as_str()).copied()
    };
    headers.iter().filter_map(|(name, value)| Some((kept(name)?, value.clone()))).collect()
}

fn headers_json(headers: &[(&'static str, HeaderValue)]) -> Map<String, Value> {
    let mut kept = Map::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes());
        match kept.get_mut(*name) {
            Some(Value::String(known)) => *known = format!("{known}, {value}"),
            _ => drop(kept.insert((*name).to_owned(), Value::from(value))),
        }
    }
    kept
}

impl Request {
    /// Unpacks evidence.
    ///
    /// # Errors
    /// The frame can't be unpacked, or is not evidence.
    pub fn unpack(frame: &[u8]) -> Result<Self, UnpackError> {
        let unpacked = Bytes::from(packing::unpack(frame)?);
        let end = unpacked.iter().position(|byte| *byte == b'\n').ok_or(UnpackError::Damaged)?;
        let headers = serde_json::from_slice(&unpacked[..end]).map_err(|_| UnpackError::Damaged)?;
        Ok(Self { headers, body: unpacked.slice(end + 1..) })
    }
}

impl fmt::Debug for Evidence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Inline(_) => "Inline",
            Self::InBucket(_) => "InBucket",
        })
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Request").field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}
