//! Tests with real connections, all to this machine.

use shared::ledger::jobs::Link;
use shared::provider::Provider;
use shared::sources::Sources;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::*;
use crate::guard::DEFAULT_MAX_BYTES;

mod names;
mod proxies;
mod served;
mod tls;

fn production() -> Fetcher {
    Fetcher::new(Policy::production(DEFAULT_MAX_BYTES)).unwrap()
}

fn source(more: &str) -> Source {
    let json = format!(r#"{{"sautikit":{{"default":{{"secrets":["whsec_test"]{more}}}}}}}"#);
    Sources::from_json(&json).unwrap().get(Provider::Sautikit, "default").unwrap().clone()
}

/// A policy, less patient.
fn short(mut policy: Policy) -> Policy {
    policy.limits.head = Duration::from_secs(2);
    policy.limits.resume_pause = Duration::from_millis(1);
    policy
}

/// Downloads a link as a copy does.
async fn copied(
    fetcher: &Fetcher,
    source: &Source,
    url: &str,
    announced: Option<u64>,
) -> Result<Vec<u8>, CopyError> {
    let link = Link::new(url);
    let until = Instant::now() + Duration::from_secs(60);
    let mut download = Download::open(fetcher, Origin { link: &link, source }, announced, until).await?;
    let mut body = Vec::new();
    while let Some(piece) = download.chunk().await? {
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// The rule by which a link was rejected.
fn rejected(error: CopyError) -> &'static str {
    match error {
        CopyError::Rejected(problem) => problem.code,
        other => panic!("{other:?}"),
    }
}

/// A target that no production policy would let through.
fn target(url: &str) -> Target {
    Policy::local().check(url, &[]).unwrap()
}

#[tokio::test]
async fn a_name_is_refused_again_when_it_resolves_to_this_machine() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/r.mp3", listener.local_addr().unwrap().port());
    let error = production().send(&target(&url), None, None).await.unwrap_err();
    assert_eq!(rejected(error), "address_not_public");
    // Not even a connection was made.
    assert!(timeout(Duration::from_millis(100), listener.accept()).await.is_err());
}

#[tokio::test]
async fn tells_the_ways_in_which_a_connection_fails_without_the_url() {
    let fetcher = Fetcher::new(Policy::local()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // Read before it is closed: a reset would be another failure.
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(b"nonsense\r\n\r\n").await;
        }
    });
    for (url, code) in [
        (format!("https://127.0.0.1:{port}/r?canary"), "tls"),
        (format!("http://127.0.0.1:{port}/r?canary"), "connection_lost"),
        ("http://127.0.0.1:1/r?canary".to_owned(), "connect"),
    ] {
        let error = fetcher.send(&target(&url), None, None).await.unwrap_err();
        assert_eq!(error, CopyError::transient(code), "{url}");
    }
}

#[test]
fn credentials_go_to_the_very_hosts_they_are_for_and_only_over_https() {
    let source = source(
        r#","recording_hosts":["api.example.com",".example.com"],"recording_authorization":"Bearer canary",
        "recording_authorization_hosts":["api.example.com"]"#,
    );
    let link = Link::new("https://api.example.com/r");
    let credentials = |url: &str| production().credentials(&target(url), &source);
    assert!(credentials(link.expose()).is_some_and(|value| value.is_sensitive()));
    assert!(credentials("https://API.example.com./r").is_some());
    // To be allowed is not enough.
    for url in ["https://cdn.example.com/r", "https://example.com/r", "https://evil.net/r"] {
        assert!(credentials(url).is_none(), "{url}");
    }
    // A policy that can't even fetch over http would not send credentials there either.
    assert!(credentials("http://api.example.com/r").is_none());
    // The local policy can, and sends them only where they stay on this machine.
    let local = Fetcher::new(Policy::local()).unwrap();
    assert!(local.credentials(&target("http://api.example.com/r"), &source).is_none());
}
