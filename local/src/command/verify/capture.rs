//! A saved request, from an event or from headers and a body.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use http::{HeaderMap, Method};
use jiff::Timestamp;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use shared::lambda::{ApiGatewayV2httpRequest, Request};

mod lines;

/// A saved request.
pub(super) struct Capture {
    /// The method, where it is known.
    pub(super) method: Option<Method>,
    /// The place it was sent to, where that is known.
    pub(super) place: Option<Place>,
    /// The headers.
    pub(super) headers: HeaderMap,
    /// The body as it was handed over.
    pub(super) body: Bytes,
    /// How the body is written in the file.
    pub(super) writing: Writing,
    /// When it arrived, where that is known.
    pub(super) arrived_at: Option<Timestamp>,
}

/// How a body is written in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Writing {
    /// As it is.
    Plain,
    /// In base64.
    Base64,
    /// The event says that it is base64, and it is not: the body is the text as it stands there.
    FalseBase64,
}

/// The place of a webhook: the parts of `/webhooks/<provider>/<source>[/<token>]`, decoded.
pub(super) struct Place {
    pub(super) provider: String,
    pub(super) source: String,
    pub(super) token: Option<String>,
}

impl Place {
    /// The place in a path or URL, behind any prefix.
    fn of(path: &str) -> Option<Self> {
        let path = path.split(['?', '#']).next().unwrap_or(path);
        let (_, rest) = path.split_once("/webhooks/")?;
        let decoded = |part: &str| percent_decode_str(part).decode_utf8_lossy().into_owned();
        let mut parts = rest.splitn(3, '/').map(decoded);
        let (provider, source) = (parts.next()?, parts.next()?);
        Some(Self { provider, source, token: parts.next().filter(|token| !token.is_empty()) })
    }
}

impl Capture {
    /// The request in an API Gateway event.
    ///
    /// # Errors
    /// The file can't be read, or has no such event in it.
    pub(super) fn of_event(file: &Path) -> anyhow::Result<Self> {
        let shown = file.display();
        let text = read(file)?;
        let mut event: Value = serde_json::from_slice(&text).map_err(|error| {
            anyhow::anyhow!(
                "{shown} is not JSON: line {}, column {}. Give headers and body apart with --headers and --body",
                error.line(),
                error.column()
            )
        })?;
        ensure!(
            event.get("multiValueHeaders").is_none() && event["version"] != "1.0",
            "{shown} is an event of payload format 1.0; the functions get format 2.0, from an HTTP API"
        );
        ensure!(
            event["headers"].is_object(),
            "{shown} is no API Gateway event: it has no `headers`. A body alone is given with --body"
        );
        let is_object = |value: &Value| value.is_object() || value.is_null();
        ensure!(
            is_object(&event["requestContext"]) && is_object(&event["requestContext"]["http"]),
            "{shown} is no API Gateway event of payload format 2.0: a field has another type"
        );
        // An event that was cut down by hand lacks it.
        if event["requestContext"]["http"]["method"].is_null() {
            event["requestContext"]["http"] = json!({ "method": "POST" });
        }
        // Serde quotes the value that is in the way, which may be a signature.
        let event: ApiGatewayV2httpRequest = serde_json::from_value(event).map_err(|_| {
            anyhow::anyhow!("{shown} is no API Gateway event of payload format 2.0: a field has another type")
        })?;
        let (body, is_base64) = (event.body.clone().unwrap_or_default(), event.is_base64_encoded);
        let arrived_at = Some(event.request_context.time_epoch).filter(|milliseconds| *milliseconds > 0);
        let request = Request::from(event);
        let writing = match (is_base64, &request.body) {
            (false, _) => Writing::Plain,
            (true, Some(_)) => Writing::Base64,
            (true, None) => Writing::FalseBase64,
        };
        let mut place = Place::of(&request.raw_path).or_else(|| Place::of(&request.route));
        if let Some(place) = &mut place {
            let parameter = |name: &str| request.path.get(name).cloned();
            place.source = parameter("source").unwrap_or_else(|| std::mem::take(&mut place.source));
            place.token = parameter("token").or(place.token.take());
        }
        Ok(Self {
            method: Some(request.method),
            place,
            headers: request.headers,
            body: request.body.unwrap_or_else(|| body.into()),
            writing,
            arrived_at: arrived_at.and_then(|milliseconds| Timestamp::from_millisecond(milliseconds).ok()),
        })
    }

    /// The request of a file of headers, if there is one, and a file with the body.
    ///
    /// # Errors
    /// A file can't be read, the headers are none, or the path is no webhook's.
    pub(super) fn of_files(headers: Option<&Path>, body: &Path, path: Option<&str>) -> anyhow::Result<Self> {
        let standard_input = Path::new("-");
        ensure!(
            headers != Some(standard_input) || body != standard_input,
            "--headers and --body can't both be standard input"
        );
        let lines = match headers {
            Some(file) => {
                let text = read(file)?;
                lines::read(&String::from_utf8_lossy(&text)).with_context(|| file.display().to_string())?
            }
            None => lines::Lines::default(),
        };
        let place = match path.or(lines.path.as_deref()) {
            Some(written) => match Place::of(written) {
                Some(place) => Some(place),
                None if path.is_some() => {
                    bail!(
                        "--path is no webhook's: write it as /webhooks/<provider>/<source>, with the token if it has one"
                    )
                }
                None => None,
            },
            None => None,
        };
        Ok(Self {
            method: lines.method,
            place,
            headers: lines.headers,
            body: read(body)?.into(),
            writing: Writing::Plain,
            arrived_at: None,
        })
    }
}

/// The content of a file, or of standard input for `-`.
fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut content = Vec::new();
        io::stdin().read_to_end(&mut content).context("standard input can't be read")?;
        return Ok(content);
    }
    fs::read(file).with_context(|| format!("{} can't be read", file.display()))
}
