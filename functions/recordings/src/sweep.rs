//! Finds all that is due, page by page, so that even a large backlog takes the memory of one page.

use std::collections::VecDeque;

use futures_util::Stream;
use futures_util::future::try_join_all;
use shared::ledger::StoreError;
use shared::ledger::due::{Due, Work};
use shared::ledger::key::{Key, WORK_SHARDS};
use shared::timestamp::Timestamp;
use tokio::time::Instant;

use crate::{Budget, Recordings, metrics};

/// How many keys are read at a time.
const PAGE: i32 = 50;

/// The position of a sweep. It reads every shard once, in one direction. A job that can't be taken is passed
/// over, so that it does not hold up the others.
#[derive(Debug)]
struct Position {
    /// When the sweep began. A job that becomes due later is left to the next sweep.
    now: Timestamp,
    shards: VecDeque<u64>,
    page: VecDeque<Due>,
    last: Option<Due>,
}

impl Recordings {
    /// Writes the metric of how long the oldest due job has waited, before any of them is tried.
    pub(crate) async fn report_oldest_due(&self) {
        let now = Timestamp::now();
        let first = (0..WORK_SHARDS).map(|shard| self.ledger.due(Work::Recordings, shard, now, None, 1));
        match try_join_all(first).await {
            Ok(first) => {
                let oldest = first.iter().flatten().filter_map(Due::since).min().unwrap_or(now);
                metrics::oldest_due(&self.metrics, now, now.duration_since(oldest));
            }
            // If the metric is missing, its alarm is raised as well.
            Err(error) => tracing::warn!(%error, "the jobs that are due could not be read"),
        }
    }

    /// Returns the keys of all jobs that are due, until no time is left to copy one.
    ///
    /// A shard that can't be read gives an error, and the next one is read.
    pub(crate) fn due_keys(&self, budget: Budget) -> impl Stream<Item = Result<Key, StoreError>> {
        futures_util::stream::unfold(Position::new(), move |mut position| async move {
            loop {
                if Instant::now() >= budget.taking {
                    return None;
                }
                if let Some(due) = position.page.pop_front() {
                    position.last = Some(due.clone());
                    return Some((Ok(due.key), position));
                }
                let shard = *position.shards.front()?;
                match self
                    .ledger
                    .due(Work::Recordings, shard, position.now, position.last.as_ref(), PAGE)
                    .await
                {
                    Ok(page) if page.is_empty() => position.next_shard(),
                    Ok(page) => position.page = page.into(),
                    Err(error) => {
                        position.next_shard();
                        return Some((Err(error), position));
                    }
                }
            }
        })
    }
}

impl Position {
    /// Begins at a random shard, so that sweeps at the same time seldom try the same jobs.
    fn new() -> Self {
        let first = fastrand::u64(..WORK_SHARDS);
        let shards = (0..WORK_SHARDS).map(|shard| (first + shard) % WORK_SHARDS).collect();
        Self { now: Timestamp::now(), shards, page: VecDeque::new(), last: None }
    }

    fn next_shard(&mut self) {
        self.shards.pop_front();
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_passes_over_every_shard_once() {
        let mut shards: Vec<_> = Position::new().shards.into();
        shards.sort_unstable();
        assert_eq!(shards, (0..WORK_SHARDS).collect::<Vec<_>>());
    }
}
