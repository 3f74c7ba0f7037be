//! What a newer version wrote is replayed by the schedule, once this version reads its format.

use shared::ledger::StoreError;
use shared::ledger::key;
use shared::ledger::quarantine::Found;
use shared::ledger::read::Waiting;
use shared::timestamp::Timestamp;
use tokio::time::Instant;

use crate::Upkeep;
use crate::proof::RemovedKey;

/// The reason of the deliveries that are replayed.
const REASON: &str = "newer_format";

/// How many are listed at a time.
const PAGE: usize = 50;

impl Upkeep {
    /// Replays every delivery that could not be applied because a newer version wrote its call, until a deadline. One
    /// that still can't be applied stays.
    pub(crate) async fn replay_newer(&self, now: Timestamp, deadline: Instant) -> Result<(), StoreError> {
        let mut waiting = Waiting { words: vec![REASON.to_owned()], limit: PAGE, ..Waiting::default() };
        loop {
            let page = self.ledger.quarantine(&waiting, deadline).await?;
            for found in &page.found {
                if Instant::now() >= deadline {
                    return Ok(());
                }
                self.replay_one(&found.quarantine_id, now, deadline).await;
            }
            match page.next {
                Some(next) if Instant::now() < deadline => waiting.before = Some(next),
                _ => return Ok(()),
            }
        }
    }

    /// Replays a delivery. What goes wrong with one is logged, and does not hold up the others.
    async fn replay_one(&self, quarantine_id: &str, now: Timestamp, deadline: Instant) {
        let Some(key) = key::of_quarantine_id(quarantine_id) else { return };
        let kept = match self.ledger.kept(&self.bucket, &key).await {
            Ok(Found::Waiting(kept)) => kept,
            // An erasure that is under way deletes it.
            Ok(Found::Settled(..) | Found::Erased | Found::Nothing) => return,
            Err(error) => {
                tracing::error!(quarantine_id, %error, "a delivery in quarantine can't be read");
                return;
            }
        };
        match self.read_again(&kept, RemovedKey::Refuse, now, deadline).await {
            Ok((outcome, _)) => tracing::info!(quarantine_id, status = outcome.name(), "replayed"),
            Err(problem) => {
                tracing::error!(
                    quarantine_id,
                    error = problem.code,
                    "a delivery in quarantine was not replayed"
                );
            }
        }
    }
}
