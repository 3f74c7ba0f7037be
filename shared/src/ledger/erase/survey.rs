//! What there is of a call in the table.

use std::collections::BTreeSet;

use futures_util::{StreamExt as _, TryStreamExt as _};

use super::{Amounts, Item, Key, Ledger, StoreError, is_tombstone, item, key, size, text, unavailable};
use crate::ledger::item::get_text;
use crate::ledger::item::tombstone::Tombstone;

/// The name of the amount of records.
pub(super) const RECORDS: &str = "records";
/// The name of the amount of deliveries.
pub(super) const DELIVERIES: &str = "deliveries";
/// The name of the amount of recordings, as items with their links.
pub(super) const RECORDINGS: &str = "recordings";

/// The number of items that are deleted at a time.
const DELETES_AT_ONCE: usize = 16;

/// What there is under a partition key.
#[derive(Default)]
pub(super) struct Survey {
    /// The record, or the tombstone in its place.
    pub(super) record: Option<Item>,
    /// How much there is, without tombstones.
    pub(super) found: Amounts,
    /// Where its objects are in the bucket, if there are any.
    pub(super) objects: Vec<String>,
    /// The keys of all items but the record's.
    pub(super) keys: Vec<Key>,
    /// When its last delivery arrived or was applied, RFC 3339 UTC.
    pub(super) last_at: Option<String>,
}

impl Ledger {
    /// Looks at everything under a partition key, page by page.
    ///
    /// Consistent: what a webhook has answered 200 to is there.
    pub(super) async fn survey(&self, pk: &str) -> Result<Survey, StoreError> {
        let query = (self.client.query().table_name(&self.table).consistent_read(true))
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(pk));
        let mut pages = query.into_paginator().items().send();
        let folder = key::folder(pk).ok_or_else(|| StoreError("not the key of a call".to_owned()))?;
        let mut survey = Survey::default();
        let mut objects: BTreeSet<String> =
            ["evidence/", "quarantine/", "values/"].map(|kind| format!("{kind}{folder}")).into();
        while let Some(found) = pages.next().await {
            let found = found.map_err(|error| unavailable(&error))?;
            let sk = get_text(&found, item::SK).unwrap_or_default().to_owned();
            let is_record = sk == item::CALL;
            let kind = match &*sk {
                item::CALL => RECORDS,
                sk if sk.starts_with(item::RECORDING_PREFIX) => RECORDINGS,
                _ => DELIVERIES,
            };
            let at = match kind {
                RECORDS => get_text(&found, "updated_at"),
                DELIVERIES => get_text(&found, "received_at"),
                _ => None,
            };
            survey.last_at = survey.last_at.max(at.map(str::to_owned));
            if let Some(tombstone) = Tombstone::read(&found) {
                objects.extend(tombstone.objects);
            } else if !is_tombstone(&found) {
                survey.found.add(kind, size(&found));
            }
            if kind == RECORDINGS {
                objects.extend(recording_folder(&found));
            }
            if is_record {
                survey.record = Some(found);
            } else {
                survey.keys.push(Key { pk: pk.to_owned(), sk });
            }
        }
        // A folder stands for everything in it. The set is in order, so it comes before what is in it.
        for object in objects {
            let is_covered = |folder: &String| folder.ends_with('/') && object.starts_with(folder.as_str());
            if !survey.objects.last().is_some_and(is_covered) {
                survey.objects.push(object);
            }
        }
        Ok(survey)
    }

    /// Whether there is anything under a partition key.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn has_anything(&self, pk: &str) -> Result<bool, StoreError> {
        let query = (self.client.query().table_name(&self.table).consistent_read(true))
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(pk))
            .projection_expression("sk")
            .limit(1);
        let page = query.send().await.map_err(|error| unavailable(&error))?;
        Ok(page.count() > 0)
    }

    /// Deletes items.
    pub(super) async fn delete_items(&self, keys: Vec<Key>) -> Result<(), StoreError> {
        let deletes = keys.into_iter().map(|key| async move {
            let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key.attributes()));
            delete.send().await.map(|_| ()).map_err(|error| unavailable(&error))
        });
        futures_util::stream::iter(deletes).buffer_unordered(DELETES_AT_ONCE).try_collect().await
    }
}

/// The folder of a call's recordings of the day of one of them, and the key of its copy where that is elsewhere.
fn recording_folder(recording: &Item) -> Vec<String> {
    let recorded = get_text(recording, "s3_key").map(str::to_owned);
    let folder = item::names(recording).zip(get_text(recording, "object_day"));
    let folder = folder
        .map(|((provider, source, call_id), day)| key::recordings_folder(provider, source, day, call_id));
    let recorded = recorded.filter(|key| folder.as_ref().is_none_or(|folder| !key::covers(folder, key)));
    folder.into_iter().chain(recorded).collect()
}
