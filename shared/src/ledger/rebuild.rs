//! A call's record made anew from the evidence of every body that was ever applied to it.

use std::collections::HashMap;

use serde_json::{Map, Value};

use super::item::call::{self, Call, NewCall};
use super::item::delivery::State;
use super::item::tombstone::is_tombstone;
use super::item::{self, Item, RECORDING_PREFIX, SK, get_text, recording, text};
use super::key::{self, Key};
use super::plan::{Condition, Kind, Write};
use super::write::{Failure, new_token};
use super::{Kept, KeptError, Ledger, unavailable};
use crate::event::RecordingLink;
use crate::provider::Provider;
use crate::record::Record;
use crate::timestamp::Timestamp;

/// The most writes of a transaction.
const MAX_WRITES: usize = 100;

/// A call with the evidence of every body that was applied to it.
#[derive(Debug)]
pub struct Remembered {
    /// The deliveries, in the order in which they were applied. Their evidence is packed, or in the bucket.
    deliveries: Vec<Item>,
    provider: Provider,
    key: Key,
    call: Call,
    /// The sort keys of its recordings' jobs.
    jobs: Vec<String>,
}

/// The result of [`Ledger::rebuild`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rebuilt {
    /// The record is made anew. These fields have another value now, as dotted paths; it is not written if there are
    /// none.
    Done(Vec<String>),
    /// The call was changed meanwhile and nothing was written, or there is more to write.
    Changed,
}

impl Ledger {
    /// Returns a call with the evidence of every body that was applied to it; `None` if there is no such call.
    ///
    /// Consistent: what a webhook has answered 200 to is there.
    ///
    /// # Errors
    /// [`KeptError::Expired`] if the evidence of any body is gone, [`KeptError::Erased`] if the call was erased.
    pub async fn remembered(
        &self,
        provider: Provider,
        source: &str,
        call_id: &str,
    ) -> Result<Option<Remembered>, KeptError> {
        let key = key::call(provider.name(), source, call_id);
        let query = (self.client.query().table_name(&self.table).consistent_read(true))
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(&key.pk));
        let mut pages = query.into_paginator().items().send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.map_err(|error| unavailable(&error))?);
        }
        let sk = |item: &Item| get_text(item, SK).unwrap_or_default().to_owned();
        let Some(found) = items.iter().find(|item| sk(item) == item::CALL) else { return Ok(None) };
        if is_tombstone(found) {
            return Err(KeptError::Erased);
        }
        if item::is_newer(found) {
            return Err(KeptError::Damaged("a newer version wrote the call".to_owned()));
        }
        let call = call::read(found);
        // Where the list of bodies is damaged, it can't be told whether all are there.
        let applied = call.applied.as_ref().ok_or(KeptError::Expired)?;
        let jobs = items.iter().map(sk).filter(|sk| sk.starts_with(RECORDING_PREFIX)).collect();
        let mut items: HashMap<String, Item> = items.into_iter().map(|item| (sk(&item), item)).collect();
        let wanted = applied.bodies().map(|body| items.remove(&key::delivery_sk(&body)));
        let deliveries = wanted.collect::<Option<Vec<_>>>().ok_or(KeptError::Expired)?;
        Ok(Some(Remembered { deliveries, provider, key, call, jobs }))
    }

    /// Reads the evidence of one of the deliveries of a call, so that no more than one body is in memory.
    ///
    /// # Errors
    /// The evidence is gone or damaged, or the stores did not answer.
    pub async fn body(&self, delivery: &Item) -> Result<Kept, KeptError> {
        Kept::read(delivery, State::of(delivery).unwrap_or(State::Applied), &self.objects).await
    }

    /// Writes another record in place of a call's, under its revision: what today's code reads in all of its bodies.
    /// Jobs stay as they are; a link that has none gets one.
    ///
    /// # Errors
    /// The stores did not do it, or the record does not fit in an item.
    pub async fn rebuild(
        &self,
        remembered: &Remembered,
        record: &Record,
        links: &[RecordingLink],
        now: Timestamp,
    ) -> Result<Rebuilt, KeptError> {
        let Remembered { provider, key, call, jobs, .. } = remembered;
        let applied = call.applied.as_ref().ok_or(KeptError::Expired)?;
        let written = call::write(&NewCall {
            provider: *provider,
            pk: &key.pk,
            call_id: &call.columns.call_id,
            record,
            applied,
            revision: call.columns.revision + 1,
            first_seen_at: &call.first_seen_at,
            // No delivery was applied.
            updated_at: &call.columns.updated_at,
        });
        let written =
            written.map_err(|_| KeptError::Damaged("the record does not fit in an item".to_owned()))?;
        // As both are read from their items: large values by their hash, and without what depends on arrival.
        let render = |call: &Call| Value::Object(call.record.render());
        let mut changed = Vec::new();
        differences("", &render(call), &render(&call::read(&written.item)), &mut changed);
        let condition = |value| Condition::Seen { attribute: "revision", value: Some(value) };
        let seen = item::number(call.columns.revision);
        let mut writes = vec![Write { kind: Kind::Call, item: written.item, condition: condition(seen) }];
        writes.extend(new_jobs(record, links, jobs, &key.pk, &call.columns.call_id, now));
        if changed.is_empty() && writes.len() == 1 {
            return Ok(Rebuilt::Done(changed));
        }
        for object in &written.objects {
            self.objects.put(object).await?;
        }
        let is_all = writes.len() <= MAX_WRITES;
        writes.truncate(MAX_WRITES);
        match self.transact(writes, &new_token()).await {
            Ok(()) if is_all => Ok(Rebuilt::Done(changed)),
            Ok(()) => Ok(Rebuilt::Changed),
            Err(Failure::Cancelled(_)) => Ok(Rebuilt::Changed),
            Err(Failure::Refused) => Err(KeptError::Damaged("the table refuses the record".to_owned())),
            Err(Failure::Transient(error)) => Err(error.into()),
        }
    }
}

