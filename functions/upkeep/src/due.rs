//! The schedule: erasures that are due again.

use futures_util::{StreamExt as _, stream};
use shared::ledger::StoreError;
use shared::ledger::erase::Place;
use shared::ledger::key::WORK_SHARDS;
use shared::timestamp::Timestamp;
use tokio::time::{Instant, timeout_at};

use crate::Upkeep;

/// How many tombstones are read at a time.
const PAGE: i32 = 50;

/// How many things are worked on at a time.
const AT_ONCE: usize = 8;

impl Upkeep {
    /// Deletes again what tombstones stand for that are due, until a deadline. One that can't be deleted does
    /// not hold up the others.
    pub(crate) async fn erase_what_is_due(
        &self,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let (mut erased, mut failed) = (0_u64, None);
        for shard in shards(now) {
            let mut last: Option<Place> = None;
            while Instant::now() < deadline {
                let page = self.ledger.erasures_due(shard, now, last.as_ref(), PAGE).await?;
                let Some(end) = page.last().cloned() else { break };
                let work: Vec<_> =
                    page.iter().map(|due| self.ledger.erase_again(&self.bucket, due, now)).collect();
                for ended in several(work, deadline).await {
                    match ended {
                        Some(Ok(())) => erased += 1,
                        Some(Err(error)) => {
                            tracing::error!(%error, "what was erased could not be deleted again");
                            failed.get_or_insert(error);
                        }
                        None => {}
                    }
                }
                last = Some(end);
            }
        }
        if erased > 0 {
            let is_finished = Instant::now() < deadline;
            tracing::info!(erased, is_finished, "what was erased is deleted again");
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
