//! Deliveries that wait in quarantine: replayed, or put aside.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata as _, SdkError};
use jiff::SignedDuration;
use tokio::time::Instant;

use super::change::Changed;
use super::erase::objects;
use super::item::delivery::{self, State};
use super::item::tombstone::is_tombstone;
use super::item::{self, Item};
use super::key::{Key, of_record};
use super::plan::{Outcome, Seen};
use super::values::Object;
use super::{Entry, Kept, KeptError, Ledger, StoreError};
use crate::aws::Bucket;
use crate::timestamp::Timestamp;

/// A delivery that was looked for in quarantine.
#[derive(Debug)]
pub enum Found {
    /// It waits.
    Waiting(Box<Kept>),
    /// It waited, and was applied or ignored since. With its call, if it names one.
    Settled(Outcome, Option<String>),
    /// It was erased, or its call was.
    Erased,
    /// It does not wait: it never did, or was put aside.
    Nothing,
}

/// The result of [`Ledger::discard`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discarded {
    /// It is put aside: now, or by an earlier request.
    Done,
    /// It does not wait in quarantine.
    NotWaiting,
}

impl Ledger {
    /// Returns a delivery that waits in quarantine, with its evidence. If it was replayed since, this removes what an
    /// earlier replay that failed half way has left.
    ///
    /// # Errors
    /// The evidence is gone or damaged, or the stores did not answer.
    pub async fn kept(&self, bucket: &Bucket, key: &Key) -> Result<Found, KeptError> {
        let Some(item) = self.whole_item(key).await?.filter(|item| !item::is_newer(item)) else {
            let call = if key.names_a_call() { self.whole_item(&of_record(&key.pk)).await? } else { None };
            return Ok(if call.is_some_and(|call| is_tombstone(&call)) {
                Found::Erased
            } else {
                Found::Nothing
            });
        };
        if is_tombstone(&item) {
            return Ok(Found::Erased);
        }
        if State::of(&item) == Some(State::Quarantined) {
            let kept = Kept::read(&item, State::Quarantined, &self.objects).await?;
            return Ok(Found::Waiting(Box::new(kept)));
        }
        let Some(outcome) = settled(&item) else { return Ok(Found::Nothing) };
        self.clear(bucket, key, &item).await?;
        let call_id =
            item::names(&item).filter(|_| key.names_a_call()).map(|(_, _, call_id)| call_id.to_owned());
        Ok(Found::Settled(outcome, call_id))
    }

    /// Applies a delivery that waits in quarantine, as its body is read now: the record, the delivery and the copy job
    /// in one transaction, which also takes it out of the `work` index. It moves to its call if it waited elsewhere.
    /// What can't be applied stays where it is. Returns `None` if it does not wait any more.
    ///
    /// Safe to call again, even if the first call failed half way.
    ///
    /// # Errors
    /// The stores could not do it before the deadline.
    pub async fn replay(
        &self,
        bucket: &Bucket,
        key: &Key,
        entry: &Entry,
        deadline: Instant,
    ) -> Result<Option<Outcome>, StoreError> {
        let Some(item) = self.delivery_item(key).await? else { return Ok(None) };
        let carried = self.carry_out(entry, Seen::waiting(item, entry), deadline).await?;
        let outcome = carried.map(|carried| carried.outcome);
        if matches!(outcome, Some(Outcome::Quarantined | Outcome::Erased)) {
            return Ok(outcome);
        }
        let Some(item) = self.delivery_item(key).await? else { return Ok(outcome) };
        let settled = settled(&item);
        if settled.is_some() {
            self.clear(bucket, key, &item).await?;
        }
        // Another request may have settled it meanwhile.
        Ok(outcome.or(settled))
    }

    /// Deletes every version of the object that a delivery had in quarantine, and what is left of a delivery that moved.
    async fn clear(&self, bucket: &Bucket, key: &Key, item: &Item) -> Result<(), StoreError> {
        if let Some(object) = delivery::object_key(&key.pk, item, State::Quarantined) {
            objects::delete(bucket, &[object]).await?;
        }
        if !delivery::is_moved(item) {
            return match delivery::is_spare(item) {
                true => self.change(key, delivery::cleared()).await.map(|_| ()),
                false => Ok(()),
            };
        }
        let delete = self.client.delete_item().table_name(&self.table).set_key(Some(key.attributes()));
        let delete = delete.condition_expression("attribute_exists(moved)").send().await;
        match delete.map_err(SdkError::into_service_error) {
            Err(error) if !error.is_conditional_check_failed_exception() => {
                Err(StoreError(error.code().unwrap_or("unknown error").to_owned()))
            }
            _ => Ok(()),
        }
    }

    /// Puts a delivery that waits in quarantine aside. Its evidence is kept as long as that of any other delivery,
    /// from now on.
    ///
    /// Safe to call again, even if the first call failed half way.
    ///
    /// # Errors
    /// The stores did not answer.
    pub async fn discard(&self, bucket: &Bucket, key: &Key, now: Timestamp) -> Result<Discarded, StoreError> {
        let Some(item) = self.delivery_item(key).await? else { return Ok(Discarded::NotWaiting) };
        let (waiting, aside) = (State::Quarantined, State::Discarded);
        let object = |state| delivery::object_key(&key.pk, &item, state);
        if State::of(&item) == Some(waiting)
            && let (Some(from), Some(to)) = (object(waiting), object(aside))
            && let Some(content) = self.objects.get(&from).await?
        {
            self.objects.put(&Object { key: to, content }).await?;
        }
        let retention =
            SignedDuration::from_hours(24 * i64::try_from(self.retention_days).unwrap_or(i64::MAX / 24));
        let expires_at = now.checked_add(retention).unwrap_or(Timestamp::MAX);
        let found = match self.change(key, delivery::discard(&item, now, expires_at)).await? {
            Changed::Done(item) => Some(item),
            Changed::Unmet(found) => found,
        };
        match found.filter(|found| State::of(found) == Some(aside)) {
            Some(found) => self.clear(bucket, key, &found).await.map(|()| Discarded::Done),
            None => Ok(Discarded::NotWaiting),
        }
    }

    /// Deletes the object that a delivery had in quarantine.
    ///
    /// # Errors
    /// The stores did not answer.
    pub async fn clear_spare(&self, bucket: &Bucket, key: &Key) -> Result<(), StoreError> {
        match self.delivery_item(key).await? {
            Some(item) if delivery::is_spare(&item) => self.clear(bucket, key, &item).await,
            _ => Ok(()),
        }
    }

    /// A DELIVERY item that this version may write over.
    async fn delivery_item(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        Ok(self.read_delivery(key).await?.filter(|item| !item::is_newer(item)))
    }
}

/// The answer to another replay of a delivery that was applied or ignored; `None` for any other.
fn settled(item: &Item) -> Option<Outcome> {
    match State::of(item)? {
        State::Applied => Some(Outcome::Duplicate),
        State::Ignored => Some(Outcome::Ignored),
        State::Quarantined | State::Discarded => None,
    }
}
