//! What to write for a delivery, given what has been seen of the table: a pure function.
//!
//! The first plan assumes that nothing is there. If that is wrong, the cancelled transaction answers
//! with the items that are, and the next plan knows them.

use aws_sdk_dynamodb::types::AttributeValue;

use super::claim::MAX_INLINE_BYTES;
use super::entry::{Content, Entry, KeptBody};
use super::item::{self, Item, get_number, get_text, number, text};
use super::key;
use crate::provider::RecordingLink;
use crate::record::{Record, merge};
use crate::timestamp::{self, Timestamp, rfc3339};

/// The largest record, as stored, that a CALL item takes; DynamoDB's limit for an item is 400 KB.
const MAX_RECORD_BYTES: usize = 320 * 1024;

/// What happened to a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Applied to its call's record.
    Accepted,
    /// Seen before, byte for byte.
    Duplicate,
    /// Another body for a known event: what it adds was applied.
    Revised,
    /// Kept for a person to look at.
    Quarantined,
    /// Kept; no record has use for it.
    Ignored,
}

/// What the table holds of a delivery's call, as far as it has been seen.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// The call.
    call: Option<Item>,
    /// The delivery that has the dedupe key.
    delivery: Option<Item>,
    /// The delivery that has the dedupe key and this body.
    same_body: Option<Item>,
    /// The recording.
    recording: Option<Item>,
}

/// What to do next.
#[derive(Clone, Debug)]
pub enum Plan {
    /// Nothing: the ledger has it.
    Done(Outcome),
    /// One transaction.
    Transact {
        /// What it writes, each under its condition.
        writes: Vec<Write>,
        /// What happened if it commits.
        outcome: Outcome,
    },
}

/// One item of a transaction.
#[derive(Clone, Debug)]
pub enum Write {
    /// Puts an item that must not be there yet.
    Create(Item),
    /// Puts an item whose counter must still be what it was.
    Replace {
        /// The item, its counter raised.
        item: Item,
        /// The counter's attribute.
        counter: &'static str,
        /// What it was.
        seen: u64,
    },
    /// Writes nothing; this item must not be there.
    Absent(key::Key),
}

impl Seen {
    /// Takes note of the item that was in a write's way, or of its absence.
    pub(super) fn learn(&mut self, write: &Write, found: Option<Item>) {
        let (pk, sk) = write.key();
        let same_body = sk.contains('~');
        let place = if sk == item::CALL {
            &mut self.call
        } else if sk.starts_with(item::RECORDING_PREFIX) {
            &mut self.recording
        } else if same_body {
            &mut self.same_body
        } else {
            &mut self.delivery
        };
        debug_assert!(found.as_ref().is_none_or(|item| get_text(item, item::PK) == Some(pk)));
        *place = found;
    }
}

impl Write {
    pub(super) fn key(&self) -> (&str, &str) {
        match self {
            Self::Create(item) | Self::Replace { item, .. } => {
                (get_text(item, item::PK).unwrap_or_default(), get_text(item, item::SK).unwrap_or_default())
            }
            Self::Absent(key) => (&key.pk, &key.sk),
        }
    }
}

/// The next step for a delivery.
pub fn plan(entry: &Entry, seen: &Seen, retention_days: u64) -> Plan {
    let delivery = Delivery { entry, retention_days, key: entry.dedupe_key() };
    match &entry.content {
        Content::Event(event) => {
            let revises = match &seen.delivery {
                Some(known) if delivery.is(known) => return Plan::Done(Outcome::Duplicate),
                Some(_) if seen.same_body.is_some() => return Plan::Done(Outcome::Duplicate),
                Some(_) => true,
                None => false,
            };
            let recording = (event.recording.as_ref())
                .and_then(|link| recording_item(entry, &event.call_id, link, seen.recording.as_ref()));
            let call = match call_item(entry, &event.record, seen.call.as_ref(), revises) {
                Ok(call) => call,
                Err(reason) => return quarantine(&delivery, seen, reason, recording),
            };
            let mut writes = vec![call, Write::Create(delivery.item("applied", None, revises.then_some("")))];
            writes.extend(recording);
            let outcome = if revises { Outcome::Revised } else { Outcome::Accepted };
            Plan::Transact { writes, outcome }
        }
        Content::Ignored { .. } => match &seen.delivery {
            Some(known) if delivery.is(known) => Plan::Done(Outcome::Duplicate),
            Some(_) if seen.same_body.is_some() => Plan::Done(Outcome::Duplicate),
            known => {
                let writes = vec![Write::Create(delivery.item("ignored", None, known.as_ref().map(|_| "")))];
                Plan::Transact { writes, outcome: Outcome::Ignored }
            }
        },
        Content::Quarantined { reason, .. } => quarantine(&delivery, seen, reason, None),
    }
}

