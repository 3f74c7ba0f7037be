//! One attempt at one job: lease it, copy the recording, write the result.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use jiff::SignedDuration;
use shared::ledger::StoreError;
use shared::ledger::jobs::{Copied, End, Finished, Job, Lease, Leased, Reason};
use shared::ledger::key::Key;
use shared::sources::SourceError;
use shared::timestamp::Timestamp;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::backoff::{Attempt, MAX_ATTEMPTS, conclude};
use crate::error::CopyError;
use crate::fetch::{Download, Origin};
use crate::metrics::{self, Copy};
use crate::name::Name;
use crate::summary::Attempted;
use crate::upload::{self, Upload};
use crate::{Budget, Recordings};

/// The times of a lease. It is short and is renewed during the copy, so that the job of a copier that died is
/// due again soon.
#[derive(Clone, Copy, Debug)]
pub struct Leasing {
    /// How long a lease lasts.
    pub seconds: u64,
    /// How often it is renewed.
    pub renewal: Duration,
    /// The pause before a failed renewal is tried again.
    pub pause: Duration,
    /// How long before its end a lease that could not be renewed is given up. Clocks differ, and two copiers
    /// must not have the job at the same time.
    pub margin: Duration,
}

impl Default for Leasing {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { seconds: 90, renewal: seconds(25), pause: seconds(3), margin: seconds(15) }
    }
}

/// The least time for the search for an earlier copy.
const LOOKING_BACK: Duration = Duration::from_secs(3);

/// How often writing the result of an attempt is tried.
const FINISH_ATTEMPTS: u32 = 4;

impl Recordings {
    /// Tries one job if it is due and no other copier has it.
    pub(crate) async fn attempt(&self, key: &Key, budget: Budget) -> Result<Attempted, StoreError> {
        // Before the lease: a job that there is no room for stays due since it is due, and its link is not used.
        let room = self.memory.room().await.filter(|_| Instant::now() < budget.taking);
        let Some(room) = room else { return Ok(Attempted::Skipped) };
        let started = Instant::now();
        let job = match self.ledger.lease(key, Timestamp::now(), self.leasing.seconds).await? {
            Leased::Taken(job) => job,
            Leased::NotDue => return Ok(Attempted::Skipped),
            Leased::Unreadable => {
                tracing::error!("a job ended: its item lacks what a copy needs");
                metrics::unreadable(&self.metrics, Timestamp::now());
                return Ok(Attempted::Ended);
            }
        };
        let mut upload = Upload::new(&self.bucket, Name::new(&job), room);
        let end = tokio::select! {
            end = self.work(&job, &mut upload, budget) => Some(end),
            () = self.keep_lease(&job, started) => None,
        };
        let bytes = upload.size();
        upload.abandon().await;
        let Some(end) = end else {
            tracing::warn!(
                recording_id = job.recording_id,
                "a lease was lost while its recording was copied"
            );
            return Ok(Attempted::Skipped);
        };
        let finished = self.finish(&job, &end).await?;
        // The recording was erased after the last look. Only another function may delete the object.
        if finished == Finished::Erased && matches!(end, End::Stored(_)) {
            self.ledger.erase_soon(&job, Timestamp::now()).await?;
        }
        self.report(&job, &end, finished, bytes, started);
        Ok(match (finished, &end) {
            (Finished::Lost | Finished::Erased, _) => Attempted::Skipped,
            (Finished::Requeued, _) | (_, End::Retry { .. }) => Attempted::Retry,
            (Finished::Written, End::Stored(_)) => Attempted::Stored,
            (Finished::Written, _) => Attempted::Ended,
        })
    }

    /// Copies a recording, and returns how the attempt ends.
    async fn work(&self, job: &Job, upload: &mut Upload<'_>, budget: Budget) -> End {
        // A panic in one job must not end the others.
        let copied = AssertUnwindSafe(self.copy(job, upload, budget)).catch_unwind().await;
        let end = match copied.unwrap_or_else(|_| Err(CopyError::transient("internal"))) {
            Ok(copied) => {
                if let Some(announced) = job.announced_size_bytes.filter(|size| *size != copied.size_bytes) {
                    let (recording_id, size) = (&job.recording_id, copied.size_bytes);
                    tracing::warn!(recording_id, announced, size, "the size is not the announced one");
                }
                End::Stored(copied)
            }
            Err(error) => conclude(error, Attempt::of(job), Timestamp::now(), fastrand::f64()),
        };
        let earlier_attempts = job.attempt > 1 || job.due_since > job.created_at;
        match end {
            End::Expired(_) | End::Rejected(_) | End::Failed(_) if earlier_attempts => {
                self.look_back(job, end, budget).await
            }
            end => end,
        }
    }

