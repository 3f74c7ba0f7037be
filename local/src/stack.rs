//! The whole bundle in one process: both stores, the six functions, what invokes them.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use aws_sdk_dynamodb::config::Credentials as AwsCredentials;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request as AxumRequest, State};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use jiff::Timestamp;
use query::Query;
use recordings::Recordings;
use recordings::guard::Policy;
use serde_json::{Value, json};
use shared::aws::Aws;
use shared::lambda::{self, ApiGatewayV2httpRequest};
use shared::ledger::{Claims, Ledger};
use shared::provider::Provider;
use shared::source::Sources;
use shared::webhook::Webhook;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::gateway::{self, Function, HttpRequest};
use crate::stream::{self, Position, Reading};
use crate::{Credentials, Storage, dynamodb, s3};

/// The table's name in local runs.
pub const TABLE: &str = "call-ledger";
/// The bucket's name in local runs.
pub const BUCKET: &str = "call-ledger-recordings";
/// The region that local clients sign for.
pub const REGION: &str = "us-east-1";
/// The key pair of local clients.
pub const ACCESS_KEY_ID: &str = "local";
/// Its secret.
pub const SECRET_ACCESS_KEY: &str = "local-secret-key";

/// How long local deliveries' bodies are kept.
const RETENTION_DAYS: u64 = 400;

/// API Gateway's limit for a body.
const MAX_REQUEST_BYTES: usize = 10 * 1024 * 1024;

/// How long one invocation of `recordings` may take.
const COPY_TIMEOUT: Duration = Duration::from_secs(300);

/// How a stack is set up.
#[derive(Clone)]
pub struct Options {
    /// The address to listen on.
    pub host: String,
    /// The port of the webhooks and the read API; 0 for a free one.
    pub port: u16,
    /// The port of DynamoDB; 0 for a free one.
    pub dynamodb_port: u16,
    /// The port of S3; 0 for a free one.
    pub s3_port: u16,
    /// Where the stores keep their data.
    pub storage: Storage,
    /// The sources, as the functions get them in `SOURCES`.
    pub sources: String,
    /// How often `recordings` is invoked by schedule, beside by the stream; `None` for neither.
    pub schedule: Option<Duration>,
    /// From where recordings may be fetched.
    pub policy: Policy,
}

/// A running stack.
#[derive(Debug)]
pub struct Stack {
    /// Where webhooks and the read API are.
    pub address: SocketAddr,
    /// Where DynamoDB is.
    pub dynamodb: SocketAddr,
    /// Where S3 is.
    pub s3: SocketAddr,
    /// Clients for both.
    pub aws: Aws,
    /// The ledger in them.
    pub ledger: Ledger,
    /// The function that copies recordings.
    pub recordings: Arc<Recordings>,
    stop: watch::Sender<bool>,
    dynamodb_server: dynamodb::DynamoDb,
    s3_server: s3::S3,
    tasks: JoinSet<()>,
}

struct Functions {
    webhooks: Vec<(Provider, Webhook)>,
    query: Query,
}

impl fmt::Debug for Options {
    /// Without the sources: they have the keys in them.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port, dynamodb_port, s3_port, storage, sources: _, schedule, policy } = self;
        formatter
            .debug_struct("Options")
            .field("host", host)
            .field("ports", &[port, dynamodb_port, s3_port])
            .field("storage", storage)
            .field("schedule", schedule)
            .field("policy", policy)
            .finish_non_exhaustive()
    }
}

impl Options {
    /// Everything in memory on free ports, with the committed sources: for the demo and for tests.
    ///
    /// # Errors
    /// `events/sources.json` can't be read.
    pub fn in_memory() -> anyhow::Result<Self> {
        Ok(Self {
            host: "127.0.0.1".to_owned(),
            port: 0,
            dynamodb_port: 0,
            s3_port: 0,
            storage: Storage::Memory,
            sources: read_sources(Path::new("events/sources.json"))?,
            schedule: Some(Duration::from_secs(1)),
            policy: Policy::local(),
        })
    }
}

