//! The writes for a delivery, given what has been seen of the table: a pure function.
//!
//! The first plan assumes that nothing is there. If that is wrong, the cancelled transaction answers
//! with the items that are, and the next plan knows them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use super::applied::{Applied, Known};
use super::entry::{Content, Entry};
use super::item::call::{self, Call, NewCall};
use super::item::delivery::{self, State};
use super::item::tombstone::is_tombstone;
use super::item::{self, Item};
use super::key;
use super::values::Object;
use crate::event::CallEvent;
use crate::record::merge;
use crate::timestamp::rfc3339;

mod write;
mod job;
mod replay;

pub use write::{Condition, Kind, Write};

pub(super) use write::Tried;

use replay::Origin;

/// The result of applying a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Applied to its call's record.
    Accepted,
    /// Seen before, byte for byte.
    Duplicate,
    /// Another body for a known event: merged like any other.
    Revised,
    /// Kept for a person to look at.
    Quarantined,
    /// Kept; it adds nothing to a record.
    Ignored,
    /// Not kept: its call was erased, or the delivery by itself.
    Erased,
}

impl Outcome {
    /// Its name in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Revised => "revised",
            Self::Quarantined => "quarantined",
            Self::Ignored => "ignored",
            Self::Erased => "erased",
        }
    }
}

/// The items of the table that were in the way of a delivery.
#[derive(Clone, Default)]
pub struct Seen {
    call: Option<Call>,
    delivery: Option<Item>,
    /// The copy jobs that were looked for, by sort key; `None` where there is none.
    recordings: BTreeMap<String, Option<Item>>,
    /// Whether a newer version wrote one of them.
    is_newer: bool,
    /// Whether one of them is the tombstone of the call, or of this very delivery.
    is_erased: bool,
    /// The delivery that waits in quarantine, if it is replayed.
    origin: Option<Origin>,
}

/// The next step for a delivery.
pub enum Plan {
    /// Nothing to write: the ledger has the delivery, or it stays in quarantine.
    Done(Outcome),
    /// Nothing to write: the delivery to be replayed does not wait any more.
    NotWaiting,
    /// Nothing to write yet: copy jobs must be looked for first, by their sort keys.
    Look(Vec<String>),
    /// One transaction.
    Transact {
        /// The objects that must be in the bucket before.
        objects: Vec<Object>,
        /// The writes, each under its condition.
        writes: Vec<Write>,
        /// The result if it commits.
        outcome: Outcome,
    },
}

impl Seen {
    /// Takes note of a copy job that was looked for.
    pub fn learn_job(&mut self, sk: String, found: Option<Item>) {
        self.is_newer |= found.as_ref().is_some_and(item::is_newer);
        self.recordings.insert(sk, found);
    }

    /// Takes note of the delivery that was read, or of its absence.
    pub fn learn_delivery(&mut self, found: Option<Item>) {
        self.is_newer |= found.as_ref().is_some_and(item::is_newer);
        self.is_erased |= found.as_ref().is_some_and(is_tombstone);
        if let Some(origin) = &mut self.origin {
            origin.learn(Kind::Delivery, found.as_ref());
        }
        self.delivery = found;
    }

    /// Takes note of the call that was read, or of its absence.
    pub fn learn_call(&mut self, found: Option<Item>) {
        self.is_newer |= found.as_ref().is_some_and(item::is_newer);
        self.is_erased |= found.as_ref().is_some_and(is_tombstone);
        let call = found.as_ref().map(call::read);
        let revision = |call: &Option<Call>| call.as_ref().map(|call| call.columns.revision);
        if revision(&call) != revision(&self.call) {
            // A job is made with a new revision of its call. So what was not there then may be there now.
            self.recordings.retain(|_, job| job.is_some());
        }
        self.call = call;
    }

    /// Takes note of the item that was in the way of a write, or of its absence.
    pub fn learn(&mut self, tried: &Tried, found: Option<Item>) {
        self.is_newer |= found.as_ref().is_some_and(item::is_newer);
        self.is_erased |= tried.kind == Kind::Guard
            || (tried.kind != Kind::Recording && found.as_ref().is_some_and(is_tombstone));
        if let Some(origin) = &mut self.origin {
            origin.learn(tried.kind, found.as_ref());
        }
        match tried.kind {
            Kind::Moved => {}
            Kind::Call => self.learn_call(found),
            Kind::Delivery => self.delivery = found,
            Kind::Recording => drop(self.recordings.insert(tried.sk.clone(), found)),
            Kind::Guard => {}
        }
    }

    /// Takes note that nothing was in the way of a write, in a transaction that was cancelled for another one.
    pub fn learn_free(&mut self, tried: &Tried) {
        if tried.kind == Kind::Recording && tried.is_new {
            self.recordings.insert(tried.sk.clone(), None);
        }
    }
}

/// Returns the next step for a delivery, whose evidence is to be kept for `retention_days`.
pub fn plan(entry: &Entry, seen: &Seen, retention_days: u64) -> Plan {
    Planner { entry, seen, retention_days }.plan()
}

#[derive(Clone, Copy)]
struct Planner<'a> {
    entry: &'a Entry,
    seen: &'a Seen,
    retention_days: u64,
}