    async fn copy(&self, job: &Job, upload: &mut Upload<'_>, budget: Budget) -> Result<Copied, CopyError> {
        if job.attempt > MAX_ATTEMPTS {
            // Attempts whose copier died count as well: a job that kills its copiers must end, too.
            return Err(CopyError::transient("too_many_attempts"));
        }
        let copied = timeout_at(budget.copying, self.transfer(job, upload, budget)).await;
        copied.unwrap_or_else(|_| Err(CopyError::transient("out_of_time")))
    }

    async fn transfer(
        &self,
        job: &Job,
        upload: &mut Upload<'_>,
        budget: Budget,
    ) -> Result<Copied, CopyError> {
        let mut sources = self.sources.current();
        if sources.get(job.provider, &job.source).is_err() && self.sources.refresh_after_miss().await {
            sources = self.sources.current();
        }
        let source = sources.get(job.provider, &job.source).map_err(|error| match error {
            SourceError::Unknown => {
                CopyError::transient_with("source_unknown", "the source is not configured")
            }
            SourceError::Unreadable => {
                CopyError::transient_with("source_unreadable", "the source can't be read")
            }
        })?;
        let origin = Origin { link: &job.link, source };
        let announced = job.announced_size_bytes;
        let mut download = Download::open(&self.fetcher, origin, announced, budget.copying).await?;
        upload.tell(download.told());
        upload.prepare(&self.memory, download.size());
        while let Some(piece) = download.chunk().await? {
            upload.write(piece).await?;
        }
        upload.flush().await?;
        // What was erased meanwhile is not put into the bucket any more.
        match self.ledger.look(job).await {
            Ok(Lease::Held) => upload.finish().await,
            Ok(Lease::Lost) => Err(CopyError::transient("lease_lost")),
            Err(_) => Err(CopyError::transient_with("table", "no answer")),
        }
    }

    /// Looks for a copy before a job ends without one: an earlier copier may have died after it wrote one.
    async fn look_back(&self, job: &Job, end: End, budget: Budget) -> End {
        let until = budget.copying.max(Instant::now() + LOOKING_BACK);
        let found = timeout_at(until, upload::find(&self.bucket, &Name::new(job))).await;
        match found.unwrap_or_else(|_| Err(CopyError::transient("out_of_time"))) {
            Ok(Some(copied)) => End::Stored(copied),
            Ok(None) => end,
            // The bucket did not answer. A job must not end while there may be a copy.
            Err(CopyError::Transient { reason, .. }) => {
                let at = Timestamp::now().checked_add(SignedDuration::from_mins(1)).unwrap_or(Timestamp::MAX);
                End::Retry { at, reason, key_suffix: None }
            }
            Err(_) => end,
        }
    }

    /// Renews a lease until it is lost, and returns then.
    async fn keep_lease(&self, job: &Job, leased: Instant) {
        let Leasing { seconds, renewal, pause: short_pause, margin } = self.leasing;
        let length = Duration::from_secs(seconds).saturating_sub(margin);
        let (mut until, mut pause) = (leased + length, renewal);
        loop {
            sleep_until(until.min(Instant::now() + pause)).await;
            let now = Instant::now();
            if now >= until {
                return;
            }
            let renewed = self.ledger.renew(job, Timestamp::now(), seconds);
            match timeout_at(until, renewed).await {
                Ok(Ok(Lease::Held)) => (until, pause) = (now + length, renewal),
                Ok(Ok(Lease::Lost)) | Err(_) => return,
                Ok(Err(error)) => {
                    tracing::warn!(%error, "a lease was not renewed; trying again");
                    pause = short_pause;
                }
            }
        }
    }

    async fn finish(&self, job: &Job, end: &End) -> Result<Finished, StoreError> {
        let mut attempt = 1;
        loop {
            match self.ledger.finish(job, end, Timestamp::now()).await {
                Err(error) if attempt < FINISH_ATTEMPTS => {
                    tracing::warn!(%error, "the result of a copy was not written; trying again");
                    sleep(Duration::from_millis(100) * 2_u32.pow(attempt)).await;
                    attempt += 1;
                }
                finished => return finished,
            }
        }
    }

    fn report(&self, job: &Job, end: &End, finished: Finished, bytes: u64, started: Instant) {
        let now = Timestamp::now();
        let error = end.reason().map(Reason::to_string);
        let outcome = match finished {
            Finished::Written => end.state().name(),
            Finished::Requeued => "requeued",
            Finished::Lost => "lost",
            Finished::Erased => "erased",
        };
        let copy = Copy {
            provider: job.provider.name(),
            outcome,
            bytes,
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            attempt: job.attempt,
            age_at_copy: now.duration_since(job.created_at),
        };
        metrics::copy(&self.metrics, now, &copy);
        tracing::info!(
            provider = copy.provider,
            source = job.source,
            call_id = job.call_id,
            recording_id = job.recording_id,
            outcome,
            error,
            bytes,
            duration_ms = copy.duration_ms,
            attempt = job.attempt,
            "copy"
        );
    }
}

impl Attempt {
    fn of(job: &Job) -> Self {
        Self { number: job.attempt, due_since: job.due_since, expires_at: job.source_expires_at }
    }
}
