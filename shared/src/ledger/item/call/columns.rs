//! The columns of a call: what lists show and indexes project.

use serde_json::Value;

use super::NewCall;
use crate::ledger::item::{self, CALL_ID, Item, get_number, get_owned, number, text};
use crate::ledger::key;
use crate::party;
use crate::record::{Column, Record};
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
    /// Its place among the calls of its day and its parties. A later call has a greater key.
    pub time_key: String,
}

/// An item with its columns, and the fields whose values they are.
pub(super) struct WithColumns<'a> {
    pub(super) item: Item,
    fields: Vec<(&'static str, &'a Value, Column)>,
}

impl WithColumns<'_> {
    /// Returns the column that has a value of the record, if any does.
    pub(super) fn column(&self, path: &str, value: &Value) -> Option<Column> {
        let found = self.fields.iter().find(|(field, known, _)| *field == path && *known == value);
        found.map(|(_, _, column)| *column)
    }
}

/// Writes the columns of a call, and the keys of the indexes.
pub(super) fn write<'a>(call: &NewCall<'a>) -> WithColumns<'a> {
    let NewCall { pk, call_id, record, revision, updated_at, .. } = *call;
    let mut item = item::item(pk, item::CALL);
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
    WithColumns { item, fields }
}

/// The time by which a call is found: when it started, or the next known time of it.
fn time(record: &Record) -> Option<String> {
    let fields = ["started_at", "initiated_at", "answered_at", "record_created_at", "ended_at"];
    let known = fields.into_iter().find_map(|field| record.text(field)).map(str::to_owned);
    known.or_else(|| Timestamp::from_millisecond(record.earliest_event()?).ok().map(rfc3339))
}

impl Columns {
    /// Reads the columns of a CALL item, or of an index that projects them.
    pub fn read(item: &Item) -> Self {
        let owned = |name| get_owned(item, name);
        let is_true = |name: &str| item.get(name).is_some_and(|value| value.as_bool() == Ok(&true));
        let (provider, source, call_id) = item::names(item).unwrap_or_default();
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
    pub(super) fn own(&self) -> Vec<(&'static str, Value)> {
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
    pub(super) fn shared(&self, path: &str) -> Option<Value> {
        let value = match path {
            CAUSE_AS_WRITTEN => &self.hangup_cause,
            path if PARTIES[0].1.contains(&path) => &self.from,
            path if PARTIES[1].1.contains(&path) => &self.to,
            _ => &None,
        };
        value.as_deref().map(Value::from)
    }

    /// A record of the columns alone, for a call whose record can't be read.
    pub(super) fn record(&self) -> Record {
        let mut record = Record::default();
        for (field, value) in self.own() {
            record.set(field, value);
        }
        record.set("from.raw", self.shared("from.raw"));
        record.set("to.raw", self.shared("to.raw"));
        record
    }
}
