//! The common parts of the providers' tests: sources, samples, and reading them.

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::{Provider, Verified};
use crate::event::{CallEvent, Normalized, Unusable};
use crate::proof::{Freshness, Proof, ProofError, Scheme, Unverified};
use crate::source::Source;
use crate::sources::Sources;
use crate::timestamp::Timestamp;

/// The time at which the tests' deliveries arrive.
pub(super) fn now() -> Timestamp {
    "2026-06-27T10:06:00Z".parse().unwrap()
}

/// A source as configured by JSON.
pub(super) fn source(provider: Provider, configured: Value) -> Source {
    let sources =
        Sources::from_json(&json!({ provider.name(): { "default": configured } }).to_string()).unwrap();
    sources.get(provider, "default").unwrap().clone()
}

/// The body of a committed event.
pub(super) fn sample(name: &str) -> Bytes {
    use base64::Engine as _;
    let path = format!("{}/../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let event: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let body = event["body"].as_str().unwrap();
    if event["isBase64Encoded"] == true {
        base64::prelude::BASE64_STANDARD.decode(body).unwrap().into()
    } else {
        body.to_owned().into()
    }
}

/// Verifies a delivery with these headers.
pub(super) fn verify(
    provider: Provider,
    source: &Source,
    headers: &[(&'static str, &str)],
    body: &Bytes,
) -> Result<Verified, ProofError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
    }
    provider.verify(source, Unverified { headers: &map, body, token: None, received_at: now() })
}

/// Normalizes a body as if it were verified.
pub(super) fn normalize(provider: Provider, source: &Source, body: impl Into<Bytes>) -> Normalized {
    let proof = Proof { scheme: Scheme::UrlToken, freshness: Freshness::Fresh, key: 0 };
    let body: Bytes = body.into();
    let sha256 = Sha256::digest(&body).into();
    provider.normalize(source, &Verified { body, sha256, proof })
}

/// The event in a body that has one.
pub(super) fn event(provider: Provider, source: &Source, body: impl Into<Bytes>) -> CallEvent {
    match normalize(provider, source, body) {
        Normalized::Event(event) => *event,
        other => panic!("not an event: {other:?}"),
    }
}

/// The reason for which a body can't be used.
pub(super) fn unusable(provider: Provider, source: &Source, body: impl Into<Bytes>) -> Unusable {
    match normalize(provider, source, body) {
        Normalized::Unusable(unusable) => unusable,
        other => panic!("usable: {other:?}"),
    }
}

/// The rendered record without what is null or empty, for snapshots.
pub(super) fn said(event: &CallEvent) -> Value {
    fn pruned(value: Value) -> Option<Value> {
        match value {
            Value::Null => None,
            Value::Object(entries) => {
                let kept: serde_json::Map<_, _> =
                    entries.into_iter().filter_map(|(name, value)| Some((name, pruned(value)?))).collect();
                (!kept.is_empty()).then_some(Value::Object(kept))
            }
            Value::Array(items) if items.is_empty() => None,
            other => Some(other),
        }
    }
    pruned(Value::Object(event.record.render())).unwrap_or_default()
}
