//! The schedule: what is due in the `work` index.

use futures_util::{StreamExt as _, stream};
use shared::ledger::StoreError;
use shared::ledger::due::{Due, Work};
use shared::ledger::key::WORK_SHARDS;
use shared::timestamp::Timestamp;
use tokio::time::{Instant, timeout_at};

use crate::Upkeep;

/// How many places are read at a time.
const PAGE: i32 = 50;

/// How many things are worked on at a time.
const AT_ONCE: usize = 8;

impl Upkeep {
    /// Deletes again what tombstones stand for that are due, until a deadline.
    pub(crate) async fn erase_what_is_due(
        &self,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let again = move |due: Due| async move {
            self.ledger.erase_again(&self.bucket, &due, now).await.map(|()| true)
        };
        let ended = self.work_off(Work::Erasures, now, now, deadline, again).await;
        ended.report("what was erased is deleted again")
    }

    /// Deletes the objects that deliveries had in quarantine, until a deadline.
    pub(crate) async fn clear_spares(&self, now: Timestamp, deadline: Instant) -> Result<(), StoreError> {
        let clear = move |due: Due| async move {
            self.ledger.clear_spare(&self.bucket, &due.key).await.map(|()| true)
        };
        let ended = self.work_off(Work::Spares, now, now, deadline, clear).await;
        ended.report("what quarantine has left in the bucket is deleted")
    }

    /// Works on all that is due of a kind at a time, several at a time, until a deadline. One that can't be done does not
    /// hold up the others. `one` returns whether there was anything to do.
    pub(crate) async fn work_off<F: Future<Output = Result<bool, StoreError>> + Send>(
        &self,
        work: Work,
        now: Timestamp,
        at: Timestamp,
        deadline: Instant,
        one: impl Fn(Due) -> F + Send + Sync,
    ) -> Worked {
        let mut worked = Worked::default();
        for shard in shards(now) {
            let mut last: Option<Due> = None;
            while Instant::now() < deadline {
                let page = match self.ledger.due(work, shard, at, last.as_ref(), PAGE).await {
                    Ok(page) => page,
                    Err(error) => {
                        worked.fail(work, error);
                        break;
                    }
                };
                let Some(end) = page.last().cloned() else { break };
                for ended in several(page.into_iter().map(&one).collect(), deadline).await {
                    match ended {
                        Some(Ok(is_done)) => worked.done += u64::from(is_done),
                        Some(Err(error)) => worked.fail(work, error),
                        None => {}
                    }
                }
                last = Some(end);
            }
        }
        worked
    }
}

/// What came of work on what was due.
#[derive(Debug, Default)]
pub(crate) struct Worked {
    done: u64,
    failed: Option<StoreError>,
}

impl Worked {
    fn fail(&mut self, work: Work, error: StoreError) {
        tracing::error!(?work, %error, "something that is due could not be done");
        self.failed.get_or_insert(error);
    }

    /// Logs how much was done, if anything, and returns the first error.
    pub(crate) fn report(self, what: &'static str) -> Result<(), StoreError> {
        let Self { done, failed } = self;
        if done > 0 {
            tracing::info!(done, "{what}");
        }
        failed.map_or(Ok(()), Err)
    }
}

/// Does several things at a time until a deadline, and returns the result of each in their order; `None` for
/// what was not done by then. It may have begun: so it must be such that it can be begun again.
pub(crate) async fn several<T, F: Future<Output = Result<T, StoreError>>>(
    work: Vec<F>,
    deadline: Instant,
) -> Vec<Option<Result<T, StoreError>>> {
    let in_time = |(place, one): (usize, F)| async move {
        let is_over = Instant::now() >= deadline;
        (place, if is_over { None } else { timeout_at(deadline, one).await.ok() })
    };
    let work: Vec<_> = work.into_iter().enumerate().map(in_time).collect();
    // One that takes long does not keep the others waiting.
    let mut ended: Vec<_> = stream::iter(work).buffer_unordered(AT_ONCE).collect().await;
    ended.sort_unstable_by_key(|(place, _)| *place);
    ended.into_iter().map(|(_, ended)| ended).collect()
}

/// The partitions of an index, from another one on in each run, so that none waits for ever behind the
/// others.
pub(crate) fn shards(now: Timestamp) -> impl Iterator<Item = u64> {
    let minutes = u64::try_from(now.as_second() / 60).unwrap_or(0);
    (0..WORK_SHARDS).map(move |shard| (minutes + shard) % WORK_SHARDS)
}
