//! Ways to prove who sent a delivery: the keys, and a check for each kind of key. No provider is named
//! here.
//!
//! Every key is parsed once, at construction, and redacts itself in `Debug`.

use std::fmt;

use bytes::Bytes;
use http::HeaderMap;

use crate::timestamp::Timestamp;

/// Implements `Debug` for a key, without the key. It stands before the modules, since they use it.
macro_rules! redacted {
    ($($key:ident),*) => {$(
        impl std::fmt::Debug for $key {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str(concat!(stringify!($key), "(redacted)"))
            }
        }
    )*};
}

pub(crate) mod body_hmac;
pub(crate) mod ed25519;
pub(crate) mod url_token;
mod header;
mod sender;

pub use body_hmac::HmacKey;
pub use ed25519::{Ed25519Key, Ed25519Signer};
pub(crate) use header::{exactly_one, unix_seconds};
pub use sender::{SenderKeys, SenderProof};
pub use url_token::{Token, TokenMark};

/// A request to a webhook URL that has not been verified.
#[derive(Clone, Copy)]
pub struct Unverified<'a> {
    /// The request's headers.
    pub headers: &'a HeaderMap,
    /// The raw body.
    pub body: &'a Bytes,
    /// The last part of the URL, where the provider's URL has a token.
    pub token: Option<&'a str>,
    /// The time of arrival.
    pub received_at: Timestamp,
}

/// How a delivery proved itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The kind of check.
    pub scheme: Scheme,
    /// Whether the signed time is close to the time of arrival.
    pub freshness: Freshness,
    /// Which of the source's keys fits: its place among them, from 0.
    pub key: usize,
}

/// A kind of check that verifies a delivery.
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
    /// Within it, or no time was signed.
    Fresh,
    /// Signed too long ago, by so many seconds: a late retry, or a replay.
    Stale(i64),
    /// Signed too far ahead of our clock, by so many seconds.
    Future(i64),
}

/// Why a delivery is rejected. The sender can fix it, unless the request is forged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The header that carries the proof is missing.
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

impl ProofError {
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

/// Returns which of the keys fits: its place among them, from 0.
///
/// Every key is tried, also after one that fits: the time this takes does not tell which key is in use.
pub(crate) fn fitting_key<K>(keys: &[K], fits: impl Fn(&K) -> bool) -> Option<usize> {
    keys.iter().enumerate().fold(None, |found, (place, key)| {
        let fits = fits(key);
        found.or(fits.then_some(place))
    })
}

impl fmt::Debug for Unverified<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Unverified").field("received_at", &self.received_at).finish_non_exhaustive()
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

    /// The scheme of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [Self::HmacSha256, Self::HmacSha256Timestamped, Self::Ed25519, Self::UrlToken];
        all.into_iter().find(|scheme| scheme.name() == name)
    }

    /// What the check proves: `signed` that the provider signed every byte of the body, `bearer` that
    /// the sender knows the URL.
    pub const fn trust(self) -> &'static str {
        match self {
            Self::HmacSha256 | Self::HmacSha256Timestamped | Self::Ed25519 => "signed",
            Self::UrlToken => "bearer",
        }
    }
}

impl Freshness {
    /// Compares a signed time with the clock; safe for any two times.
    pub(crate) fn of(signed_at_seconds: u64, received_at: Timestamp, tolerance: std::time::Duration) -> Self {
        let now = i128::from(received_at.as_second());
        let age = now - i128::from(signed_at_seconds);
        let tolerance = i128::from(tolerance.as_secs());
        let seconds = i64::try_from(age.abs()).unwrap_or(i64::MAX);
        if age.abs() <= tolerance {
            Self::Fresh
        } else if age > 0 {
            Self::Stale(seconds)
        } else {
            Self::Future(seconds)
        }
    }

    /// The opposite of [`Freshness::late_seconds`].
    pub(crate) const fn of_late_seconds(late_seconds: Option<i64>) -> Self {
        match late_seconds {
            None => Self::Fresh,
            Some(seconds) if seconds < 0 => Self::Future(-seconds),
            Some(seconds) => Self::Stale(seconds),
        }
    }

    /// How late a delivery came, in seconds from the signed time to its arrival, negative if it was signed
    /// ahead of our clock; `None` within the tolerance.
    pub(crate) const fn late_seconds(self) -> Option<i64> {
        match self {
            Self::Fresh => None,
            Self::Stale(seconds) => Some(seconds),
            Self::Future(seconds) => Some(-seconds),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_do_not_show_in_debug_output() {
        let shown = format!("{:?} {:?}", HmacKey::new("whsec_canary"), Token::new("canary"));
        assert_eq!(shown, "HmacKey(redacted) Token(redacted)");
    }
}
