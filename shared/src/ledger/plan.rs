//! What to write for a delivery, given what has been seen of the table: a pure function.
//!
//! The first plan assumes that nothing is there. If that is wrong, the cancelled transaction answers
//! with the items that are, and the next plan knows them.

use std::borrow::Cow;
use std::fmt;

use super::entry::{Content, Entry};
use super::item::Item;
use crate::event::{CallEvent, RecordingLink};
use crate::record::{Record, merge};
use crate::timestamp::rfc3339;

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
    pub(super) call: Option<SeenCall>,
    /// The body's hash of the delivery that has the dedupe key.
    pub(super) delivery: Option<String>,
    /// Whether this body is there beside the delivery that has the dedupe key.
    pub(super) beside: bool,
    pub(super) recording: Option<SeenRecording>,
}

/// A CALL item that was seen.
#[derive(Clone, Debug)]
pub struct SeenCall {
    /// `None` if what is stored is no record.
    pub(super) record: Option<Record>,
    pub(super) revision: u64,
    pub(super) first_seen_at: String,
}

/// A RECORDING item that was seen.
#[derive(Clone)]
pub struct SeenRecording {
    pub(super) state: String,
    pub(super) url: Option<String>,
    pub(super) source_expires_at: Option<String>,
    pub(super) version: u64,
    /// The rest of it, which stays as it is.
    pub(super) item: Item,
}

impl fmt::Debug for SeenRecording {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { state, version, .. } = self;
        formatter
            .debug_struct("SeenRecording")
            .field("state", state)
            .field("version", version)
            .finish_non_exhaustive()
    }
}

/// What to do next.
#[derive(Clone, Debug)]
pub enum Plan<'a> {
    /// Nothing: the ledger has it.
    Done(Outcome),
    /// One transaction.
    Transact {
        /// What it writes, each under its condition.
        writes: Vec<Write<'a>>,
        /// What happened if it commits.
        outcome: Outcome,
    },
}

/// One item of a transaction, with its condition.
#[derive(Clone, Debug)]
pub enum Write<'a> {
    /// The call's record: new where nothing is replaced, else where the revision is what it was.
    Call {
        /// The record.
        record: Cow<'a, Record>,
        /// What it takes the place of.
        replaces: Option<&'a SeenCall>,
    },
    /// The delivery, which must not be there yet.
    Delivery {
        /// What became of it.
        state: State,
        /// Which key it takes.
        place: Place,
    },
    /// The copy job: new where nothing is replaced, else where the version is what it was.
    Recording {
        /// From where to copy.
        link: &'a RecordingLink,
        /// What gets the new link.
        replaces: Option<&'a SeenRecording>,
    },
    /// Writes nothing: no delivery may have the dedupe key.
    NotApplied,
}

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is in the record.
    Applied,
    /// No record has use for it.
    Ignored,
    /// It waits for a person, for this reason.
    Quarantined(&'static str),
}

/// Which key a delivery takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// The dedupe key.
    Key,
    /// Beside another body that has the dedupe key.
    Beside,
}

/// The next step for a delivery.
pub fn plan<'a>(entry: &'a Entry, seen: &'a Seen) -> Plan<'a> {
    let is_this = |known: &String| *known == entry.body_sha256;
    match &entry.content {
        Content::Event(_) | Content::Ignored { .. }
            if seen.delivery.as_ref().is_some_and(|known| is_this(known) || seen.beside) =>
        {
            Plan::Done(Outcome::Duplicate)
        }
        Content::Event(event) => apply(event, seen),
        Content::Ignored { .. } => {
            let place = if seen.delivery.is_some() { Place::Beside } else { Place::Key };
            let writes = vec![Write::Delivery { state: State::Ignored, place }];
            Plan::Transact { writes, outcome: Outcome::Ignored }
        }
        Content::Quarantined { .. } if seen.delivery.as_ref().is_some_and(is_this) => {
            Plan::Done(Outcome::Duplicate)
        }
        Content::Quarantined { reason, .. } => quarantine(seen, reason, None),
    }
}

fn apply<'a>(event: &'a CallEvent, seen: &'a Seen) -> Plan<'a> {
    let revises = seen.delivery.is_some();
    let recording = (event.recording.as_ref()).filter(|link| is_news(link, seen.recording.as_ref()));
    let recording = recording.map(|link| Write::Recording { link, replaces: seen.recording.as_ref() });
    let record = match &seen.call {
        None => Cow::Borrowed(&event.record),
        Some(SeenCall { record: None, .. }) => return quarantine(seen, "record_unreadable", recording),
        Some(SeenCall { record: Some(known), revision, .. }) => {
            let record = event.record.clone();
            let new = if revises { record.into_revision(*revision) } else { record };
            Cow::Owned(merge(known.clone(), new))
        }
    };
    if !record.fits(MAX_RECORD_BYTES) {
        return quarantine(seen, "record_too_large", recording);
    }
    let place = if revises { Place::Beside } else { Place::Key };
    let mut writes = Vec::with_capacity(3);
    writes.push(Write::Call { record, replaces: seen.call.as_ref() });
    writes.push(Write::Delivery { state: State::Applied, place });
    writes.extend(recording);
    Plan::Transact { writes, outcome: if revises { Outcome::Revised } else { Outcome::Accepted } }
}

/// Keeps a delivery for a person to look at, unless its event was applied when it was younger.
///
/// It does not take the dedupe key: a sound copy that comes later must still be applied.
fn quarantine<'a>(seen: &Seen, reason: &'static str, recording: Option<Write<'a>>) -> Plan<'a> {
    if seen.beside {
        return Plan::Done(Outcome::Quarantined);
    }
    let mut writes = vec![Write::Delivery { state: State::Quarantined(reason), place: Place::Beside }];
    if seen.delivery.is_none() {
        writes.push(Write::NotApplied);
    }
    writes.extend(recording);
    Plan::Transact { writes, outcome: Outcome::Quarantined }
}

/// Whether a link is worth writing: the recording is new, or it is not copied and this link is newer.
///
/// Of two links the one that lasts longer is newer, whichever came first. Where that can't be told, the
/// one that came last is: a link that nobody follows is lost.
fn is_news(link: &RecordingLink, known: Option<&SeenRecording>) -> bool {
    let Some(known) = known else { return true };
    let expires_at = link.expires_at.map(rfc3339);
    let is_another = known.url.as_deref() != Some(&link.url);
    match (expires_at.as_deref(), known.source_expires_at.as_deref()) {
        _ if known.state == "stored" => false,
        (Some(this), Some(other)) if this < other => is_another && has_ended(&known.state),
        (this, other) => is_another || this > other,
    }
}

fn has_ended(state: &str) -> bool {
    matches!(state, "expired" | "rejected" | "failed")
}

#[cfg(test)]
mod tests;
