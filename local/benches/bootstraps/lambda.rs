//! A stand-in for Lambda: it hands out events and takes answers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::Ended;

/// The most that Lambda waits for a start.
const PATIENCE: Duration = Duration::from_secs(10);

/// Lambda, as its programs see it.
pub(crate) struct Lambda {
    events: UnboundedSender<String>,
    asked: UnboundedReceiver<Instant>,
    answered: UnboundedReceiver<(Instant, Bytes)>,
}

impl Lambda {
    /// Waits until the program asks for an event.
    pub(crate) async fn asked(&mut self, child: &mut Ended) -> Instant {
        let asked = tokio::time::timeout(PATIENCE, self.asked.recv()).await;
        asked.unwrap_or_else(|_| panic!("it does not ask for events: {:?}", child.0.try_wait())).unwrap()
    }

    /// Has an event handled, and answers how long it took.
    pub(crate) async fn handle(&mut self, event: String, child: &mut Ended) -> Duration {
        let sent = Instant::now();
        self.events.send(event).unwrap();
        let answered = tokio::time::timeout(PATIENCE, self.answered.recv()).await;
        let (at, answer) =
            answered.unwrap_or_else(|_| panic!("no answer: {:?}", child.0.try_wait())).unwrap();
        let text = String::from_utf8_lossy(&answer);
        assert!(text.contains(r#""statusCode":200"#), "{text}");
        at - sent
    }
}

/// The [Lambda Runtime API](https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html).
pub(crate) async fn runtime_api() -> (SocketAddr, Lambda) {
    struct Shared {
        asked: UnboundedSender<Instant>,
        answered: UnboundedSender<(Instant, Bytes)>,
        events: Mutex<UnboundedReceiver<String>>,
    }
    let (asks, asked) = unbounded_channel();
    let (answers, answered) = unbounded_channel();
    let (sends, events) = unbounded_channel();
    let shared = Arc::new(Shared { asked: asks, answered: answers, events: Mutex::new(events) });
    let next = async |State(shared): State<Arc<Shared>>| {
        let _ = shared.asked.send(Instant::now());
        let event = shared.events.lock().await.recv().await.unwrap_or_default();
        let deadline = Timestamp::now().as_millisecond() + 10_000;
        let headers = [
            ("lambda-runtime-aws-request-id", "id".to_owned()),
            ("lambda-runtime-deadline-ms", deadline.to_string()),
            ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:0:function:f".to_owned()),
        ];
        (headers, event).into_response()
    };
    let response = async |State(shared): State<Arc<Shared>>, body: Bytes| {
        let _ = shared.answered.send((Instant::now(), body));
        StatusCode::ACCEPTED
    };
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next))
        .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
        .with_state(shared);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, Lambda { events: sends, asked, answered })
}