impl Planner<'_> {
    fn plan(self) -> Plan {
        if self.seen.is_erased {
            return Plan::Done(Outcome::Erased);
        }
        match &self.seen.origin {
            None => self.place(),
            Some(origin) => self.replay(origin),
        }
    }

    fn place(self) -> Plan {
        match &self.entry.content {
            Content::Event(event) => self.apply(event),
            Content::Ignored { .. } if self.seen.delivery.as_ref().is_some_and(|seen| !waits(seen)) => {
                Plan::Done(Outcome::Duplicate)
            }
            Content::Ignored { .. } => Plan::Transact {
                objects: delivery::object(self.entry, State::Ignored).into_iter().collect(),
                writes: [self.delivery(State::Ignored, None)].into_iter().chain(self.guard()).collect(),
                outcome: Outcome::Ignored,
            },
            Content::Quarantined { reason, .. } => self.quarantine(reason, None),
        }
    }

    fn apply(self, event: &CallEvent) -> Plan {
        let Self { entry, seen, .. } = self;
        let nothing = Applied::default();
        let applied = match &seen.call {
            None => Some(&nothing),
            Some(call) => call.applied.as_ref(),
        };
        let known = applied.map_or(Known::Nothing, |applied| applied.know(&entry.event_body));
        if known == Known::Body {
            if !seen.delivery.as_ref().is_some_and(waits) {
                return Plan::Done(Outcome::Duplicate);
            }
            // It was applied, and a copy that came late waits.
            return Plan::Transact {
                objects: delivery::object(entry, State::Applied).into_iter().collect(),
                writes: vec![self.delivery(State::Applied, None)],
                outcome: Outcome::Duplicate,
            };
        }
        if seen.is_newer {
            return self.quarantine("newer_format", None);
        }
        let record = match &seen.call {
            None => Cow::Borrowed(&event.record),
            Some(call) if !call.unreadable.is_empty() => {
                return self.quarantine("record_unreadable", self.recording(event, &event.record));
            }
            Some(call) => Cow::Owned(merge(call.record.clone(), event.record.clone())),
        };
        let unknown = self.jobs_unknown(event, &record);
        if unknown.len() > 1 {
            return Plan::Look(unknown);
        }
        let recording = self.recording(event, &record);
        let Some(applied) = applied else { return self.quarantine("record_unreadable", recording) };
        let Some(applied) = applied.with(&entry.event_body) else {
            return self.quarantine("too_many_events", recording);
        };
        let now = rfc3339(entry.applied_at);
        let seen_revision = seen.call.as_ref().map(|call| call.columns.revision);
        let written = call::write(&NewCall {
            provider: entry.provider,
            pk: &entry.pk,
            call_id: &event.call_id,
            record: &record,
            applied: &applied,
            revision: seen_revision.unwrap_or(0) + 1,
            first_seen_at: seen.call.as_ref().map_or(&now, |call| &call.first_seen_at),
            updated_at: &now,
        });
        let Ok(call::Written { item, mut objects }) = written else {
            return self.quarantine("record_too_large", recording);
        };
        objects.extend(delivery::object(entry, State::Applied));
        let condition = seen_revision.map_or(Condition::New, |revision| Condition::Seen {
            attribute: "revision",
            value: Some(item::number(revision)),
        });
        let mut writes = Vec::with_capacity(3);
        writes.push(Write { kind: Kind::Call, item, condition });
        writes.push(self.delivery(State::Applied, None));
        writes.extend(recording);
        let outcome = if known == Known::Event { Outcome::Revised } else { Outcome::Accepted };
        Plan::Transact { objects, writes, outcome }
    }

    /// Keeps a delivery for a person to look at, unless it is kept already.
    fn quarantine(self, reason: &str, recording: Option<Write>) -> Plan {
        if let Some(delivery) = &self.seen.delivery {
            return Plan::Done(if waits(delivery) { Outcome::Quarantined } else { Outcome::Duplicate });
        }
        let mut writes = vec![self.delivery(State::Quarantined, Some(reason))];
        writes.extend(recording);
        writes.extend(self.guard());
        let objects = delivery::object(self.entry, State::Quarantined).into_iter().collect();
        Plan::Transact { objects, writes, outcome: Outcome::Quarantined }
    }

    /// The look at the record for a delivery that does not change it. A body that names no call has none.
    fn guard(self) -> Option<Write> {
        self.entry.call_id()?;
        let item = key::of_record(&self.entry.pk).attributes();
        Some(Write { kind: Kind::Guard, item, condition: Condition::NotErased })
    }

    /// The delivery: new, or in place of the same body that was not applied when it came before.
    fn delivery(self, state: State, reason: Option<&str>) -> Write {
        let Self { entry, seen, retention_days } = self;
        let mut item = delivery::write(entry, state, reason, retention_days);
        if let Some(waiting) = seen.delivery.as_ref().filter(|seen| waits(seen)) {
            delivery::note_spare(&mut item, waiting, entry.applied_at);
        }
        let condition = seen.delivery.as_ref().map_or(Condition::New, |seen| Condition::Seen {
            attribute: "state",
            value: seen.get("state").cloned(),
        });
        Write { kind: Kind::Delivery, item, condition }
    }
}

/// Whether a delivery waits in quarantine.
fn waits(delivery: &Item) -> bool {
    State::of(delivery) == Some(State::Quarantined)
}

impl fmt::Debug for Plan {
    /// Shows no items: they hold the call.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(outcome) => formatter.debug_tuple("Done").field(outcome).finish(),
            Self::NotWaiting => formatter.write_str("NotWaiting"),
            Self::Look(sks) => formatter.debug_tuple("Look").field(&sks.len()).finish(),
            Self::Transact { writes, outcome, .. } => formatter
                .debug_struct("Transact")
                .field("outcome", outcome)
                .field("conditions", &writes.iter().map(|write| &write.condition).collect::<Vec<_>>())
                .finish_non_exhaustive(),
        }
    }
}

#[cfg(test)]
mod tests;
