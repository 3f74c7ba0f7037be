//! The schedule: erasures that are due again, and what is older than it is to be kept.

use shared::ledger::StoreError;
use shared::ledger::erase::Place;
use shared::ledger::key::WORK_SHARDS;
use shared::timestamp::Timestamp;
use tokio::time::Instant;

use crate::Upkeep;

/// How many tombstones are read at a time.
const PAGE: i32 = 50;

impl Upkeep {
    /// Deletes again what tombstones stand for that are due, as long as there is time. One that can't be deleted does not
    /// hold up the others.
    pub(crate) async fn erase_what_is_due(
        &self,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let (mut erased, mut unavailable) = (0_u64, None);
        for shard in 0..WORK_SHARDS {
            let mut last: Option<Place> = None;
            loop {
                let page = self.ledger.erasures_due(shard, now, last.as_ref(), PAGE).await?;
                let Some(end) = page.last().cloned() else { break };
                for due in &page {
                    if Instant::now() >= deadline {
                        tracing::info!(erased, "no time is left; the next run goes on");
                        return Ok(());
                    }
                    match self.ledger.erase_again(&self.bucket, due, now).await {
                        Ok(()) => erased += 1,
                        Err(error) => {
                            tracing::error!(%error, "what was erased could not be deleted again");
                            unavailable = Some(error);
                        }
                    }
                }
                last = Some(end);
            }
        }
        if erased > 0 {
            tracing::info!(erased, "what was erased is deleted again");
        }
        unavailable.map_or(Ok(()), Err)
    }
}
