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
//!
//! Where a call was erased, its tombstone stands here; see [`tombstone`](super::tombstone).

use serde_json::{Map, Value};

use super::{Item, bytes, get_bytes, get_owned, get_text, text};
use crate::ledger::applied::Applied;
use crate::ledger::packing::{self, UnpackError};
use crate::ledger::values::{self, MAX_TRANSCRIPT_BYTES, Object, TooLargeError};
use crate::provider::Provider;
use crate::record::{Beside, BodyHash, Record, Restored, Stored};

mod columns;

pub use columns::{COLUMNS, Columns};

/// The attributes that [`read`] reads, besides the key and the columns.
pub(in crate::ledger) const SHOWN: [&str; 5] = ["format", "record", "transcript", "applied", "first_seen_at"];

/// The largest item that is written; DynamoDB takes 400 KB.
const MAX_ITEM_BYTES: usize = 350 * 1024;

/// In an item up to this size, every value stays in the item, except a long transcript.
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
    /// The columns, which lists show.
    pub columns: Columns,
    /// The record.
    pub record: Record,
    /// The events that were applied; `None` if the attribute is damaged.
    pub applied: Option<Applied>,
    /// When the first delivery was applied, RFC 3339 UTC.
    pub first_seen_at: String,
    /// The parts of the record that can't be read, each a sentence; empty if there are none.
    pub unreadable: Vec<String>,
}

/// Writes a call.
///
/// # Errors
/// The record does not fit in an item.
pub(in crate::ledger) fn write(call: &NewCall<'_>) -> Result<Written, TooLargeError> {
    let columns = columns::write(call);
    let kept = |record: &Record| -> Result<(Stored, Option<Vec<u8>>), TooLargeError> {
        let column = |path: &str, value: &Value| columns.column(path, value);
        // Every body of the record is in `applied`.
        let body = |hash: &BodyHash| call.applied.place_of(hash).unwrap_or(usize::MAX);
        let stored = record.store(column, body).map_err(|_| TooLargeError)?;
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

/// Reads a CALL item. [`Call::unreadable`] names the parts that can't be read.
pub fn read(item: &Item) -> Call {
    let columns = Columns::read(item);
    let mut unreadable = Vec::new();
    let transcript = get_bytes(item, "transcript").map(unpack_transcript).unwrap_or_else(|| Ok(Map::new()));
    let transcript = transcript.unwrap_or_else(|error| {
        unreadable.push(format!("the transcript can't be read: {error}"));
        Map::new()
    });
    let core = get_text(item, "record").unwrap_or_default();
    let applied = Applied::from_bytes(get_bytes(item, "applied").unwrap_or_default());
    let beside = Beside {
        columns: columns.own(),
        column: |path: &str| columns.shared(path),
        transcript,
        // Where `applied` is damaged, that alone is named, and the values are shown.
        body: |place| applied.as_ref().map_or(Some(BodyHash::default()), |applied| applied.body(place)),
    };
    let restored = Record::restore(core, beside);
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

#[cfg(test)]
mod tests;
