//! The copier's metrics.

use jiff::SignedDuration;
use serde_json::json;
use shared::metrics::{Directive, Metrics};
use shared::timestamp::Timestamp;

/// The measurements of one attempt to copy a recording.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Copy {
    pub(crate) provider: &'static str,
    /// The state that was written, or `requeued` or `lost`.
    pub(crate) outcome: &'static str,
    /// How many bytes arrived.
    pub(crate) bytes: u64,
    pub(crate) duration_ms: u64,
    /// The number of the attempt, from 1.
    pub(crate) attempt: u32,
    /// The time from the recording's first announcement to the end of the attempt.
    pub(crate) age_at_copy: SignedDuration,
}

const COPY: [Directive; 2] = [
    Directive {
        dimensions: &[&["stack", "provider", "outcome"]],
        metrics: &[
            ("bytes", "Bytes"),
            ("duration_ms", "Milliseconds"),
            ("attempt", "Count"),
            ("age_at_copy_seconds", "Seconds"),
        ],
    },
    COPIES,
];

const COPIES: Directive = Directive { dimensions: &[&["stack", "outcome"]], metrics: &[("copies", "Count")] };

const OLDEST_DUE: Directive =
    Directive { dimensions: &[&["stack"]], metrics: &[("oldest_due_seconds", "Seconds")] };

/// Writes the metrics of an attempt.
pub(crate) fn copy(metrics: &Metrics, now: Timestamp, copy: &Copy) {
    let Copy { provider, outcome, bytes, duration_ms, attempt, age_at_copy } = copy;
    let fields = json!({
        "provider": provider,
        "outcome": outcome,
        "bytes": bytes,
        "duration_ms": duration_ms,
        "attempt": attempt,
        "age_at_copy_seconds": seconds(*age_at_copy),
        "copies": 1,
    });
    metrics.write(now, &COPY, fields);
}

/// Counts a job that ended because its item lacks what a copy needs.
pub(crate) fn unreadable(metrics: &Metrics, now: Timestamp) {
    metrics.write(now, &[COPIES], json!({ "outcome": "failed", "copies": 1 }));
}

/// Writes how long the oldest due job has waited; 0 if none is due.
pub(crate) fn oldest_due(metrics: &Metrics, now: Timestamp, waiting: SignedDuration) {
    metrics.write(now, &[OLDEST_DUE], json!({ "oldest_due_seconds": seconds(waiting) }));
}

/// Returns seconds with three decimals, and not below zero: clocks differ.
fn seconds(duration: SignedDuration) -> f64 {
    duration.as_millis().max(0) as f64 / 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_told_to_the_millisecond() {
        assert_eq!(seconds(SignedDuration::new(1, 969_190_700)), 1.969);
        assert_eq!(seconds(SignedDuration::from_secs(-1)), 0.0);
    }
}
