//! CALL: the record of a call, the columns that lists show, and the events that were applied.
//!
//! | attribute | holds |
//! |---|---|
//! | columns | [`COLUMNS`]: what the indexes project; each is absent where it is not known |
//! | `day_shard`, `time_key`, `from`, `to` | the keys of `by-time`, `by-from` and `by-to` |
//! | `record` | the core of the record, readable JSON; it repeats no column |
//! | `transcript` | the transcript, packed |
//! | `applied` | 32 bytes for each body ever applied: dedupe, for ever |
//! | `revision` | the number of changes; every change is conditional on it |
//! | `updated_at` | when the last delivery was applied |
//! | `first_seen_at` | when the first delivery was applied; absent where that is `updated_at` |

use serde_json::{Map, Value};

use super::{CALL_ID, Item, bytes, get_bytes, get_number, get_owned, get_text, number, text};
use crate::ledger::applied::Applied;
use crate::ledger::key;
use crate::ledger::packing::{self, UnpackError};
use crate::ledger::values::{self, MAX_TRANSCRIPT_BYTES, Object, TooLargeError};
use crate::party;
use crate::provider::Provider;
use crate::record::{Column, Record, Restored, Stored};
use crate::timestamp::{Timestamp, rfc3339};

/// The columns of a list, besides what the key says.
pub const COLUMNS: [&str; 16] = [
    CALL_ID,
    "status",
    "direction",
    "from",
    "to",
    "started_at",
    "answered_at",
    "ended_at",
    "duration_seconds",
    "duration_basis",
    "hangup_cause",
    "agent_name",
    "has_recording",
    "has_transcript",
    "revision",
    "updated_at",
];

/// The attributes that [`read`] reads, besides the key and the columns.
pub(in crate::ledger) const SHOWN: [&str; 5] = ["format", "record", "transcript", "applied", "first_seen_at"];

/// The columns that hold a field's text as it is: column and field.
const TEXTS: [(&str, &str); 8] = [
    ("status", "status"),
    ("direction", "direction"),
    ("started_at", "started_at"),
    ("answered_at", "answered_at"),
    ("ended_at", "ended_at"),
    ("duration_basis", "duration_basis"),
    ("hangup_cause", "hangup.cause"),
    ("agent_name", "agent.name"),
];

/// The columns that hold one of several forms of a party: column and fields, the preferred first.
const PARTIES: [(&str, [&str; 3]); 2] =
    [("from", ["from.e164", "from.sip_uri", "from.raw"]), ("to", ["to.e164", "to.sip_uri", "to.raw"])];

/// A field that often is the same as the column of the cause.
const CAUSE_AS_WRITTEN: &str = "hangup.raw";

/// A longer text is not a column; it stays in the record.
const MAX_COLUMN_BYTES: usize = 128;

/// The largest item that is written; DynamoDB takes 400 KB.
const MAX_ITEM_BYTES: usize = 350 * 1024;

/// An item up to this size holds no value that is worth an object in the bucket.
const SMALL_ITEM_BYTES: usize = 16 * 1024;

/// A call that was not written yet.
#[derive(Clone, Copy, Debug)]
pub(in crate::ledger) struct NewCall<'a> {
    pub(in crate::ledger) provider: Provider,
    pub(in crate::ledger) pk: &'a str,
    pub(in crate::ledger) call_id: &'a str,
    pub(in crate::ledger) record: &'a Record,
    pub(in crate::ledger) applied: &'a Applied,
    pub(in crate::ledger) revision: u64,
    /// RFC 3339 UTC.
    pub(in crate::ledger) first_seen_at: &'a str,
    /// RFC 3339 UTC.
    pub(in crate::ledger) updated_at: &'a str,
}

/// A CALL item, and the objects that must be in the bucket before it is written.
pub(in crate::ledger) struct Written {
    pub(in crate::ledger) item: Item,
    pub(in crate::ledger) objects: Vec<Object>,
}

