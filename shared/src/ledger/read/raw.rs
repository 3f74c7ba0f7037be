//! One delivery as it came: the kept headers, and the body byte for byte.

use super::Delivery;
use crate::ledger::evidence::Request;
use crate::ledger::item::delivery::{self, State};
use crate::ledger::item::tombstone::is_tombstone;
use crate::ledger::item::{self, Item, get_text, text};
use crate::ledger::key::{self, Key};
use crate::ledger::packing::UnpackError;
use crate::ledger::{Ledger, StoreError, unavailable};
use crate::provider::Provider;

/// A delivery with its evidence.
#[derive(Clone, Debug)]
pub struct Raw {
    /// The call it is about, if it names one.
    pub call_id: Option<String>,
    /// What a call's story shows of it.
    pub delivery: Delivery,
    /// The headers and the body.
    pub evidence: Evidence,
}

/// Where the headers and the body of a delivery are.
#[derive(Clone, Debug)]
pub enum Evidence {
    /// Here.
    Inline(Request),
    /// In the bucket, packed, under this key.
    InBucket(String),
    /// Here, and can't be unpacked.
    Damaged(UnpackError),
}

impl Ledger {
    /// One delivery of a call, by its [`Delivery::delivery_id`]; `None` if there is none, or none any more.
    ///
    /// Consistent: what a webhook has answered 200 to is there.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn delivery(
        &self,
        provider: Provider,
        source: &str,
        call_id: &str,
        delivery_id: &str,
    ) -> Result<Option<Raw>, StoreError> {
        let Some(event_body) = key::delivery_of(delivery_id) else { return Ok(None) };
        let Key { pk, .. } = key::call(provider.name(), source, call_id);
        let item = self.read_delivery(&Key { pk, sk: key::delivery_sk(&event_body) }).await?;
        Ok(item.as_ref().map(Raw::read))
    }

    /// One delivery that waits in quarantine, by its key; `None` if none waits there.
    ///
    /// Consistent: what a webhook has answered 200 to is there.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn quarantined(&self, key: &Key) -> Result<Option<Raw>, StoreError> {
        let item = self.read_delivery(key).await?;
        Ok(item.filter(|item| State::of(item) == Some(State::Quarantined)).as_ref().map(Raw::read))
    }

    /// A delivery that can be erased by itself: it is in quarantine, or was put aside there. Consistent.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn erasable(&self, key: &Key) -> Result<Option<Raw>, StoreError> {
        let item = self.read_delivery(key).await?;
        Ok(item.filter(|item| State::of(item).is_some_and(State::is_erasable)).as_ref().map(Raw::read))
    }

    /// A DELIVERY item, with all of it. Consistent: what a webhook has answered 200 to is there.
    pub(in crate::ledger) async fn read_delivery(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        let query = (self.client.query().table_name(&self.table).consistent_read(true))
            .key_condition_expression("pk = :pk AND sk = :sk")
            .expression_attribute_values(":pk", text(&key.pk))
            .expression_attribute_values(":sk", text(&key.sk));
        let answer = query.send().await.map_err(|error| unavailable(&error))?;
        Ok(answer.items.unwrap_or_default().pop().filter(|item| !is_tombstone(item)))
    }
}

impl Raw {
    fn read(item: &Item) -> Self {
        let of_key = |name| get_text(item, name).unwrap_or_default().to_owned();
        let key = Key { pk: of_key(item::PK), sk: of_key(item::SK) };
        let call_id = item::names(item).filter(|_| key.names_a_call()).map(|(_, _, id)| id.to_owned());
        Self { call_id, delivery: Delivery::read(item), evidence: evidence(&key.pk, item) }
    }
}

fn evidence(pk: &str, item: &Item) -> Evidence {
    match delivery::request(item) {
        Some(Ok(request)) => Evidence::Inline(request),
        Some(Err(error)) => Evidence::Damaged(error),
        None => {
            let state = State::of(item).unwrap_or(State::Applied);
            let sha256 = item::get_bytes(item, "body_sha256").map(hex::encode).unwrap_or_default();
            Evidence::InBucket(delivery::evidence_key(state, pk, &sha256))
        }
    }
}
