//! The voice providers: how each one proves that a body is its own, and what its bodies mean.
//!
//! A provider is a module with two plain functions, `verify` and `normalize`, behind one enum. No
//! trait: the set is closed, and the compiler lists every arm to fill when one is added. No I/O, no
//! clock and no environment here: values are passed in.

use std::fmt;

use bytes::Bytes;
use http::HeaderMap;
use jiff::SignedDuration;

use crate::record::{Record, Stamp};
use crate::signature::Token;
use crate::source::Source;
use crate::timestamp::Timestamp;

mod agni;
mod callkaro;
#[cfg(test)]
mod completeness;
#[cfg(test)]
mod fixture;
mod header;
mod reading;
mod recording;
mod sautikit;
mod telnyx;

pub use reading::Draft;
pub use recording::RecordingLink;
pub use sautikit::sign as sign_sautikit;
pub use sautikit::sign_timestamped as sign_sautikit_timestamped;
pub use telnyx::sign as sign_telnyx;

/// Who sends webhooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provider {
    /// JSON, HMAC-SHA256.
    Sautikit,
    /// JSON, a token in the URL.
    Callkaro,
    /// TeXML webhooks: forms, Ed25519.
    Telnyx,
    /// JSON, a token in the URL and an account in the body.
    Agni,
}

/// A request to a webhook URL, not to be believed yet.
#[derive(Clone, Copy)]
pub struct Delivery<'a> {
    /// The request's headers.
    pub headers: &'a HeaderMap,
    /// The raw body.
    pub body: &'a Bytes,
    /// The last part of the URL, where the provider's URL has a token.
    pub token: Option<&'a str>,
    /// The time of arrival.
    pub received_at: Timestamp,
}

/// A body that came from its provider. [`Provider::verify`] is the only way to get one.
#[derive(Clone)]
pub struct Verified {
    body: Bytes,
    proof: Proof,
}

/// How a delivery proved itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// What was checked.
    pub scheme: Scheme,
    /// Whether the signed time is near the time of arrival.
    pub freshness: Freshness,
    /// Which of the source's keys fits: its place among them, from 0.
    pub key: usize,
}

/// What was checked to verify a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// An HMAC-SHA256 over the body.
    HmacSha256,
    /// An HMAC-SHA256 over the body and a time.
    HmacSha256Timestamped,
    /// An Ed25519 signature over a time and the body.
    Ed25519,
    /// A token in the URL.
    UrlToken,
}

/// Whether a signed time is within a source's tolerance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Within it, or nothing was said about time.
    Fresh,
    /// Signed too long ago: perhaps a replay, perhaps a late retry.
    Stale,
    /// Signed too far ahead of our clock.
    Future,
}

/// Why a delivery is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The header that carries the proof is not there.
    #[error("the {header} header is missing")]
    SignatureMissing {
        /// Its name.
        header: &'static str,
    },
    /// The header that carries the proof is not in the documented form.
    #[error("the {header} header {problem}")]
    SignatureMalformed {
        /// Its name.
        header: &'static str,
        /// Completes the sentence.
        problem: &'static str,
    },
    /// None of the source's keys signed this body.
    #[error("the signature is not one of this source's keys over this body")]
    SignatureMismatch,
    /// The URL does not end in one of the source's tokens.
    #[error("the token in the URL is not one of this source's")]
    TokenMismatch,
}

impl Rejection {
    /// The stable code of the reason.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::SignatureMissing { .. } => "signature_missing",
            Self::SignatureMalformed { .. } => "signature_malformed",
            Self::SignatureMismatch => "signature_mismatch",
            Self::TokenMismatch => "token_mismatch",
        }
    }
}

/// What a verified body says.
#[derive(Clone, Debug)]
pub enum Normalized {
    /// Something about a call that belongs in its record.
    Event(Box<CallEvent>),
    /// An event of a kind that no record has use for; kept as evidence.
    Ignored {
        /// The provider's name for it.
        kind: String,
        /// What makes two deliveries the same event.
        dedupe_key: Option<String>,
        /// The call it is about, if it names one.
        call_id: Option<String>,
    },
    /// From the provider, and still not to be applied.
    Unusable(Unusable),
}

/// One event of one call.
#[derive(Clone, Debug)]
pub struct CallEvent {
    /// The provider's name for the kind of event.
    pub kind: String,
    /// What makes two deliveries the same event; `None` leaves that to the body's hash.
    pub dedupe_key: Option<String>,
    /// The provider's id of the call.
    pub call_id: String,
    /// When it happened, among the call's events.
    pub stamp: Stamp,
    /// What it says, with every field stamped.
    pub record: Record,
    /// The recording to copy, if it links one.
    pub recording: Option<RecordingLink>,
}

