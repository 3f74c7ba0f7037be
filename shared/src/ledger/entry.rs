//! One delivery on its way into the ledger.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::claim::{self, MAX_INLINE_BYTES};
use crate::event::{CallEvent, Normalized, Unusable};
use crate::proof::{Freshness, Proof};
use crate::provider::{Provider, Verified};
use crate::timestamp::Timestamp;

/// Bodies below this are kept as they are: compressing them takes longer than all else that is done
/// with a delivery, to save a write unit or two.
const MIN_COMPRESSED_BYTES: usize = 4 * 1024;

/// The headers kept as evidence, and no others: some carry what is nobody's business.
const KEPT_HEADERS: [&str; 7] = [
    "content-type",
    "user-agent",
    "x-sautikit-signature",
    "x-sautikit-idempotency-key",
    "x-sautikit-event",
    "telnyx-signature-ed25519",
    "telnyx-timestamp",
];

/// A verified delivery with all that the ledger keeps of it.
#[derive(Clone)]
pub struct Entry {
    /// Who sent it.
    pub provider: Provider,
    /// To which source.
    pub source: String,
    /// When it arrived.
    pub received_at: Timestamp,
    /// How it proved itself.
    pub proof: Proof,
    /// The SHA-256 of the body, in hex.
    pub body_sha256: String,
    /// The body's size as it arrived.
    pub body_bytes: usize,
    /// The body as it is kept.
    pub(super) body: KeptBody,
    /// The headers that are kept.
    headers: Vec<(&'static str, HeaderValue)>,
    /// What to do with it.
    pub content: Content,
    /// Objects that must be in the bucket before the items are written: key and content.
    pub(super) objects: Vec<(String, Bytes)>,
}

/// What the ledger does with a delivery.
#[derive(Clone, Debug)]
pub enum Content {
    /// Apply it to its call's record.
    Event(Box<CallEvent>),
    /// Keep it; no record has use for it.
    Ignored {
        /// The provider's name for it.
        kind: String,
        /// What makes two deliveries the same event.
        dedupe_key: Option<String>,
        /// The call it is about, if it names one.
        call_id: Option<String>,
    },
    /// Keep it for a person to look at.
    Quarantined {
        /// The stable code of why.
        reason: &'static str,
        /// The provider's name for the kind, where it could be read.
        kind: Option<String>,
        /// The key under which it may have been applied already, when it was younger.
        dedupe_key: Option<String>,
        /// The call it is about, if it names one.
        call_id: Option<String>,
    },
}

#[derive(Clone)]
pub(super) enum KeptBody {
    Plain(Bytes),
    Zstd(Vec<u8>),
    /// In the bucket, compressed, under this key.
    Claimed(String),
}

impl fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, source, body_sha256, .. } = self;
        let mut entry = formatter.debug_struct("Entry");
        entry
            .field("provider", provider)
            .field("source", source)
            .field("body_sha256", body_sha256)
            .finish_non_exhaustive()
    }
}

impl Entry {
    /// Prepares a verified delivery: stale ones for quarantine, large values for the bucket.
    pub fn new(
        provider: Provider,
        source: &str,
        received_at: Timestamp,
        headers: &HeaderMap,
        verified: &Verified,
        normalized: Normalized,
    ) -> Self {
        let body = verified.body();
        let body_sha256 = sha256(body);
        let mut objects = Vec::new();
        let mut content = Content::new(verified.proof().freshness, normalized);
        if let Content::Event(event) = &mut content {
            event.record.replace_larger_than(MAX_INLINE_BYTES, |value| {
                let sha256 = sha256(value.as_bytes());
                let key = claim::value_key(provider.name(), source, &sha256);
                let claim = claim::claim(&key, &sha256, value.len());
                objects.push((key, Bytes::from(value)));
                claim
            });
        }
        let kept = KeptBody::new(body, &body_sha256, &mut objects);
        Self {
            provider,
            source: source.to_owned(),
            received_at,
            proof: verified.proof(),
            body_sha256,
            body_bytes: body.len(),
            body: kept,
            headers: kept_headers(headers).collect(),
            content,
            objects,
        }
    }

