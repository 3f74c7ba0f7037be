//! The voice providers: how each one proves that it sent a body, and how its bodies are read.
//!
//! Each provider is a module, and all modules have the same parts in the same order: `NEEDS` (of a
//! source), `BODY_FORMAT`, `RECORDING_FIELD`, `EVIDENCE_HEADERS`, `DICTIONARIES`, `verify`, `normalize`,
//! `link_lifetime` and `sign`, the sender's half of `verify`. No trait: the set is closed, and the compiler lists every
//! arm to fill when a provider is added. No I/O, no clock and no environment here: values are passed in.

use std::fmt;

use bytes::Bytes;
use jiff::SignedDuration;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::dictionary::Dictionary;
use crate::event::{BodyFormat, Normalized, Unusable};
use crate::mended;
use crate::proof::{Proof, ProofError, SenderKeys, SenderProof, Unverified};
use crate::source::{KeyKind, Needs, Source};
use crate::timestamp::Timestamp;

mod sautikit;
mod callkaro;
mod telnyx;
mod agni;
#[cfg(test)]
mod completeness;
#[cfg(test)]
mod absurd;
#[cfg(test)]
mod fixture;

pub use sautikit::sign_plain as sign_sautikit;
pub use sautikit::sign_timestamped as sign_sautikit_timestamped;

