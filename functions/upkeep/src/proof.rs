//! The proof of a delivery that was kept: whether the key that proved it is still configured.
//!
//! A signature is checked again, over the body and the headers that were kept, with the keys of today; how old it is
//! does not matter. Of a token in the URL only a mark was kept: one of today's tokens must have it.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use shared::ledger::Kept;
use shared::proof::{Freshness, Proof, Scheme, Unverified};
use shared::provider::Verified;
use shared::reply::Problem;
use shared::source::Source;

/// Whether a delivery may be applied whose key is no longer configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RemovedKey {
    /// It is refused.
    Refuse,
    /// It is allowed, because a person insists on it.
    Allow,
}

/// Returns the verified body of a delivery that was kept. `source` is its source as it is configured now, if it is.
///
/// # Errors
/// `key_removed`, or a body that is not the one that was verified.
pub(crate) fn verified(
    kept: &Kept,
    source: Option<&Source>,
    removed: RemovedKey,
) -> Result<Verified, Problem> {
    let proof = source.and_then(|source| proof(kept, source));
    let proof = match (proof, removed) {
        (Some(proof), _) => proof,
        (None, RemovedKey::Allow) => Proof { scheme: kept.scheme, freshness: kept.freshness, key: 0 },
        (None, RemovedKey::Refuse) => return Err(key_removed()),
    };
    // How late it was when it came does not change.
    let proof = Proof { freshness: kept.freshness, ..proof };
    Verified::from_evidence(kept.request.body.clone(), kept.body_sha256, proof).ok_or_else(|| {
        tracing::error!("the evidence of a delivery is of another body than the one that was verified");
        Problem::internal()
    })
}

/// Which of a source's keys proves a delivery; `None` if none of them does.
fn proof(kept: &Kept, source: &Source) -> Option<Proof> {
    if kept.scheme == Scheme::UrlToken {
        let key = source.tokens.iter().position(|token| Some(token.mark()) == kept.token_mark)?;
        return Some(Proof { scheme: kept.scheme, freshness: Freshness::Fresh, key });
    }
    let mut headers = HeaderMap::new();
    for (name, value) in &kept.request.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.insert(name, HeaderValue::from_str(value.as_str().unwrap_or_default()).ok()?);
    }
    let body: &Bytes = &kept.request.body;
    let delivery = Unverified { headers: &headers, body, token: None, received_at: kept.received_at };
    Some(kept.provider.verify(source, delivery).ok()?.proof())
}

fn key_removed() -> Problem {
    let message = "The key that proved this delivery is no longer configured. Configure it, or replay with ?force=true if you trust the delivery all the same.";
    Problem::new(StatusCode::CONFLICT, "key_removed", message)
}
