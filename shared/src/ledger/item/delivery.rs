//! DELIVERY: the evidence of one body, and what was done with it.
//!
//! | attribute | holds |
//! |---|---|
//! | `state`, `reason` | [`State`], and why it is quarantined |
//! | `kind` | the provider's name for the kind of event |
//! | `dedupe_key` | what makes two deliveries one event; absent where that is `<kind>#<call id>` |
//! | `body_sha256`, `body_bytes` | of the body as it arrived |
//! | `evidence` | the kept headers and the body, packed in one frame |
//! | `evidence_bytes` | the size of the frame, where it is in the bucket instead; see [`evidence_key`] |
//! | `verification` | how the delivery was verified |
//! | `received_at` | when it arrived |
//! | `late_seconds` | how long after the signed time it arrived; absent within the tolerance |
//! | `expires_at_epoch` | when DynamoDB removes the item; absent while it is quarantined |
//! | `token_mark` | the mark of the token that proved it, while it is quarantined; absent where a signature did |
//! | `moved` | true in what is left of a delivery that moved to its call, until its object is deleted, too |
//! | `work_shard`, `work_due` | the keys of `work`: while it is quarantined, and then until its object in `quarantine/` is deleted |
//!
//! Where a delivery in quarantine was erased by itself, its tombstone stands here; see
//! [`tombstone`](super::tombstone).

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;

use super::change::Change;
use super::{
    FORMAT, Item, WORK_DUE, WORK_SHARD, bytes, get_bytes, get_number, get_owned, get_text, number, text,
};
use crate::ledger::entry::Entry;
use crate::ledger::evidence::{Evidence, Request};
use crate::ledger::key::{self, Key};
use crate::ledger::packing::UnpackError;
use crate::ledger::values::Object;
use crate::proof::Scheme;
use crate::timestamp::{Timestamp, rfc3339};

/// The partitions of quarantined deliveries in the `work` index: `quarantined#<shard>`.
pub(in crate::ledger) const WORK: &str = "quarantined";

/// The partitions of deliveries in the `work` index that are in quarantine no more, and whose objects there are still to
/// be deleted: `spare#<shard>`.
pub(in crate::ledger) const SPARE: &str = "spare";

/// The state of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is in the record.
    Applied,
    /// It adds nothing to a record.
    Ignored,
    /// It waits for a person.
    Quarantined,
    /// A person has put it aside. It is kept as evidence, and is not listed any more.
    Discarded,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 4] = [Self::Applied, Self::Ignored, Self::Quarantined, Self::Discarded];

    /// Its name in the item and in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Ignored => "ignored",
            Self::Quarantined => "quarantined",
            Self::Discarded => "discarded",
        }
    }

    /// The state of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// Whether a delivery in this state can be erased by itself. One that was applied is erased with its call.
    pub(in crate::ledger) fn is_erasable(self) -> bool {
        matches!(self, Self::Quarantined | Self::Discarded)
    }

    /// The state of an item; `None` if it is not one that this version knows.
    pub fn of(item: &Item) -> Option<Self> {
        Self::from_name(get_text(item, "state")?)
    }
}

/// A delivery as a call's story shows it: without its headers and body.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Delivery {
    /// The key that two deliveries of one event share.
    pub dedupe_key: Option<String>,
    /// applied, ignored, quarantined or discarded.
    pub state: Option<String>,
    /// The SHA-256 of the body, hex.
    pub body_sha256: Option<String>,
    /// The body's size, bytes.
    pub bytes: Option<u64>,
    /// Its name among the deliveries of the call.
    pub delivery_id: Option<String>,
    /// The provider's name for the kind of event.
    pub kind: Option<String>,
    /// Why it is quarantined.
    pub reason: Option<String>,
    /// When it arrived, RFC 3339 UTC.
    pub received_at: Option<String>,
    /// How many seconds after the signed time it arrived, negative if before it; null within the tolerance.
    pub late_seconds: Option<i64>,
    /// `delivered_late` if it was applied though it arrived outside the tolerance.
    pub note: Option<&'static str>,
    /// The trust that the check gives: `signed` or `bearer`.
    pub trust: Option<String>,
    /// The kind of check.
    pub verification: Option<String>,
}

/// The attributes that [`Delivery::read`] reads, besides the key.
pub(in crate::ledger) const SHOWN: [&str; 9] = [
    "dedupe_key",
    "state",
    "body_sha256",
    "body_bytes",
    "kind",
    "reason",
    "received_at",
    "verification",
    "late_seconds",
];