/// Defines the set and everything that must name each member of it.
macro_rules! providers {
    ($($(#[$about:meta])* $provider:ident = $name:literal,)*) => {
        /// A sender of webhooks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Provider {
            $($(#[$about])* $provider,)*
        }

        impl Provider {
            /// All of them.
            pub const ALL: [Self; [$($name),*].len()] = [$(Self::$provider),*];

            /// The name in URLs, keys, folders and packages.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$provider => $name,)*
                }
            }
        }
    };
}

providers! {
    /// JSON, HMAC-SHA256.
    Sautikit = "sautikit",
    /// JSON, a token in the URL.
    Callkaro = "callkaro",
    /// TeXML webhooks: forms, Ed25519.
    Telnyx = "telnyx",
    /// JSON, a token in the URL and an account in the body.
    Agni = "agni",
}

/// A body that came from its provider. [`Provider::verify`] is the way to get one, and [`Verified::from_evidence`]
/// the way to get it back from what was kept.
#[derive(Clone)]
pub struct Verified {
    body: Bytes,
    sha256: [u8; 32],
    proof: Proof,
}

impl Provider {
    /// The provider of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.name() == name)
    }

    /// The needs of a source of this provider.
    pub(crate) const fn needs(self) -> Needs {
        match self {
            Self::Sautikit => sautikit::NEEDS,
            Self::Callkaro => callkaro::NEEDS,
            Self::Telnyx => telnyx::NEEDS,
            Self::Agni => agni::NEEDS,
        }
    }

    /// The route of its webhooks: `/webhooks/<provider>/{source}`, then `/{token}` if the URL has a token.
    pub fn route(self) -> String {
        let token = if self.needs().keys == KeyKind::UrlTokens { "/{token}" } else { "" };
        format!("/webhooks/{}/{{source}}{token}", self.name())
    }

    /// The keys of a source that accepts deliveries proved with `keys`, as in the configuration:
    /// `{"secrets":["…"]}`.
    pub fn source_keys(self, keys: &SenderKeys) -> Value {
        let kind = self.needs().keys;
        let key = match kind {
            KeyKind::Secrets => keys.secret.clone(),
            KeyKind::PublicKeys => keys.key_pair.public_key(),
            KeyKind::UrlTokens => keys.url_token.clone(),
        };
        json!({ kind.field(): [key] })
    }

    /// A source without keys and options, for bodies whose own source is no longer configured.
    pub fn source_without_keys(self, name: &str) -> Source {
        Source::without_keys(name, &self.needs())
    }

    /// The format of its bodies.
    pub const fn body_format(self) -> BodyFormat {
        match self {
            Self::Sautikit => sautikit::BODY_FORMAT,
            Self::Callkaro => callkaro::BODY_FORMAT,
            Self::Telnyx => telnyx::BODY_FORMAT,
            Self::Agni => agni::BODY_FORMAT,
        }
    }

    /// The field of a body that links a recording: a dotted path in JSON, a name in a form.
    pub const fn recording_field(self) -> &'static str {
        match self {
            Self::Sautikit => sautikit::RECORDING_FIELD,
            Self::Callkaro => callkaro::RECORDING_FIELD,
            Self::Telnyx => telnyx::RECORDING_FIELD,
            Self::Agni => agni::RECORDING_FIELD,
        }
    }

    /// The provider's own headers that are kept as evidence.
    pub(crate) const fn evidence_headers(self) -> &'static [&'static str] {
        match self {
            Self::Sautikit => sautikit::EVIDENCE_HEADERS,
            Self::Callkaro => callkaro::EVIDENCE_HEADERS,
            Self::Telnyx => telnyx::EVIDENCE_HEADERS,
            Self::Agni => agni::EVIDENCE_HEADERS,
        }
    }

    /// The dictionaries that the provider's text was ever packed with, the newest last.
    pub(crate) const fn dictionaries(self) -> &'static [Dictionary] {
        match self {
            Self::Sautikit => sautikit::DICTIONARIES,
            Self::Callkaro => callkaro::DICTIONARIES,
            Self::Telnyx => telnyx::DICTIONARIES,
            Self::Agni => agni::DICTIONARIES,
        }
    }

    /// Checks that a delivery is the provider's own, over the raw bytes and before anything is
    /// parsed.
    ///
    /// # Errors
    /// Why the delivery is rejected. The sender can fix it, unless the request is forged.
    pub fn verify(self, source: &Source, delivery: Unverified<'_>) -> Result<Verified, ProofError> {
        let proof = match self {
            Self::Sautikit => sautikit::verify(source, delivery),
            Self::Callkaro => callkaro::verify(source, delivery),
            Self::Telnyx => telnyx::verify(source, delivery),
            Self::Agni => agni::verify(source, delivery),
        }?;
        let sha256 = Sha256::digest(delivery.body).into();
        Ok(Verified { body: delivery.body.clone(), sha256, proof })
    }

    /// Reads a verified body. JSON that breaks the rules is read once more as it may have been meant.
    pub fn normalize(self, source: &Source, verified: &Verified) -> Normalized {
        let read = |body: &[u8]| match self {
            Self::Sautikit => sautikit::normalize(source, body),
            Self::Callkaro => callkaro::normalize(source, body),
            Self::Telnyx => telnyx::normalize(source, body),
            Self::Agni => agni::normalize(source, body),
        };
        let normalized = read(&verified.body).or_else(|unusable| match (unusable, self.body_format()) {
            (Unusable::Unreadable, BodyFormat::Json) => {
                mended::strict(&verified.body).map_or(Err(unusable), |body| read(&body))
            }
            _ => Err(unusable),
        });
        match normalized {
            Ok(Normalized::Event(mut event)) => {
                event.stamp.body = std::array::from_fn(|index| verified.sha256[index]);
                event.record.stamp(event.stamp);
                Normalized::Event(event)
            }
            Ok(other) => other,
            Err(unusable) => Normalized::Unusable(unusable),
        }
    }

    /// How long a link works from its announcement on; `None` if the provider does not document that, or the link
    /// says it itself.
    pub(crate) fn link_lifetime(self, url: &str) -> Option<SignedDuration> {
        match self {
            Self::Sautikit => sautikit::link_lifetime(url),
            Self::Callkaro => callkaro::link_lifetime(url),
            Self::Telnyx => telnyx::link_lifetime(url),
            Self::Agni => agni::link_lifetime(url),
        }
    }

    /// Proves a body as the provider does: for tests, benchmarks and local runs.
    pub fn sign(self, keys: &SenderKeys, body: &[u8], at: Timestamp) -> SenderProof {
        match self {
            Self::Sautikit => sautikit::sign(keys, body, at),
            Self::Callkaro => callkaro::sign(keys, body, at),
            Self::Telnyx => telnyx::sign(keys, body, at),
            Self::Agni => agni::sign(keys, body, at),
        }
    }
}

impl Verified {
    /// Returns a body that was verified when it arrived, and kept since; `None` if it is not the body of the hash
    /// that was kept beside it.
    pub fn from_evidence(body: Bytes, kept_sha256: [u8; 32], proof: Proof) -> Option<Self> {
        let sha256 = <[u8; 32]>::from(Sha256::digest(&body));
        (sha256 == kept_sha256).then_some(Self { body, sha256, proof })
    }

    /// The body, byte for byte as it was signed.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// The SHA-256 of the body.
    pub fn sha256(&self) -> &[u8; 32] {
        &self.sha256
    }

    /// The proof of who sent it.
    pub fn proof(&self) -> Proof {
        self.proof
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Verified").field("proof", &self.proof).finish_non_exhaustive()
    }
}
