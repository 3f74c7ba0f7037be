//! Origins whose answers are given byte by byte.

use std::future::pending;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// The answer of an origin to a request.
#[derive(Clone)]
pub(crate) enum Answer {
    /// Sends this and closes.
    Send(Vec<u8>),
    /// Sends this and hangs.
    Hang(Vec<u8>),
    /// Sends this, then a piece again and again with a pause after each, until the client is gone.
    Flow { start: Vec<u8>, piece: Vec<u8>, pause: Duration },
}

/// An origin that keeps the heads of the requests it got.
pub(crate) struct Origin {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
    flown: Arc<AtomicU64>,
}

impl Origin {
    pub(crate) async fn start(
        answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (seen, answer) = (heads.clone(), Arc::new(answer));
        let flown = Arc::<AtomicU64>::default();
        let counted = flown.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, seen.clone(), answer.clone(), counted.clone()));
            }
        });
        Ok(Self { port, heads, flown })
    }

    /// Answers the requests in turn, and the last answer again and again.
    pub(crate) async fn in_turn(answers: Vec<Answer>) -> anyhow::Result<Self> {
        let asked = AtomicUsize::new(0);
        Self::start(move |_| {
            let index = asked.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
            answers[index].clone()
        })
        .await
    }

    /// Accepts, and reads nothing.
    pub(crate) async fn deaf() -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        tokio::spawn(async move {
            let mut held = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                held.push(stream);
            }
        });
        Ok(Self { port, heads: Arc::default(), flown: Arc::default() })
    }

    /// Answers every request with the same body.
    pub(crate) async fn of(body: Vec<u8>) -> anyhow::Result<Self> {
        Self::start(move |_| Answer::Send(ok("", &body))).await
    }

    /// Answers every request with a status.
    pub(crate) async fn status(status: &str, headers: &str, body: &str) -> anyhow::Result<Self> {
        let answer = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len());
        Self::start(move |_| Answer::Send(answer.clone().into_bytes())).await
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// How many bytes of pieces were taken from it.
    pub(crate) fn flown(&self) -> u64 {
        self.flown.load(Ordering::SeqCst)
    }

    pub(crate) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    seen: Arc<Mutex<Vec<String>>>,
    answer: Arc<impl Fn(&str) -> Answer>,
    flown: Arc<AtomicU64>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let answer = answer(&head);
    seen.lock().unwrap_or_else(PoisonError::into_inner).push(head);
    match answer {
        Answer::Send(bytes) => stream.write_all(&bytes).await,
        Answer::Hang(bytes) => {
            stream.write_all(&bytes).await?;
            pending().await
        }
        Answer::Flow { start, piece, pause } => {
            stream.write_all(&start).await?;
            loop {
                stream.write_all(&piece).await?;
                flown.fetch_add(piece.len() as u64, Ordering::SeqCst);
                sleep(pause).await;
            }
        }
    }
}

pub(crate) fn ok(headers: &str, body: &[u8]) -> Vec<u8> {
    let mut answer =
        format!("HTTP/1.1 200 OK\r\n{headers}content-length: {}\r\n\r\n", body.len()).into_bytes();
    answer.extend(body);
    answer
}

/// A recording of some size that is not the same anywhere.
pub(crate) fn wav(size: usize) -> Vec<u8> {
    let mut body = b"RIFF\0\0\0\0WAVEfmt ".to_vec();
    let mut state = 1_u32;
    while body.len() < size {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        body.extend(state.to_be_bytes());
    }
    body.truncate(size);
    body
}
