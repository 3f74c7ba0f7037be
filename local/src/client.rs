//! A client for webhooks and the read API.

use std::time::Duration;

use anyhow::{Context as _, bail};
use http::StatusCode;
use serde_json::Value;
use url::Url;

use crate::gateway::HttpRequest;
use crate::keys;

/// Sends requests to one base URL.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: http::HeaderMap,
    /// The body, as JSON if it is JSON.
    pub body: Value,
}

impl Client {
    /// A client for `http://<host>:<port>` or a deployed API's URL.
    ///
    /// # Errors
    /// TLS can't be set up.
    pub fn new(base: impl Into<String>) -> anyhow::Result<Self> {
        let base: String = base.into();
        Ok(Self { http: http()?, base: base.trim_end_matches('/').to_owned() })
    }

    /// Sends a request as it is.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn send(&self, request: HttpRequest) -> anyhow::Result<Answer> {
        let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
        let url = format!("{}{}{query}", self.base, request.path);
        let sent =
            self.http.request(request.method, url).headers(request.headers).body(request.body).send().await;
        let response = sent
            .map_err(reqwest::Error::without_url)
            .with_context(|| format!("{} did not answer", self.base))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await?;
        let body = serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
        Ok(Answer { status, headers, body })
    }

    /// Asks the read API, with the local token.
    ///
    /// # Errors
    /// There was no answer.
    pub async fn get(&self, path_and_query: &str) -> anyhow::Result<Answer> {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let mut headers = http::HeaderMap::new();
        headers.insert(http::header::AUTHORIZATION, format!("Bearer {}", keys::QUERY_TOKEN).parse()?);
        let (path, query) = (path.to_owned(), query.to_owned());
        self.send(HttpRequest { method: http::Method::GET, path, query, headers, body: Vec::new() }).await
    }
}

/// An HTTP client that follows no redirects, with TLS on ring.
///
/// # Errors
/// TLS can't be set up.
pub fn http() -> anyhow::Result<reqwest::Client> {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let client =
        reqwest::Client::builder().tls_backend_preconfigured(tls).redirect(reqwest::redirect::Policy::none());
    Ok(client.timeout(Duration::from_secs(30)).build()?)
}

/// The path of a call in the read API.
pub fn call_path(provider: &str, source: &str, call_id: &str) -> String {
    format!("/calls/{provider}/{source}/{}", shared::path::encode(call_id))
}

/// Returns the base URL for the text that a person gave. Without a scheme, it is `http` for this machine and for
/// any address with a port, else `https`.
///
/// # Errors
/// It is no URL of a server.
pub fn base_url(text: &str) -> anyhow::Result<String> {
    let is_plain = text.starts_with("localhost") || text.contains(':');
    let url = match text {
        _ if text.contains("://") => text.to_owned(),
        _ if is_plain => format!("http://{text}"),
        _ => format!("https://{text}"),
    };
    let parsed = Url::parse(&url).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    if !parsed.is_some_and(|url| url.has_host() && url.query().is_none()) {
        bail!("--to {text} is not the address of a server; write it as http://127.0.0.1:9000")
    }
    Ok(url.trim_end_matches('/').to_owned())
}