/// A CALL item that was read.
#[derive(Clone, Debug)]
pub struct Call {
    /// What lists show.
    pub columns: Columns,
    /// The record.
    pub record: Record,
    /// The events that were applied; `None` if the attribute is damaged.
    pub applied: Option<Applied>,
    /// When the first delivery was applied, RFC 3339 UTC.
    pub first_seen_at: String,
    /// What of the record could not be read, each a sentence; empty if all of it could.
    pub unreadable: Vec<String>,
}

/// A call as lists show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Columns {
    /// The provider's name.
    pub provider: String,
    /// The source's name.
    pub source: String,
    /// The provider's id of the call.
    pub call_id: String,
    /// Its status, if any event told one.
    pub status: Option<String>,
    /// inbound, outbound or internal.
    pub direction: Option<String>,
    /// The caller: a number, else an address, else what the provider wrote.
    pub from: Option<String>,
    /// The called party, likewise.
    pub to: Option<String>,
    /// RFC 3339 UTC.
    pub started_at: Option<String>,
    /// RFC 3339 UTC.
    pub answered_at: Option<String>,
    /// RFC 3339 UTC.
    pub ended_at: Option<String>,
    /// Whole seconds.
    pub duration_seconds: Option<i64>,
    /// answered, total or unknown.
    pub duration_basis: Option<String>,
    /// The name of the Q.850 cause.
    pub hangup_cause: Option<String>,
    /// The agent's name.
    pub agent_name: Option<String>,
    /// Whether a recording was announced.
    pub has_recording: bool,
    /// Whether there is a transcript.
    pub has_transcript: bool,
    /// The number of changes.
    pub revision: u64,
    /// When the last delivery was applied, RFC 3339 UTC.
    pub updated_at: String,
    /// Where it stands among the calls of its day and its parties; the later, the greater.
    pub time_key: String,
}

/// Writes a call.
///
/// # Errors
/// It fits in no item.
pub(in crate::ledger) fn write(call: &NewCall<'_>) -> Result<Written, TooLargeError> {
    let columns = columns(call);
    let kept = |record: &Record| -> Result<(Stored, Option<Vec<u8>>), TooLargeError> {
        let stored = record.store(|path, value| columns.column(path, value)).map_err(|_| TooLargeError)?;
        let packed = stored.transcript.as_ref().map(|json| packing::pack(call.provider, json.as_bytes()));
        Ok((stored, packed.transpose().map_err(|_| TooLargeError)?))
    };
    let size = |(stored, packed): &(Stored, Option<Vec<u8>>)| {
        stored.core.len() + packed.as_ref().map_or(0, Vec::len) + call.applied.as_bytes().len()
    };
    let mut objects = Vec::new();
    let mut kept_now = kept(call.record)?;
    let transcript_bytes = kept_now.0.transcript.as_ref().map_or(0, String::len);
    if size(&kept_now) > SMALL_ITEM_BYTES || transcript_bytes > MAX_TRANSCRIPT_BYTES {
        let mut record = call.record.clone();
        let packed_bytes = kept_now.1.as_ref().map_or(0, Vec::len);
        objects = values::take_out_large(&mut record, call.pk, packed_bytes, MAX_ITEM_BYTES, |record| {
            kept(record).map(|kept| size(&kept))
        })?;
        kept_now = kept(&record)?;
    }
    let (Stored { core, .. }, packed) = kept_now;
    let mut item = columns.item;
    let mut put = |name: &str, value| item.insert(name.to_owned(), value);
    put("record", text(core));
    if let Some(packed) = packed {
        put("transcript", bytes(packed));
    }
    put("applied", bytes(call.applied.as_bytes()));
    if call.first_seen_at != call.updated_at {
        put("first_seen_at", text(call.first_seen_at));
    }
    Ok(Written { item, objects })
}

/// An item with its columns, and the fields whose values they are.
struct ColumnsOf<'a> {
    item: Item,
    fields: Vec<(&'static str, &'a Value, Column)>,
}

