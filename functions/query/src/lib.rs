//! The read API: calls by day and by number, one call's whole story, links to recordings.
//!
//! Every request needs a token of the `query` source. The answers are personal, so no cache may keep them:
//! each says `no-store`.

use std::fmt;

use http::header::{ALLOW, CACHE_CONTROL, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use shared::access;
use shared::aws::{Aws, Bucket};
use shared::env;
use shared::lambda::{self, Request};
use shared::ledger::{Ledger, StoreError};
use shared::provider::Provider;
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
mod large;
mod weight;
pub mod path;

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
/// The environment is not complete, there is no token, or Lambda's runtime API can't be reached.
pub async fn run() -> Result<(), lambda::Error> {
    telemetry::init();
    let query = Query::from_env().await.inspect_err(|error| tracing::error!("{error}"))?;
    lambda::serve(|request| query.respond(request, Timestamp::now())).await
}

impl Query {
    /// Returns the read API of a ledger and its bucket. It takes the tokens of the sources of `query`; without
    /// any, it refuses every request.
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
        if environment.is_right() && sources.current().query_tokens().is_empty() {
            environment.problem(env::SOURCES, "no token for query: every request would be refused");
        }
        environment.finish(Self::new(ledger, aws.s3(), bucket, sources))
    }

    /// Answers one request. `received_at` is the time of its arrival.
    pub async fn respond(&self, request: Request, received_at: Timestamp) -> Reply {
        let started = Instant::now();
        let request_id = request.request_id.as_str();
        let route = Route::of(&request);
        self.sources.keep_fresh().await;
        let result = match access::check(&self.sources, &request.headers).await {
            // Boxed, since the compiler limits how deep futures can be nested.
            Ok(()) => Box::pin(self.answer(route, &request, received_at)).await,
            Err(error) => Err(Problem::from(error)),
        };
        let error = result.as_ref().err().map(|problem| problem.code);
        let mut reply = result.unwrap_or_else(|problem| problem.reply(request_id));
        reply.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match (reply.status, route) {
            (StatusCode::UNAUTHORIZED, _) => {
                reply.headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            (StatusCode::METHOD_NOT_ALLOWED, Some(route)) => {
                reply.headers.insert(ALLOW, HeaderValue::from_static(route.allowed()));
            }
            _ => {}
        }
        let (route, status) = (route.map_or("none", Route::name), reply.status.as_u16());
        let duration_ms = started.elapsed().as_millis();
        tracing::info!(request_id, route, status, error, duration_ms, "query");
        reply
    }

    async fn answer(
        &self,
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
        match (&request.method, route) {
            (&Method::GET, Route::Calls) => list::answer(&self.ledger, &request.query).await,
            (&Method::GET, Route::Call(call)) => call::answer(&self.ledger, &self.bucket, call, now).await,
            (&Method::GET, Route::Recording(call, recording_id)) => {
                recording::redirect(&self.ledger, &self.bucket, call, recording_id, now).await
            }
            (&Method::POST, Route::Retry(call, recording_id)) => {
                recording::retry(&self.ledger, call, recording_id, now).await
            }
            (method, route) => {
                let message = format!("{method} is not for this path; use {}.", route.allowed());
                Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message))
            }
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
