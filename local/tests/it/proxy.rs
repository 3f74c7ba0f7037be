//! A proxy between the SDK and a store, where a test decides the result of each request.

use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use futures_util::future::BoxFuture;
use http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::Notify;

/// The largest request that goes through.
const MAX_BYTES: usize = 64 << 20;

/// A request to a store.
pub(crate) struct Call {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The result of a request.
pub(crate) enum Fate {
    /// The store answers it.
    Forward,
    /// The store carries the request out; then this happens in place of its answer.
    After(Box<Fate>),
    /// The store answers it, but with 403 for an object that is not there, as S3 does if the bucket may not be listed.
    ForwardUnlisted,
    /// The connection drops.
    Drop,
    /// Another answer than the store's.
    Answer(u16, String),
    /// No answer ever; the test is notified.
    Stop(Arc<Notify>),
}

/// The decision of a test, which it may take its time for.
pub(crate) type Decision = BoxFuture<'static, Fate>;

struct Proxy {
    store: SocketAddr,
    http: reqwest::Client,
    decide: Box<dyn Fn(&Call) -> Decision + Send + Sync>,
}

/// Starts a proxy in front of a store, and answers where it is.
pub(crate) async fn start(
    store: SocketAddr,
    decide: impl Fn(&Call) -> Decision + Send + Sync + 'static,
) -> anyhow::Result<SocketAddr> {
    let proxy = Arc::new(Proxy { store, http: local::client::http()?, decide: Box::new(decide) });
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let router = Router::new().fallback(through).with_state(proxy);
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

async fn through(State(proxy): State<Arc<Proxy>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BYTES).await else { hang_up() };
    let call = Call { method: parts.method, uri: parts.uri, headers: parts.headers, body };
    let mut fate = (proxy.decide)(&call).await;
    loop {
        fate = match fate {
            Fate::Forward => return proxy.forward(&call).await,
            Fate::ForwardUnlisted => {
                let mut answer = proxy.forward(&call).await;
                if answer.status() == StatusCode::NOT_FOUND {
                    *answer.status_mut() = StatusCode::FORBIDDEN;
                }
                return answer;
            }
            Fate::After(next) => {
                proxy.forward(&call).await;
                *next
            }
            Fate::Drop => hang_up(),
            Fate::Answer(status, body) => {
                return Response::builder().status(status).body(Body::from(body)).expect("a response");
            }
            Fate::Stop(told) => {
                told.notify_one();
                pending().await
            }
        }
    }
}

/// Ends the connection's task, and the connection with it, without an answer.
fn hang_up() -> ! {
    std::panic::resume_unwind(Box::new("the connection drops"))
}

impl Proxy {
    /// As it came, with the host that was signed.
    async fn forward(&self, call: &Call) -> Response {
        let url = format!("http://{}{}", self.store, call.uri);
        let request = self.http.request(call.method.clone(), url).headers(call.headers.clone());
        let answer = request.body(call.body.clone()).send().await.expect("the store answers");
        let mut response = Response::new(Body::empty());
        *response.status_mut() = answer.status();
        *response.headers_mut() = answer.headers().clone();
        *response.body_mut() = Body::from(answer.bytes().await.expect("the store's body"));
        response
    }
}

impl Call {
    /// The operation as AWS names it.
    pub(crate) fn operation(&self) -> &str {
        if let Some(target) = self.headers.get("x-amz-target").and_then(|target| target.to_str().ok()) {
            return target.rsplit('.').next().unwrap_or(target);
        }
        let has = |name: &str| {
            self.uri.query().unwrap_or_default().split('&').any(|pair| pair.split('=').next() == Some(name))
        };
        match self.method.as_str() {
            "PUT" if has("partNumber") => "UploadPart",
            "PUT" => "PutObject",
            "POST" if has("uploads") => "CreateMultipartUpload",
            "POST" => "CompleteMultipartUpload",
            "DELETE" => "AbortMultipartUpload",
            "HEAD" => "HeadObject",
            _ => "GetObject",
        }
    }
}

impl Fate {
    /// An error as DynamoDB words it; S3's clients go by the status.
    pub(crate) fn error(status: u16, code: &str) -> Self {
        let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
        Self::Answer(status, json!({ "__type": kind, "message": "as planned" }).to_string())
    }

    /// The same once the store has done as asked.
    pub(crate) fn late(self) -> Self {
        Self::After(Box::new(self))
    }
}
