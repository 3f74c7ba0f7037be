//! A record in the making: the values that the payloads of all providers have, written in the same way.

use serde_json::{Map, Value, json};

use crate::event::{CallEvent, MAX_ID_BYTES, Normalized, RecordingLink, Unusable};
use crate::hangup;
use crate::party::{self, Derivation};
use crate::payload::{Leftovers, Payload};
use crate::record::{Path, Record, Stamp, field};
use crate::source::Source;
use crate::status::{Spelling, Status};
use crate::timestamp::{self, Timestamp, Written, Zone, rfc3339};

mod recording;

/// A record in the making.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) record: Record,
    link: Option<RecordingLink>,
    /// How much the body says; see [`Stamp::weight`].
    weight: u32,
}

/// The paths of one side of a call.
pub(crate) struct Side {
    raw: &'static str,
    e164: &'static str,
    sip_uri: &'static str,
}

pub(crate) const FROM: Side = Side { raw: "from.raw", e164: "from.e164", sip_uri: "from.sip_uri" };
pub(crate) const TO: Side = Side { raw: "to.raw", e164: "to.e164", sip_uri: "to.sip_uri" };

impl Draft {
    /// Returns the event of a call. Its time and sequence are milliseconds since the Unix epoch, and the
    /// provider's own number.
    pub(crate) fn finish(
        self,
        kind: String,
        call_id: String,
        dedupe_key: Option<String>,
        occurred_at: Option<Timestamp>,
        sequence: Option<i64>,
    ) -> Normalized {
        let Self { record, link: recording, weight } = self;
        let occurred_at = occurred_at.map(|time| time.as_millisecond());
        let stamp = Stamp { occurred_at, sequence, weight, ..Stamp::default() };
        Normalized::Event(Box::new(CallEvent { kind, dedupe_key, call_id, stamp, record, recording }))
    }

    /// Sets the number or address of one side.
    pub(crate) fn party(&mut self, side: &Side, raw: Option<String>) {
        let Some(raw) = raw else { return };
        if party::is_nobody(&raw) {
            // Neither a number nor an address, whatever it looks like.
        } else if party::is_sip(&raw) {
            self.record.set(side.sip_uri, Value::from(raw.as_str()));
        } else if let Some((number, derivation)) = party::e164(&raw) {
            match derivation {
                Derivation::AsWritten => self.record.set(side.e164, Value::from(number)),
                Derivation::Completed => self.record.derive(side.e164, Value::from(number)),
            }
        }
        self.record.set(side.raw, Value::from(raw));
    }

    /// Sets a status from the provider's word. A word that is not documented goes to `extensions`.
    pub(crate) fn status(&mut self, path: &'static str, raw: Option<String>, name: &'static str) {
        let Some(raw) = raw else { return };
        match Status::from_word(&raw) {
            Some((status, Spelling::Ours)) => self.record.set(path, Value::from(status.name())),
            Some((status, Spelling::Other)) => self.record.derive(path, Value::from(status.name())),
            None => self.undocumented(name, raw, "status"),
        }
    }

    /// Sets the reason for which the call ended, from the provider's word.
    pub(crate) fn hangup(&mut self, raw: Option<String>) {
        let Some(raw) = raw else { return };
        match hangup::cause(&raw) {
            Some(cause) => {
                if cause.name == raw {
                    self.record.set("hangup.cause", Value::from(cause.name));
                } else {
                    self.record.derive("hangup.cause", Value::from(cause.name));
                }
                self.record.derive("hangup.q850", cause.q850.map(Value::from));
            }
            None => self.record.derive("hangup.cause", Value::from("unspecified")),
        }
        self.record.set("hangup.raw", Value::from(raw));
    }

    /// Returns an id that is not the call's. An id that is too long goes to `extensions`.
    pub(crate) fn short_id(&mut self, name: &'static str, id: Option<String>) -> Option<String> {
        let id = id?;
        if id.len() <= MAX_ID_BYTES {
            return Some(id);
        }
        self.record.add("warnings", format!("{name} is too long for an identifier; see extensions"));
        self.record.set(field("extensions", name), Value::from(id));
        None
    }