/// Reads a file of sources, from here or from the repository's root.
///
/// # Errors
/// It can't be read; the message names it.
pub fn read_sources(path: &Path) -> anyhow::Result<String> {
    let in_repository = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(path);
    std::fs::read_to_string(path).or_else(|_| std::fs::read_to_string(in_repository)).with_context(|| {
        format!("the sources in {} can't be read; --sources names another file", path.display())
    })
}

impl Stack {
    /// Starts everything and answers when it is ready for requests.
    ///
    /// # Errors
    /// A port is taken, the data is in use by another process, or the sources are not right.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let sources = Sources::from_json(&options.sources)?;
        ensure!(
            !sources.query_tokens().is_empty(),
            "the sources have no query.<name>.tokens: nobody could read the ledger"
        );
        let (stop, stopping) = watch::channel(false);
        let credentials = Credentials {
            access_key_id: ACCESS_KEY_ID.to_owned(),
            secret_access_key: SECRET_ACCESS_KEY.to_owned(),
        };
        let listen = async |port| {
            let listener = TcpListener::bind((options.host.as_str(), port)).await;
            listener.with_context(|| {
                format!(
                    "{}:{port} can't be listened on; choose another port, or 0 for a free one",
                    options.host
                )
            })
        };
        let listener = listen(options.port).await?;
        let dynamodb_server =
            dynamodb::serve(listen(options.dynamodb_port).await?, &options.storage, stopped(&stopping))?;
        let s3_server =
            s3::serve(listen(options.s3_port).await?, &options.storage, &credentials, stopped(&stopping))?;
        let template = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../template.yaml"))?;
        dynamodb_server.create_table(TABLE, &dynamodb::table_definition(&template, "CallsTable")?)?;

        let aws = aws(dynamodb_server.address, s3_server.address);
        create_bucket(&aws).await?;
        let ledger = Ledger::new(
            aws.dynamodb(),
            TABLE.to_owned(),
            Claims::new(aws.s3(), BUCKET.to_owned()),
            RETENTION_DAYS,
        );
        let recordings = Arc::new(Recordings::new(
            ledger.clone(),
            aws.s3(),
            BUCKET.to_owned(),
            sources.clone(),
            options.policy,
        )?);
        let webhooks =
            Provider::ALL.map(|provider| (provider, Webhook::new(provider, sources.clone(), ledger.clone())));
        let functions = Functions {
            webhooks: webhooks.into(),
            query: Query::new(ledger.clone(), aws.s3(), BUCKET.to_owned(), sources.clone()),
        };

        let mut tasks = JoinSet::new();
        if let Some(interval) = options.schedule {
            invoke_recordings(&mut tasks, &recordings, &dynamodb_server, interval, &stopping)?;
        }
        let address = listener.local_addr()?;
        let router = router(Arc::new(functions));
        let until = stopped(&stopping);
        tasks.spawn(async move {
            if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(until).await {
                tracing::error!("the gateway ended: {error}");
            }
        });
        Ok(Self {
            address,
            dynamodb: dynamodb_server.address,
            s3: s3_server.address,
            aws,
            ledger,
            recordings,
            stop,
            dynamodb_server,
            s3_server,
            tasks,
        })
    }

    /// Ends everything; requests under way have a second to finish.
    ///
    /// # Errors
    /// A store ended with an error.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        let _ = self.stop.send(true);
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(Duration::from_secs(1), ended).await;
        self.tasks.shutdown().await;
        self.dynamodb_server.stopped().await?;
        self.s3_server.stopped().await
    }
}

/// Clients for stores on these addresses.
pub fn aws(dynamodb: SocketAddr, s3: SocketAddr) -> Aws {
    let credentials = AwsCredentials::new(ACCESS_KEY_ID, SECRET_ACCESS_KEY, None, None, "local");
    Aws::new(REGION.to_owned(), credentials, Some(format!("http://{dynamodb}")), Some(format!("http://{s3}")))
}

