//! Tombstones that are due: what they stand for is deleted again. And the places of whatever is due.

use super::{Bucket, Key, Ledger, StoreError, Timestamp, Tombstone, item, text, unavailable};
use crate::ledger::item::tombstone::{STATE, WORK, next};
use crate::ledger::item::{WORK_DUE, WORK_SHARD, get_text};
use crate::ledger::key;
use crate::timestamp::rfc3339;

const WORK_INDEX: &str = "work";

/// Something that is due: its key, and its place in the `work` index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The item's key.
    pub key: Key,
    /// Since when it is due, as text.
    work_due: String,
}

impl Ledger {
    /// A page of the tombstones of a shard that are due, the longest due first. `after` is the last one of the page
    /// before.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn erasures_due(
        &self,
        shard: u64,
        now: Timestamp,
        after: Option<&Place>,
        limit: i32,
    ) -> Result<Vec<Place>, StoreError> {
        self.places_due(WORK, shard, now, after, limit).await
    }

    /// A page of what is due of a kind in the `work` index.
    pub(in crate::ledger) async fn places_due(
        &self,
        kind: &str,
        shard: u64,
        now: Timestamp,
        after: Option<&Place>,
        limit: i32,
    ) -> Result<Vec<Place>, StoreError> {
        let work_shard = format!("{kind}#{shard}");
        let start = after.map(|due| {
            let mut start = due.key.attributes();
            start.insert(WORK_SHARD.to_owned(), text(&work_shard));
            start.insert(WORK_DUE.to_owned(), text(&due.work_due));
            start
        });
        let query = (self.client.query().table_name(&self.table).index_name(WORK_INDEX))
            .key_condition_expression("work_shard = :shard AND work_due < :until")
            .expression_attribute_values(":shard", text(&work_shard))
            .expression_attribute_values(":until", text(key::work_until(&rfc3339(now))))
            .set_exclusive_start_key(start)
            .limit(limit);
        let page = query.send().await.map_err(|error| unavailable(&error))?;
        let due = |found: &item::Item| {
            let of = |name| get_text(found, name).map(str::to_owned);
            Some(Place { key: Key { pk: of(item::PK)?, sk: of(item::SK)? }, work_due: of(WORK_DUE)? })
        };
        Ok(page.items().iter().filter_map(due).collect())
    }

    /// Deletes again what a tombstone stands for, and notes when that is due for the next time.
    ///
    /// # Errors
    /// A store did not answer. The tombstone is still due.
    pub async fn erase_again(&self, bucket: &Bucket, due: &Place, now: Timestamp) -> Result<(), StoreError> {
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
