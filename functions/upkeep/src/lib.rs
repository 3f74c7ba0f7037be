//! What people do to the ledger: replay what waits in quarantine, or put it aside; make a record anew; erase. And what is
//! due without them.
//!
//! This is the only function whose role may delete. Only readers are answered: bearers of a token of `query`. What
//! one may not do, or not with this source, is refused before anything is looked up. Each act is in the audit trail
//! before it is done.

use std::fmt;
use std::sync::Arc;

use shared::api;
use shared::aws::{Aws, Bucket};
use shared::env;
use shared::lambda::{self, Request};
use shared::ledger::Ledger;
use shared::metrics::Metrics;
use shared::provider::Provider;
use shared::reader::Reader;
use shared::reply::{Problem, Reply};
use shared::sources::{self, LiveSources};
use shared::telemetry;
use shared::timestamp::Timestamp;
use tokio::time::Instant;

mod route;
mod proof;
mod replay;
mod discard;
mod rebuild;
mod newer;
mod erase;
mod due;
mod retention;

pub use retention::Retention;

use route::Route;

/// The API for acting.
pub struct Upkeep {
    ledger: Ledger,
    bucket: Bucket,
    retention: Retention,
    metrics: Metrics,
    sources: LiveSources,
}

/// Runs the function until Lambda ends the environment.
///
/// # Errors
/// The environment is not complete, or Lambda's runtime API can't be reached.
pub async fn run() -> Result<(), lambda::Error> {
    telemetry::init();
    let upkeep = Upkeep::from_env().await.inspect_err(|error| tracing::error!("{error}"))?;
    // Boxed, since the compiler limits how deep futures can be nested.
    let answer = |request| Box::pin(upkeep.respond(request, Timestamp::now()));
    let scheduled = |deadline| Box::pin(upkeep.scheduled(Timestamp::now(), deadline));
    lambda::serve_with_schedule(answer, scheduled).await
}

impl Upkeep {
    /// Acts on a ledger for the readers among the sources; with the sources of every provider, it reads bodies again.
    pub fn new(ledger: Ledger, bucket: Bucket, sources: impl Into<LiveSources>) -> Self {
        let (retention, metrics) = (Retention::default(), Metrics::default());
        Self { ledger, bucket, retention, metrics, sources: sources.into() }
    }

    /// Returns it with other times for which things are kept.
    #[must_use]
    pub fn with_retention(self, retention: Retention) -> Self {
        Self { retention, ..self }
    }

    /// Returns the API that the environment describes, with the sources read.
    async fn from_env() -> Result<Self, env::EnvironmentError> {
        let mut environment = env::Environment::default();
        let aws = Aws::from_env(&mut environment);
        let ledger = Ledger::from_env(&mut environment, &aws);
        let mut holders = Provider::ALL.map(Provider::name).to_vec();
        holders.push(sources::QUERY);
        let sources = LiveSources::from_env(&mut environment, &aws, &holders).await;
        let bucket = Bucket { client: aws.s3(), name: environment.required(env::BUCKET_NAME) };
        let retention = Retention::from_env(&mut environment);
        let metrics = Metrics::from_env(&mut environment);
        environment.finish(Self { retention, metrics, ..Self::new(ledger, bucket, sources) })
    }

    /// Answers one request. `received_at` is the time of its arrival.
    pub async fn respond(&self, request: Request, received_at: Timestamp) -> Reply {
        let (request, route) = (&request, Route::of(&request));
        let asked = route.map(|route| (route.name(), route.method()));
        let answer = |reader: Arc<Reader>| async move {
            match route {
                Some(route) => self.act(&reader, route, request, received_at).await,
                None => Err(Problem::internal()),
            }
        };
        api::respond("upkeep", &self.sources, request, asked, answer).await
    }

    /// Does what is due, as long as there is time until a deadline.
    ///
    /// Each part has a share of the time, and what the parts before it leave. So none keeps the others
    /// waiting for ever, neither by its amount of work nor by a failure. Deliveries that are missing in a
    /// record come first.
    ///
    /// # Errors
    /// Something could not be done. The next run goes on.
    pub async fn scheduled(&self, now: Timestamp, deadline: Instant) -> Result<(), lambda::Error> {
        let begin = Instant::now();
        let tenth = deadline.saturating_duration_since(begin) / 10;
        self.sources.keep_fresh().await;
        // Boxed, since the compiler limits how deep futures can be nested.
        let newer = Box::pin(self.replay_newer(now, begin + tenth * 2)).await;
        let again = Box::pin(self.erase_what_is_due(now, begin + tenth * 4)).await;
        let spare = Box::pin(self.clear_spares(now, begin + tenth * 5)).await;
        let quarantine = Box::pin(self.erase_old_quarantine(now, begin + tenth * 6)).await;
        // The last tenth is for the note of how far it has come.
        let calls = Box::pin(self.erase_old_calls(now, begin + tenth * 9)).await;
        Ok(newer.and(again).and(spare).and(quarantine).and(calls)?)
    }

    async fn act(
        &self,
        reader: &Reader,
        route: Route<'_>,
        request: &Request,
        now: Timestamp,
    ) -> Result<Reply, Problem> {
        match route {
            Route::Replay(id) => Box::pin(self.replay(reader, id, &request.query, now)).await,
            Route::Rebuild(call) => Box::pin(self.rebuild(reader, call, now)).await,
            Route::Discard(id) => discard::discard(&self.ledger, &self.bucket, reader, id, now).await,
            Route::EraseCall(call) => Box::pin(self.erase_call(reader, call, now)).await,
            Route::EraseDelivery(id) => Box::pin(self.erase_delivery(reader, id, now)).await,
        }
    }
}

impl fmt::Debug for Upkeep {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Upkeep").field("ledger", &self.ledger).finish_non_exhaustive()
    }
}
