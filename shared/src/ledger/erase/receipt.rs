//! The receipt of an erasure: what was erased, and where traces may remain until when.

use jiff::SignedDuration;
use serde::Serialize;

use super::Amounts;
use crate::timestamp::{Timestamp, rfc3339};

/// An erasure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// When it began.
    pub erased_at: Timestamp,
    /// What was there then: items by kind, and versions of objects by kind.
    pub erased: Amounts,
}

/// A place where something of what was erased may remain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trace {
    /// A stable name of the place.
    pub place: &'static str,
    /// Until when, RFC 3339 UTC; `None` if the ledger has no part in it.
    pub until: Option<String>,
    /// A sentence for a person.
    pub message: &'static str,
}

impl Erasure {
    /// Where traces may remain, and until when.
    pub fn traces(&self) -> Vec<Trace> {
        let after = |hours| {
            let until = self.erased_at.checked_add(SignedDuration::from_hours(hours)).ok()?;
            Some(rfc3339(until))
        };
        vec![
            Trace {
                place: "stream",
                until: after(24),
                message: "The table's stream keeps each change for a day.",
            },
            Trace {
                place: "point_in_time_recovery",
                until: after(24 * 35),
                message: "The table can be brought back as it was before. Then run call-ledger reapply-erasures.",
            },
            Trace {
                place: "events",
                until: None,
                message: "Events that were sent to others before are theirs.",
            },
            Trace {
                place: "exports",
                until: after(24),
                message: "A file that was exported before can be fetched for a day. Copies of it are not known here.",
            },
        ]
    }
}
