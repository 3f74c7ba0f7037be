//! The search for what is older than it is to be kept: calls, recordings, and deliveries in quarantine.
//!
//! A call is as old as its last delivery, also if that one waits in quarantine. What its payloads say about
//! times has no part in it: a payload could say that it is of the year 9999. An index finds what may be old,
//! and is a little behind; the items themselves decide.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::item::tombstone::is_tombstone;
use super::item::{self, Item, get_text, text};
use super::key::{self, Key};
use super::{Ledger, StoreError, unavailable};
use crate::timestamp::{Timestamp, rfc3339};

pub use super::item::retention::Progress;

/// A key of the index of calls: what is read next stands behind it.
type IndexKey = HashMap<String, AttributeValue>;

/// A call that was last updated before a time, as an index has it: it may have been updated since.
#[derive(Clone, Debug, PartialEq)]
pub struct OldCall {
    /// Its partition key.
    pub pk: String,
    /// When its last delivery was applied, RFC 3339 UTC.
    pub updated_at: String,
    index_key: IndexKey,
}

/// A page of the calls that were last updated before a time.
#[derive(Clone, Debug)]
pub struct OldCalls {
    /// The calls.
    pub calls: Vec<OldCall>,
    /// The end of the page; `None` if it is the last.
    end: Option<IndexKey>,
}

impl OldCall {
    /// Whether it was last updated before a time.
    pub fn is_before(&self, time: Timestamp) -> bool {
        self.updated_at < rfc3339(time)
    }
}

impl Progress {
    /// Moves it behind the first calls of a page, so many of them; behind the page, if those are all.
    pub fn move_behind(&mut self, page: &OldCalls, calls: usize) {
        if calls >= page.calls.len() {
            self.after.clone_from(&page.end);
            self.is_finished = self.after.is_none();
        } else if let Some(last) = page.calls[..calls].last() {
            self.after = Some(last.index_key.clone());
        }
    }
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

    /// The next calls that were last updated before a time, out of at most `limit` calls. A pass comes by
    /// every call once, in no order.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn old_calls(
        &self,
        before: Timestamp,
        progress: &Progress,
        limit: i32,
    ) -> Result<OldCalls, StoreError> {
        let scan = (self.client.scan().table_name(&self.table).index_name("by-time"))
            .filter_expression("updated_at < :before")
            .expression_attribute_values(":before", text(rfc3339(before)))
            .projection_expression("pk, sk, day_shard, time_key, updated_at")
            .set_exclusive_start_key(progress.after.clone())
            .limit(limit);
        let page = scan.send().await.map_err(|error| unavailable(&error))?;
        let old = |item: &Item| {
            let of = |name| get_text(item, name).map(str::to_owned);
            let names = [item::PK, item::SK, "day_shard", "time_key"];
            let index_key = names.map(|name| Some((name.to_owned(), item.get(name)?.clone())));
            Some(OldCall {
                pk: of(item::PK)?,
                updated_at: of("updated_at")?,
                index_key: index_key.into_iter().collect::<Option<_>>()?,
            })
        };
        Ok(OldCalls {
            calls: page.items().iter().filter_map(old).collect(),
            end: page.last_evaluated_key().cloned(),
        })
    }

    /// The keys of the recordings that are not erased of a call whose last delivery arrived before a time.
    /// `None` if a delivery arrived or was applied since: what an index says of a call may be out of date.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn old_recordings(&self, pk: &str, before: Timestamp) -> Result<Option<Vec<Key>>, StoreError> {
        let before = rfc3339(before);
        let query = (self.client.query().table_name(&self.table).consistent_read(true))
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(pk))
            .projection_expression("sk, #state, updated_at, received_at")
            .expression_attribute_names("#state", "state");
        let mut pages = query.into_paginator().items().send();
        let mut keys = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| unavailable(&error))?;
            let Some(sk) = get_text(&item, item::SK) else { continue };
            let at = get_text(&item, "updated_at").or_else(|| get_text(&item, "received_at"));
            let is_recording = sk.starts_with(item::RECORDING_PREFIX);
            if is_recording && !is_tombstone(&item) {
                keys.push(Key { pk: pk.to_owned(), sk: sk.to_owned() });
            } else if !is_recording && at.is_some_and(|at| *at >= *before) {
                return Ok(None);
            }
        }
        Ok(Some(keys))
    }
}
