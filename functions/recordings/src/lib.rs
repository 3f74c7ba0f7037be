//! Copies recordings from the providers' links into the owner's bucket.
//!
//! Two events start it. The table's stream says that a recording is pending, within a second. The
//! schedule says nothing; everything that is due is found in the table, whatever the stream lost. What
//! may be copied by whom is decided by the job's lease ([`shared::ledger::jobs`]), so both may run as
//! often as they like, side by side.

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
use self::memory::Memory;
use self::summary::Attempted;

/// How many copies go on at a time, as far as there is memory for them.
const CONCURRENCY: usize = 16;

/// What is left of an invocation for writing down what came of the copies it cut off.
const FINISHING: Duration = Duration::from_secs(10);

/// The least time for which a copy is worth starting.
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

/// Until when an invocation does what.
#[derive(Clone, Copy, Debug)]
struct Budget {
    /// Until when jobs are taken.
    taking: Instant,
    /// Until when bytes are copied.
    copying: Instant,
}

impl Recordings {
    /// A copier from anywhere the policy allows into a bucket, of what the ledger says is due.
    ///
    /// # Errors
    /// The TLS library does not take its configuration. That is a bug and nobody's to mend but ours.
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

    /// The same with other leases.
    #[must_use]
    pub fn with_leasing(self, leasing: Leasing) -> Self {
        Self { leasing, ..self }
    }

    /// The same with another place for metrics than the log.
    #[must_use]
    pub fn with_metrics(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// Handles an event of the table's stream, or, for any other event, everything that is due.
    ///
    /// # Errors
    /// The table did not answer for some of the jobs. The others were handled all the same, and a
    /// schedule's next run finds what is left.
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

    /// Tries every job, some at a time: none waits for more than a free place.
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