    /// The same delivery for quarantine; `None` if that is where it goes already.
    pub(super) fn quarantined(&self, reason: &'static str) -> Option<Self> {
        let content = match self.content.clone() {
            Content::Event(event) => Content::quarantined_event(*event, reason),
            Content::Ignored { kind, dedupe_key, call_id } => {
                Content::Quarantined { reason, kind: Some(kind), dedupe_key, call_id }
            }
            Content::Quarantined { .. } => return None,
        };
        Some(Self { content, ..self.clone() })
    }

    /// What makes two deliveries the same event: the provider's key, or the body's hash.
    pub(super) fn dedupe_key(&self) -> String {
        let key = match &self.content {
            Content::Event(event) => event.dedupe_key.as_ref(),
            Content::Ignored { dedupe_key, .. } | Content::Quarantined { dedupe_key, .. } => {
                dedupe_key.as_ref()
            }
        };
        key.cloned().unwrap_or_else(|| format!("body#{}", self.body_sha256))
    }

    /// The kept headers as a JSON object; the values of a doubled one are joined by commas.
    pub(super) fn headers_json(&self) -> String {
        let mut kept = Map::new();
        for (name, value) in &self.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            match kept.get_mut(*name) {
                Some(Value::String(known)) => *known = format!("{known}, {value}"),
                _ => drop(kept.insert((*name).to_owned(), Value::from(value))),
            }
        }
        Value::Object(kept).to_string()
    }

    /// The call it is about, if it names one.
    pub fn call_id(&self) -> Option<&str> {
        match &self.content {
            Content::Event(event) => Some(&event.call_id),
            Content::Ignored { call_id, .. } | Content::Quarantined { call_id, .. } => call_id.as_deref(),
        }
    }

    /// The provider's name for the kind of event, where it could be read.
    pub fn kind(&self) -> Option<&str> {
        match &self.content {
            Content::Event(event) => Some(&event.kind),
            Content::Ignored { kind, .. } => Some(kind),
            Content::Quarantined { kind, .. } => kind.as_deref(),
        }
    }
}

impl Content {
    fn new(freshness: Freshness, normalized: Normalized) -> Self {
        let reason = match freshness {
            Freshness::Fresh => None,
            Freshness::Stale => Some("stale"),
            Freshness::Future => Some("future"),
        };
        match (normalized, reason) {
            (Normalized::Event(event), None) => Self::Event(event),
            (Normalized::Ignored { kind, dedupe_key, call_id }, None) => {
                Self::Ignored { kind, dedupe_key, call_id }
            }
            (Normalized::Event(event), Some(reason)) => Self::quarantined_event(*event, reason),
            (Normalized::Ignored { kind, dedupe_key, call_id }, Some(reason)) => {
                Self::Quarantined { reason, kind: Some(kind), dedupe_key, call_id }
            }
            (Normalized::Unusable(unusable), _) => Self::unusable(unusable),
        }
    }

    fn quarantined_event(event: CallEvent, reason: &'static str) -> Self {
        let CallEvent { kind, dedupe_key, call_id, .. } = event;
        Self::Quarantined { reason, kind: Some(kind), dedupe_key, call_id: Some(call_id) }
    }

    fn unusable(unusable: Unusable) -> Self {
        Self::Quarantined { reason: unusable.code(), kind: None, dedupe_key: None, call_id: None }
    }
}

impl KeptBody {
    fn new(body: &Bytes, sha256: &str, objects: &mut Vec<(String, Bytes)>) -> Self {
        if body.len() < MIN_COMPRESSED_BYTES {
            return Self::Plain(body.clone());
        }
        match zstd::bulk::compress(body, zstd::DEFAULT_COMPRESSION_LEVEL) {
            Ok(compressed) if compressed.len() > MAX_INLINE_BYTES => {
                let key = claim::evidence_key(sha256);
                objects.push((key.clone(), Bytes::from(compressed)));
                Self::Claimed(key)
            }
            Ok(compressed) => Self::Zstd(compressed),
            // Compressing into memory has no way to fail; if it finds one, the body is kept as it is.
            Err(_) => Self::Plain(body.clone()),
        }
    }
}

fn kept_headers(headers: &HeaderMap) -> impl Iterator<Item = (&'static str, HeaderValue)> {
    headers.iter().filter_map(|(name, value)| {
        let name = KEPT_HEADERS.into_iter().find(|kept| *kept == name.as_str())?;
        Some((name, value.clone()))
    })
}

fn sha256(content: &[u8]) -> String {
    hex::encode(Sha256::digest(content))
}
