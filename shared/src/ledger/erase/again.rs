//! Tombstones that are due: what they stand for is deleted again.

use super::{Bucket, Ledger, StoreError, Timestamp, Tombstone, text, unavailable};
use crate::ledger::due::Due;
use crate::ledger::item::tombstone::{STATE, next};
use crate::ledger::item::{WORK_DUE, WORK_SHARD};
use crate::ledger::key;
use crate::timestamp::rfc3339;

impl Ledger {
    /// Deletes again what a tombstone stands for, and notes when that is due for the next time.
    ///
    /// # Errors
    /// A store did not answer. The tombstone is still due.
    pub async fn erase_again(&self, bucket: &Bucket, due: &Due, now: Timestamp) -> Result<(), StoreError> {
        let Some(tombstone) = self.whole_item(&due.key).await?.as_ref().and_then(Tombstone::read) else {
            return Ok(());
        };
        let Some(work_due) = tombstone.work_due.clone() else { return Ok(()) };
        let next = next(tombstone.erased_at, now);
        self.sweep(bucket, tombstone).await?;
        let update = (self.client.update_item().table_name(&self.table))
            .set_key(Some(due.key.attributes()))
            // A copier may have made it due at once meanwhile.
            .condition_expression("#state = :erased AND #due = :seen")
            .expression_attribute_names("#state", "state")
            .expression_attribute_names("#due", WORK_DUE)
            .expression_attribute_values(":erased", text(STATE))
            .expression_attribute_values(":seen", text(work_due));
        let update = match next {
            Some(next) => update
                .update_expression("SET #due = :next")
                .expression_attribute_values(":next", text(key::work_due(&rfc3339(next), &due.key))),
            None => update
                .update_expression("REMOVE #due, #shard")
                .expression_attribute_names("#shard", WORK_SHARD),
        };
        match update.send().await {
            Err(error)
                if !error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Err(unavailable(&error))
            }
            _ => Ok(()),
        }
    }
}
