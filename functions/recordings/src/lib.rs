//! Copies recordings from the providers' links into the owner's bucket.
//!
//! Two events start it. An event of the table's stream names recordings that became pending, within a
//! second. An event of the schedule names none: everything that is due is found in the table, so an event
//! that the stream lost does no harm. A copier first takes the job's lease ([`shared::ledger::jobs`]), so
//! several copiers can run at the same time.

use std::time::Duration;

use futures_util::StreamExt as _;
use serde_json::Value;
use shared::aws::Bucket;
use shared::ledger::{Ledger, StoreError};
use shared::metrics::Metrics;
use shared::sources::LiveSources;
use tokio::time::Instant;

mod event;
mod sweep;
mod attempt;
pub mod guard;
mod fetch;
mod sniff;
mod name;
mod upload;
mod memory;
mod limits;
mod error;
mod backoff;
mod summary;
mod metrics;

pub use attempt::Leasing;
pub use fetch::FetcherError;
pub use guard::{DEFAULT_MAX_BYTES, Policy};
pub use summary::Summary;

use self::event::Work;
use self::fetch::Fetcher;
use self::limits::CONCURRENCY;
use self::memory::Memory;
use self::summary::Attempted;

/// The end of an invocation, kept free to write the results of copies that were cut off.
const FINISHING: Duration = Duration::from_secs(10);

/// A copy is started only if at least this much time is left for it.
const LEAST_COPYING: Duration = Duration::from_secs(20);

/// The copier.
#[derive(Clone, Debug)]
pub struct Recordings {
    ledger: Ledger,
    bucket: Bucket,
    sources: LiveSources,
    fetcher: Fetcher,
    memory: Memory,
    leasing: Leasing,
    metrics: Metrics,
}

/// The deadlines within an invocation.
#[derive(Clone, Copy, Debug)]
struct Budget {
    /// No job is taken after this.
    taking: Instant,
    /// No bytes are copied after this.
    copying: Instant,
}

impl Recordings {
    /// Returns a copier of the ledger's due recordings, from the links that the policy allows into the bucket.
    ///
    /// # Errors
    /// The TLS library does not take its configuration. That is a bug of this program.
    pub fn new(
        ledger: Ledger,
        s3: aws_sdk_s3::Client,
        bucket: String,
        sources: impl Into<LiveSources>,
        policy: Policy,
    ) -> Result<Self, FetcherError> {
        let fetcher = Fetcher::new(policy)?;
        let bucket = Bucket { client: s3, name: bucket };
        let sources = sources.into();
        Ok(Self {
            ledger,
            bucket,
            sources,
            fetcher,
            memory: Memory::default(),
            leasing: Leasing::default(),
            metrics: Metrics::default(),
        })
    }

    /// Returns the copier with other times for its leases.
    #[must_use]
    pub fn with_leasing(self, leasing: Leasing) -> Self {
        Self { leasing, ..self }
    }

    /// Returns the copier with another place for metrics than the log.
    #[must_use]
    pub fn with_metrics(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// Copies the recordings that an event of the table's stream names; for any other event, all that are due.
    ///
    /// # Errors
    /// The table did not answer for some of the jobs. The others were handled, and the schedule's next run
    /// finds the rest.
    pub async fn handle(&self, event: Value, deadline: Instant) -> Result<Summary, StoreError> {
        self.sources.keep_fresh().await;
        let budget = Budget::until(deadline);
        let (summary, unavailable) = match Work::of(&event) {
            Work::Pending(keys) => {
                let jobs = futures_util::stream::iter(keys).map(Ok);
                self.attempt_all(jobs, budget).await
            }
            Work::Sweep => {
                self.report_oldest_due().await;
                self.attempt_all(self.due_keys(budget), budget).await
            }
        };
        // Most minutes have nothing due; a line for each would hide the others.
        if summary == Summary::default() {
            tracing::debug!("nothing was due");
        } else {
            tracing::info!(?summary, "recordings handled");
        }
        unavailable.map_or(Ok(summary), Err)
    }

    /// Tries every job, at most [`CONCURRENCY`] at a time.
    async fn attempt_all(
        &self,
        keys: impl futures_util::Stream<Item = Result<shared::ledger::key::Key, StoreError>>,
        budget: Budget,
    ) -> (Summary, Option<StoreError>) {
        let attempts = keys.map(|key| async {
            match key {
                Ok(key) => self.attempt(&key, budget).await,
                Err(error) => Err(error),
            }
        });
        let mut attempts = std::pin::pin!(attempts.buffer_unordered(CONCURRENCY));
        let (mut summary, mut unavailable) = (Summary::default(), None);
        while let Some(attempted) = attempts.next().await {
            summary.count(attempted.as_ref().unwrap_or(&Attempted::Unavailable));
            if let Err(error) = attempted {
                tracing::warn!(%error, "a recording's job could not be read or written");
                unavailable = Some(error);
            }
        }
        (summary, unavailable)
    }
}

impl Budget {
    fn until(deadline: Instant) -> Self {
        let left = deadline.saturating_duration_since(Instant::now());
        let copying = deadline - FINISHING.min(left / 4);
        Self { taking: copying - LEAST_COPYING.min(left / 2), copying }
    }
}
