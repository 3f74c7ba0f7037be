//! What is left in the bucket of deliveries that are in quarantine no more.

use shared::ledger::StoreError;
use shared::ledger::erase::Place;
use shared::ledger::key::WORK_SHARDS;
use shared::timestamp::Timestamp;
use tokio::time::Instant;

use crate::Upkeep;

/// How many are read at a time.
const PAGE: i32 = 50;

impl Upkeep {
    /// Deletes the objects that deliveries had in quarantine, until a deadline. One that can't be deleted does not hold
    /// up the others.
    pub(crate) async fn clear_spares(&self, now: Timestamp, deadline: Instant) -> Result<(), StoreError> {
        let mut unavailable = None;
        for shard in 0..WORK_SHARDS {
            let mut last: Option<Place> = None;
            loop {
                let page = self.ledger.spares(shard, now, last.as_ref(), PAGE).await?;
                let Some(end) = page.last().cloned() else { break };
                for spare in &page {
                    if Instant::now() >= deadline {
                        return Ok(());
                    }
                    if let Err(error) = self.ledger.clear_spare(&self.bucket, &spare.key).await {
                        tracing::error!(%error, "an object that quarantine has left could not be deleted");
                        unavailable = Some(error);
                    }
                }
                last = Some(end);
            }
        }
        unavailable.map_or(Ok(()), Err)
    }
}
