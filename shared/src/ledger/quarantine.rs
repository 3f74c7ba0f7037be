//! Deliveries that wait in quarantine: replayed, or put aside.

use aws_sdk_dynamodb::error::{ProvideErrorMetadata as _, SdkError};
use jiff::SignedDuration;
use tokio::time::Instant;

use super::change::Changed;
use super::item::delivery::{self, State};
use super::item::tombstone::is_tombstone;
use super::item::{self, Item};
use super::key::{Key, of_record};
use super::plan::{Outcome, Seen};
use super::values::Object;
use super::{Entry, Kept, KeptError, Ledger, StoreError};
use crate::timestamp::Timestamp;

/// A delivery that was looked for in quarantine.
#[derive(Debug)]
pub enum Found {
    /// It waits.
    Waiting(Box<Kept>),
    /// It waited, and was applied or ignored since.
    Settled(Outcome),
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
    pub async fn kept(&self, key: &Key) -> Result<Found, KeptError> {
        let Some(item) = self.delivery_item(key).await? else {
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
        self.clear(key, &item).await?;
        Ok(Found::Settled(outcome))
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
            self.clear(key, &item).await?;
        }
        // Another request may have settled it meanwhile.
        Ok(outcome.or(settled))
    }

    /// Removes the object that a delivery had in quarantine, and what is left of a delivery that moved.
    async fn clear(&self, key: &Key, item: &Item) -> Result<(), StoreError> {
        if let Some(object) = delivery::object_key(&key.pk, item, State::Quarantined) {
            self.objects.delete(&object).await?;
        }
        if !delivery::is_moved(item) {
            return Ok(());
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
    pub async fn discard(&self, key: &Key, now: Timestamp) -> Result<Discarded, StoreError> {
        let Some(item) = self.delivery_item(key).await? else { return Ok(Discarded::NotWaiting) };
        let (waiting, aside) = (State::Quarantined, State::Discarded);
        let object = |state| delivery::object_key(&key.pk, &item, state);
        // An object that was not read is not deleted, either.
        let mut is_spare = State::of(&item) == Some(aside);
        if State::of(&item) == Some(waiting)
            && let (Some(from), Some(to)) = (object(waiting), object(aside))
            && let Some(content) = self.objects.get(&from).await?
        {
            self.objects.put(&Object { key: to, content }).await?;
            is_spare = true;
        }
        let retention =
            SignedDuration::from_hours(24 * i64::try_from(self.retention_days).unwrap_or(i64::MAX / 24));
        let expires_at = now.checked_add(retention).unwrap_or(Timestamp::MAX);
        let found = match self.change(key, delivery::discard(expires_at)).await? {
            Changed::Done(item) => Some(item),
            Changed::Unmet(found) => found,
        };
        if found.as_ref().and_then(State::of) != Some(aside) {
            return Ok(Discarded::NotWaiting);
        }
        if let Some(from) = object(waiting).filter(|_| is_spare) {
            self.objects.delete(&from).await?;
        }
        Ok(Discarded::Done)
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