/// Why a genuine body can't be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It is not in the provider's format.
    Unreadable,
    /// It does not say which call it is about.
    CallIdMissing,
    /// It names a call with an id longer than any provider's.
    CallIdTooLong,
    /// It is of another account than the one pinned.
    AccountMismatch,
}

/// The longest id in bytes; a longer one is evidence, but names nothing.
pub const MAX_ID_BYTES: usize = 2048;

impl Provider {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sautikit, Self::Callkaro, Self::Telnyx, Self::Agni];

    /// The name in URLs, keys, folders and packages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sautikit => "sautikit",
            Self::Callkaro => "callkaro",
            Self::Telnyx => "telnyx",
            Self::Agni => "agni",
        }
    }

    /// The provider of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.name() == name)
    }

    /// Whether the provider signs what it sends. Where it does not, the URL's token is all there is,
    /// and a body that can't be read is the sender's mistake.
    pub const fn signs(self) -> bool {
        match self {
            Self::Sautikit | Self::Telnyx => true,
            Self::Callkaro | Self::Agni => false,
        }
    }

    /// Checks that a delivery is the provider's own, over the raw bytes and before anything is
    /// parsed.
    ///
    /// # Errors
    /// Why it is not to be believed; the sender can mend it, or is no friend.
    pub fn verify(self, source: &Source, delivery: Delivery<'_>) -> Result<Verified, Rejection> {
        let proof = match self {
            Self::Sautikit => sautikit::verify(source, delivery),
            Self::Callkaro | Self::Agni => url_token(source, delivery),
            Self::Telnyx => telnyx::verify(source, delivery),
        }?;
        Ok(Verified { body: delivery.body.clone(), proof })
    }

    /// Reads a verified body.
    pub fn normalize(self, source: &Source, verified: &Verified) -> Normalized {
        let normalized = match self {
            Self::Sautikit => sautikit::normalize(source, &verified.body),
            Self::Callkaro => callkaro::normalize(source, &verified.body),
            Self::Telnyx => telnyx::normalize(source, &verified.body),
            Self::Agni => agni::normalize(source, &verified.body),
        };
        normalized.unwrap_or_else(Normalized::Unusable)
    }

    /// How long a link works from its announcement on, where the provider documents that and the link
    /// does not say so itself.
    pub(crate) fn link_lifetime(self, url: &str) -> Option<SignedDuration> {
        match self {
            Self::Telnyx => telnyx::link_lifetime(url),
            Self::Sautikit | Self::Callkaro | Self::Agni => None,
        }
    }
}

impl Verified {
    /// The body, byte for byte as it was signed.
    pub fn body(&self) -> &Bytes {
        &self.body
    }

    /// How it proved itself.
    pub fn proof(&self) -> Proof {
        self.proof
    }
}

impl fmt::Debug for Delivery<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Delivery").field("received_at", &self.received_at).finish_non_exhaustive()
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Verified").field("proof", &self.proof).finish_non_exhaustive()
    }
}

impl Scheme {
    /// The name in a delivery's evidence.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HmacSha256 => "hmac-sha256",
            Self::HmacSha256Timestamped => "hmac-sha256-timestamped",
            Self::Ed25519 => "ed25519",
            Self::UrlToken => "url-token",
        }
    }

    /// What the scheme vouches for: `signed` for every byte of the body, `bearer` for the sender's
    /// knowledge of the URL.
    pub const fn trust(self) -> &'static str {
        match self {
            Self::HmacSha256 | Self::HmacSha256Timestamped | Self::Ed25519 => "signed",
            Self::UrlToken => "bearer",
        }
    }
}

impl Freshness {
    /// Compares a signed time with the clock; safe for any two times.
    fn of(signed_at_seconds: u64, received_at: Timestamp, tolerance: std::time::Duration) -> Self {
        let now = i128::from(received_at.as_second());
        let age = now - i128::from(signed_at_seconds);
        let tolerance = i128::from(tolerance.as_secs());
        if age > tolerance {
            Self::Stale
        } else if -age > tolerance {
            Self::Future
        } else {
            Self::Fresh
        }
    }
}

impl Unusable {
    /// The stable code of the reason.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unreadable => "body_unreadable",
            Self::CallIdMissing => "call_id_missing",
            Self::CallIdTooLong => "call_id_too_long",
            Self::AccountMismatch => "account_mismatch",
        }
    }
}

/// Verification for providers that sign nothing: the URL's last part is the token.
fn url_token(source: &Source, delivery: Delivery<'_>) -> Result<Proof, Rejection> {
    let presented = delivery.token.unwrap_or_default();
    let key = Token::position(&source.tokens, presented).ok_or(Rejection::TokenMismatch)?;
    Ok(Proof { scheme: Scheme::UrlToken, freshness: Freshness::Fresh, key })
}
