//! Finding what is due, page by page: a backlog of any size takes the memory of one page.

use std::collections::VecDeque;

use futures_util::Stream;
use futures_util::future::try_join_all;
use shared::ledger::StoreError;
use shared::ledger::jobs::Due;
use shared::ledger::key::{Key, WORK_SHARDS};
use shared::timestamp::Timestamp;
use tokio::time::Instant;

use crate::{Budget, Recordings, metrics};

/// How many keys are read at a time.
const PAGE: i32 = 50;

/// Where a sweep is. It passes over every shard once and never turns back: a job that can't be taken,
/// whatever the reason, is passed and holds up nothing behind it.
#[derive(Debug)]
struct Position {
    /// What was due when the sweep began; what becomes due later is the next one's.
    now: Timestamp,
    shards: VecDeque<u64>,
    page: VecDeque<Due>,
    last: Option<Due>,
}

impl Recordings {
    /// Tells how long the job that is due longest has been waiting, before any of them is tried.
    pub(crate) async fn report_oldest_due(&self) {
        let now = Timestamp::now();
        let first = (0..WORK_SHARDS).map(|shard| self.ledger.due(shard, now, None, 1));
        match try_join_all(first).await {
            Ok(first) => {
                let oldest = first.iter().flatten().filter_map(Due::since).min().unwrap_or(now);
                metrics::oldest_due(&self.metrics, now, now.duration_since(oldest));
            }
            // What is not told raises an alarm as well.
            Err(error) => tracing::warn!(%error, "how long jobs wait is not known"),
        }
    }

    /// The keys of all that is due, as long as there is time to copy it.
    ///
    /// A shard that can't be read is reported and passed.
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
                match self.ledger.due(shard, position.now, position.last.as_ref(), PAGE).await {
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
    /// Sweeps that run side by side begin at different shards, and so seldom meet.
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
