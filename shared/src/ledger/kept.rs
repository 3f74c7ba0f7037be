//! A delivery that was kept, as it is read again: to replay it, or to make a record anew.

use super::StoreError;
use super::evidence::{Evidence, Request};
use super::item::delivery::{self, State};
use super::item::{self, Item, get_bytes, get_number, get_text, names};
use super::key::Key;
use super::packing::UnpackError;
use super::values::ObjectStore;
use crate::proof::{Freshness, Scheme, TokenMark};
use crate::provider::Provider;
use crate::timestamp::Timestamp;

/// A delivery with its evidence.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The key of its item.
    pub key: Key,
    /// Its provider.
    pub provider: Provider,
    /// Its source.
    pub source: String,
    /// The call it is about, if it names one.
    pub call_id: Option<String>,
    /// The headers and the body.
    pub request: Request,
    /// The SHA-256 that its body had when it was verified.
    pub body_sha256: [u8; 32],
    /// When it arrived.
    pub received_at: Timestamp,
    /// The kind of check that verified it.
    pub scheme: Scheme,
    /// How far its signed time was from its arrival.
    pub freshness: Freshness,
    /// The mark of the token that proved it, if a token did and the delivery is in quarantine.
    pub token_mark: Option<TokenMark>,
    /// The packed frame.
    pub(super) evidence: Evidence,
}

/// Why a delivery that was kept can't be read again.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    /// Its evidence is not in the bucket any more.
    #[error("the evidence has expired")]
    Expired,
    /// The call was erased.
    #[error("the call was erased")]
    Erased,
    /// The item or the evidence is damaged. The log has the same words.
    #[error("the evidence can't be read: {0}")]
    Damaged(String),
    /// The stores did not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Kept {
    /// Reads a DELIVERY item in a state, and its evidence from wherever it is.
    pub(super) async fn read(item: &Item, state: State, objects: &ObjectStore) -> Result<Self, KeptError> {
        let damaged = |what: &str| KeptError::Damaged(what.to_owned());
        let of_key = |name| get_text(item, name).unwrap_or_default().to_owned();
        let key = Key { pk: of_key(item::PK), sk: of_key(item::SK) };
        let evidence = match get_bytes(item, "evidence") {
            Some(frame) => Evidence::Inline(frame.to_vec()),
            None => {
                let object =
                    delivery::object_key(&key.pk, item, state).ok_or_else(|| damaged("no evidence"))?;
                Evidence::InBucket(objects.get(&object).await?.ok_or(KeptError::Expired)?)
            }
        };
        let request = match &evidence {
            Evidence::Inline(frame) => Request::unpack(frame),
            Evidence::InBucket(frame) => Request::unpack(frame),
        };
        let request = request.map_err(|error: UnpackError| damaged(&error.to_string()))?;
        let (provider, source, call_id) = names(item).ok_or_else(|| damaged("no provider"))?;
        let time = || get_text(item, "received_at")?.parse().ok();
        let scheme = get_text(item, "verification").and_then(Scheme::from_name);
        let sha256 = get_bytes(item, "body_sha256").and_then(|bytes| bytes.try_into().ok());
        Ok(Self {
            provider: Provider::from_name(provider).ok_or_else(|| damaged("an unknown provider"))?,
            source: source.to_owned(),
            call_id: key.names_a_call().then(|| call_id.to_owned()),
            request,
            body_sha256: sha256.ok_or_else(|| damaged("no hash of the body"))?,
            received_at: time().ok_or_else(|| damaged("no time"))?,
            scheme: scheme.ok_or_else(|| damaged("an unknown kind of check"))?,
            freshness: Freshness::of_late_seconds(get_number(item, "late_seconds")),
            token_mark: get_bytes(item, "token_mark").and_then(|bytes| bytes.try_into().ok()),
            evidence,
            key,
        })
    }
}
