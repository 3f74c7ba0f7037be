//! The read API: calls by day and by number, one call's whole story, links to recordings, and what was delivered.
//!
//! Only readers are answered: bearers of a token of `query`. What one may not do, and calls of a source that is
//! not in its scope, are refused before anything is looked up.

use std::fmt;
use std::sync::Arc;

use shared::api;
use shared::aws::{Aws, Bucket};
use shared::env;
use shared::lambda::{self, Request};
use shared::ledger::Ledger;
use shared::provider::Provider;
use shared::reader::Reader;
use shared::reply::{Problem, Reply};
use shared::sources::{self, LiveSources};
use shared::telemetry;
use shared::timestamp::Timestamp;

mod route;
mod parameters;
mod cursor;
mod list;
mod call;
mod recording;
mod delivery;
mod waiting;
mod words;
mod audit;
mod large;
mod weight;

use route::Route;

/// The read API.
pub struct Query {
    ledger: Ledger,
    bucket: Bucket,
    sources: LiveSources,
}

/// Runs the function until Lambda ends the environment.
///
/// # Errors
/// The environment is not complete, or Lambda's runtime API can't be reached.
pub async fn run() -> Result<(), lambda::Error> {
    telemetry::init();
    let query = Query::from_env().await.inspect_err(|error| tracing::error!("{error}"))?;
    lambda::serve(|request| query.respond(request, Timestamp::now())).await
}

impl Query {
    /// Answers about a ledger, and the bucket beside it, for the readers among the sources.
    ///
    /// Without readers it answers nobody.
    pub fn new(
        ledger: Ledger,
        s3: aws_sdk_s3::Client,
        bucket: String,
        sources: impl Into<LiveSources>,
    ) -> Self {
        Self { ledger, bucket: Bucket { client: s3, name: bucket }, sources: sources.into() }
    }

    /// Returns the API that the environment describes, with the tokens read and the connection to the table open.
    async fn from_env() -> Result<Self, env::EnvironmentError> {
        let mut environment = env::Environment::default();
        let table = environment.required(env::TABLE_NAME);
        let bucket = environment.required(env::BUCKET_NAME);
        let aws = Aws::from_env(&mut environment);
        let ledger = Ledger::new(&aws, &table, &bucket, WRITES_NO_DELIVERIES);
        let holders = [sources::QUERY];
        let (sources, ()) =
            tokio::join!(LiveSources::from_env(&mut environment, &aws, &holders), warm_up(&ledger));
        environment.finish(Self::new(ledger, aws.s3(), bucket, sources))
    }

    /// Answers one request. `received_at` is the time of its arrival.
    pub async fn respond(&self, request: Request, received_at: Timestamp) -> Reply {
        let (request, route) = (&request, Route::of(&request));
        let asked = route.map(|route| (route.name(), route.method()));
        let answer = |reader: Arc<Reader>| async move {
            match route {
                Some(route) => self.answer(&reader, route, request, received_at).await,
                None => Err(Problem::internal()),
            }
        };
        api::respond("query", &self.sources, request, asked, answer).await
    }

    async fn answer(
        &self,
        reader: &Reader,
        route: Route<'_>,
        request: &Request,
        now: Timestamp,
    ) -> Result<Reply, Problem> {
        match route.call() {
            None => reader.may(route.right()),
            Some(call) => reader.may_with(route.right(), call.provider(), call.source()),
        }?;
        match route {
            Route::Calls => list::answer(&self.ledger, reader, &request.query).await,
            Route::Call(call) => call::answer(&self.ledger, &self.bucket, call, now).await,
            Route::Recording(call, recording_id) => {
                recording::redirect(&self.ledger, &self.bucket, reader, call, recording_id, now).await
            }
            Route::Delivery(call, delivery_id) => {
                delivery::answer(&self.ledger, &self.bucket, reader, call, delivery_id, now).await
            }
            Route::Retry(call, recording_id) => {
                recording::retry(&self.ledger, reader, call, recording_id, now).await
            }
            Route::Recordings => waiting::recordings(&self.ledger, reader, &request.query).await,
            Route::Quarantine => waiting::quarantine(&self.ledger, reader, &request.query).await,
            Route::Quarantined(id) => {
                delivery::quarantined(&self.ledger, &self.bucket, reader, id, now).await
            }
            Route::Audit => audit::answer(&self.ledger, reader, &request.query, now).await,
        }
    }
}

impl fmt::Debug for Query {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Query").field("bucket", &self.bucket.name).finish_non_exhaustive()
    }
}

/// Opens the connection to the table with a request that this function may make, so that the first
/// reader does not wait for it.
async fn warm_up(ledger: &Ledger) {
    if let Err(error) = ledger.story(Provider::Sautikit, "warm-up", "").await {
        tracing::warn!(%error, "the table could not be reached at the start");
    }
}

/// The days for which deliveries are kept. This function writes none, so the number has no effect.
const WRITES_NO_DELIVERIES: u64 = 0;
