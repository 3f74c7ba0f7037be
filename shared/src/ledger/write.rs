//! Applying a delivery: plan, transact, and plan again with what was in the way.

use std::collections::HashSet;
use std::time::Duration;

use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{
    CancellationReason, ConditionCheck, Put, ReturnValuesOnConditionCheckFailure as Return, TransactWriteItem,
};
use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::item::text;
use super::item::tombstone;
use super::key::{self, Key};
use super::plan::{Condition, Outcome, Plan, Seen, Tried, Write, plan};
use super::values::Object;
use super::{Entry, Ledger, StoreError, unavailable};

/// The number of objects that are put at a time.
const PUTS_AT_ONCE: usize = 32;

/// The pause before the second try; doubled for each one after it, with jitter.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_millis(400);

/// The shortest window from which a pause is drawn after another delivery of the call was faster.
const SHORTEST_WINDOW: Duration = Duration::from_millis(5);

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
        // How often another delivery of the call was faster.
        let mut losses = 0;
        let mut put = HashSet::new();
        // The token makes a transaction safe to repeat when its answer was lost.
        let mut token = new_token();
        let mut has_looked = false;
        loop {
            let (mut objects, writes, outcome) = match plan(entry, &seen, self.retention_days) {
                Plan::Done(outcome) => return Ok(Some(Carried { outcome, reason: seen.reason() })),
                Plan::NotWaiting => return Ok(None),
                Plan::Look(sks) => {
                    self.look_for_jobs(entry, sks, &mut seen, deadline).await?;
                    continue;
                }
                Plan::Transact { objects, writes, outcome } => (objects, writes, outcome),
            };
            objects.retain(|object| !put.contains(&object.key));
            // Whoever receives a delivery can't take an object back. So none is put for what is there, or was erased.
            if !objects.is_empty() && !has_looked {
                self.look_first(entry, &mut seen, deadline).await?;
                has_looked = true;
                continue;
            }
            self.put_objects(&objects, deadline).await?;
            put.extend(objects.into_iter().map(|object| object.key));
            let tried: Vec<_> = writes.iter().map(Write::tried).collect();
            let reason = writes.iter().find_map(Write::reason);
            let started = Instant::now();
            let transact = self.transact(writes, &token);
            match tokio::time::timeout_at(deadline, transact).await.map_err(|_| late())? {
                Ok(()) => return Ok(Some(Carried { outcome, reason })),
                Err(Failure::Cancelled(reasons)) => {
                    token = new_token();
                    losses += 1;
                    // In a conflict, it may be that nothing else was looked at.
                    let is_told = !reasons.iter().any(|reason| reason.code() == Some("TransactionConflict"));
                    for (tried, reason) in tried.iter().zip(reasons) {
                        match reason.code() {
                            Some("ConditionalCheckFailed") => seen.learn(tried, reason.item),
                            _ if is_told => seen.learn_free(tried),
                            _ => {}
                        }
                    }
                    // The first time it is usually an earlier delivery of the call, and now its items are known.
                    if losses > 1 || !is_told {
                        tokio::time::sleep(pause_after(losses, started.elapsed(), deadline)).await;
                        if tried.iter().any(Tried::is_call) {
                            self.look_again(entry, &mut seen, deadline).await;
                        }
                    }
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

    /// Reads the call and the delivery before the first object is put.
    async fn look_first(&self, entry: &Entry, seen: &mut Seen, deadline: Instant) -> Result<(), StoreError> {
        let keys = [key::of_record(&entry.pk), entry.key()];
        let looks = try_join_all(keys.iter().map(|key| self.whole_item(key)));
        let mut found = tokio::time::timeout_at(deadline, looks).await.map_err(|_| late())??;
        seen.learn_delivery(found.pop().flatten());
        seen.learn_call(found.pop().flatten());
        Ok(())
    }

    /// Reads the copy jobs of a recording that has several ids.
    async fn look_for_jobs(
        &self,
        entry: &Entry,
        sks: Vec<String>,
        seen: &mut Seen,
        deadline: Instant,
    ) -> Result<(), StoreError> {
        let looks = sks.into_iter().map(|sk| async move {
            let found = self.whole_item(&Key { pk: entry.pk.clone(), sk: sk.clone() }).await?;
            Ok::<_, StoreError>((sk, found))
        });
        let looks = tokio::time::timeout_at(deadline, try_join_all(looks));
        for (sk, found) in looks.await.map_err(|_| late())?? {
            seen.learn_job(sk, found);
        }
        Ok(())
    }

    /// Reads the call before another try.
    ///
    /// Where many deliveries of a call meet, what was seen is out of date after a pause. A read is cheaper than a
    /// transaction that is bound to be cancelled, and does not get in the way of the others.
    async fn look_again(&self, entry: &Entry, seen: &mut Seen, deadline: Instant) {
        let key = key::of_record(&entry.pk);
        // Without an answer, the transaction tells what is there.
        if let Ok(Ok(found)) = tokio::time::timeout_at(deadline, self.whole_item(&key)).await {
            seen.learn_call(found);
        }
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
                let is_met = |reason: &CancellationReason| {
                    matches!(reason.code(), Some("ConditionalCheckFailed" | "TransactionConflict"))
                };
                if reasons.iter().any(is_met) {
                    Err(Failure::Cancelled(reasons.to_vec()))
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
    /// Another delivery of the call was faster: one reason per write, with the item where it is told.
    Cancelled(Vec<CancellationReason>),
    /// The table will never take these items: one is too large, for example.
    Refused,
    /// It may succeed if it is sent again.
    Transient(StoreError),
}

/// The pause of a delivery that met others of its call, so many times.
///
/// It is drawn from a window that doubles each time. So soon only a few of them try at the same time, however many
/// wait. The window is wider where requests take longer, since it is also the requests of the others that make them
/// slow. It is at most a third of the time that is left.
fn pause_after(losses: u32, took: Duration, deadline: Instant) -> Duration {
    let left = deadline.saturating_duration_since(Instant::now());
    let window = (took * 2).max(SHORTEST_WINDOW).saturating_mul(2_u32.saturating_pow(losses));
    window.min(left / 3).mul_f64(fastrand::f64())
}

fn late() -> StoreError {
    StoreError("no answer before the deadline".to_owned())
}

pub(super) fn new_token() -> String {
    format!("{:032x}", fastrand::u128(..))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_pause_is_from_a_window_that_doubles_and_ends_well_before_the_deadline() {
        let deadline = Instant::now() + Duration::from_secs(3);
        let longest =
            |losses, took| (0..2_000).map(|_| pause_after(losses, took, deadline)).max().unwrap_or_default();
        let within = |longest: Duration, window: u64| {
            let window = Duration::from_millis(window);
            assert!(longest <= window && longest > window.mul_f64(0.9), "{longest:?} of {window:?}");
        };
        within(longest(1, Duration::ZERO), 10);
        within(longest(2, Duration::ZERO), 20);
        within(longest(2, Duration::from_millis(10)), 80);
        within(longest(30, Duration::from_millis(10)), 1_000);
        assert_eq!(pause_after(30, Duration::ZERO, Instant::now()), Duration::ZERO);
    }
}
