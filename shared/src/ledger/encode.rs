//! Plans as the table's items, and the table's items as what plans know.

use aws_sdk_dynamodb::types::AttributeValue;

use super::Unavailable;
use super::entry::{Entry, KeptBody};
use super::item::{self, Item, get_number, get_text, number, text};
use super::key::{self, Key};
use super::plan::{Place, Seen, SeenCall, SeenRecording, State, Write};
use crate::event::RecordingLink;
use crate::record::Record;
use crate::timestamp::{self, Timestamp, rfc3339};

/// A write as the table takes it.
#[derive(Clone)]
pub enum Encoded {
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
    Absent(Key),
}

/// Encodes one write of a delivery's plan.
///
/// # Errors
/// The record can't be written as JSON. That is a bug, and nothing is lost by it.
pub fn encode(entry: &Entry, write: &Write<'_>, retention_days: u64) -> Result<Encoded, Unavailable> {
    Ok(match write {
        Write::Call { record, replaces } => {
            let item = call(entry, record, *replaces)?;
            match replaces {
                None => Encoded::Create(item),
                Some(seen) => Encoded::Replace { item, counter: "revision", seen: seen.revision },
            }
        }
        Write::Delivery { state, place } => Encoded::Create(delivery(entry, *state, *place, retention_days)),
        Write::Recording { link, replaces: None } => Encoded::Create(recording(entry, link)),
        Write::Recording { link, replaces: Some(seen) } => {
            Encoded::Replace { item: relinked(entry, link, seen), counter: "version", seen: seen.version }
        }
        Write::NotApplied => {
            Encoded::Absent(Key { pk: pk(entry), sk: key::delivery_sk(&entry.dedupe_key()) })
        }
    })
}

impl Seen {
    /// Takes note of the item that was in a write's way, or of its absence.
    pub fn learn(&mut self, write: &Write<'_>, found: Option<Item>) {
        match write {
            Write::Call { .. } => self.call = found.map(|item| SeenCall::read(&item)),
            Write::Delivery { place: Place::Beside, .. } => self.beside = found.is_some(),
            Write::Delivery { place: Place::Key, .. } | Write::NotApplied => {
                let hash = |item: &Item| get_text(item, "body_sha256").unwrap_or_default().to_owned();
                self.delivery = found.as_ref().map(hash);
            }
            Write::Recording { .. } => self.recording = found.map(SeenRecording::read),
        }
    }
}

impl SeenCall {
    fn read(item: &Item) -> Self {
        Self {
            record: get_text(item, "record").and_then(|json| serde_json::from_str(json).ok()),
            revision: get_number(item, "revision").unwrap_or(0),
            first_seen_at: get_text(item, "first_seen_at").unwrap_or_default().to_owned(),
        }
    }
}

impl SeenRecording {
    fn read(item: Item) -> Self {
        let owned = |name| get_text(&item, name).map(str::to_owned);
        Self {
            state: owned("state").unwrap_or_default(),
            url: owned("url"),
            source_expires_at: owned("source_expires_at"),
            version: get_number(&item, "version").unwrap_or(0),
            item,
        }
    }
}

fn pk(entry: &Entry) -> String {
    let (provider, source) = (entry.provider.name(), entry.source.as_str());
    match entry.call_id() {
        Some(call_id) => key::call(provider, source, call_id).pk,
        None => key::event_pk(provider, source, &entry.dedupe_key()),
    }
}

/// The CALL item.
fn call(entry: &Entry, record: &Record, replaces: Option<&SeenCall>) -> Result<Item, Unavailable> {
    let (provider, source) = (entry.provider.name(), entry.source.as_str());
    let call_id = entry.call_id().unwrap_or_default();
    let now = rfc3339(entry.received_at);
    let first_seen_at = replaces.map_or(now.as_str(), |seen| &seen.first_seen_at);
    let stored = serde_json::to_string(record).map_err(|error| Unavailable(error.to_string()))?;
    let key = key::call(provider, source, call_id);
    let time = record.time().unwrap_or_else(|| first_seen_at.to_owned());
    let day = time.split('T').next().unwrap_or_default();

    let mut item = Item::with_capacity(20);
    let mut put = |name: &str, value: AttributeValue| item.insert(name.to_owned(), value);
    put("day_shard", text(key::day_shard(day, key::shard(&key.pk, key::DAY_SHARDS))));
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
    put("revision", number(replaces.map_or(0, |seen| seen.revision) + 1));
    put("first_seen_at", text(first_seen_at));
    put("updated_at", text(now));
    Ok(item)
}

