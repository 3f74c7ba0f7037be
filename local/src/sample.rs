//! The sample webhooks under `events/`: listing, changing, signing and sending them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::{fs, str};

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use serde_json::Value;
use shared::event::BodyFormat;
use shared::provider::Provider;
use url::form_urlencoded;

use crate::gateway::{self, HttpRequest};
use crate::keys;

/// A webhook as its provider would send it, not signed yet.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its name: `<provider>-<kind>`.
    pub name: String,
    /// Who would send it.
    pub provider: Provider,
    /// The body, JSON or form.
    pub body: String,
}

/// The folder of the event files.
pub fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../events"))
}

/// The names of all webhook samples, in order.
///
/// # Errors
/// The folder can't be read.
pub fn names() -> anyhow::Result<Vec<String>> {
    let mut names = BTreeSet::new();
    for file in fs::read_dir(folder()).context("events/ can't be read")? {
        let file = file?.file_name().to_string_lossy().into_owned();
        let name = file.strip_suffix(".json").unwrap_or_default();
        if provider_of(name).is_some() {
            names.insert(name.to_owned());
        }
    }
    Ok(names.into_iter().collect())
}

fn provider_of(name: &str) -> Option<Provider> {
    Provider::from_name(name.split_once('-')?.0)
}

impl Sample {
    /// Reads `events/<name>.json`: its body is the sample.
    ///
    /// # Errors
    /// There is no such sample; the message lists those there are.
    pub fn load(name: &str) -> anyhow::Result<Self> {
        let name = name.strip_suffix(".json").unwrap_or(name);
        let names = names()?;
        ensure!(
            names.iter().any(|known| known == name),
            "there is no event {name}; there are:\n  {}",
            names.join("\n  ")
        );
        let provider = provider_of(name).context("an event is named <provider>-<kind>")?;
        let event = fs::read_to_string(folder().join(format!("{name}.json")))?;
        let event: Value =
            serde_json::from_str(&event).with_context(|| format!("events/{name}.json is not JSON"))?;
        let body = event["body"].as_str().context("the event has no body")?;
        let body = if event["isBase64Encoded"] == true {
            BASE64_STANDARD.decode(body)?
        } else {
            body.as_bytes().to_vec()
        };
        Ok(Self { name: name.to_owned(), provider, body: String::from_utf8(body)? })
    }

    /// Sets one field of the body: a dotted path in JSON, a name in a form.
    ///
    /// The value is taken as JSON if it is JSON, else as text.
    ///
    /// # Errors
    /// The path leads through something that is no object.
    pub fn set(&mut self, path: &str, value: &str) -> anyhow::Result<()> {
        if self.provider.body_format() == BodyFormat::Form {
            let mut fields: Vec<_> = form_urlencoded::parse(self.body.as_bytes()).into_owned().collect();
            match fields.iter_mut().find(|(name, _)| name == path) {
                Some(field) => field.1 = value.to_owned(),
                None => fields.push((path.to_owned(), value.to_owned())),
            }
            self.body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
            return Ok(());
        }
        let mut body: Value = serde_json::from_str(&self.body)?;
        let mut place = &mut body;
        for part in path.split('.') {
            let Value::Object(object) = place else { bail!("{path}: there is no object before {part}") };
            place = object.entry(part).or_insert_with(|| Value::Object(serde_json::Map::new()));
        }
        *place = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        self.body = serde_json::to_string(&body)?;
        Ok(())
    }

    /// Links another recording, if this kind of event links one.
    ///
    /// # Errors
    /// As for [`Sample::set`].
    pub fn link(&mut self, url: &str) -> anyhow::Result<()> {
        if let Some(path) = self.recording_path() {
            self.set(path, url)?;
            if self.body.contains("size_bytes") {
                self.set("data.size_bytes", "null")?;
            }
        }
        Ok(())
    }

    /// The field of the body that links its recording, if this kind of event links one.
    pub fn recording_path(&self) -> Option<&'static str> {
        let path = self.provider.recording_field();
        let name = path.rsplit('.').next().unwrap_or(path);
        self.body.contains(name).then_some(path)
    }

    /// The request that the provider would send to a source at a time, signed.
    pub fn request(&self, source: &str, at: Timestamp) -> HttpRequest {
        request(self.provider, source, self.body.as_bytes().to_vec(), at)
    }

    /// The API Gateway event of that request.
    ///
    /// # Errors
    /// No route takes it: the source's name has characters that a path can't have.
    pub fn event(&self, source: &str, at: Timestamp) -> anyhow::Result<Value> {
        let (_, event) =
            gateway::event(&self.request(source, at), at).context("no route takes this event")?;
        Ok(event)
    }
}

/// The request with which a provider delivers a body to a source, signed with the local keys.
pub fn request(provider: Provider, source: &str, body: Vec<u8>, at: Timestamp) -> HttpRequest {
    let mut headers = HeaderMap::new();
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    put("user-agent", provider.name());
    put("content-type", provider.body_format().content_type());
    let proof = provider.sign(&keys::of(provider), &body, at);
    for (name, value) in &proof.headers {
        put(name, value);
    }
    let path = provider.route().replace("{source}", source);
    let path = path.replace("{token}", proof.url_token.as_deref().unwrap_or_default());
    HttpRequest { method: Method::POST, path, query: String::new(), headers, body }
}

/// Signs every webhook's event file anew, and answers which ones.
///
/// # Errors
/// A file can't be read or written.
pub fn resign(at: Timestamp) -> anyhow::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for name in names()? {
        let event = Sample::load(&name)?.event("default", at)?;
        let path = folder().join(format!("{name}.json"));
        fs::write(&path, format!("{event:#}\n"))?;
        paths.push(path);
    }
    Ok(paths)
}
