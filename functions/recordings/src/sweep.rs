//! Finding what is due, page by page: a backlog of any size takes the memory of one page.

use std::collections::VecDeque;

use futures_util::Stream;
use shared::ledger::Unavailable;
use shared::ledger::jobs::Due;
use shared::ledger::key::{Key, WORK_SHARDS};
use shared::timestamp::Timestamp;
use tokio::time::Instant;

use crate::{Budget, Recordings};

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
    /// The keys of all that is due, as long as there is time to copy it.
    ///
    /// A shard that can't be read is reported and passed.
    pub(crate) fn due_keys(&self, budget: Budget) -> impl Stream<Item = Result<Key, Unavailable>> {
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
