//! Erasing: a tombstone first, then everything else.
//!
//! From the tombstone on, nothing more is stored for what it stands for. What is there is deleted: the items, and every
//! version of every object. An erasure that stops halfway is finished by asking again, or by the schedule: the tombstone
//! is due in the `work` index after twenty minutes and after a day. By then no function runs that may have begun to put
//! an object before it.
//!
//! The tombstone says what was there when the erasure began, so that asking again gives the same receipt.

use aws_sdk_dynamodb::types::AttributeValue;

use self::survey::Survey;
use super::item::tombstone::{Tombstone, is_tombstone, objects_of_recording, size};
use super::item::{self, Item, delivery, get_bytes, number, recording, text};
use super::key::{self, Key};
use super::{Ledger, StoreError, unavailable};
use crate::aws::Bucket;
use crate::timestamp::{Timestamp, rfc3339};

mod survey;
pub(super) mod objects;
mod again;
mod receipt;
mod listed;

pub use super::item::tombstone::{Amount, Amounts};
pub use listed::{ERASURES, Listed, Reapplied};
pub use receipt::{Erasure, Trace};

/// How often a tombstone is written only if the record is as it was seen. After that it is written in any case, so
/// that a call with many deliveries at a time can be erased, too.
const CAREFUL_TRIES: usize = 5;

impl Ledger {
    /// Erases a call, or whatever else there is under its partition key. `None` if there is nothing.
    ///
    /// Safe to call again, also after it stopped halfway: it then deletes what is left, and returns the same receipt.
    ///
    /// # Errors
    /// A store did not answer. The erasure may have begun.
    pub async fn erase_call(
        &self,
        bucket: &Bucket,
        pk: &str,
        now: Timestamp,
    ) -> Result<Option<Erasure>, StoreError> {
        for tries in 0.. {
            let survey = self.survey(pk).await?;
            if survey.record.is_none() && survey.keys.is_empty() {
                return Ok(None);
            }
            let seen = match &survey.record {
                None => Seen::Nothing,
                Some(_) if tries >= CAREFUL_TRIES => Seen::Anything,
                Some(record) => revision(record),
            };
            let erased = self.erase_surveyed(bucket, pk, survey, seen, now).await?;
            if erased.is_some() {
                return Ok(erased);
            }
        }
        Ok(None)
    }

