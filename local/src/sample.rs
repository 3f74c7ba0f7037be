//! The sample webhooks of `events/`: the list, the changes to one, its signed request.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use serde_json::Value;
use shared::event::BodyFormat;
use shared::proof::SenderKeys;
use shared::provider::Provider;
use url::form_urlencoded;

use crate::embedded;
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

/// The names of all samples, in order.
pub fn names() -> Vec<&'static str> {
    embedded::SAMPLES.iter().map(|(name, _)| *name).collect()
}

/// The files of samples in a folder, in order: those that are named `<provider>-<kind>.json`.
///
/// # Errors
/// The folder can't be read.
pub fn files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = BTreeSet::new();
    for file in fs::read_dir(folder).with_context(|| format!("{} can't be read", folder.display()))? {
        let file = file?;
        let name = file.file_name().to_string_lossy().into_owned();
        if name.strip_suffix(".json").and_then(provider_of).is_some() {
            files.insert(file.path());
        }
    }
    Ok(files.into_iter().collect())
}

fn provider_of(name: &str) -> Option<Provider> {
    Provider::from_name(name.split_once('-')?.0)
}

impl Sample {
    /// The sample of a name.
    ///
    /// # Errors
    /// There is no such sample; the message lists those there are.
    pub fn load(name: &str) -> anyhow::Result<Self> {
        let name = name.strip_suffix(".json").unwrap_or(name);
        let Some((_, event)) = embedded::SAMPLES.iter().find(|(known, _)| *known == name) else {
            bail!("there is no event {name}; there are:\n  {}", names().join("\n  "));
        };
        Self::from_event(name, event)
    }

    /// The sample that is the body of an API Gateway event.
    ///
    /// # Errors
    /// The name is not `<provider>-<kind>`, or the event has no body that is text.
    pub fn from_event(name: &str, event: &str) -> anyhow::Result<Self> {
        let provider = provider_of(name).context("an event is named <provider>-<kind>")?;
        let event: Value = serde_json::from_str(event).with_context(|| format!("{name} is not JSON"))?;
        let body = event["body"].as_str().with_context(|| format!("{name} has no body"))?;
        let body = if event["isBase64Encoded"] == true {
            BASE64_STANDARD.decode(body)?
        } else {
            body.as_bytes().to_vec()
        };
        Ok(Self { name: name.to_owned(), provider, body: String::from_utf8(body)? })
    }

    /// Sets a field that the body has; see [`Sample::set`].
    ///
    /// # Errors
    /// The body has no such field; the message lists those with the nearest names.
    pub fn change(&mut self, path: &str, value: &str) -> anyhow::Result<()> {
        let known = self.paths()?;
        if known.iter().any(|known| known == path) {
            return self.set(path, value);
        }
        let last = |path: &str| path.rsplit('.').next().unwrap_or(path).to_lowercase();
        let mut nearest: Vec<_> = known
            .iter()
            .map(|known| {
                let whole = strsim::normalized_damerau_levenshtein(path, known);
                let name = strsim::normalized_damerau_levenshtein(&last(path), &last(known));
                (whole.max(name), known.as_str())
            })
            .collect();
        nearest.sort_by(|one, other| other.0.total_cmp(&one.0));
        let nearest: Vec<_> = nearest.into_iter().take(3).map(|(_, path)| path).collect();
        bail!("{} has no field {path}; the nearest are: {}", self.name, nearest.join(", "))
    }

    /// The path of every field of the body.
    fn paths(&self) -> anyhow::Result<Vec<String>> {
        if self.provider.body_format() == BodyFormat::Form {
            let fields = form_urlencoded::parse(self.body.as_bytes());
            return Ok(fields.map(|(name, _)| name.into_owned()).collect());
        }
        let mut paths = Vec::new();
        collect_paths(&serde_json::from_str(&self.body)?, "", &mut paths);
        Ok(paths)
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

    /// The name of the recording that it links, without extension, so that samples that link one recording have
    /// one name; the sample's own name if that can't be told.
    pub fn recording_name(&self) -> String {
        let link = self.recording_path().and_then(|path| match self.provider.body_format() {
            BodyFormat::Form => form_urlencoded::parse(self.body.as_bytes())
                .find(|(name, _)| name == path)
                .map(|(_, link)| link.into_owned()),
            BodyFormat::Json => {
                let body: Value = serde_json::from_str(&self.body).ok()?;
                body.pointer(&format!("/{}", path.replace('.', "/")))?.as_str().map(str::to_owned)
            }
        });
        let file = link.as_deref().and_then(|link| link.split(['?', '#']).next()?.rsplit('/').next());
        let name = file.and_then(|file| file.split('.').next()).unwrap_or_default();
        let is_plain =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if is_plain { name.to_owned() } else { self.name.clone() }
    }

    /// The field of the body that links its recording, if this kind of event links one.
    pub fn recording_path(&self) -> Option<&'static str> {
        let path = self.provider.recording_field();
        let name = path.rsplit('.').next().unwrap_or(path);
        self.body.contains(name).then_some(path)
    }

    /// The request that the provider would send to a source at a time, signed with the local keys.
    pub fn request(&self, source: &str, at: Timestamp) -> HttpRequest {
        self.request_with(&keys::of(self.provider), source, at)
    }

    /// The request that the provider would send to a source at a time, signed with these keys.
    pub fn request_with(&self, keys: &SenderKeys, source: &str, at: Timestamp) -> HttpRequest {
        signed(self.provider, keys, source, self.body.as_bytes().to_vec(), at)
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

fn collect_paths(value: &Value, path: &str, paths: &mut Vec<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        collect_paths(value, &path, paths);
        paths.push(path);
    }
}

/// The request with which a provider delivers a body to a source, signed with the local keys.
pub fn request(provider: Provider, source: &str, body: Vec<u8>, at: Timestamp) -> HttpRequest {
    signed(provider, &keys::of(provider), source, body, at)
}

fn signed(provider: Provider, keys: &SenderKeys, source: &str, body: Vec<u8>, at: Timestamp) -> HttpRequest {
    let mut headers = HeaderMap::new();
    let mut put = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    put("user-agent", provider.name());
    put("content-type", provider.body_format().content_type());
    let proof = provider.sign(keys, &body, at);
    for (name, value) in &proof.headers {
        put(name, value);
    }
    let path = provider.route().replace("{source}", source);
    let path = path.replace("{token}", proof.url_token.as_deref().unwrap_or_default());
    HttpRequest { method: Method::POST, path, query: String::new(), headers, body }
}

/// Signs every sample of a folder anew, with the local keys, and returns the files it wrote.
///
/// # Errors
/// The folder has no samples, or a file can't be read or written.
pub fn resign(folder: &Path, at: Timestamp) -> anyhow::Result<Vec<PathBuf>> {
    let files = files(folder)?;
    ensure!(!files.is_empty(), "{} has no file <provider>-<kind>.json", folder.display());
    for path in &files {
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let event = Sample::from_event(&name, &fs::read_to_string(path)?)?.event("default", at)?;
        fs::write(path, format!("{event:#}\n"))?;
    }
    Ok(files)
}
