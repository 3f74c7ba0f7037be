//! The whole bundle in one process: both stores, every function, and the stream and schedule that invoke one.

use std::fmt;
use std::fs::TryLockError;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow, ensure};
use aws_sdk_dynamodb::config::Credentials as AwsCredentials;
use aws_sdk_s3::types::{BucketVersioningStatus, VersioningConfiguration};
use query::Query;
use recordings::Recordings;
use recordings::guard::Policy;
use shared::aws::{Aws, Bucket};
use shared::ledger::Ledger;
use shared::provider::Provider;
use shared::sources::Sources;
use shared::webhook::Webhook;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use upkeep::Upkeep;

use self::functions::Functions;
use self::triggers::Triggers;
use crate::{Credentials, Storage, dynamodb, embedded, s3};

mod functions;
mod triggers;

/// The table's name in local runs.
pub const TABLE: &str = "call-ledger";
/// The bucket's name in local runs.
pub const BUCKET: &str = "call-ledger-recordings";
/// Where a local server has the recordings of samples: `/sample-recordings/<sample>.wav`.
pub const SAMPLE_RECORDINGS: &str = "/sample-recordings";
/// The region that local clients sign for.
pub const REGION: &str = "us-east-1";
/// The key pair of local clients.
pub const ACCESS_KEY_ID: &str = "local";
/// Its secret.
pub const SECRET_ACCESS_KEY: &str = "local-secret-key";

/// How long local deliveries' bodies are kept.
const RETENTION_DAYS: u64 = 400;

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
    /// The time between two scheduled runs of `recordings`, which the stream starts as well; `None` for neither.
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
    /// None today: all that it needs is compiled in.
    pub fn in_memory() -> anyhow::Result<Self> {
        Ok(Self {
            host: "127.0.0.1".to_owned(),
            port: 0,
            dynamodb_port: 0,
            s3_port: 0,
            storage: Storage::Memory,
            sources: embedded::SOURCES.to_owned(),
            schedule: Some(Duration::from_secs(1)),
            policy: Policy::local(),
        })
    }
}

impl Stack {
    /// Starts everything and answers when it is ready for requests.
    ///
    /// # Errors
    /// A port is taken, the data is in use by another process, or the sources are not right.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        let sources = Sources::from_json(&options.sources)?;
        ensure!(
            sources.readers().next().is_some(),
            "the sources have no query.<name>.tokens: nobody could read the ledger"
        );
        let (stop, stopping) = watch::channel(false);
        let credentials = credentials();
        let host = options.host.as_str();
        let listener = listen(host, options.port, "--port").await?;
        let dynamodb_listener = listen(host, options.dynamodb_port, "--dynamodb-port").await?;
        let s3_listener = listen(host, options.s3_port, "--s3-port").await?;
        let storage = &options.storage;
        let s3_server = s3::serve(s3_listener, storage, &credentials, stopped(&stopping))
            .map_err(|error| unusable(storage, "s3", &error))?;
        let table = dynamodb::table_definition(embedded::TEMPLATE, "CallsTable")?;
        let dynamodb_server = dynamodb::serve(dynamodb_listener, storage, stopped(&stopping))
            .and_then(|server| server.create_table(TABLE, &table).map(|()| server))
            .map_err(|error| unusable(storage, "dynamodb.sqlite", &error))?;

        let aws = aws(dynamodb_server.address, s3_server.address);
        create_bucket(&aws).await?;
        let ledger = Ledger::new(&aws, TABLE, BUCKET, RETENTION_DAYS);
        let recordings = Arc::new(Recordings::new(
            ledger.clone(),
            aws.s3(),
            BUCKET.to_owned(),
            sources.clone(),
            options.policy,
        )?);
        let webhooks =
            Provider::ALL.map(|provider| (provider, Webhook::new(provider, sources.clone(), ledger.clone())));
        let bucket = Bucket { client: aws.s3(), name: BUCKET.to_owned() };
        let upkeep = Arc::new(Upkeep::new(ledger.clone(), bucket, sources.clone()));
        let query = Query::new(ledger.clone(), aws.s3(), BUCKET.to_owned(), sources);
        let functions = Functions { webhooks: webhooks.into(), query, upkeep: upkeep.clone() };

        let mut tasks = JoinSet::new();
        if let Some(interval) = options.schedule {
            tasks.spawn(triggers::upkeep(upkeep, stopped(&stopping)));
            let triggers = Triggers::new(recordings.clone(), stopping.clone());
            tasks.spawn(triggers.clone().follow(dynamodb_server.database.clone())?);
            tasks.spawn(triggers.schedule(interval));
        }
        let address = listener.local_addr()?;
        let router = functions.router();
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

    /// The engine behind the DynamoDB endpoint, for use without HTTP.
    pub fn database(&self) -> &dynoxide::Database {
        &self.dynamodb_server.database
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

/// Listens on a port; the flag is the one that chooses another.
async fn listen(host: &str, port: u16, flag: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind((host, port)).await.map_err(|error| match error.kind() {
        ErrorKind::AddrInUse => {
            anyhow!("port {port} is in use; choose another with {flag}, such as {flag} 0 for a free one")
        }
        _ => anyhow!("{host}:{port} can't be listened on: {error}; --host and {flag} choose another address"),
    })
}

/// The error of a store that can't open its data.
fn unusable(storage: &Storage, name: &str, error: &anyhow::Error) -> anyhow::Error {
    let Storage::Folder(folder) = storage else { return anyhow!("{error:#}") };
    let is_in_use = error.chain().any(|cause| cause.is::<TryLockError>());
    if is_in_use {
        return anyhow!(
            "the data in {} is in use by another process; stop that process, or choose another folder with \
             --data-dir",
            folder.display()
        );
    }
    anyhow!(
        "the data in {} can't be read: {error:#}. Move {} away, or choose another folder with --data-dir",
        folder.join(name).display(),
        folder.display(),
    )
}

/// The key pair that the local S3 accepts.
pub fn credentials() -> Credentials {
    Credentials { access_key_id: ACCESS_KEY_ID.to_owned(), secret_access_key: SECRET_ACCESS_KEY.to_owned() }
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
    let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    let keep = s3.put_bucket_versioning().bucket(BUCKET).versioning_configuration(enabled);
    keep.send().await.context("the bucket can't be told to keep versions")?;
    Ok(())
}

async fn stopped_signal(mut stopping: watch::Receiver<bool>) {
    // A sender that is gone counts as a signal.
    let _ = stopping.wait_for(|stop| *stop).await;
}

fn stopped(stopping: &watch::Receiver<bool>) -> impl Future<Output = ()> + Send + use<> {
    stopped_signal(stopping.clone())
}