/// Writes a delivery. `reason` is why it is quarantined, `None` in any other state.
pub(in crate::ledger) fn write(
    entry: &Entry,
    state: State,
    reason: Option<&str>,
    retention_days: u64,
) -> Item {
    let sk = key::delivery_sk(&entry.event_body);
    let mut item = super::item(&entry.pk, &sk);
    let mut put = |name: &str, value| drop(item.insert(name.to_owned(), value));
    put("state", text(state.name()));
    if state == State::Quarantined {
        let key = Key { pk: entry.pk.clone(), sk };
        put(WORK_SHARD, text(key::work_shard(WORK, &entry.pk)));
        put(WORK_DUE, text(key::work_due(&rfc3339(entry.received_at), &key)));
        if let Some(mark) = entry.token_mark {
            put("token_mark", bytes(mark));
        }
    } else {
        put("expires_at_epoch", expires_at_epoch(entry, retention_days));
    }
    if let Some(reason) = reason {
        put("reason", text(reason));
    }
    if let Some(kind) = entry.kind() {
        put("kind", text(key::name(kind)));
    }
    let dedupe_key = entry.dedupe_key();
    if said_by_key(entry.kind(), entry.call_id()).as_ref() != Some(&dedupe_key) {
        put("dedupe_key", text(key::name(&dedupe_key)));
    }
    put("body_sha256", bytes(entry.body_sha256));
    put("body_bytes", number(entry.body_bytes));
    match &entry.evidence {
        Evidence::Inline(frame) => put("evidence", bytes(frame.clone())),
        Evidence::InBucket(frame) => put("evidence_bytes", number(frame.len())),
    }
    put("verification", text(entry.proof.scheme.name()));
    put("received_at", text(rfc3339(entry.received_at)));
    if let Some(seconds) = entry.proof.freshness.late_seconds() {
        put("late_seconds", number(seconds));
    }
    if let Some(call_id) = entry.call_id().filter(|call_id| key::name(call_id) != **call_id) {
        put(super::CALL_ID, text(call_id));
    }
    item
}

/// Notes on the item of a delivery that leaves quarantine that its object there is to be deleted. Whoever receives
/// deliveries may not delete, and whoever may can be stopped before.
pub(in crate::ledger) fn note_spare(item: &mut Item, waiting: &Item, now: Timestamp) {
    let of_key = |name| get_text(waiting, name).unwrap_or_default().to_owned();
    let key = Key { pk: of_key(super::PK), sk: of_key(super::SK) };
    if object_key(&key.pk, waiting, State::Quarantined).is_some() {
        item.insert(WORK_SHARD.to_owned(), text(key::work_shard(SPARE, &key.pk)));
        item.insert(WORK_DUE.to_owned(), text(key::work_due(&rfc3339(now), &key)));
    }
}

/// Puts a delivery that waits in quarantine aside: it is not listed any more, and expires at a time.
pub(in crate::ledger) fn discard(waiting: &Item, now: Timestamp, expires_at: Timestamp) -> Change {
    let mut places = Item::new();
    note_spare(&mut places, waiting, now);
    let values = [
        ("format", number(FORMAT)),
        ("discarded", text(State::Discarded.name())),
        ("quarantined", text(State::Quarantined.name())),
        ("expires", number(expires_at.as_second())),
    ];
    let places = [("shard", places.remove(WORK_SHARD)), ("due", places.remove(WORK_DUE))];
    let places: Vec<_> = places.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    let update = match places.is_empty() {
        true => "REMOVE #work_shard, #work_due, #token_mark",
        false => ", #work_shard = :shard, #work_due = :due REMOVE #token_mark",
    };
    Change::new(
        format!("SET #state = :discarded, #expires_at_epoch = :expires {update}"),
        "#format <= :format AND #state = :quarantined",
        values.into_iter().chain(places),
    )
}

/// Takes a delivery out of the `work` index once its object in quarantine is deleted.
pub(in crate::ledger) fn cleared() -> Change {
    let spare = text(format!("{SPARE}#"));
    let (update, condition) = ("REMOVE #work_shard, #work_due", "begins_with(#work_shard, :spare)");
    Change::new(update, condition, [("spare", spare)])
}