    /// Adds what reading a payload left.
    pub(crate) fn leftovers(&mut self, payload: Payload<'_>) {
        self.weight = self.weight.saturating_add(payload.weight());
        let Leftovers { extensions, warnings } = payload.into_leftovers();
        for (path, value) in extensions {
            self.record.set(path, value);
        }
        for warning in warnings {
            self.record.add("warnings", warning);
        }
    }

    /// Keeps a value that is none of the documented ones in `extensions`, with a warning.
    pub(crate) fn undocumented(&mut self, name: &'static str, raw: String, what: &str) {
        self.record.add("warnings", format!("{name} is not a documented {what}; see extensions"));
        self.record.set(field("extensions", name), Value::from(raw));
    }

    /// Sets a time. One that was written without a zone is derived.
    pub(crate) fn time(&mut self, path: impl Into<Path>, time: Option<Written>) {
        let Some(Written { at, zone }) = time else { return };
        match zone {
            Zone::Stated => self.record.set(path, Value::from(rfc3339(at))),
            Zone::Assumed => self.record.derive(path, Value::from(rfc3339(at))),
        }
    }

    /// Sets a field that the payload states.
    pub(crate) fn set(&mut self, path: impl Into<Path>, value: Option<impl Into<Value>>) {
        self.record.set(path, value.map(Into::into));
    }

    /// Adds an entry to `events[]`.
    pub(crate) fn event(
        &mut self,
        kind: &str,
        provider_event_id: Option<&str>,
        occurred_at: Option<Timestamp>,
        sent_at: Option<Timestamp>,
        sequence: Option<i64>,
    ) {
        self.record.add(
            "events",
            json!({
                "kind": kind,
                "provider_event_id": provider_event_id,
                "occurred_at": occurred_at.map(rfc3339),
                "sent_at": sent_at.map(rfc3339),
                "sequence": sequence,
            }),
        );
    }
}

/// Returns the id of the call.
///
/// # Errors
/// The body names no call, or none that can be read, or its id is too long for a key.
pub(crate) fn call_id(payload: &mut Payload<'_>, name: &'static str) -> Result<String, Unusable> {
    let missing = if payload.is_mended() { Unusable::Unreadable } else { Unusable::CallIdMissing };
    let call_id = payload.id(name).ok_or(missing)?;
    if call_id.len() > MAX_ID_BYTES { Err(Unusable::CallIdTooLong) } else { Ok(call_id) }
}

/// Checks the pinned account. A source that pins one takes only bodies that name it.
pub(crate) fn pinned_account(source: &Source, account: Option<&str>) -> Result<(), Unusable> {
    match &source.account {
        Some(pinned) if account != Some(pinned) => Err(Unusable::AccountMismatch),
        _ => Ok(()),
    }
}

/// Returns a dedupe key made of parts. `#` separates them, so it is escaped inside them.
pub(crate) fn dedupe_key(parts: &[&str]) -> String {
    let mut key = String::with_capacity(parts.iter().map(|part| part.len() + 1).sum());
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            key.push('#');
        }
        if part.contains(['%', '#', '~']) {
            key.push_str(&part.replace('%', "%25").replace('#', "%23").replace('~', "%7E"));
        } else {
            key.push_str(part);
        }
    }
    key
}

/// Renames members of an object. A member without a new name keeps its own.
pub(crate) fn renamed(mut object: Map<String, Value>, names: &[(&str, &str)]) -> Map<String, Value> {
    for (old, new) in names {
        if let Some(value) = object.remove(*old) {
            object.insert((*new).to_owned(), value);
        }
    }
    object
}

/// Writes the times of an object, its members `at` and `created_at`, as the ledger writes times. A time that
/// stands for none is null; what is no time, or has no zone, stays as it is.
pub(crate) fn with_times(mut object: Map<String, Value>) -> Map<String, Value> {
    for name in ["at", "created_at"] {
        let Some(value) = object.get_mut(name) else { continue };
        let time = match value {
            Value::String(text) => timestamp::read(text, None),
            Value::Number(number) => timestamp::read(&number.to_string(), None),
            _ => None,
        };
        if let Some(time) = time {
            *value = if time.is_unset() { Value::Null } else { Value::from(rfc3339(time.at)) };
        }
    }
    object
}
