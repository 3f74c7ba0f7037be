//! Retention: what is older than it is to be kept is erased, as if a person asked for it.
//!
//! A pass looks at every call once, a page at a time, and begins a day after the one before began. It stops
//! when the time of a run is over, and the next run goes on from there. What can't be erased is left for the
//! next pass, and does not hold up the rest.

use futures_util::future::try_join_all;
use jiff::SignedDuration;
use serde::Serialize;
use shared::env::{self, Environment};
use shared::ledger::StoreError;
use shared::ledger::due::{Due, Work};
use shared::ledger::key::WORK_SHARDS;
use shared::ledger::retention::{OldCall, Progress};
use shared::metrics::Directive;
use shared::timestamp::Timestamp;
use tokio::time::Instant;

use crate::Upkeep;
use crate::due::several;

/// How many calls are looked at before the progress is noted.
const PAGE: i32 = 500;

/// The time between the beginnings of two passes.
const BETWEEN: SignedDuration = SignedDuration::from_hours(24);

/// How long before deliveries in quarantine are erased an alarm is raised.
const NOTICE_DAYS: u64 = 14;

/// How long things are kept.
#[derive(Clone, Copy, Debug, Default)]
pub struct Retention {
    /// The days after its last delivery that a call is kept, and a delivery in quarantine; 0 for ever.
    pub record_days: u64,
    /// The days after its call's last delivery that a recording is kept; 0 for ever.
    pub recording_days: u64,
}

impl Retention {
    /// What the environment says.
    pub(crate) fn from_env(environment: &mut Environment) -> Self {
        Self {
            record_days: environment.number(env::RECORD_RETENTION_DAYS, 0, 0..=36500),
            recording_days: environment.number(env::RECORDING_RETENTION_DAYS, 0, 0..=36500),
        }
    }

    /// Whether nothing is ever too old.
    fn is_for_ever(self) -> bool {
        self.record_days == 0 && self.recording_days == 0
    }

    /// The time before which calls are too old.
    fn records_before(self, now: Timestamp) -> Option<Timestamp> {
        (self.record_days > 0).then(|| ago(now, self.record_days))
    }

    /// The time before which the recordings of calls are too old.
    fn recordings_before(self, now: Timestamp) -> Option<Timestamp> {
        (self.recording_days > 0).then(|| ago(now, self.recording_days))
    }
}

/// The times before which the last delivery of a call must be.
#[derive(Clone, Debug)]
struct Limits {
    /// For the call to be erased.
    records: Option<Timestamp>,
    /// For its recordings to be erased.
    recordings: Option<Timestamp>,
    /// For its recordings to have been erased by an earlier pass; RFC 3339 UTC.
    done: Option<String>,
}

/// What was erased.
#[derive(Clone, Copy, Debug, Default)]
struct Erased {
    calls: u64,
    recordings: u64,
    /// Whether the call still has recordings to be erased by a later pass.
    is_left: bool,
}

fn ago(now: Timestamp, days: u64) -> Timestamp {
    let hours = i64::try_from(days.saturating_mul(24)).unwrap_or(i64::MAX);
    now.checked_sub(SignedDuration::from_hours(hours)).unwrap_or(Timestamp::MIN)
}