    /// Erases a call with a record, if its last delivery arrived before a time and nothing was applied since.
    /// `None` if there is no such call. What an index says of a call may be out of date, so the call itself
    /// is looked at.
    ///
    /// A delivery that goes to quarantine between that look and the tombstone changes no record. So it is not
    /// noticed, and goes with the call.
    ///
    /// Safe to call again; see [`Ledger::erase_call`].
    ///
    /// # Errors
    /// A store did not answer. The erasure may have begun.
    pub async fn erase_old_call(
        &self,
        bucket: &Bucket,
        pk: &str,
        before: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Erasure>, StoreError> {
        let before = rfc3339(before);
        for _ in 0..CAREFUL_TRIES {
            let survey = self.survey(pk).await?;
            let is_old = survey.last_at.as_ref().is_some_and(|last_at| *last_at < before);
            let Some(record) = survey.record.as_ref().filter(|_| is_old) else { return Ok(None) };
            let seen = revision(record);
            let erased = self.erase_surveyed(bucket, pk, survey, seen, now).await?;
            if erased.is_some() {
                return Ok(erased);
            }
        }
        // It is changed all the time, so it is not old.
        Ok(None)
    }

    /// Erases a call as it was looked at. `None` if its record is not as it was seen any more.
    async fn erase_surveyed(
        &self,
        bucket: &Bucket,
        pk: &str,
        survey: Survey,
        seen: Seen,
        now: Timestamp,
    ) -> Result<Option<Erasure>, StoreError> {
        let Survey { record, mut found, objects, .. } = survey;
        if let Some(tombstone) = record.as_ref().map(tombstone).transpose()?.flatten() {
            return self.sweep(bucket, tombstone).await.map(Some);
        }
        found.extend(&objects::survey(bucket, &objects).await?);
        let applied = record.as_ref().and_then(|record| get_bytes(record, "applied"));
        let tombstone = Tombstone {
            applied: applied.map(<[u8]>::to_vec),
            ..of_item(&key::of_record(pk), now, found, objects)
        };
        if self.put_tombstone(&tombstone, seen).await? {
            return self.sweep(bucket, tombstone).await.map(Some);
        }
        Ok(None)
    }

    /// Erases a delivery by itself that is in quarantine, or was put aside there; the call that it names stays. `None` if
    /// there is no such delivery. Of a call that was erased, this returns the call's erasure.
    ///
    /// Safe to call again; see [`Ledger::erase_call`].
    ///
    /// # Errors
    /// A store did not answer. The erasure may have begun.
    pub async fn erase_delivery(
        &self,
        bucket: &Bucket,
        key: &Key,
        now: Timestamp,
    ) -> Result<Option<Erasure>, StoreError> {
        loop {
            let Some(item) = self.whole_item(key).await? else {
                return self.erase_again_of(bucket, key).await;
            };
            if let Some(tombstone) = tombstone(&item)? {
                return self.sweep(bucket, tombstone).await.map(Some);
            }
            if !delivery::State::of(&item).is_some_and(delivery::State::is_erasable) {
                return Ok(None);
            }
            let sha256 = get_bytes(&item, "body_sha256").map(hex::encode);
            let sha256 = sha256.ok_or_else(|| StoreError("a delivery has no hash".to_owned()))?;
            let states = [delivery::State::Quarantined, delivery::State::Applied];
            let objects = states.map(|state| delivery::evidence_key(state, &key.pk, &sha256)).to_vec();
            let mut erased = objects::survey(bucket, &objects).await?;
            erased.add(survey::DELIVERIES, size(&item));
            let tombstone = of_item(key, now, erased, objects);
            let seen = Seen::Value("state", item.get("state").cloned());
            if self.put_tombstone(&tombstone, seen).await? {
                return self.sweep(bucket, tombstone).await.map(Some);
            }
        }
    }

    /// Erases a recording: its copy and its link. The record of its call stays. `None` if there is no such recording.
    ///
    /// Safe to call again; see [`Ledger::erase_call`].
    ///
    /// # Errors
    /// A store did not answer. The erasure may have begun.
    pub async fn erase_recording(
        &self,
        bucket: &Bucket,
        key: &Key,
        now: Timestamp,
    ) -> Result<Option<Erasure>, StoreError> {
        loop {
            let Some(item) = self.whole_item(key).await? else { return Ok(None) };
            if let Some(tombstone) = tombstone(&item)? {
                return self.sweep(bucket, tombstone).await.map(Some);
            }
            let objects = objects_of_recording(&item).unwrap_or_default();
            let mut erased = objects::survey(bucket, &objects).await?;
            erased.add(survey::RECORDINGS, size(&item));
            let version = recording::version(&item);
            let tombstone = Tombstone { version: Some(version + 1), ..of_item(key, now, erased, objects) };
            let seen = item.get("version").map(|_| number(version));
            if self.put_tombstone(&tombstone, Seen::Value("version", seen)).await? {
                return self.sweep(bucket, tombstone).await.map(Some);
            }
        }
    }

    /// Goes on with the erasure of a delivery, or of its call, that has begun. `None` if none has.
    ///
    /// # Errors
    /// A store did not answer.
    pub async fn erase_again_of(&self, bucket: &Bucket, key: &Key) -> Result<Option<Erasure>, StoreError> {
        let call = key.names_a_call().then(|| key::of_record(&key.pk));
        for key in call.iter().chain([key]) {
            let found = self.whole_item(key).await?;
            if let Some(tombstone) = found.as_ref().map(tombstone).transpose()?.flatten() {
                return self.sweep(bucket, tombstone).await.map(Some);
            }
        }
        Ok(None)
    }

    /// Deletes everything that a tombstone stands for, and puts it on the list of erasures.
    async fn sweep(&self, bucket: &Bucket, tombstone: Tombstone) -> Result<Erasure, StoreError> {
        self.list_erasure(&tombstone).await?;
        let mut objects = tombstone.objects.clone();
        if tombstone.is_of_call() {
            let survey = self.survey(&tombstone.key.pk).await?;
            // A recording that was announced between the first look and the tombstone. Once its item is deleted, only
            // the tombstone knows where its copy is.
            objects.extend(survey.objects.into_iter().filter(|object| !tombstone.objects.contains(object)));
            if objects.len() > tombstone.objects.len() {
                self.set_objects(&tombstone.key, &objects).await?;
            }
            self.delete_items(survey.keys).await?;
        }
        objects::delete(bucket, &objects).await?;
        Ok(Erasure { erased_at: tombstone.erased_at, erased: tombstone.erased })
    }

    /// Puts a tombstone in place of what was seen. Returns whether that was still there.
    async fn put_tombstone(&self, tombstone: &Tombstone, seen: Seen) -> Result<bool, StoreError> {
        let put = (self.client.put_item().table_name(&self.table)).set_item(Some(tombstone.write()));
        let put = match seen {
            Seen::Nothing => put.condition_expression("attribute_not_exists(pk)"),
            Seen::Anything => put
                .condition_expression("attribute_not_exists(#state)")
                .expression_attribute_names("#state", "state"),
            Seen::Value(attribute, value) => {
                let seen = match &value {
                    Some(_) => "#seen = :seen",
                    None => "attribute_exists(pk) AND attribute_not_exists(#seen)",
                };
                // Another erasure may have begun. Its receipt is the one that counts.
                let put = put
                    .condition_expression(format!(
                        "{seen} AND (attribute_not_exists(#state) OR #state <> :erased)"
                    ))
                    .expression_attribute_names("#seen", attribute)
                    .expression_attribute_names("#state", "state")
                    .expression_attribute_values(":erased", text(item::tombstone::STATE));
                match value {
                    Some(value) => put.expression_attribute_values(":seen", value),
                    None => put,
                }
            }
        };
        match put.send().await {
            Ok(_) => Ok(true),
            Err(error)
                if error.as_service_error().is_some_and(|e| e.is_conditional_check_failed_exception()) =>
            {
                Ok(false)
            }
            Err(error) => Err(unavailable(&error)),
        }
    }

    async fn set_objects(&self, key: &Key, objects: &[String]) -> Result<(), StoreError> {
        let objects = AttributeValue::L(objects.iter().map(text).collect());
        let update = (self.client.update_item().table_name(&self.table))
            .set_key(Some(key.attributes()))
            .update_expression("SET #objects = :objects")
            .condition_expression("#state = :erased")
            .expression_attribute_names("#objects", "objects")
            .expression_attribute_names("#state", "state")
            .expression_attribute_values(":objects", objects)
            .expression_attribute_values(":erased", text(item::tombstone::STATE));
        update.send().await.map(|_| ()).map_err(|error| unavailable(&error))
    }
}

/// Reads an item as a tombstone; `None` if it is none.
///
/// # Errors
/// A newer version wrote the item, so it is not ours to replace, or a tombstone is damaged.
fn tombstone(item: &Item) -> Result<Option<Tombstone>, StoreError> {
    if item::is_newer(item) {
        return Err(StoreError("a newer version wrote what is to be erased".to_owned()));
    }
    match Tombstone::read(item) {
        None if is_tombstone(item) => Err(StoreError("a tombstone can't be read".to_owned())),
        tombstone => Ok(tombstone),
    }
}

/// What was in the place of a tombstone.
enum Seen {
    /// No item.
    Nothing,
    /// An item that is no tombstone.
    Anything,
    /// An item with this value of an attribute, or without it.
    Value(&'static str, Option<AttributeValue>),
}

/// A record as it was seen: every change raises its revision.
fn revision(record: &Item) -> Seen {
    Seen::Value("revision", record.get("revision").cloned())
}

fn of_item(key: &Key, now: Timestamp, erased: Amounts, objects: Vec<String>) -> Tombstone {
    Tombstone {
        key: key.clone(),
        erased_at: whole(now),
        erased,
        objects,
        applied: None,
        version: None,
        work_due: None,
    }
}

/// A time as the tombstone has it: in whole milliseconds.
fn whole(time: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(time.as_millisecond()).unwrap_or(time)
}
