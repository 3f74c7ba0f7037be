//! One source as it is written in JSON, checked against what its provider needs.
//!
//! No problem quotes a value: it may be a secret.

use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Deserialize;
use url::Host;

use crate::proof::{Ed25519Key, HmacKey, Token};
use crate::source::{Authorization, KeyKind, Late, Needs, SignatureForm, Source, is_name};

pub(super) mod reader;

/// How far a signed timestamp may be from now, in either direction, unless a source says otherwise.
const DEFAULT_TOLERANCE_SECONDS: u64 = 300;

/// Two keys of a kind: the one in use and the one taking over.
const MAX_LIVE_KEYS: usize = 2;

/// A source as it is written; a field that is not here is an error and not a default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Configured {
    #[serde(default)]
    secrets: Vec<String>,
    #[serde(default)]
    public_keys: Vec<String>,
    #[serde(default)]
    tokens: Vec<String>,
    account: Option<String>,
    scheme: Option<SignatureForm>,
    tolerance_seconds: Option<u64>,
    #[serde(default)]
    late: Late,
    time_zone: Option<String>,
    #[serde(default)]
    recording_hosts: Vec<String>,
    recording_authorization: Option<Authorization>,
    #[serde(default)]
    recording_authorization_hosts: Vec<String>,
}

/// Reads one source of a provider with these needs.
///
/// # Errors
/// All that is wrong with it.
pub(super) fn read(needs: &Needs, name: &str, value: serde_json::Value) -> Result<Source, Vec<String>> {
    let configured: Configured = serde_json::from_value(value).map_err(|error| vec![unquoted(&error)])?;
    let mut problems = Vec::new();
    if !is_name(name) {
        problems.push("a source's name is 1 to 64 lower-case letters, digits and hyphens".to_owned());
    }
    check_keys(needs, &configured, &mut problems);
    let mut public_keys = Vec::new();
    for (index, key) in configured.public_keys.iter().enumerate() {
        match Ed25519Key::from_base64(key) {
            Ok(key) => public_keys.push(key),
            Err(problem) => problems.push(format!("public_keys[{index}] {problem}")),
        }
    }
    let time_zone = configured.time_zone.as_deref().or(needs.time_zone);
    let time_zone = time_zone.map(TimeZone::get).transpose().unwrap_or_else(|_| {
        problems
            .push("time_zone is not a name of the IANA time zone database, such as Asia/Kolkata".to_owned());
        None
    });
    if configured.account.is_some() && !needs.names_account {
        problems.push("account can't be pinned: this provider's webhooks name none".to_owned());
    }
    check_hosts(&configured, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Source {
        name: name.to_owned(),
        secrets: configured.secrets.iter().map(|secret| HmacKey::new(secret)).collect(),
        public_keys,
        tokens: configured.tokens.iter().map(|token| Token::new(token)).collect(),
        account: configured.account,
        scheme: configured.scheme,
        tolerance: Duration::from_secs(configured.tolerance_seconds.unwrap_or(DEFAULT_TOLERANCE_SECONDS)),
        late: configured.late,
        time_zone,
        recording_hosts: configured.recording_hosts,
        recording_authorization: configured.recording_authorization,
        recording_authorization_hosts: configured.recording_authorization_hosts,
    })
}

fn check_keys(needs: &Needs, configured: &Configured, problems: &mut Vec<String>) {
    let field = needs.keys.field();
    let keys = match needs.keys {
        KeyKind::Secrets => &configured.secrets,
        KeyKind::PublicKeys => &configured.public_keys,
        KeyKind::UrlTokens => &configured.tokens,
    };
    if keys.is_empty() || keys.len() > MAX_LIVE_KEYS || keys.iter().any(|key| key.trim().is_empty()) {
        problems.push(format!("{field} must hold one key, or two while rotating"));
    }
    if keys.iter().any(|key| key.chars().count() < needs.min_key_chars) {
        let why = match needs.keys {
            KeyKind::UrlTokens => ": the URL is all that keeps strangers out",
            KeyKind::Secrets | KeyKind::PublicKeys => "",
        };
        problems.push(format!("{field} must have at least {} characters{why}", needs.min_key_chars));
    }
}

/// The hosts that may be fetched from, and the hosts that get credentials, are two lists: to allow a host is not to
/// trust it with a key.
fn check_hosts(configured: &Configured, problems: &mut Vec<String>) {
    for (index, host) in configured.recording_hosts.iter().enumerate() {
        if !is_host(host.strip_prefix('.').unwrap_or(host)) {
            problems.push(format!(
                "recording_hosts[{index}] is not a host such as media.example.com, or .example.com for every \
                 host below it"
            ));
        }
    }
    for (index, host) in configured.recording_authorization_hosts.iter().enumerate() {
        if !is_host(host) {
            problems.push(format!(
                "recording_authorization_hosts[{index}] is not the whole name of a host, such as \
                 media.example.com"
            ));
        }
    }
    match (&configured.recording_authorization, configured.recording_authorization_hosts.is_empty()) {
        (Some(_), true) => problems.push(
            "recording_authorization needs recording_authorization_hosts: it is sent to no other host"
                .to_owned(),
        ),
        (None, false) => problems.push(
            "recording_authorization_hosts needs recording_authorization, which is sent to them".to_owned(),
        ),
        (Some(_), false) | (None, true) => {}
    }
    if let Some(authorization) = &configured.recording_authorization
        && http::HeaderValue::from_str(&authorization.0).is_err()
    {
        problems.push("recording_authorization is not a header's value".to_owned());
    }
}

/// Whether a text is the name of one host, without a scheme, a port or a path.
fn is_host(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    !name.starts_with('.') && !name.contains('*') && Host::parse(name).is_ok()
}

/// Where JSON went wrong, without the text that stands there: it may be a secret.
pub(super) fn place(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

/// The error without the values serde quotes in it: they may be secrets. The name of a field stays only if it
/// begins like one that there is. A key that was pasted in its place does not.
fn unquoted(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let Some(rest) = message.strip_prefix("unknown field `") else {
        return "a field has the wrong type or is none of the words that it takes".to_owned();
    };
    let (field, expected) = rest.split_once("`, expected ").unwrap_or((rest, "known"));
    let beginning = field.get(..4).filter(|_| field.len() <= 32);
    let is_misspelt = |known: &str| beginning.is_some_and(|beginning| known.starts_with(beginning));
    if expected.split('`').any(is_misspelt) {
        message
    } else {
        format!("it has a field that is not {expected}")
    }
}
