//! The time between signing and arrival.

use shared::proof::Freshness;

use super::super::question::{Question, SignedAt};

/// How far a genuine request's signed time is from its arrival.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Lateness {
    /// Within the tolerance, or no time was signed.
    InTime,
    /// Signed this many seconds before it arrived: too many.
    Late(i64),
    /// Signed this many seconds after it arrived: too many.
    Early(i64),
    /// Signed after the year 9999.
    NoSeconds,
}

impl Lateness {
    /// The lateness of a request whose proof fits.
    pub(super) fn of(question: &Question, freshness: Freshness) -> Self {
        let difference = |second: i64| question.at.as_second().saturating_sub(second);
        match (freshness, question.signed_at()) {
            (Freshness::Fresh, _) | (_, SignedAt::Never) => Self::InTime,
            (Freshness::Stale(_), SignedAt::Second(second)) => Self::Late(difference(second)),
            (Freshness::Future(_), SignedAt::Second(second)) => Self::Early(-difference(second)),
            (_, SignedAt::TooFar) => Self::NoSeconds,
        }
    }

    /// The lateness as a sentence.
    pub(in super::super) fn says(self, question: &Question) -> String {
        let arrival =
            if question.is_arrival_known { "it arrived" } else { "now (--at says when it arrived)" };
        let tolerance = question.source.tolerance.as_secs();
        match (self, question.signed_at()) {
            (Self::InTime, SignedAt::Second(second)) => {
                let difference = question.at.as_second() - second;
                let side = if difference < 0 { "after" } else { "before" };
                format!("signed {} seconds {side} {arrival}", difference.abs())
            }
            (Self::InTime, _) => "no time is signed".to_owned(),
            (Self::Late(seconds), _) => {
                format!("signed {seconds} seconds before {arrival}; {tolerance} are allowed")
            }
            (Self::Early(seconds), _) => {
                format!("signed {seconds} seconds after {arrival}; {tolerance} are allowed")
            }
            (Self::NoSeconds, _) => "the signed time is after the year 9999".to_owned(),
        }
    }
}
