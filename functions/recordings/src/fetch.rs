//! Fetches links: one request at a time. Redirects are followed here, and the guard checks each of them.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::dns::Resolve;
use reqwest::{Client, ClientBuilder, Response, redirect};
use rustls::{ClientConfig, RootCertStore};
use shared::source::Source;
use tokio::time::timeout;

use self::answer::Answer;
use self::resolver::{CheckedResolver, SystemResolver};
use self::resume::Resume;
use crate::error::CopyError;
use crate::guard::{GuardError, MAX_REDIRECTS, Policy, Target, is_listed_exactly};

mod answer;
mod download;
mod coding;
mod resolver;
mod resume;
mod speed;

pub(crate) use download::Download;

/// How much is read of an answer that is not a recording, to learn the reason.
const MAX_EXPLANATION_BYTES: usize = 4 * 1024;

/// How long reading it may take.
const EXPLANATION_TIMEOUT: Duration = Duration::from_secs(5);

/// Fetches links under a policy.
#[derive(Clone, Debug)]
pub(crate) struct Fetcher {
    client: Client,
    pub(crate) policy: Policy,
}

/// Fetching can't be set up: the TLS library does not take its configuration.
#[derive(Debug, thiserror::Error)]
#[error("fetching can't be set up: {0}")]
pub struct FetcherError(String);

/// The link to fetch, and the source whose hosts and credentials apply to it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) link: &'a shared::ledger::jobs::Link,
    pub(crate) source: &'a Source,
}

impl Fetcher {
    /// Returns a fetcher that trusts the public web's root certificates and asks the system's resolver. Neither
    /// can be configured.
    pub(crate) fn new(policy: Policy) -> Result<Self, FetcherError> {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let client = client(&policy, SystemResolver, roots)?.build();
        let client = client.map_err(|error| FetcherError(error.without_url().to_string()))?;
        Ok(Self { client, policy })
    }

    /// Sends the request, follows redirects, and returns the answer that has a body to copy.
    async fn open(&self, origin: Origin<'_>, resume: Option<&Resume>) -> Result<Response, CopyError> {
        let mut target = self.policy.check(origin.link.expose(), &origin.source.recording_hosts)?;
        let mut credentials = self.credentials(&target, origin.source);
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(&target, credentials.as_ref(), resume).await?;
            match answer::judge(response.status(), response.headers(), shared::timestamp::Timestamp::now()) {
                Answer::Body => return Ok(response),
                Answer::Redirect(location) => {
                    let hosts = &origin.source.recording_hosts;
                    let next = self.policy.check_redirect(&target, &location, hosts)?;
                    if next.url().origin() != target.url().origin() {
                        // They are not sent again, even if the next redirect leads back.
                        credentials = None;
                    }
                    target = next;
                }
                Answer::Failed(error) => return Err(error),
                Answer::Explained(error) => {
                    let explanation = explanation(response).await;
                    return Err(if answer::says_expired(&explanation) {
                        error.into_expired()
                    } else {
                        error
                    });
                }
            }
        }
        Err(GuardError::TooManyRedirects.into())
    }

    async fn send(
        &self,
        target: &Target,
        credentials: Option<&HeaderValue>,
        resume: Option<&Resume>,
    ) -> Result<Response, CopyError> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("audio/*, video/*;q=0.9, */*;q=0.5"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        if let Some(credentials) = credentials {
            headers.insert(AUTHORIZATION, credentials.clone());
        }
        if let Some(resume) = resume {
            resume.ask(&mut headers);
        }
        let request = self.client.get(target.url().clone()).headers(headers).send();
        match timeout(self.policy.limits.head, request).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(connection_error(&error)),
            Err(_) => Err(CopyError::transient("timeout")),
        }
    }

    /// The source's credentials, if its list names the target's host in full.
    fn credentials(&self, target: &Target, source: &Source) -> Option<HeaderValue> {
        let authorization = source.recording_authorization.as_ref()?;
        let may = self.policy.may_carry_credentials(target)
            && is_listed_exactly(target.host(), &source.recording_authorization_hosts);
        let mut value = HeaderValue::from_str(&authorization.0).ok().filter(|_| may)?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// A client that follows no redirect, uses no proxy, and connects only to addresses that were checked.
fn client(
    policy: &Policy,
    lookup: impl Resolve + 'static,
    roots: RootCertStore,
) -> Result<ClientBuilder, FetcherError> {
    let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| FetcherError(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        // Some hosts refuse requests without a user agent.
        .user_agent(concat!("call-ledger/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        // A kept connection may be closed the moment it is used again, and its address was checked
        // for another job, perhaps long ago.
        .pool_max_idle_per_host(0)
        .dns_resolver(CheckedResolver::new(policy.clone(), lookup)))
}

/// Returns the error of a failed request, without its URL.
fn connection_error(error: &reqwest::Error) -> CopyError {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(refusal) = error.downcast_ref::<GuardError>() {
            return (*refusal).into();
        }
        if error.is::<rustls::Error>() {
            return CopyError::transient("tls");
        }
        // `io::Error::source` skips the error that the `io::Error` was made of.
        cause = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    CopyError::transient(match error {
        _ if error.is_timeout() => "timeout",
        _ if error.is_dns() => "dns",
        _ if error.is_connect() => "connect",
        _ => "connection_lost",
    })
}

/// Reads the beginning of an answer that is not a recording.
async fn explanation(mut response: Response) -> Vec<u8> {
    let mut text = Vec::new();
    let read = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            text.extend_from_slice(&chunk[..chunk.len().min(MAX_EXPLANATION_BYTES - text.len())]);
            if text.len() >= MAX_EXPLANATION_BYTES {
                break;
            }
        }
    };
    // After a timeout, the part that arrived is used.
    let _ = timeout(EXPLANATION_TIMEOUT, read).await;
    text
}

#[cfg(test)]
mod tests;
