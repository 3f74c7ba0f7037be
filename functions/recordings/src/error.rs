//! The error of a copy, by what to do next.

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
    /// There is no recording yet. Once the link has expired, this is final.
    Absent {
        reason: Reason,
        /// The pause that the origin asked for.
        after: Option<Duration>,
    },
    /// Another attempt may succeed.
    Transient {
        reason: Reason,
        /// The pause that the origin asked for.
        after: Option<Duration>,
    },
    /// Another object has the name. The next attempt adds this suffix to it.
    Taken { key_suffix: String },
}

impl CopyError {
    /// Returns a transient error that needs no detail.
    pub(crate) fn transient(code: &'static str) -> Self {
        Self::Transient { reason: Reason::new(code), after: None }
    }

    /// Returns a transient error with a detail, which must hold nothing of a URL.
    pub(crate) fn transient_with(code: &'static str, detail: impl std::fmt::Display) -> Self {
        Self::Transient { reason: Reason::with(code, detail), after: None }
    }
}

impl From<GuardError> for CopyError {
    fn from(refusal: GuardError) -> Self {
        Self::Rejected(Reason::with(refusal.rule(), refusal))
    }
}