/// Keeps a delivery for a person to look at, unless its event was applied when it was younger.
///
/// It does not take the dedupe key: a sound copy that comes later must still be applied.
fn quarantine(delivery: &Delivery<'_>, seen: &Seen, reason: &'static str, recording: Option<Write>) -> Plan {
    match &seen.delivery {
        Some(known) if delivery.is(known) => return Plan::Done(Outcome::Duplicate),
        _ if seen.same_body.is_some() => return Plan::Done(Outcome::Quarantined),
        _ => {}
    }
    let mut writes = vec![Write::Create(delivery.item("quarantined", Some(reason), Some("quarantined-")))];
    if seen.delivery.is_none() {
        writes.push(Write::Absent(key::Key { pk: delivery.pk(), sk: key::delivery_sk(&delivery.key) }));
    }
    writes.extend(recording);
    Plan::Transact { writes, outcome: Outcome::Quarantined }
}

struct Delivery<'a> {
    entry: &'a Entry,
    retention_days: u64,
    key: String,
}

impl Delivery<'_> {
    /// Whether an item is this very delivery.
    fn is(&self, known: &Item) -> bool {
        get_text(known, "body_sha256") == Some(&self.entry.body_sha256)
    }

    fn pk(&self) -> String {
        let (provider, source) = (self.entry.provider.name(), &self.entry.source);
        match self.entry.call_id() {
            Some(call_id) => key::call(provider, source, call_id).pk,
            None => key::event_pk(provider, source, &self.key),
        }
    }

    /// The DELIVERY item; with a `mark`, beside the one that has the dedupe key.
    fn item(&self, state: &str, reason: Option<&str>, mark: Option<&str>) -> Item {
        let entry = self.entry;
        let pk = self.pk();
        let mut sk = key::delivery_sk(&self.key);
        if let Some(mark) = mark {
            sk.push_str(&format!("~{mark}{}", &entry.body_sha256[..16]));
        }
        let expires_at = entry.received_at.as_second()
            + i64::try_from(self.retention_days * 86_400).unwrap_or(i64::MAX / 2);
        let mut item = Item::with_capacity(24);
        let mut put = |name: &str, value: AttributeValue| item.insert(name.to_owned(), value);
        if state == "quarantined" {
            put("work_shard", text(key::work_shard("quarantined", &pk)));
            put("work_due", text(rfc3339(entry.received_at)));
        }
        put(item::PK, text(pk));
        put(item::SK, text(sk));
        put(item::TYPE, text(item::DELIVERY));
        put("provider", text(entry.provider.name()));
        put("source", text(&entry.source));
        if let Some(call_id) = entry.call_id() {
            put("call_id", text(call_id));
        }
        if let Some(kind) = entry.kind() {
            put("kind", text(kind));
        }
        put("dedupe_key", text(&self.key));
        put("body_sha256", text(&entry.body_sha256));
        put("body_bytes", number(entry.body_bytes));
        match &entry.body {
            KeptBody::Plain(body) => {
                put("body", AttributeValue::B(body.to_vec().into()));
                put("body_encoding", text("identity"));
            }
            KeptBody::Zstd(body) => {
                put("body", AttributeValue::B(body.clone().into()));
                put("body_encoding", text("zstd"));
            }
            KeptBody::Claimed(key) => {
                put("body_s3_key", text(key));
                put("body_encoding", text("zstd"));
            }
        }
        put("headers", text(&entry.headers));
        put("verification", text(entry.proof.scheme.name()));
        put("trust", text(entry.proof.scheme.trust()));
        put("state", text(state));
        if let Some(reason) = reason {
            put("reason", text(reason));
        }
        put("received_at", text(rfc3339(entry.received_at)));
        put("expires_at_epoch", number(expires_at));
        item
    }
}