impl Remembered {
    /// The deliveries, in the order in which they were applied; see [`Ledger::body`].
    pub fn deliveries(&self) -> &[Item] {
        &self.deliveries
    }
}

/// The jobs of links that have none yet, under any id of their recording.
fn new_jobs(
    record: &Record,
    links: &[RecordingLink],
    jobs: &[String],
    pk: &str,
    call_id: &str,
    now: Timestamp,
) -> Vec<Write> {
    let mut known: Vec<String> = jobs.to_vec();
    let mut writes = Vec::new();
    for link in links {
        let ids = record.ids_of_recording(&link.recording_id);
        let ids = ids.into_iter().chain([&*link.recording_id]).map(key::recording_sk);
        if ids.into_iter().any(|sk| known.contains(&sk)) {
            continue;
        }
        known.push(key::recording_sk(&link.recording_id));
        let item = recording::write(pk, call_id, &link.recording_id, link, now);
        writes.push(Write { kind: Kind::Recording, item, condition: Condition::New });
    }
    writes
}

/// The dotted paths at which two values differ. Lists are compared as a whole.
fn differences(path: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match (old, new) {
        (Value::Object(old), Value::Object(new)) => {
            let nothing = Value::Null;
            let names: Map<String, Value> =
                old.iter().chain(new).map(|(name, _)| (name.clone(), Value::Null)).collect();
            for name in names.keys() {
                let [old, new] = [old, new].map(|values| values.get(name).unwrap_or(&nothing));
                differences(&below(name), old, new, found);
            }
        }
        _ if old == new => {}
        _ => found.push(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_named_by_their_paths() {
        let (old, new) =
            (json!({"a": 1, "b": {"c": [1], "d": 2}}), json!({"a": 1, "b": {"c": [2], "d": 2}, "e": 3}));
        let mut found = Vec::new();
        differences("", &old, &new, &mut found);
        assert_eq!(found, ["b.c", "e"]);
    }
}
