//! What is due: the places of the `work` index that have come, the longest due first.

use super::item::{self, WORK_DUE, WORK_SHARD, delivery, get_text, recording, text, tombstone};
use super::key::{self, Key};
use super::{Ledger, StoreError, unavailable};
use crate::timestamp::{Timestamp, rfc3339};

const WORK_INDEX: &str = "work";

/// A kind of work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Recordings are to be copied.
    Recordings,
    /// What tombstones stand for is to be deleted again.
    Erasures,
    /// Objects are to be deleted that deliveries had in quarantine.
    Spares,
    /// Deliveries wait in quarantine for a person.
    Quarantine,
}

/// Something that is due: its key, and its place in the `work` index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The item's key.
    pub key: Key,
    /// Since when it is due, as text.
    work_due: String,
}

impl Work {
    /// The beginning of the names of its partitions in the index.
    const fn partition(self) -> &'static str {
        match self {
            Self::Recordings => recording::WORK,
            Self::Erasures => tombstone::WORK,
            Self::Spares => delivery::SPARE,
            Self::Quarantine => delivery::WORK,
        }
    }
}

impl Due {
    /// Since when it is due.
    pub fn since(&self) -> Option<Timestamp> {
        key::work_time(&self.work_due).parse().ok()
    }
}

impl Ledger {
    /// A page of what a shard has of a kind that is due at a time, the longest due first. `after` is the last one of the
    /// page before.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn due(
        &self,
        work: Work,
        shard: u64,
        at: Timestamp,
        after: Option<&Due>,
        limit: i32,
    ) -> Result<Vec<Due>, StoreError> {
        let work_shard = format!("{}#{shard}", work.partition());
        let start = after.map(|due| {
            let mut start = due.key.attributes();
            start.insert(WORK_SHARD.to_owned(), text(&work_shard));
            start.insert(WORK_DUE.to_owned(), text(&due.work_due));
            start
        });
        let query = (self.client.query().table_name(&self.table).index_name(WORK_INDEX))
            .key_condition_expression("work_shard = :shard AND work_due < :until")
            .expression_attribute_values(":shard", text(&work_shard))
            .expression_attribute_values(":until", text(key::work_until(&rfc3339(at))))
            .set_exclusive_start_key(start)
            .limit(limit);
        let page = query.send().await.map_err(|error| unavailable(&error))?;
        let due = |item: &item::Item| {
            let of = |name| get_text(item, name).map(str::to_owned);
            Some(Due { key: Key { pk: of(item::PK)?, sk: of(item::SK)? }, work_due: of(WORK_DUE)? })
        };
        Ok(page.items().iter().filter_map(due).collect())
    }
}
