//! The read API: calls by day and by number, one call's whole story, links to recordings, and what was delivered.
//!
//! Only readers are answered: bearers of a token of `query`. What one may not do, and calls of a source that is
//! not in its scope, are refused before anything is looked up. What is answered is personal, so nothing
//! between here and the reader may keep it: every answer says `no-store`.

use std::fmt;

use http::StatusCode;
use http::header::{ALLOW, CACHE_CONTROL, HeaderValue, WWW_AUTHENTICATE};
use shared::access;
use shared::aws::{Aws, Bucket};
use shared::env;
use shared::lambda::{self, Request};
use shared::ledger::{Ledger, StoreError};
use shared::provider::Provider;
use shared::reader::Reader;
use shared::reply::{Problem, Reply};
use shared::sources::{self, LiveSources};
use shared::telemetry;
use shared::timestamp::Timestamp;
use tokio::time::Instant;

mod route;
mod parameters;
mod cursor;
mod list;
mod call;
mod recording;
mod delivery;
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
        let started = Instant::now();
        let request_id = request.request_id.as_str();
        let route = Route::of(&request);
        self.sources.keep_fresh().await;
        let reader = access::check(&self.sources, &request.headers).await;
        let result = match &reader {
            // Boxed, since the compiler limits how deep futures can be nested.
            Ok(reader) => Box::pin(self.answer(reader, route, &request, received_at)).await,
            Err(error) => Err(Problem::from(*error)),
        };
        let error = result.as_ref().err().map(|problem| problem.code);
        let mut reply = result.unwrap_or_else(|problem| problem.reply(request_id));
        reply.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match (reply.status, route) {
            (StatusCode::UNAUTHORIZED, _) => {
                reply.headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            (StatusCode::METHOD_NOT_ALLOWED, Some(route)) => {
                let allowed = HeaderValue::from_str(route.method().as_str());
                reply.headers.extend(allowed.map(|allowed| (ALLOW, allowed)));
            }
            _ => {}
        }
        let (route, status) = (route.map_or("none", Route::name), reply.status.as_u16());
        let duration_ms = started.elapsed().as_millis();
        let reader = reader.as_ref().ok().map(|reader| reader.name.as_str());
        tracing::info!(request_id, reader, route, status, error, duration_ms, "query");
        reply
    }

    async fn answer(
        &self,
        reader: &Reader,
        route: Option<Route<'_>>,
        request: &Request,
        now: Timestamp,
    ) -> Result<Reply, Problem> {
        let route = route.ok_or_else(|| {
            Problem::new(
                StatusCode::NOT_FOUND,
                "path_unknown",
                "The API has no such path. Start from /calls?day=YYYY-MM-DD.",
            )
        })?;
        if request.method != route.method() {
            let message = format!("{} is not for this path; use {}.", request.method, route.method());
            return Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message));
        }
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

/// Logs the store's error, and returns the problem to answer, which does not quote it.
fn unavailable(error: &StoreError) -> Problem {
    tracing::error!(%error, "the ledger could not be read");
    Problem::unavailable()
}
