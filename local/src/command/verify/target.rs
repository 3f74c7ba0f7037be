//! The source whose keys a request is checked with.

use std::collections::BTreeSet;

use anyhow::{bail, ensure};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use local::keys::{self, Keyring};
use serde_json::json;
use shared::proof::ProofError;
use shared::provider::Provider;
use shared::source::Source;
use shared::sources::Sources;

use super::capture::Capture;
use super::question::Question;

/// The source that a request is checked with, and all others of the file.
pub(super) struct Target {
    pub(super) provider: Provider,
    /// The source's name.
    pub(super) name: String,
    /// The source; `None` if the path names one that is not in the file.
    pub(super) source: Option<Source>,
    /// Every other source of the file.
    pub(super) others: Vec<(Provider, Source)>,
    /// The file; `None` for the local keys.
    pub(super) file: Option<String>,
    /// The tokens of the source as they are written, to compare with. They are never printed.
    pub(super) tokens: Vec<String>,
    /// The shared secrets of the source as they are written. They are never printed.
    pub(super) secrets: Vec<String>,
}

impl Target {
    /// The target that is named, or that the request tells.
    ///
    /// # Errors
    /// The provider is not certain, or the file has no such source.
    pub(super) fn find(
        capture: &Capture,
        keyring: &Keyring,
        provider: Option<Provider>,
        source: Option<&str>,
    ) -> anyhow::Result<Self> {
        let sources = Sources::from_json(keyring.text())?;
        let place = capture.place.as_ref();
        let Some(provider) = provider
            .or_else(|| place.and_then(|place| Provider::from_name(&place.provider)))
            .or_else(|| provider_of(&capture.headers))
        else {
            bail!(
                "neither the path nor the headers tell the provider; name it with --provider: {}",
                Provider::ALL.map(Provider::name).join(", ")
            )
        };
        let names = keyring.names(provider);
        let of_path = place.filter(|place| place.provider == provider.name()).map(|place| &*place.source);
        let only = match names[..] {
            [only] => Some(only),
            _ => None,
        };
        let name = source.or(of_path).or(only).unwrap_or("default").to_owned();
        let found = sources.get(provider, &name).ok().cloned();
        let file = keyring.file().map(str::to_owned);
        ensure!(
            found.is_some() || (source.is_none() && of_path.is_some()),
            "{} no source {name} of {}; {}",
            file.as_deref().map_or_else(|| "local runs have".to_owned(), |file| format!("{file} has")),
            provider.name(),
            match names.len() {
                0 => "--sources names another file".to_owned(),
                _ => format!("--source names one of: {}", names.join(", ")),
            }
        );
        let others = Provider::ALL.into_iter().flat_map(|other| {
            let names =
                keyring.names(other).into_iter().filter(|named| (other, *named) != (provider, &*name));
            names
                .filter_map(|named| Some((other, sources.get(other, named).ok()?.clone())))
                .collect::<Vec<_>>()
        });
        Ok(Self {
            provider,
            others: others.collect(),
            tokens: keyring.written(provider, &name, "tokens"),
            secrets: keyring.written(provider, &name, "secrets"),
            source: found,
            name,
            file,
        })
    }
}

impl Target {
    /// The file for a sentence.
    pub(super) fn shown_file(&self) -> &str {
        self.file.as_deref().unwrap_or("the local run")
    }
}

/// The provider whose own headers a request has; `None` if that is not certain.
fn provider_of(headers: &HeaderMap) -> Option<Provider> {
    let has = |provider: &Provider| proof_headers(*provider).iter().any(|name| headers.contains_key(*name));
    let mut found = Provider::ALL.into_iter().filter(has);
    found.next().filter(|_| found.next().is_none())
}

/// The headers that a provider's check asks for, found by asking it.
pub(super) fn proof_headers(provider: Provider) -> BTreeSet<&'static str> {
    let mut names = BTreeSet::new();
    let sources = json!({ provider.name(): { "default": provider.source_keys(&keys::of(provider)) } });
    let sources = Sources::from_json(&sources.to_string()).unwrap_or_default();
    let Ok(source) = sources.get(provider, "default").cloned() else { return names };
    let (headers, body, at) = (HeaderMap::new(), Bytes::new(), Timestamp::UNIX_EPOCH);
    let mut question = Question { provider, source, headers, token: None, body, at, is_arrival_known: false };
    while let Err(ProofError::SignatureMissing { header }) = question.ask() {
        if !names.insert(header) {
            break;
        }
        question.headers.insert(HeaderName::from_static(header), HeaderValue::from_static("x"));
    }
    names
}
