//! The search for what is older than it is to be kept: calls, recordings, and deliveries in quarantine.
//!
//! A call is as old as its last delivery. What its payloads say about times has no part in it: a payload could say that
//! it is of the year 9999.

use aws_sdk_dynamodb::types::Select;

use super::item::delivery::WORK as QUARANTINED;
use super::item::tombstone::is_tombstone;
use super::item::{self, Item, get_text, text};
use super::key::{self, Key};
use super::{Ledger, StoreError, unavailable};
use crate::timestamp::{Timestamp, rfc3339};

pub use super::item::retention::Progress;

/// A call that was last updated before a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldCall {
    /// Its partition key.
    pub pk: String,
    /// When its last delivery was applied, RFC 3339 UTC.
    pub updated_at: String,
}

impl Ledger {
    /// How far the search has come; `None` before the first.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn progress(&self) -> Result<Option<Progress>, StoreError> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key::retention().attributes()));
        let answer = get.consistent_read(true).send().await.map_err(|error| unavailable(&error))?;
        Ok(answer.item.as_ref().and_then(Progress::read))
    }

    /// Notes how far the search has come.
    ///
    /// # Errors
    /// The table did not answer. The search goes on from where it was.
    pub async fn note_progress(&self, progress: &Progress) -> Result<(), StoreError> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(progress.write()));
        put.send().await.map(|_| ()).map_err(|error| unavailable(&error))
    }

    /// The next calls that were last updated before a time, out of at most `limit` calls, and moves the progress behind
    /// them. Every call is looked at once in a pass, in no order.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn old_calls(
        &self,
        before: Timestamp,
        progress: &mut Progress,
        limit: i32,
    ) -> Result<Vec<OldCall>, StoreError> {
        let scan = (self.client.scan().table_name(&self.table).index_name("by-time"))
            .filter_expression("updated_at < :before")
            .expression_attribute_values(":before", text(rfc3339(before)))
            .projection_expression("pk, updated_at")
            .set_exclusive_start_key(progress.after.clone())
            .limit(limit);
        let page = scan.send().await.map_err(|error| unavailable(&error))?;
        progress.after = page.last_evaluated_key().cloned();
        progress.is_finished = progress.after.is_none();
        let old = |item: &Item| {
            let of = |name| get_text(item, name).map(str::to_owned);
            Some(OldCall { pk: of(item::PK)?, updated_at: of("updated_at")? })
        };
        Ok(page.items().iter().filter_map(old).collect())
    }

    /// The keys of a call's recordings that are not erased.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn recordings(&self, pk: &str) -> Result<Vec<Key>, StoreError> {
        let query = (self.client.query().table_name(&self.table).consistent_read(true))
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", text(pk))
            .expression_attribute_values(":prefix", text(item::RECORDING_PREFIX))
            .projection_expression("sk, #state")
            .expression_attribute_names("#state", "state");
        let mut pages = query.into_paginator().items().send();
        let mut keys = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| unavailable(&error))?;
            let sk = get_text(&item, item::SK).filter(|_| !is_tombstone(&item));
            keys.extend(sk.map(|sk| Key { pk: pk.to_owned(), sk: sk.to_owned() }));
        }
        Ok(keys)
    }

    /// The keys of some deliveries of a shard that wait in quarantine since before a time, the oldest first.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn old_quarantine(
        &self,
        shard: u64,
        before: Timestamp,
        limit: i32,
    ) -> Result<Vec<Key>, StoreError> {
        let page = self.quarantine_before(shard, before).limit(limit).send().await;
        let page = page.map_err(|error| unavailable(&error))?;
        let key = |item: &Item| {
            let of = |name| get_text(item, name).map(str::to_owned);
            Some(Key { pk: of(item::PK)?, sk: of(item::SK)? })
        };
        Ok(page.items().iter().filter_map(key).collect())
    }

    /// How many deliveries of a shard wait in quarantine since before a time, `limit` at most.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn count_old_quarantine(
        &self,
        shard: u64,
        before: Timestamp,
        limit: i32,
    ) -> Result<u64, StoreError> {
        let query = self.quarantine_before(shard, before).select(Select::Count).limit(limit);
        let page = query.send().await.map_err(|error| unavailable(&error))?;
        Ok(u64::try_from(page.count()).unwrap_or(0))
    }

    /// Whether a call has a record: any delivery of it was applied.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn has_record(&self, pk: &str) -> Result<bool, StoreError> {
        let item = self.whole_item(&key::of_record(pk)).await?;
        Ok(item.is_some_and(|item| !is_tombstone(&item)))
    }

    fn quarantine_before(
        &self,
        shard: u64,
        before: Timestamp,
    ) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        (self.client.query().table_name(&self.table).index_name("work"))
            .key_condition_expression("work_shard = :shard AND work_due < :before")
            .expression_attribute_values(":shard", text(format!("{QUARANTINED}#{shard}")))
            .expression_attribute_values(":before", text(rfc3339(before)))
    }
}
