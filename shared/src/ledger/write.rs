//! Applying a delivery: plan, transact, and plan again with what was in the way.

use std::time::Duration;

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    CancellationReason, ConditionCheck, Put, ReturnValuesOnConditionCheckFailure as Return, TransactWriteItem,
};
use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::item::text;
use super::item::tombstone::{self, is_tombstone};
use super::key::{self, Key};
use super::plan::{Condition, Outcome, Plan, Seen, Write, plan};
use super::values::Object;
use super::{Entry, Ledger, StoreError, unavailable};

/// The number of objects that are put at a time.
const PUTS_AT_ONCE: usize = 32;

/// The pause before the second try; doubled for each one after it, with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// The result of applying a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Carried {
    /// What was done with it.
    pub outcome: Outcome,
    /// Why it is in quarantine, if it is.
    pub reason: Option<String>,
}

impl Ledger {
    /// Makes a delivery durable: its evidence, its call's record and its recording's job in one
    /// transaction. In the common case that is the only request.
    ///
    /// Safe to call again with the same delivery, even if the first call failed half way.
    ///
    /// # Errors
    /// The stores could not do it before the deadline. The sender must try again.
    pub async fn apply(&self, entry: &Entry, deadline: Instant) -> Result<Carried, StoreError> {
        let carried = self.carry_out(entry, Seen::default(), deadline).await?;
        Ok(match carried {
            // A provider is not told what was erased.
            Some(Carried { outcome: Outcome::Erased, .. }) => {
                Carried { outcome: Outcome::Ignored, reason: None }
            }
            Some(carried) => carried,
            // Only what is replayed may wait no longer.
            None => Carried { outcome: Outcome::Duplicate, reason: None },
        })
    }