impl Upkeep {
    /// Erases the calls that are too old, or their recordings, until a deadline.
    pub(crate) async fn erase_old_calls(&self, now: Timestamp, deadline: Instant) -> Result<(), StoreError> {
        if self.retention.is_for_ever() || Instant::now() >= deadline {
            return Ok(());
        }
        let known = self.ledger.progress().await?;
        let is_due = |known: &Progress| known.began_at.duration_until(now) >= BETWEEN;
        let mut progress = match known {
            Some(known) if !known.is_finished => known,
            Some(known) if !is_due(&known) => return Ok(()),
            known => Progress::begin(now, known.as_ref()),
        };
        let limits = Limits {
            records: self.retention.records_before(progress.began_at),
            recordings: self.retention.recordings_before(progress.began_at),
            done: progress.recordings_before.clone(),
        };
        let Some(before) = limits.records.max(limits.recordings) else { return Ok(()) };
        let (mut total, mut failed) = (Erased::default(), None);
        while !progress.is_finished && Instant::now() < deadline {
            let page = self.ledger.old_calls(before, &progress, PAGE).await?;
            let work: Vec<_> = page.calls.iter().map(|call| self.erase_old(call, &limits, now)).collect();
            let ended = several(work, deadline).await;
            // What was not reached, the next run looks at.
            let reached = ended.iter().take_while(|ended| ended.is_some()).count();
            for (call, ended) in page.calls.iter().zip(ended) {
                match ended {
                    Some(Ok(erased)) => {
                        total.calls += erased.calls;
                        total.recordings += erased.recordings;
                        if erased.is_left {
                            progress.pass_over(&call.updated_at);
                        }
                    }
                    Some(Err(error)) => {
                        tracing::error!(%error, "a call that is older than it is kept could not be erased");
                        progress.pass_over(&call.updated_at);
                        failed.get_or_insert(error);
                    }
                    None => {}
                }
            }
            progress.move_behind(&page, reached);
            if progress.is_finished {
                progress.finish(limits.recordings);
            }
            self.ledger.note_progress(&progress).await?;
            tracing::info!(
                calls = total.calls,
                copies = total.recordings,
                is_finished = progress.is_finished,
                "erased what is older than it is kept"
            );
        }
        failed.map_or(Ok(()), Err)
    }

    /// Erases a call, or its recordings unless an earlier pass has.
    async fn erase_old(&self, call: &OldCall, limits: &Limits, now: Timestamp) -> Result<Erased, StoreError> {
        let mut erased = Erased::default();
        if let Some(limit) = limits.records.filter(|limit| call.is_before(*limit))
            && self.ledger.erase_old_call(&self.bucket, &call.pk, limit, now).await?.is_some()
        {
            erased.calls = 1;
            return Ok(erased);
        }
        let is_done = limits.done.as_ref().is_some_and(|done| call.updated_at < *done);
        if let Some(limit) = limits.recordings.filter(|limit| call.is_before(*limit) && !is_done) {
            let recordings = self.ledger.old_recordings(&call.pk, limit).await?;
            erased.is_left = recordings.is_none();
            for key in recordings.into_iter().flatten() {
                self.ledger.erase_recording(&self.bucket, &key, now).await?;
                erased.recordings += 1;
            }
        }
        Ok(erased)
    }

    /// Erases the deliveries that have waited in quarantine for too long, each by itself: other deliveries of
    /// its call may be new. Says first how many soon will have waited so long, however many there are to
    /// erase.
    pub(crate) async fn erase_old_quarantine(
        &self,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let Some(before) = self.retention.records_before(now) else { return Ok(()) };
        if Instant::now() >= deadline {
            return Ok(());
        }
        let counted = self.count_old_quarantine(now).await;
        let erase = move |old: Due| async move {
            let erasure = self.ledger.erase_delivery(&self.bucket, &old.key, now).await?;
            Ok(erasure.is_some())
        };
        let ended = self.work_off(Work::Quarantine, now, before, deadline, erase).await;
        counted.and(ended.report("erased deliveries that have waited in quarantine for too long"))
    }

    /// Tells how many deliveries in quarantine are erased soon.
    async fn count_old_quarantine(&self, now: Timestamp) -> Result<(), StoreError> {
        let soon = ago(now, self.retention.record_days.saturating_sub(NOTICE_DAYS));
        let soon = (0..WORK_SHARDS).map(|shard| self.ledger.due(Work::Quarantine, shard, soon, None, PAGE));
        let waiting = try_join_all(soon).await?.iter().map(|page| page.len() as u64).sum();
        self.report_quarantine(now, waiting);
        Ok(())
    }

    fn report_quarantine(&self, now: Timestamp, waiting: u64) {
        const ERASED_SOON: Directive =
            Directive { dimensions: &[&["stack"]], metrics: &[("quarantine_erased_soon", "Count")] };
        #[derive(Serialize)]
        struct ErasedSoon {
            quarantine_erased_soon: u64,
        }
        self.metrics.write(now, &[ERASED_SOON], ErasedSoon { quarantine_erased_soon: waiting });
    }
}
