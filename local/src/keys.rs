//! The keys that samples are signed with: the fixed ones of local runs, or those of a file of sources.
//!
//! The fixed ones are published here and protect nothing.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::Value;
use shared::proof::{Ed25519Signer, HmacKey, SenderKeys};
use shared::provider::Provider;
use shared::sources::{QUERY, Sources};

use crate::embedded;

/// CallKaro's part of a local URL.
pub const CALLKARO_TOKEN: &str = "local-callkaro-0123456789abcdef0123456789abcdef";
/// Agni's part of a local URL.
pub const AGNI_TOKEN: &str = "local-agni-0123456789abcdef0123456789abcdef";
/// The token of the read API, which may read and act.
pub const QUERY_TOKEN: &str = "local-query-token";
/// The token of the read API that may also erase.
pub const ERASER_TOKEN: &str = "local-eraser-token";

/// The keys of a provider, which `events/sources.json` accepts.
///
/// The key pair is the one of the seed that is 32 times the byte 1.
pub fn of(provider: Provider) -> SenderKeys {
    let name = provider.name();
    SenderKeys {
        secret: format!("whsec_local_{name}"),
        key_pair: Ed25519Signer::from_seed(&[1; 32]),
        url_token: format!("local-{name}-0123456789abcdef0123456789abcdef"),
    }
}

/// Sautikit's key.
pub fn sautikit() -> HmacKey {
    of(Provider::Sautikit).hmac_key()
}

/// The keys of configured sources, to sign as their senders do.
pub struct Keyring {
    sources: Value,
    text: String,
    /// The file they are from; `None` for the local ones.
    file: Option<String>,
}

impl Keyring {
    /// The sources of a file, or the local ones without a file.
    ///
    /// # Errors
    /// The file can't be read, or is wrong; the message names the file and the place in it.
    pub fn read(file: Option<&Path>) -> anyhow::Result<Self> {
        let (text, file) = match file {
            None => (embedded::SOURCES.to_owned(), None),
            Some(path) => {
                let text = fs::read_to_string(path).with_context(|| {
                    format!("the file of sources {} can't be read (--sources names it)", path.display())
                })?;
                (text, Some(path.display().to_string()))
            }
        };
        Sources::from_json(&text).with_context(|| file.clone().unwrap_or_default())?;
        Ok(Self { sources: serde_json::from_str(&text)?, text, file })
    }

    /// The sources as JSON, as the file has them.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The file they are from; `None` for the local ones.
    pub fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// The names of a provider's sources.
    pub fn names(&self, provider: Provider) -> Vec<&str> {
        let named = self.sources[provider.name()].as_object();
        named.into_iter().flat_map(|named| named.keys().map(String::as_str)).collect()
    }

    /// The keys of a source as they are written, under one of its fields: `secrets`, `public_keys` or `tokens`.
    pub fn written(&self, provider: Provider, source: &str, field: &str) -> Vec<String> {
        let keys = self.sources[provider.name()][source][field].as_array();
        keys.into_iter().flatten().filter_map(|key| key.as_str().map(str::to_owned)).collect()
    }

    /// The keys that a source's sender has. The local keys can sign for a source of any name.
    ///
    /// # Errors
    /// There is no such source, or it has a public key only, whose private half is not known here.
    pub fn sender(&self, provider: Provider, source: &str) -> anyhow::Result<SenderKeys> {
        let mut keys = of(provider);
        let Some(file) = &self.file else { return Ok(keys) };
        let configured = &self.sources[provider.name()][source];
        if configured.is_null() {
            let names = self.names(provider).join(", ");
            let names = if names.is_empty() { "none".to_owned() } else { names };
            bail!("{file} has no source {source} of {}; it has: {names}", provider.name());
        }
        let first = |field: &str| configured[field][0].as_str().map(str::to_owned);
        keys.secret = first("secrets").unwrap_or(keys.secret);
        keys.url_token = first("tokens").unwrap_or(keys.url_token);
        let public_key = keys.key_pair.public_key();
        if let Some(accepted) = configured["public_keys"].as_array()
            && !accepted.iter().any(|key| key == &public_key)
        {
            bail!(
                "only {0} can sign for {0}.{source}: the private half of its key is not in {file}. Let {0} \
                 send a webhook, or try a sample of another provider",
                provider.name(),
            );
        }
        Ok(keys)
    }

    /// The path of a source's webhooks, with its token where the URL has one.
    pub fn webhook_path(&self, provider: Provider, source: &str) -> String {
        let token = self.sources[provider.name()][source]["tokens"][0].as_str().unwrap_or_default();
        provider.route().replace("{source}", source).replace("{token}", token)
    }

    /// The first token that may read the ledger.
    pub fn query_token(&self) -> Option<&str> {
        let named = self.sources[QUERY].as_object()?;
        named.values().find_map(|source| source["tokens"][0].as_str())
    }
}
