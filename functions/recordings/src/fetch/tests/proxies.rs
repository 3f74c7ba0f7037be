//! Proxies: the environment names one, and it is not used.

use std::process::Command;

use super::served::Server;
use super::{Fetcher, Policy, copied, short, source};

/// How the child process knows where the origin is.
const ORIGIN: &str = "TEST_ORIGIN_PORT";

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nRIFF";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn proxies_of_the_environment_see_nothing() {
    if let Ok(port) = std::env::var(ORIGIN) {
        return fetch_as_a_child(&port).await;
    }
    let (origin, proxy) =
        (Server::answering([OK.to_owned()]).await, Server::answering([OK.to_owned()]).await);
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "fetch::tests::proxies::proxies_of_the_environment_see_nothing"]);
    child.env(ORIGIN, origin.port.to_string()).env_remove("NO_PROXY").env_remove("no_proxy");
    // Clients ignore `HTTP_PROXY` where a CGI server could have set it.
    child.env_remove("REQUEST_METHOD");
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        let url = format!("http://127.0.0.1:{}", proxy.port);
        child.env(name, &url).env(name.to_ascii_lowercase(), &url);
    }
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    // The origin's TLS handshake is no request, but a connection.
    assert_eq!((origin.connections(), origin.heads().len()), (2, 1));
    // Only the child's control request came: a client with default settings does use the proxy.
    let heads = proxy.heads();
    assert_eq!((proxy.connections(), heads.len()), (1, 1), "{heads:?}");
    assert!(heads[0].starts_with("get http://control.example/"), "{heads:?}");
}

/// The part of the test that runs in a child process, where the environment names the proxies.
async fn fetch_as_a_child(port: &str) {
    let fetcher = Fetcher::new(short(Policy::local())).unwrap();
    let http = format!("http://127.0.0.1:{port}/r");
    assert_eq!(copied(&fetcher, &source(""), &http, None).await, Ok(b"RIFF".to_vec()));
    // The origin speaks no TLS. Only the connection matters.
    let https = format!("https://127.0.0.1:{port}/r");
    assert!(copied(&fetcher, &source(""), &https, None).await.is_err());
    let control = reqwest::Client::builder()
        .tls_backend_preconfigured(
            rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_root_certificates(rustls::RootCertStore::empty())
                .with_no_client_auth(),
        )
        .build()
        .unwrap();
    assert!(control.get("http://control.example/").send().await.unwrap().status().is_success());
}
