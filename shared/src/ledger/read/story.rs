//! One call with its recordings and deliveries: everything under one partition key.

use std::collections::HashMap;

use super::{Call, Delivery, Recording};
use crate::ledger::item::call::{self, COLUMNS};
use crate::ledger::item::delivery::State;
use crate::ledger::item::tombstone::is_tombstone;
use crate::ledger::item::{self, Item, delivery, get_text, recording, text};
use crate::ledger::key::{self, Key};
use crate::ledger::{Ledger, StoreError, unavailable};
use crate::provider::Provider;

/// All that the ledger has of one call.
#[derive(Clone, Debug)]
pub struct Story {
    /// The call's partition key.
    pub pk: String,
    /// The call.
    pub call: Call,
    /// Its recordings' copy jobs, in the order of their keys.
    pub recordings: Vec<Recording>,
    /// Its deliveries, by dedupe key, then state, then body.
    pub deliveries: Vec<Delivery>,
}

/// What the ledger has of a call.
#[derive(Clone, Debug)]
pub enum Told {
    /// Its record and all that belongs to it.
    Story(Box<Story>),
    /// No delivery of it was applied, and one waits in quarantine.
    Waiting,
    /// Nothing.
    Nothing,
}

impl Ledger {
    /// One call's whole story, if a delivery of it was applied.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn story(&self, provider: Provider, source: &str, call_id: &str) -> Result<Told, StoreError> {
        let Key { pk, .. } = key::call(provider.name(), source, call_id);
        let items = self.read_partition(&pk, None).await?;
        let sk = |item: &Item| get_text(item, item::SK).unwrap_or_default().to_owned();
        let (mut found, mut recordings, mut deliveries) = (None, Vec::new(), Vec::new());
        for item in &items {
            match &*sk(item) {
                // A recording that was erased is shown as such; of a call and a delivery there is nothing to show.
                sk if is_tombstone(item) && !sk.starts_with(item::RECORDING_PREFIX) => {}
                item::CALL => found = Some(call::read(item)),
                sk if sk.starts_with(item::RECORDING_PREFIX) => recordings.push(Recording::read(item)),
                sk if sk.starts_with(item::DELIVERY_PREFIX) => deliveries.push(Delivery::read(item)),
                _ => {}
            }
        }
        let Some(call) = found else {
            let waits = |delivery: &Delivery| delivery.state.as_deref() == Some(State::Quarantined.name());
            return Ok(if deliveries.iter().any(waits) { Told::Waiting } else { Told::Nothing });
        };
        if !call.unreadable.is_empty() {
            tracing::error!(pk, unreadable = call.unreadable.join("; "), "not all of a call can be read");
        }
        deliveries.sort_unstable();
        Ok(Told::Story(Box::new(Story { pk, call, recordings, deliveries })))
    }

    /// One recording's copy job, by any id under which the recording was announced; `None` if no link to it
    /// was ever delivered.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn recording(
        &self,
        provider: Provider,
        source: &str,
        call_id: &str,
        recording_id: &str,
    ) -> Result<Option<Recording>, StoreError> {
        let Key { pk, .. } = key::call(provider.name(), source, call_id);
        let items = self.read_partition(&pk, Some(key::recording_sk(recording_id))).await?;
        if let Some(item) = items.first() {
            return Ok(Some(Recording::read(item)));
        }
        let Told::Story(story) = self.story(provider, source, call_id).await? else { return Ok(None) };
        let Story { call, recordings, .. } = *story;
        let ids = call.record.ids_of_recording(recording_id);
        Ok(recordings.into_iter().find(|recording| ids.contains(&&*recording.recording_id)))
    }

    /// The items of a partition, or the one with a sort key, in the order of their keys.
    ///
    /// Consistent: what a webhook has answered 200 to is there.
    async fn read_partition(&self, pk: &str, sk: Option<String>) -> Result<Vec<Item>, StoreError> {
        let shown = shown();
        let names: HashMap<_, _> =
            shown.iter().enumerate().map(|(index, name)| (format!("#{index}"), (*name).to_owned())).collect();
        let projection: Vec<_> = (0..shown.len()).map(|index| format!("#{index}")).collect();
        let mut query = (self.client.query())
            .table_name(&self.table)
            .consistent_read(true)
            .projection_expression(projection.join(","))
            .set_expression_attribute_names(Some(names))
            .key_condition_expression(if sk.is_some() { "pk = :pk AND sk = :sk" } else { "pk = :pk" })
            .expression_attribute_values(":pk", text(pk));
        if let Some(sk) = sk {
            query = query.expression_attribute_values(":sk", text(sk));
        }
        let mut pages = query.into_paginator().items().send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.map_err(|error| unavailable(&error))?);
        }
        Ok(items)
    }
}

/// The attributes that are read; links and evidence are not among them.
fn shown() -> Vec<&'static str> {
    let keys = [item::PK, item::SK, "time_key"];
    let mut shown: Vec<_> = (keys.into_iter())
        .chain(COLUMNS)
        .chain(call::SHOWN)
        .chain(delivery::SHOWN)
        .chain(recording::SHOWN)
        .collect();
    shown.sort_unstable();
    shown.dedup();
    shown
}
