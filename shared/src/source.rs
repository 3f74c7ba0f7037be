//! A source: one configured integration, with its own keys. It knows no provider.
//!
//! A source is a trust domain. Its name is in the key of every item it writes, so one source can
//! never touch another's calls, and its keys verify nothing but its own deliveries.

use std::fmt;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::proof::{Ed25519Key, HmacKey, Proof, Scheme, Token, TokenMark};

/// One configured integration.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name: the last part of the webhook URL, and part of every item's key.
    pub name: String,
    /// Shared secrets; a signature by any of them is accepted.
    pub secrets: Vec<HmacKey>,
    /// Public keys; a signature by any of them is accepted.
    pub public_keys: Vec<Ed25519Key>,
    /// Tokens; any of them is accepted.
    pub tokens: Vec<Token>,
    /// The only account whose deliveries are accepted, if one is pinned.
    pub account: Option<String>,
    /// The only form of signature that is accepted, if one is pinned.
    pub scheme: Option<SignatureForm>,
    /// How far a signed timestamp may be from now.
    pub tolerance: Duration,
    /// What is done with a genuine delivery whose signed timestamp is further away.
    pub late: Late,
    /// The time zone of times that are sent without one.
    pub time_zone: Option<TimeZone>,
    /// The only hosts that recordings are fetched from, if any are named.
    pub recording_hosts: Vec<String>,
    /// The `Authorization` header for recordings.
    pub recording_authorization: Option<Authorization>,
    /// The hosts that the header is sent to, each by its whole name. It is sent to no other.
    pub recording_authorization_hosts: Vec<String>,
}

impl Source {
    /// A source of a provider with these needs that verifies nothing, and has no options.
    pub(crate) fn without_keys(name: &str, needs: &Needs) -> Self {
        Self {
            name: name.to_owned(),
            secrets: Vec::new(),
            public_keys: Vec::new(),
            tokens: Vec::new(),
            account: None,
            scheme: None,
            tolerance: Duration::ZERO,
            late: Late::Apply,
            time_zone: needs.time_zone.and_then(|name| TimeZone::get(name).ok()),
            recording_hosts: Vec::new(),
            recording_authorization: None,
            recording_authorization_hosts: Vec::new(),
        }
    }

    /// The mark of the token that proved a delivery, if a token did.
    pub(crate) fn token_mark(&self, proof: Proof) -> Option<TokenMark> {
        if proof.scheme == Scheme::UrlToken { self.tokens.get(proof.key).map(Token::mark) } else { None }
    }
}

/// The forms of a signature header, where a provider has two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SignatureForm {
    /// `<hex>`: over the body.
    Plain,
    /// `t=<unix seconds>,v1=<hex>`: over the body and the time.
    Timestamped,
}

/// What is done with a genuine delivery that comes late: its signed time is further from now than the source's
/// tolerance, in either direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Late {
    /// It is applied like any other, and its lateness is noted. An event is applied once for ever, so a replay
    /// changes nothing.
    #[default]
    Apply,
    /// It goes to quarantine, and waits there for a person.
    Quarantine,
}

/// The keys and options that a source of one provider needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Needs {
    /// The kind of its keys.
    pub(crate) keys: KeyKind,
    /// The fewest characters of a key; 0 where the provider makes the key.
    pub(crate) min_key_chars: usize,
    /// The time zone of times that are sent without one, unless the source names another.
    pub(crate) time_zone: Option<&'static str>,
    /// Whether bodies name an account, so that one can be pinned.
    pub(crate) names_account: bool,
    /// A source, for error messages.
    pub(crate) example: &'static str,
}

/// The kinds of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// Shared secrets that sign bodies.
    Secrets,
    /// Public keys of signatures.
    PublicKeys,
    /// Tokens in the URL of a webhook.
    UrlTokens,
}

impl KeyKind {
    /// The field of a source that has the keys.
    pub(crate) const fn field(self) -> &'static str {
        match self {
            Self::Secrets => "secrets",
            Self::PublicKeys => "public_keys",
            Self::UrlTokens => "tokens",
        }
    }
}

/// An `Authorization` header's value; redacts itself.
#[derive(Clone, PartialEq, Eq, Deserialize)]
pub struct Authorization(pub String);

impl fmt::Debug for Authorization {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Authorization(redacted)")
    }
}

/// Whether a source can have this name: 1 to 64 lower-case letters, digits and hyphens.
///
/// `#` separates the parts of the table's keys. A source with one in its name could name the calls of
/// another source.
pub fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}
