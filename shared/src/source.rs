//! A source: one configured integration, with its own keys. It knows no provider.
//!
//! A source is a trust domain. Its name is in the key of every item it writes, so one source can
//! never touch another's calls, and its keys verify nothing but its own deliveries.

use std::fmt;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::proof::{Ed25519Key, HmacKey, Token};

/// One configured integration.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its name: the last part of the webhook URL, and part of every item's key.
    pub name: String,
    /// Shared secrets, of which any may have signed.
    pub secrets: Vec<HmacKey>,
    /// Public keys, of which any may have signed.
    pub public_keys: Vec<Ed25519Key>,
    /// Tokens, of which any may be presented.
    pub tokens: Vec<Token>,
    /// The only account whose deliveries are taken, if pinned.
    pub account: Option<String>,
    /// The only form of signature that is taken, if pinned.
    pub scheme: Option<SautikitScheme>,
    /// How far a signed timestamp may be from now.
    pub tolerance: Duration,
    /// The zone of times that are sent without one.
    pub time_zone: Option<TimeZone>,
    /// The only hosts that recordings are fetched from, if any are named.
    pub recording_hosts: Vec<String>,
    /// The `Authorization` header for those hosts.
    pub recording_authorization: Option<Authorization>,
}

/// The two forms of Sautikit's signature header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SautikitScheme {
    /// `<hex>`: over the body.
    Plain,
    /// `t=<unix seconds>,v1=<hex>`: over the body and the time.
    Timestamped,
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