impl ColumnsOf<'_> {
    fn column(&self, path: &str, value: &Value) -> Option<Column> {
        let found = self.fields.iter().find(|(field, known, _)| *field == path && *known == value);
        found.map(|(_, _, column)| *column)
    }
}

fn columns<'a>(call: &NewCall<'a>) -> ColumnsOf<'a> {
    let NewCall { pk, call_id, record, revision, updated_at, .. } = *call;
    let mut item = super::item(pk, super::CALL);
    let mut fields = Vec::with_capacity(16);
    let mut put = |name: &str, value| drop(item.insert(name.to_owned(), value));
    if key::name(call_id) != call_id {
        put(CALL_ID, text(call_id));
    }
    let id = record.get("call_id").filter(|value| *value == call_id);
    fields.extend(id.map(|value| ("call_id", value, Column::Own)));
    for (column, field) in TEXTS {
        let value = record.get(field);
        let short = |text: &&str| !text.is_empty() && text.len() <= MAX_COLUMN_BYTES;
        if let Some((value, known)) = value.zip(value.and_then(Value::as_str).filter(short)) {
            put(column, text(known));
            fields.push((field, value, Column::Own));
        }
    }
    if let Some((written, cause)) = record.get(CAUSE_AS_WRITTEN).zip(record.get("hangup.cause"))
        && written == cause
        && fields.iter().any(|(field, ..)| *field == "hangup.cause")
    {
        fields.push((CAUSE_AS_WRITTEN, written, Column::Shared));
    }
    for (column, forms) in PARTIES {
        let Some(party) = forms.iter().find_map(|form| record.text(form)).and_then(party::listed) else {
            continue;
        };
        let party = key::name(&party);
        let same = forms.iter().filter_map(|form| Some((*form, record.get(form)?)));
        let same = same.filter(|(_, value)| **value == *party);
        fields.extend(same.map(|(form, value)| (form, value, Column::Shared)));
        put(column, text(party));
    }
    if let Some((value, seconds)) =
        record.get("duration_seconds").and_then(|value| Some((value, value.as_i64()?)))
    {
        put("duration_seconds", number(seconds));
        fields.push(("duration_seconds", value, Column::Own));
    }
    for (column, is_true) in
        [("has_recording", record.has_recording()), ("has_transcript", record.has_transcript())]
    {
        if is_true {
            put(column, aws_sdk_dynamodb::types::AttributeValue::Bool(true));
        }
    }
    put("revision", number(revision));
    put("updated_at", text(updated_at));
    let time = time(record).unwrap_or_else(|| call.first_seen_at.to_owned());
    let day = time.split('T').next().unwrap_or_default();
    put("day_shard", text(key::day_shard(day, key::shard(pk, key::DAY_SHARDS))));
    put("time_key", text(key::time_key(&time, pk)));
    ColumnsOf { item, fields }
}

/// The time by which a call is found: when it started, or the nearest to that which is known.
fn time(record: &Record) -> Option<String> {
    let fields = ["started_at", "initiated_at", "answered_at", "record_created_at", "ended_at"];
    let known = fields.into_iter().find_map(|field| record.text(field)).map(str::to_owned);
    known.or_else(|| Timestamp::from_millisecond(record.earliest_event()?).ok().map(rfc3339))
}