async fn create_bucket(aws: &Aws) -> anyhow::Result<()> {
    let s3 = aws.s3();
    if s3.head_bucket().bucket(BUCKET).send().await.is_err() {
        s3.create_bucket().bucket(BUCKET).send().await.context("the bucket can't be created")?;
    }
    Ok(())
}

async fn stopped_signal(mut stopping: watch::Receiver<bool>) {
    // The sender going away is as good as its word.
    let _ = stopping.wait_for(|stop| *stop).await;
}

fn stopped(stopping: &watch::Receiver<bool>) -> impl Future<Output = ()> + Send + use<> {
    stopped_signal(stopping.clone())
}

/// Does what the template's event sources do: follows the stream, and keeps the schedule.
fn invoke_recordings(
    tasks: &mut JoinSet<()>,
    recordings: &Arc<Recordings>,
    dynamodb: &dynamodb::DynamoDb,
    interval: Duration,
    stopping: &watch::Receiver<bool>,
) -> anyhow::Result<()> {
    let copier = recordings.clone();
    // What came while nobody was here is found by the schedule.
    let reading = Reading { from: Position::Latest, poll: Duration::from_millis(50), batch_size: 10 };
    let handler = move |event| invoke(copier.clone(), event);
    let following = stream::follow(dynamodb.database.clone(), TABLE, reading, handler, stopped(stopping))?;
    tasks.spawn(async move {
        if let Err(error) = following.await {
            tracing::error!("the table's stream can't be followed: {error:#}");
        }
    });
    let (copier, until) = (recordings.clone(), stopped(stopping));
    tasks.spawn(async move {
        tokio::select! { () = until => {}, () = sweep(copier, interval) => {} }
    });
    Ok(())
}

async fn invoke(recordings: Arc<Recordings>, event: Value) -> anyhow::Result<()> {
    recordings.handle(event, Instant::now() + COPY_TIMEOUT).await.map(|_| ()).map_err(Into::into)
}

async fn sweep(recordings: Arc<Recordings>, interval: Duration) {
    let mut ticks = tokio::time::interval(interval);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let event = json!({ "source": "aws.events", "detail-type": "Scheduled Event" });
        if let Err(error) = invoke(recordings.clone(), event).await {
            tracing::error!("a scheduled run of recordings failed: {error:#}");
        }
    }
}

fn router(functions: Arc<Functions>) -> Router {
    Router::new().route("/healthz", get(async || "ok\n")).fallback(forward).with_state(functions)
}

async fn forward(State(functions): State<Arc<Functions>>, request: AxumRequest) -> Response {
    let plain = |status: StatusCode, body: Value| {
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = status;
        response
    };
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_REQUEST_BYTES).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, json!({ "message": "Request Entity Too Large" }));
    };
    let request = HttpRequest {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body: body.into(),
    };
    let at = Timestamp::now();
    let Some((function, event)) = gateway::event(&request, at) else {
        return plain(StatusCode::NOT_FOUND, json!({ "message": "Not Found" }));
    };
    // In a task of its own, as in a Lambda environment: a client that hangs up stops nothing.
    let answer = tokio::spawn(async move { functions.answer(function, event, at).await }).await;
    match answer.map_err(anyhow::Error::from).and_then(|answer| answer) {
        Ok(response) => response.map(Body::from),
        Err(error) => {
            tracing::error!("an event could not be handled: {error:#}");
            plain(StatusCode::INTERNAL_SERVER_ERROR, json!({ "message": "Internal Server Error" }))
        }
    }
}

impl Functions {
    async fn answer(
        &self,
        function: Function,
        event: Value,
        at: Timestamp,
    ) -> anyhow::Result<http::Response<Vec<u8>>> {
        let event: ApiGatewayV2httpRequest = serde_json::from_value(event)?;
        let answer = match function {
            Function::Webhook(provider) => {
                let (_, webhook) =
                    self.webhooks.iter().find(|(of, _)| *of == provider).context("no such function")?;
                lambda::answer(|request| webhook.respond(request, at), event).await
            }
            Function::Query => lambda::answer(|request| self.query.respond(request, at), event).await,
        };
        gateway::response(answer)
    }
}