/// Whether its object in quarantine is still to be deleted.
pub(in crate::ledger) fn is_spare(item: &Item) -> bool {
    get_text(item, WORK_SHARD).is_some_and(|shard| shard.split('#').next() == Some(SPARE))
}

/// What is left of a delivery that waited, once it has moved to its call: nothing that a person wrote. It is deleted
/// with the object of its evidence.
pub(in crate::ledger) fn moved(
    waiting: &Item,
    state: State,
    now: Timestamp,
    expires_at_epoch: AttributeValue,
) -> Item {
    let of_key = |name| get_text(waiting, name).unwrap_or_default();
    let mut item = super::item(of_key(super::PK), of_key(super::SK));
    let left = ["body_sha256", "evidence_bytes", "received_at"];
    item.extend(left.iter().filter_map(|name| Some(((*name).to_owned(), waiting.get(*name)?.clone()))));
    item.insert("state".to_owned(), text(state.name()));
    item.insert("moved".to_owned(), AttributeValue::Bool(true));
    item.insert("expires_at_epoch".to_owned(), expires_at_epoch);
    note_spare(&mut item, waiting, now);
    item
}

/// Whether an item is what is left of a delivery that moved.
pub(in crate::ledger) fn is_moved(item: &Item) -> bool {
    item.contains_key("moved")
}

/// The object key of the evidence of a DELIVERY item, if it is in the bucket.
pub(in crate::ledger) fn object_key(pk: &str, item: &Item, state: State) -> Option<String> {
    item.get("evidence_bytes")?;
    Some(evidence_key(state, pk, &hex::encode(get_bytes(item, "body_sha256")?)))
}

/// When the evidence of a delivery expires that is not in quarantine.
pub(in crate::ledger) fn expires_at_epoch(entry: &Entry, retention_days: u64) -> AttributeValue {
    let retention = i64::try_from(retention_days * 86_400).unwrap_or(i64::MAX / 2);
    number(entry.applied_at.as_second() + retention)
}

/// The object that must be in the bucket before a delivery is written, if its evidence is so large.
pub(in crate::ledger) fn object(entry: &Entry, state: State) -> Option<Object> {
    match &entry.evidence {
        Evidence::Inline(_) => None,
        Evidence::InBucket(frame) => Some(Object {
            key: evidence_key(state, &entry.pk, &hex::encode(entry.body_sha256)),
            content: frame.clone(),
        }),
    }
}

/// The object key of the packed evidence of a delivery that is in a state: evidence expires, but not while
/// it is in quarantine.
pub fn evidence_key(state: State, pk: &str, body_sha256: &str) -> String {
    let kind = if state == State::Quarantined { "quarantine/" } else { "evidence/" };
    format!("{kind}{}{body_sha256}", key::folder(pk).unwrap_or_default())
}

impl Delivery {
    /// Reads a DELIVERY item.
    pub(in crate::ledger) fn read(item: &Item) -> Self {
        let owned = |name| get_owned(item, name);
        let verification = owned("verification");
        let (_, _, call_id) = super::names(item).unwrap_or_default();
        let scheme = verification.as_deref().and_then(Scheme::from_name);
        let (state, late_seconds) = (State::of(item), get_number(item, "late_seconds"));
        Self {
            dedupe_key: owned("dedupe_key").or_else(|| said_by_key(get_text(item, "kind"), Some(call_id))),
            state: owned("state"),
            body_sha256: get_bytes(item, "body_sha256").map(hex::encode),
            bytes: get_number(item, "body_bytes"),
            delivery_id: get_text(item, super::SK).and_then(key::delivery_id),
            kind: owned("kind"),
            reason: owned("reason"),
            received_at: owned("received_at"),
            late_seconds,
            note: late_seconds.filter(|_| state == Some(State::Applied)).map(|_| "delivered_late"),
            trust: scheme.map(|scheme| scheme.trust().to_owned()),
            verification,
        }
    }
}

/// The dedupe key of an event that a call has once.
fn said_by_key(kind: Option<&str>, call_id: Option<&str>) -> Option<String> {
    Some(format!("{}#{}", kind?, call_id?))
}

/// Reads the headers and the body in a DELIVERY item; `None` if they are in the bucket.
///
/// # Errors
/// They can't be unpacked.
pub fn request(item: &Item) -> Option<Result<Request, UnpackError>> {
    get_bytes(item, "evidence").map(Request::unpack)
}