/// The CALL item with an event applied.
///
/// # Errors
/// Why the event must wait for a person: the record would not fit, or what is stored is no record.
fn call_item(
    entry: &Entry,
    record: &Record,
    known: Option<&Item>,
    revises: bool,
) -> Result<Write, &'static str> {
    let (provider, source) = (entry.provider.name(), entry.source.as_str());
    let now = rfc3339(entry.received_at);
    let seen: u64 = known.and_then(|item| get_number(item, "revision")).unwrap_or(0);
    let first_seen_at = known.and_then(|item| get_text(item, "first_seen_at")).unwrap_or(&now).to_owned();
    let merged;
    let record = match known {
        None => record,
        Some(known) => {
            let known = get_text(known, "record").and_then(|json| serde_json::from_str(json).ok());
            let known = known.ok_or("record_unreadable")?;
            let new = if revises { record.clone().into_revision(seen) } else { record.clone() };
            merged = merge(known, new);
            &merged
        }
    };
    let stored = serde_json::to_string(record).ok().filter(|stored| stored.len() <= MAX_RECORD_BYTES);
    let stored = stored.ok_or("record_too_large")?;

    let call_id = entry.call_id().ok_or("call_id_missing")?;
    let key = key::call(provider, source, call_id);
    let time = record.time().unwrap_or_else(|| first_seen_at.clone());
    let mut item = Item::with_capacity(20);
    let mut put = |name: &str, value: AttributeValue| item.insert(name.to_owned(), value);
    put("day_shard", text(key::day_shard(&time[..time.len().min(10)], key::shard(&key.pk, key::DAY_SHARDS))));
    put("time_key", text(format!("{time}#{provider}#{source}#{}", key::name(call_id))));
    put(item::PK, text(key.pk));
    put(item::SK, text(key.sk));
    put(item::TYPE, text(item::CALL));
    put("provider", text(provider));
    put("source", text(source));
    put("call_id", text(call_id));
    for (attribute, field) in [("status", "status"), ("from_number", "from.e164"), ("to_number", "to.e164")] {
        if let Some(value) = record.text(field) {
            put(attribute, text(value));
        }
    }
    put("record", text(stored));
    put("revision", number(seen + 1));
    put("first_seen_at", text(first_seen_at));
    put("updated_at", text(now));
    Ok(if known.is_some() { Write::Replace { item, counter: "revision", seen } } else { Write::Create(item) })
}

/// The RECORDING item: the copy job. `None` if what is there needs no change.
fn recording_item(entry: &Entry, call_id: &str, link: &RecordingLink, known: Option<&Item>) -> Option<Write> {
    let expires_at = link.expires_at.map(rfc3339);
    let now = rfc3339(entry.received_at);
    let Some(known) = known else {
        let (provider, source) = (entry.provider.name(), entry.source.as_str());
        let key = key::call(provider, source, call_id);
        let mut item = Item::with_capacity(20);
        let mut put = |name: &str, value: AttributeValue| item.insert(name.to_owned(), value);
        put("work_shard", text(key::work_shard("recording", &key.pk)));
        put("work_due", text(&now));
        put(item::PK, text(key.pk));
        put(item::SK, text(key::recording_sk(&link.recording_id)));
        put(item::TYPE, text(item::RECORDING));
        put("provider", text(provider));
        put("source", text(source));
        put("call_id", text(call_id));
        put("recording_id", text(&link.recording_id));
        put("state", text("pending"));
        put("url", text(&link.url));
        if let Some(expires_at) = expires_at {
            put("source_expires_at", text(expires_at));
        }
        put("object_day", text(timestamp::day(entry.received_at).replace('-', "/")));
        put("attempts", number(0));
        put("version", number(1));
        put("created_at", text(now));
        return Some(Write::Create(item));
    };
    let state = get_text(known, "state").unwrap_or_default();
    // The order of links does not depend on the order of arrival.
    let newer = (expires_at.as_deref(), Some(link.url.as_str()))
        > (get_text(known, "source_expires_at"), get_text(known, "url"));
    if state == "stored" || !newer {
        return None;
    }
    let seen: u64 = get_number(known, "version").unwrap_or(0);
    let mut item = known.clone();
    let mut put = |name: &str, value: AttributeValue| item.insert(name.to_owned(), value);
    put("url", text(&link.url));
    if let Some(expires_at) = expires_at {
        put("source_expires_at", text(expires_at));
    }
    put("version", number(seen + 1));
    if state != "copying" {
        // Waiting or ended, there is something new to try at once.
        put("state", text("pending"));
        put("work_shard", text(key::work_shard("recording", get_text(known, item::PK)?)));
        put("work_due", text(&now));
    }
    // Another link has all its attempts before it.
    put("attempts", number(0));
    put("due_since", text(now));
    Some(Write::Replace { item, counter: "version", seen })
}

impl Record {
    /// The time by which a call is found: when it started, or the nearest to that which is known.
    fn time(&self) -> Option<String> {
        let fields = ["started_at", "initiated_at", "answered_at", "record_created_at", "ended_at"];
        let known = fields.into_iter().find_map(|field| self.text(field)).map(str::to_owned);
        known.or_else(|| {
            let first = self.earliest_event()?;
            Timestamp::from_millisecond(first).ok().map(rfc3339)
        })
    }
}

const _: () = assert!(MAX_INLINE_BYTES < MAX_RECORD_BYTES);

#[cfg(test)]
mod tests;
