//! The error of a copy, as whoever decides what to do next needs to know it.

use std::time::Duration;

use shared::ledger::jobs::Reason;

use crate::guard::GuardError;

/// Why an attempt ended without a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum CopyError {
    /// The link must not be followed, or what it leads to must not be stored. Final.
    Rejected(Reason),
    /// The origin says that the link no longer works. Final.
    Expired(Reason),
    /// There is nothing there: not yet, or, once the link's time is over, no more.
    Absent {
        /// What was in the way.
        reason: Reason,
        /// How long the origin asked to wait.
        after: Option<Duration>,
    },
    /// It may work another time.
    Transient {
        /// What was in the way.
        reason: Reason,
        /// How long the origin asked to wait.
        after: Option<Duration>,
    },
    /// There was no room to try it.
    Busy,
    /// The object's name is taken by other bytes; with this suffix it will not be.
    Taken {
        /// What to add to the name.
        key_suffix: String,
    },
}

impl CopyError {
    /// It may work another time; its code says everything.
    pub(crate) fn transient(code: &'static str) -> Self {
        Self::Transient { reason: Reason::new(code), after: None }
    }

    /// It may work another time; with something to add that holds nothing of a URL.
    pub(crate) fn transient_with(code: &'static str, detail: impl std::fmt::Display) -> Self {
        Self::Transient { reason: Reason::with(code, detail), after: None }
    }
}

impl From<GuardError> for CopyError {
    fn from(refusal: GuardError) -> Self {
        Self::Rejected(Reason::with(refusal.rule(), refusal))
    }
}
