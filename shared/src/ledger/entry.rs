//! One delivery that is to be applied.

use std::fmt;

use http::HeaderMap;

use super::applied::{EventBody, first_bytes, hash};
use super::evidence::{Evidence, kept_headers};
use super::kept::Kept;
use super::key::{self, Key};
use crate::event::{CallEvent, Normalized, Unusable};
use crate::proof::{Freshness, Proof, TokenMark};
use crate::provider::{Provider, Verified};
use crate::source::{Late, Source};
use crate::timestamp::Timestamp;

/// A verified delivery with all that the ledger keeps of it.
#[derive(Clone)]
pub struct Entry {
    /// The provider that sent it.
    pub provider: Provider,
    /// The source that it was sent to.
    pub source: String,
    /// When it arrived.
    pub received_at: Timestamp,
    /// When it is applied: as it arrives, or when it is replayed.
    pub(super) applied_at: Timestamp,
    /// The proof of its sender.
    pub proof: Proof,
    /// The SHA-256 of the body.
    pub body_sha256: [u8; 32],
    /// The body's size as it arrived.
    pub body_bytes: usize,
    /// The partition of its items.
    pub(super) pk: String,
    /// The event and the body, as its call remembers them.
    pub(super) event_body: EventBody,
    /// The headers that are kept, and the body.
    pub(super) evidence: Evidence,
    /// The mark of the token that proved it, if a token did.
    pub(super) token_mark: Option<TokenMark>,
    /// The use that the ledger makes of it.
    pub content: Content,
}

/// The use that the ledger makes of a delivery.
#[derive(Clone, Debug)]
pub enum Content {
    /// Apply it to its call's record.
    Event(Box<CallEvent>),
    /// Keep it; it adds nothing to a record.
    Ignored {
        /// The provider's name for it.
        kind: String,
        /// The key that two deliveries of one event share.
        dedupe_key: Option<String>,
        /// The call it is about, if it names one.
        call_id: Option<String>,
    },
    /// Keep it for a person to look at.
    Quarantined {
        /// The stable code of the reason.
        reason: &'static str,
        /// The provider's name for the kind, where it could be read.
        kind: Option<String>,
        /// The key under which it may have been applied already, when it was not late yet.
        dedupe_key: Option<String>,
        /// The call it is about, if it names one.
        call_id: Option<String>,
    },
}

impl fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, source, body_bytes, .. } = self;
        formatter
            .debug_struct("Entry")
            .field("provider", provider)
            .field("source", source)
            .field("body_bytes", body_bytes)
            .finish_non_exhaustive()
    }
}

impl Entry {
    /// Prepares a verified delivery: large evidence is for the bucket, and a late one for quarantine if its
    /// source says so.
    pub fn new(
        provider: Provider,
        source: &Source,
        received_at: Timestamp,
        headers: &HeaderMap,
        verified: &Verified,
        normalized: Normalized,
    ) -> Self {
        let content = Content::new(source.late, verified.proof().freshness, normalized);
        let kept = kept_headers(provider, headers);
        let evidence = Evidence::pack(provider, &kept, verified.body());
        let token_mark = source.token_mark(verified.proof());
        Self::of(provider, &source.name, received_at, verified, content, evidence, token_mark)
    }

    /// Prepares a delivery that was kept, with what today's code reads in its body. However late it came, it is
    /// applied: a person or the schedule asks for it.
    pub fn again(kept: &Kept, verified: &Verified, normalized: Normalized, now: Timestamp) -> Self {
        let content = Content::new(Late::Apply, Freshness::Fresh, normalized);
        let (source, evidence) = (&kept.source, kept.evidence.clone());
        let entry =
            Self::of(kept.provider, source, kept.received_at, verified, content, evidence, kept.token_mark);
        Self { applied_at: now, ..entry }
    }

    fn of(
        provider: Provider,
        source: &str,
        received_at: Timestamp,
        verified: &Verified,
        content: Content,
        evidence: Evidence,
        token_mark: Option<TokenMark>,
    ) -> Self {
        let body_sha256 = *verified.sha256();
        let event = hash(content.dedupe_key(&body_sha256).as_bytes());
        let event_body = EventBody { event, body: first_bytes(&body_sha256) };
        let pk = match content.call_id() {
            Some(call_id) => key::call(provider.name(), source, call_id).pk,
            None => key::event_pk(provider.name(), source, &event_body),
        };
        Self {
            provider,
            source: source.to_owned(),
            received_at,
            applied_at: received_at,
            proof: verified.proof(),
            body_sha256,
            body_bytes: verified.body().len(),
            pk,
            event_body,
            evidence,
            token_mark,
            content,
        }
    }

    /// The key of its DELIVERY item.
    pub fn key(&self) -> Key {
        Key { pk: self.pk.clone(), sk: key::delivery_sk(&self.event_body) }
    }

    /// Returns the delivery for quarantine; `None` if it is for quarantine already.
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

    /// The key that two deliveries of one event share: the provider's key, or the body's hash.
    pub(super) fn dedupe_key(&self) -> String {
        self.content.dedupe_key(&self.body_sha256)
    }

    /// The call it is about, if it names one.
    pub fn call_id(&self) -> Option<&str> {
        self.content.call_id()
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
    fn new(late: Late, freshness: Freshness, normalized: Normalized) -> Self {
        let reason = match (late, freshness) {
            (Late::Apply, _) | (_, Freshness::Fresh) => None,
            (Late::Quarantine, Freshness::Stale(_)) => Some("stale"),
            (Late::Quarantine, Freshness::Future(_)) => Some("future"),
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

    fn call_id(&self) -> Option<&str> {
        match self {
            Self::Event(event) => Some(&event.call_id),
            Self::Ignored { call_id, .. } | Self::Quarantined { call_id, .. } => call_id.as_deref(),
        }
    }

    fn dedupe_key(&self, body_sha256: &[u8; 32]) -> String {
        let key = match self {
            Self::Event(event) => event.dedupe_key.as_ref(),
            Self::Ignored { dedupe_key, .. } | Self::Quarantined { dedupe_key, .. } => dedupe_key.as_ref(),
        };
        key.cloned().unwrap_or_else(|| format!("body#{}", hex::encode(body_sha256)))
    }

    fn quarantined_event(event: CallEvent, reason: &'static str) -> Self {
        let CallEvent { kind, dedupe_key, call_id, .. } = event;
        Self::Quarantined { reason, kind: Some(kind), dedupe_key, call_id: Some(call_id) }
    }

    fn unusable(unusable: Unusable) -> Self {
        Self::Quarantined { reason: unusable.code(), kind: None, dedupe_key: None, call_id: None }
    }
}
