//! The voice providers: how each one proves that a body is its own, and what its bodies mean.
//!
//! A provider is a module with two plain functions, `verify` and `normalize`, behind one enum. No
//! trait: the set is closed, and the compiler lists every arm to fill when one is added. No I/O, no
//! clock and no environment here: values are passed in.

use std::fmt;

use bytes::Bytes;
use jiff::SignedDuration;

use crate::event::Normalized;
use crate::proof::{Delivery, Freshness, Proof, Rejection, Scheme, Token};
use crate::source::Source;

mod sautikit;
mod callkaro;
mod telnyx;
mod agni;
#[cfg(test)]
mod completeness;
#[cfg(test)]
mod fixture;

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

/// A body that came from its provider. [`Provider::verify`] is the only way to get one.
#[derive(Clone)]
pub struct Verified {
    body: Bytes,
    proof: Proof,
}

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

impl fmt::Debug for Verified {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Verified").field("proof", &self.proof).finish_non_exhaustive()
    }
}

/// Verification for providers that sign nothing: the URL's last part is the token.
fn url_token(source: &Source, delivery: Delivery<'_>) -> Result<Proof, Rejection> {
    let presented = delivery.token.unwrap_or_default();
    let key = Token::position(&source.tokens, presented).ok_or(Rejection::TokenMismatch)?;
    Ok(Proof { scheme: Scheme::UrlToken, freshness: Freshness::Fresh, key })
}
