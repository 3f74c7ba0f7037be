//! The configured sources: read, checked against what each provider needs, and refreshed.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::proof::{Ed25519Key, HmacKey, Token};
use crate::provider::Provider;
use crate::source::{Authorization, KeyKind, Needs, SignatureForm, Source, is_name};

mod live;
mod parameters;

pub use live::{LiveSources, Pace, UnreadError};

/// How far a signed timestamp may be from now, in either direction, unless a source says otherwise.
const DEFAULT_TOLERANCE_SECONDS: u64 = 300;

/// The most keys of a source: the one in use and the one that replaces it.
const MAX_LIVE_KEYS: usize = 2;

/// Every configured source: by holder (a provider, or [`QUERY`]), then by name.
#[derive(Clone, Debug, Default)]
pub struct Sources(BTreeMap<String, BTreeMap<String, Source>>);

/// Every problem of the configured sources.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct SourcesError(Vec<String>);

impl Sources {
    /// Reads `{"<provider>|query":{"<source>":{…}}}`.
    ///
    /// # Errors
    /// Every problem with its place and without the value. Whoever deploys can fix them.
    pub fn from_json(json: &str) -> Result<Self, SourcesError> {
        let configured = serde_json::from_str(json).map_err(|error| {
            SourcesError(vec![format!(
                "the sources are not {{\"<provider>\":{{\"<source>\":{{…}}}}}}: {}",
                place(&error)
            )])
        })?;
        Self::from_map(configured)
    }

    fn from_map(
        configured: BTreeMap<String, BTreeMap<String, serde_json::Value>>,
    ) -> Result<Self, SourcesError> {
        let mut problems = Vec::new();
        let mut sources = Self::default();
        for (holder, entries) in configured {
            let Some(needs) = needs(&holder) else {
                problems.push(format!("{holder} is neither a provider nor {QUERY}"));
                continue;
            };
            for (name, value) in entries {
                match read(&needs, &name, value) {
                    Ok(source) => {
                        sources.0.entry(holder.clone()).or_default().insert(name, source);
                    }
                    Err(found) => problems
                        .extend(found.into_iter().map(|problem| format!("{holder}.{name}: {problem}"))),
                }
            }
        }
        if problems.is_empty() { Ok(sources) } else { Err(SourcesError(problems)) }
    }

    /// A provider's source by name.
    pub fn get(&self, provider: Provider, name: &str) -> Option<&Source> {
        self.0.get(provider.name())?.get(name)
    }

    /// Whether a provider has any source.
    pub fn has(&self, provider: Provider) -> bool {
        self.0.get(provider.name()).is_some_and(|sources| !sources.is_empty())
    }

    /// Whether no source is configured.
    pub fn is_empty(&self) -> bool {
        self.0.values().all(BTreeMap::is_empty)
    }

    /// The tokens that may read the ledger.
    pub fn query_tokens(&self) -> Vec<Token> {
        let sources = self.0.get(QUERY).into_iter().flat_map(BTreeMap::values);
        sources.flat_map(|source| source.tokens.iter().cloned()).collect()
    }
}

/// The holder of the tokens that may read the ledger.
pub const QUERY: &str = "query";

/// The needs of a source of [`QUERY`].
const QUERY_NEEDS: Needs = Needs {
    keys: KeyKind::BearerTokens,
    min_key_chars: 16,
    time_zone: None,
    names_account: true,
    example: r#"{"tokens":["<at least 128 random bits>"]}"#,
};

/// A source as it is configured. An unknown field is an error.
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
    time_zone: Option<String>,
    #[serde(default)]
    recording_hosts: Vec<String>,
    recording_authorization: Option<Authorization>,
}

fn read(needs: &Needs, name: &str, value: serde_json::Value) -> Result<Source, Vec<String>> {
    let configured: Configured = serde_json::from_value(value).map_err(|error| vec![unquoted(&error)])?;
    let mut problems = Vec::new();
    if !is_name(name) {
        problems.push("a source's name is 1 to 64 lower-case letters, digits and hyphens".to_owned());
    }
    let field = needs.keys.field();
    let keys = match needs.keys {
        KeyKind::Secrets => &configured.secrets,
        KeyKind::PublicKeys => &configured.public_keys,
        KeyKind::UrlTokens | KeyKind::BearerTokens => &configured.tokens,
    };
    if keys.is_empty() || keys.len() > MAX_LIVE_KEYS || keys.iter().any(|key| key.trim().is_empty()) {
        problems.push(format!("{field} must hold one key, or two while rotating"));
    }
    if keys.iter().any(|key| key.chars().count() < needs.min_key_chars) {
        let why = match needs.keys {
            KeyKind::UrlTokens => ": the URL is all that keeps strangers out",
            KeyKind::Secrets | KeyKind::PublicKeys | KeyKind::BearerTokens => "",
        };
        problems.push(format!("{field} must have at least {} characters{why}", needs.min_key_chars));
    }
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
    if configured.recording_authorization.is_some() && configured.recording_hosts.is_empty() {
        problems
            .push("recording_authorization needs recording_hosts: it is sent to no other host".to_owned());
    }
    if configured.account.is_some() && !needs.names_account {
        problems.push("account can't be pinned: this provider's webhooks name no account".to_owned());
    }
    if let Some(authorization) = &configured.recording_authorization {
        if http::HeaderValue::from_str(&authorization.0).is_err() {
            problems.push("recording_authorization is not a valid header value".to_owned());
        }
        if configured.recording_hosts.iter().all(|host| host.starts_with('.')) {
            problems.push(
                "recording_authorization needs a host without a leading dot in recording_hosts".to_owned(),
            );
        }
    }
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
        time_zone,
        recording_hosts: configured.recording_hosts,
        recording_authorization: configured.recording_authorization,
    })
}

/// Returns what the sources under a name need: a provider's, or [`QUERY`].
fn needs(holder: &str) -> Option<Needs> {
    if holder == QUERY { Some(QUERY_NEEDS) } else { Provider::from_name(holder).map(Provider::needs) }
}

/// Returns the place of an error in JSON, without the text there, which may be a secret.
fn place(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

/// Returns the error without the values that serde quotes, which may be secrets. Names of fields stay.
fn unquoted(error: &serde_json::Error) -> String {
    let message = error.to_string();
    if message.starts_with("unknown field") { message } else { "a field has the wrong type".to_owned() }
}