    /// Plans and transacts until the plan is carried out. Returns `None` if a delivery to be replayed does not wait any
    /// more.
    pub(super) async fn carry_out(
        &self,
        entry: &Entry,
        mut seen: Seen,
        deadline: Instant,
    ) -> Result<Option<Carried>, StoreError> {
        let mut pause = FIRST_PAUSE;
        // The token makes a transaction safe to repeat when its answer was lost.
        let mut token = new_token();
        let mut has_looked = false;
        loop {
            let (objects, writes, outcome) = match plan(entry, &seen, self.retention_days) {
                Plan::Done(outcome) => return Ok(Some(Carried { outcome, reason: seen.reason() })),
                Plan::NotWaiting => return Ok(None),
                Plan::Transact { objects, writes, outcome } => (objects, writes, outcome),
            };
            // Whoever receives a delivery can't take an object back. So none is put for what was erased.
            if !objects.is_empty() && !has_looked {
                let erased = tokio::time::timeout_at(deadline, self.is_erased(entry));
                if erased.await.map_err(|_| late())?? {
                    return Ok(Some(Carried { outcome: Outcome::Erased, reason: None }));
                }
                has_looked = true;
            }
            self.put_objects(&objects, deadline).await?;
            let tried: Vec<_> = writes.iter().map(Write::tried).collect();
            let reason = writes.iter().find_map(Write::reason);
            let transact = self.transact(writes, &token);
            match tokio::time::timeout_at(deadline, transact).await.map_err(|_| late())? {
                Ok(()) => return Ok(Some(Carried { outcome, reason })),
                Err(Failure::Conditions(reasons)) => {
                    for (tried, reason) in tried.iter().zip(reasons) {
                        match reason.code() {
                            Some("ConditionalCheckFailed") => seen.learn(tried, reason.item),
                            _ => seen.learn_free(tried),
                        }
                    }
                    token = new_token();
                }
                Err(Failure::Refused) if seen.is_replay() => {
                    return Ok(Some(Carried { outcome: Outcome::Quarantined, reason: seen.reason() }));
                }
                Err(Failure::Refused) => {
                    let Some(quarantined) = entry.quarantined("store_refused") else {
                        return Err(StoreError("refused by the table".to_owned()));
                    };
                    tracing::error!("the table refuses a delivery's items; it goes to quarantine");
                    return Box::pin(self.carry_out(&quarantined, Seen::default(), deadline)).await;
                }
                Err(Failure::Transient(error)) => {
                    tracing::warn!(%error, "a transaction did not go through; trying again");
                    if Instant::now() + pause >= deadline {
                        return Err(error);
                    }
                    tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Returns whether the call of a delivery, or the delivery by itself, was erased.
    async fn is_erased(&self, entry: &Entry) -> Result<bool, StoreError> {
        let delivery = Key { pk: entry.pk.clone(), sk: key::delivery_sk(&entry.event_body) };
        let looks = [key::of_record(&entry.pk), delivery].map(|key| async move {
            let get = self.client.get_item().table_name(&self.table).set_key(Some(key.attributes()));
            let get = get.consistent_read(true).projection_expression("#state");
            let found = get.expression_attribute_names("#state", "state").send().await;
            found.map_err(|error| unavailable(&error))
        });
        let found = try_join_all(looks).await?;
        Ok(found.iter().filter_map(|answer| answer.item()).any(is_tombstone))
    }

    async fn put_objects(&self, objects: &[Object], deadline: Instant) -> Result<(), StoreError> {
        for some in objects.chunks(PUTS_AT_ONCE) {
            let puts = try_join_all(some.iter().map(|object| self.objects.put(object)));
            tokio::time::timeout_at(deadline, puts).await.map_err(|_| late())??;
        }
        Ok(())
    }

    pub(super) async fn transact(&self, writes: Vec<Write>, token: &str) -> Result<(), Failure> {
        let request = self.client.transact_write_items().client_request_token(token);
        let items = writes.into_iter().map(|write| self.transact_item(write)).collect::<Result<_, _>>()?;
        let Err(error) = request.set_transact_items(Some(items)).send().await else { return Ok(()) };
        match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                let reasons = cancelled.cancellation_reasons();
                let unmet = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
                if reasons.iter().any(unmet) {
                    Err(Failure::Conditions(reasons.to_vec()))
                } else {
                    let code =
                        reasons.iter().filter_map(CancellationReason::code).find(|code| *code != "None");
                    Err(Failure::Transient(StoreError(code.unwrap_or("cancelled").to_owned())))
                }
            }
            Some(error) if error.code() == Some("ValidationException") => Err(Failure::Refused),
            _ => Err(Failure::Transient(unavailable(&error))),
        }
    }

    fn transact_item(&self, write: Write) -> Result<TransactWriteItem, Failure> {
        if write.condition == Condition::NotErased {
            let check = ConditionCheck::builder()
                .table_name(&self.table)
                .return_values_on_condition_check_failure(Return::AllOld)
                .set_key(Some(write.item))
                .condition_expression("attribute_not_exists(#state) OR #state <> :erased")
                .expression_attribute_names("#state", "state")
                .expression_attribute_values(":erased", text(tombstone::STATE));
            let check = check.build().map_err(|error| Failure::Transient(StoreError(error.to_string())))?;
            return Ok(TransactWriteItem::builder().condition_check(check).build());
        }
        let put = Put::builder()
            .table_name(&self.table)
            .return_values_on_condition_check_failure(Return::AllOld)
            .set_item(Some(write.item));
        let put = match write.condition {
            Condition::New | Condition::NotErased => put.condition_expression("attribute_not_exists(pk)"),
            Condition::Seen { attribute, value: Some(seen) } => put
                .condition_expression("#seen = :seen")
                .expression_attribute_names("#seen", attribute)
                .expression_attribute_values(":seen", seen),
            Condition::Seen { attribute, value: None } => put
                .condition_expression("attribute_not_exists(#seen)")
                .expression_attribute_names("#seen", attribute),
        };
        let put = put.build().map_err(|error| Failure::Transient(StoreError(error.to_string())))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

/// Why a transaction did not commit.
pub(super) enum Failure {
    /// Something was in the way: one reason per write, with the item.
    Conditions(Vec<CancellationReason>),
    /// The table will never take these items: one is too large, for example.
    Refused,
    /// It may succeed if it is sent again.
    Transient(StoreError),
}

fn late() -> StoreError {
    StoreError("no answer before the deadline".to_owned())
}

pub(super) fn new_token() -> String {
    format!("{:032x}", fastrand::u128(..))
}
