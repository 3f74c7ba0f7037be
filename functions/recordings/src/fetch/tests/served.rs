//! The names and the server that the tests fetch from. Both give prepared answers.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rustls::RootCertStore;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tower::util::MapRequestLayer;

use crate::fetch::{Fetcher, client};
use crate::guard::Policy;

/// The first byte of a TLS handshake. Its client would wait for an answer in TLS.
const TLS_HANDSHAKE: u8 = 22;

/// A lookup with prepared answers that keeps the names it was asked for.
#[derive(Clone, Default)]
pub(super) struct Names {
    answers: Arc<Mutex<VecDeque<Vec<SocketAddr>>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Names {
    /// Answers the questions in turn, and the last answer again and again.
    pub(super) fn answering(answers: &[&[&str]]) -> Self {
        let parsed = |answer: &[&str]| -> Vec<SocketAddr> {
            answer.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect()
        };
        let answers = answers.iter().map(|answer| parsed(answer)).collect();
        Self { answers: Arc::new(Mutex::new(answers)), asked: Arc::default() }
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        self.asked.lock().unwrap().push(name.as_str().to_owned());
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Box::pin(async move { Ok(Box::new(answer.unwrap_or_default().into_iter()) as Addrs) })
    }
}

/// How often a fetcher began to connect, with or without a lookup.
#[derive(Clone, Default)]
pub(super) struct Connects(Arc<AtomicUsize>);

impl Connects {
    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// The real fetcher, with the test's names.
pub(super) fn fetcher(policy: Policy, names: &Names) -> (Fetcher, Connects) {
    fetcher_that_trusts(policy, names, RootCertStore::empty())
}

/// The real fetcher, with the test's names and root certificates.
pub(super) fn fetcher_that_trusts(
    policy: Policy,
    names: &Names,
    roots: RootCertStore,
) -> (Fetcher, Connects) {
    let connects = Connects::default();
    let counted = connects.clone();
    let layer = MapRequestLayer::new(move |request| {
        counted.0.fetch_add(1, Ordering::SeqCst);
        request
    });
    let client = client(&policy, names.clone(), roots).unwrap().connector_layer(layer).build().unwrap();
    (Fetcher { client, policy }, connects)
}

/// A server on this machine that keeps the heads of the requests it got.
pub(super) struct Server {
    pub(super) port: u16,
    connections: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
}

/// How a server ends a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// With the close that its protocol requires.
    Proper,
    /// Without that close.
    Abrupt,
}

impl Server {
    /// Answers the requests in turn, and the last answer again and again.
    pub(super) async fn answering<const N: usize>(answers: [String; N]) -> Self {
        Self::start(None, Ending::Proper, answers.into()).await
    }

    pub(super) async fn start(
        tls: Option<TlsAcceptor>,
        ending: Ending,
        mut answers: VecDeque<String>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (connections, heads) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<Vec<_>>>::default());
        let (counted, kept) = (connections.clone(), heads.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::SeqCst);
                let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
                let answer = answer.unwrap_or_default();
                // One after the other: the tests ask one thing at a time.
                match &tls {
                    None => serve(stream, ending, &answer, &kept).await,
                    Some(tls) => {
                        let Ok(stream) = tls.accept(stream).await else { continue };
                        serve(stream, ending, &answer, &kept).await;
                    }
                }
            }
        });
        Self { port, connections, heads }
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    ending: Ending,
    answer: &str,
    heads: &Mutex<Vec<String>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        if byte == TLS_HANDSHAKE {
            return;
        }
        head.push(byte);
    }
    heads.lock().unwrap().push(String::from_utf8_lossy(&head).to_ascii_lowercase());
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.flush().await;
    if ending == Ending::Proper {
        let _ = stream.shutdown().await;
    }
}
