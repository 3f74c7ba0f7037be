//! One call with its recordings and deliveries: everything under one partition key.

use std::collections::HashMap;

use serde::Serialize;

use super::Call;
use crate::ledger::item::{self, Item, get_number, get_text, text};
use crate::ledger::key::{self, Key};
use crate::ledger::{Ledger, Unavailable, unavailable};
use crate::provider::Provider;

/// All that the ledger has of one call.
#[derive(Clone, Debug)]
pub struct Story {
    /// The call.
    pub call: Call,
    /// Its recordings' copy jobs, in the order of their keys.
    pub recordings: Vec<Recording>,
    /// Its deliveries, by dedupe key, then state, then body.
    pub deliveries: Vec<Delivery>,
}

/// A recording's copy job. The link it is copied from is not here and never shown.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Recording {
    /// The provider's id, or one made from the link.
    pub recording_id: String,
    /// pending, copying, retry, stored, expired, rejected or failed.
    pub state: Option<String>,
    /// The host of the link.
    pub source_host: Option<String>,
    /// When the link stops working, RFC 3339 UTC.
    pub source_expires_at: Option<String>,
    /// How long it is, whole seconds.
    pub duration_seconds: Option<u64>,
    /// How large it is, bytes.
    pub size_bytes: Option<u64>,
    /// How many audio channels it has.
    pub channels: Option<u64>,
    /// Its media type.
    pub content_type: Option<String>,
    /// The SHA-256 of the copy, hex.
    pub sha256: Option<String>,
    /// The SHA-512 of the copy, hex.
    pub sha512: Option<String>,
    /// Where the copy is in the bucket.
    pub s3_key: Option<String>,
    /// How often copying was tried.
    pub attempts: Option<u64>,
    /// What went wrong the last time.
    pub last_error: Option<String>,
    /// Why it ended without a copy.
    pub reason: Option<String>,
    /// When the job was made, RFC 3339 UTC.
    pub created_at: Option<String>,
    /// When the copy was complete, RFC 3339 UTC.
    pub copied_at: Option<String>,
    /// When it ended without a copy, RFC 3339 UTC.
    pub ended_at: Option<String>,
    /// When copying is due, RFC 3339 UTC.
    pub next_attempt_at: Option<String>,
}

/// The evidence of one delivery, without its body and headers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Delivery {
    /// What makes two deliveries the same event.
    pub dedupe_key: Option<String>,
    /// applied, ignored or quarantined.
    pub state: Option<String>,
    /// The SHA-256 of the body, hex.
    pub body_sha256: Option<String>,
    /// The body's size, bytes.
    pub bytes: Option<u64>,
    /// The provider's name for the kind of event.
    pub kind: Option<String>,
    /// Why it is quarantined.
    pub reason: Option<String>,
    /// When it arrived, RFC 3339 UTC.
    pub received_at: Option<String>,
    /// What the check vouches for: signed or bearer.
    pub trust: Option<String>,
    /// How it was checked.
    pub verification: Option<String>,
}

/// The attributes that are read; links, bodies and headers are not among them.
const READ: &[&str] = &[
    item::TYPE,
    "attempts",
    "body_bytes",
    "body_sha256",
    "call_id",
    "channels",
    "content_type",
    "copied_at",
    "created_at",
    "dedupe_key",
    "duration_seconds",
    "ended_at",
    "first_seen_at",
    "kind",
    "last_error",
    "provider",
    "reason",
    "received_at",
    "record",
    "recording_id",
    "revision",
    "s3_key",
    "sha256",
    "sha512",
    "size_bytes",
    "source",
    "source_expires_at",
    "source_host",
    "state",
    "time_key",
    "trust",
    "updated_at",
    "verification",
    "work_due",
];

impl Ledger {
    /// One call's whole story; `None` if no delivery of it was applied.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn story(
        &self,
        provider: Provider,
        source: &str,
        call_id: &str,
    ) -> Result<Option<Story>, Unavailable> {
        let Key { pk, .. } = key::call(provider.name(), source, call_id);
        let items = self.read_partition(pk, None).await?;
        let of =
            |kind: &'static str| items.iter().filter(move |item| get_text(item, item::TYPE) == Some(kind));
        let Some(call) = of(item::CALL).next().map(Call::read) else { return Ok(None) };
        let mut deliveries: Vec<_> = of(item::DELIVERY).map(Delivery::read).collect();
        deliveries.sort_unstable();
        Ok(Some(Story { call, recordings: of(item::RECORDING).map(Recording::read).collect(), deliveries }))
    }

    /// One recording's copy job; `None` if no link to it was ever delivered.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn recording(
        &self,
        provider: Provider,
        source: &str,
        call_id: &str,
        recording_id: &str,
    ) -> Result<Option<Recording>, Unavailable> {
        let Key { pk, .. } = key::call(provider.name(), source, call_id);
        let items = self.read_partition(pk, Some(key::recording_sk(recording_id))).await?;
        Ok(items.first().map(Recording::read))
    }

    /// The items of a partition, or the one with a sort key, in the order of their keys.
    ///
    /// Consistent: what a webhook has answered 200 to is there.
    async fn read_partition(&self, pk: String, sk: Option<String>) -> Result<Vec<Item>, Unavailable> {
        let names: HashMap<_, _> =
            READ.iter().enumerate().map(|(index, name)| (format!("#{index}"), (*name).to_owned())).collect();
        let projection: Vec<_> = (0..READ.len()).map(|index| format!("#{index}")).collect();
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

impl Recording {
    fn read(item: &Item) -> Self {
        let text = |name| get_text(item, name).map(str::to_owned);
        let number = |name| get_number(item, name);
        let state = text("state");
        // While a copy is running, what is due is the end of its lease. A job that was given a new link
        // may still have the reason and the next attempt of the old one.
        let waits = matches!(state.as_deref(), Some("pending" | "retry"));
        let ended = matches!(state.as_deref(), Some("expired" | "rejected" | "failed"));
        Self {
            recording_id: text("recording_id").unwrap_or_default(),
            source_host: text("source_host"),
            source_expires_at: text("source_expires_at"),
            duration_seconds: number("duration_seconds"),
            size_bytes: number("size_bytes"),
            channels: number("channels"),
            content_type: text("content_type"),
            sha256: text("sha256"),
            sha512: text("sha512"),
            s3_key: text("s3_key"),
            attempts: number("attempts"),
            last_error: text("last_error"),
            reason: text("reason").filter(|_| ended),
            created_at: text("created_at"),
            copied_at: text("copied_at"),
            ended_at: text("ended_at").filter(|_| ended),
            next_attempt_at: text("work_due").filter(|_| waits),
            state,
        }
    }
}

impl Delivery {
    fn read(item: &Item) -> Self {
        let text = |name| get_text(item, name).map(str::to_owned);
        Self {
            dedupe_key: text("dedupe_key"),
            state: text("state"),
            body_sha256: text("body_sha256"),
            bytes: get_number(item, "body_bytes"),
            kind: text("kind"),
            reason: text("reason"),
            received_at: text("received_at"),
            trust: text("trust"),
            verification: text("verification"),
        }
    }
}