/// Reads a CALL item. What can't be read is named in [`Call::unreadable`]; the rest is there.
pub fn read(item: &Item) -> Call {
    let columns = Columns::read(item);
    let mut unreadable = Vec::new();
    let transcript = get_bytes(item, "transcript").map(unpack_transcript).unwrap_or_else(|| Ok(Map::new()));
    let transcript = transcript.unwrap_or_else(|error| {
        unreadable.push(format!("the transcript can't be read: {error}"));
        Map::new()
    });
    let core = get_text(item, "record").unwrap_or_default();
    let restored = Record::restore(core, columns.own(), |path| columns.shared(path), transcript);
    let record = match restored {
        Ok(Restored { record, missing }) => {
            if !missing.is_empty() && unreadable.is_empty() {
                unreadable.push(format!("these fields can't be read: {}", missing.join(", ")));
            }
            record
        }
        Err(error) => {
            unreadable.push(error.to_string());
            columns.record()
        }
    };
    let applied = Applied::from_bytes(get_bytes(item, "applied").unwrap_or_default());
    unreadable.extend(applied.as_ref().err().map(ToString::to_string));
    if super::is_newer(item) {
        unreadable.push("a newer version wrote this record; not all of it may be shown".to_owned());
    }
    Call {
        columns,
        record,
        applied: applied.ok(),
        first_seen_at: get_owned(item, "first_seen_at")
            .or_else(|| get_owned(item, "updated_at"))
            .unwrap_or_default(),
        unreadable,
    }
}

fn unpack_transcript(frame: &[u8]) -> Result<Map<String, Value>, UnpackError> {
    serde_json::from_slice(&packing::unpack(frame)?).map_err(|_| UnpackError::Damaged)
}

impl Columns {
    /// Reads the columns of a CALL item, or of an index that projects them.
    pub fn read(item: &Item) -> Self {
        let owned = |name| get_owned(item, name);
        let is_true = |name: &str| item.get(name).is_some_and(|value| value.as_bool() == Ok(&true));
        let (provider, source, call_id) = super::names(item).unwrap_or_default();
        Self {
            provider: provider.to_owned(),
            source: source.to_owned(),
            call_id: call_id.to_owned(),
            status: owned("status"),
            direction: owned("direction"),
            from: owned("from"),
            to: owned("to"),
            started_at: owned("started_at"),
            answered_at: owned("answered_at"),
            ended_at: owned("ended_at"),
            duration_seconds: get_number(item, "duration_seconds"),
            duration_basis: owned("duration_basis"),
            hangup_cause: owned("hangup_cause"),
            agent_name: owned("agent_name"),
            has_recording: is_true("has_recording"),
            has_transcript: is_true("has_transcript"),
            revision: get_number(item, "revision").unwrap_or(0),
            updated_at: owned("updated_at").unwrap_or_default(),
            time_key: owned("time_key").unwrap_or_default(),
        }
    }

    /// The fields that have a column of their own, or are in the key, with their values.
    fn own(&self) -> Vec<(&'static str, Value)> {
        let values = [
            Some(&self.call_id).filter(|id| !id.is_empty()),
            self.status.as_ref(),
            self.direction.as_ref(),
            self.started_at.as_ref(),
            self.answered_at.as_ref(),
            self.ended_at.as_ref(),
            self.duration_basis.as_ref(),
            self.hangup_cause.as_ref(),
            self.agent_name.as_ref(),
        ];
        let fields = ["call_id"].into_iter().chain(TEXTS.map(|(_, field)| field));
        let texts =
            fields.zip(values).filter_map(|(field, value)| Some((field, Value::from(value?.as_str()))));
        texts.chain(self.duration_seconds.map(|seconds| ("duration_seconds", Value::from(seconds)))).collect()
    }

    /// The value of a field that may be in a column of several forms.
    fn shared(&self, path: &str) -> Option<Value> {
        let value = match path {
            CAUSE_AS_WRITTEN => &self.hangup_cause,
            path if PARTIES[0].1.contains(&path) => &self.from,
            path if PARTIES[1].1.contains(&path) => &self.to,
            _ => &None,
        };
        value.as_deref().map(Value::from)
    }

    /// What the columns say of a call whose record can't be read.
    fn record(&self) -> Record {
        let mut record = Record::default();
        for (field, value) in self.own() {
            record.set(field, value);
        }
        record.set("from.raw", self.shared("from.raw"));
        record.set("to.raw", self.shared("to.raw"));
        record
    }
}

#[cfg(test)]
mod tests;