/// The DELIVERY item: the dedupe key and the evidence.
fn delivery(entry: &Entry, state: State, place: Place, retention_days: u64) -> Item {
    let pk = pk(entry);
    let dedupe_key = entry.dedupe_key();
    let mut sk = key::delivery_sk(&dedupe_key);
    if place == Place::Beside {
        // Quarantined bodies have a mark of their own: the same body may be applied later.
        let mark = if matches!(state, State::Quarantined(_)) { "quarantined-" } else { "" };
        sk = format!("{sk}~{mark}{}", &entry.body_sha256[..32]);
    }
    let retention = i64::try_from(retention_days * 86_400).unwrap_or(i64::MAX / 2);

    let mut item = Item::with_capacity(24);
    let mut put = |name: &str, value: AttributeValue| item.insert(name.to_owned(), value);
    let (state, reason) = match state {
        State::Applied => ("applied", None),
        State::Ignored => ("ignored", None),
        State::Quarantined(reason) => ("quarantined", Some(reason)),
    };
    if let Some(reason) = reason {
        put("reason", text(reason));
        put("work_shard", text(key::work_shard("quarantined", &pk)));
        put("work_due", text(rfc3339(entry.received_at)));
    }
    put(item::PK, text(pk));
    put(item::SK, text(sk));
    put(item::TYPE, text(item::DELIVERY));
    put("state", text(state));
    put("provider", text(entry.provider.name()));
    put("source", text(&entry.source));
    if let Some(call_id) = entry.call_id() {
        put("call_id", text(call_id));
    }
    if let Some(kind) = entry.kind() {
        put("kind", text(key::name(kind)));
    }
    put("dedupe_key", text(key::name(&dedupe_key)));
    put("body_sha256", text(&entry.body_sha256));
    put("body_bytes", number(entry.body_bytes));
    let encoding = match &entry.body {
        KeptBody::Plain(body) => {
            put("body", AttributeValue::B(body.to_vec().into()));
            "identity"
        }
        KeptBody::Zstd(body) => {
            put("body", AttributeValue::B(body.clone().into()));
            "zstd"
        }
        KeptBody::Claimed(key) => {
            put("body_s3_key", text(key));
            "zstd"
        }
    };
    put("body_encoding", text(encoding));
    put("headers", text(entry.headers_json()));
    put("verification", text(entry.proof.scheme.name()));
    put("trust", text(entry.proof.scheme.trust()));
    put("received_at", text(rfc3339(entry.received_at)));
    put("expires_at_epoch", number(entry.received_at.as_second() + retention));
    item
}

/// The RECORDING item: the copy job.
fn recording(entry: &Entry, link: &RecordingLink) -> Item {
    let now = rfc3339(entry.received_at);
    let call_id = entry.call_id().unwrap_or_default();
    let key = key::call(entry.provider.name(), &entry.source, call_id);
    let mut item = Item::with_capacity(20);
    let mut put = |name: &str, value: AttributeValue| item.insert(name.to_owned(), value);
    put("work_shard", text(key::work_shard("recording", &key.pk)));
    put("work_due", text(&now));
    put(item::PK, text(key.pk));
    put(item::SK, text(key::recording_sk(&link.recording_id)));
    put(item::TYPE, text(item::RECORDING));
    put("state", text("pending"));
    put("provider", text(entry.provider.name()));
    put("source", text(&entry.source));
    put("call_id", text(call_id));
    put("recording_id", text(&link.recording_id));
    put("url", text(&link.url));
    if let Some(expires_at) = link.expires_at {
        put("source_expires_at", text(rfc3339(expires_at)));
    }
    if let Some(size_bytes) = link.size_bytes {
        put("announced_size_bytes", number(size_bytes));
    }
    put("object_day", text(timestamp::day(entry.received_at).replace('-', "/")));
    put("attempts", number(0));
    put("version", number(1));
    put("created_at", text(now));
    item
}

/// A RECORDING item with a newer link, which has all its attempts before it.
fn relinked(entry: &Entry, link: &RecordingLink, seen: &SeenRecording) -> Item {
    let now = rfc3339(entry.received_at);
    let mut item = seen.item.clone();
    for ended in
        ["reason", "ended_at", "last_error", "next_attempt_at", "source_expires_at", "announced_size_bytes"]
    {
        item.remove(ended);
    }
    let pk = get_text(&item, item::PK).unwrap_or_default().to_owned();
    let mut put = |name: &str, value: AttributeValue| item.insert(name.to_owned(), value);
    put("url", text(&link.url));
    if let Some(expires_at) = link.expires_at {
        put("source_expires_at", text(rfc3339(expires_at)));
    }
    if let Some(size_bytes) = link.size_bytes {
        put("announced_size_bytes", number(size_bytes));
    }
    put("version", number(seen.version + 1));
    put("attempts", number(0));
    put("due_since", text(&now));
    // Who copies now goes on, and leaves the job due if the old link fails.
    if seen.state != "copying" {
        put("state", text("pending"));
        put("work_shard", text(key::work_shard("recording", &pk)));
        put("work_due", text(now));
    }
    item
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
