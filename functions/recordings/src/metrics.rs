//! Metrics in CloudWatch's [embedded metric format][emf]: one line per copy.
//!
//! [emf]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::io::Write as _;

use serde_json::json;
use shared::timestamp::Timestamp;

/// The metrics' namespace.
const NAMESPACE: &str = "CallLedger";

/// What one attempt to copy a recording is measured by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Copy {
    /// Whose recording it was.
    pub provider: &'static str,
    /// The state it led to.
    pub outcome: &'static str,
    /// How many bytes arrived.
    pub bytes: u64,
    /// How long it took.
    pub duration_ms: u64,
    /// Which attempt it was.
    pub attempt: u32,
    /// How old the recording's first announcement was in the end.
    pub age_at_copy_seconds: f64,
}

impl Copy {
    /// The line that CloudWatch makes metrics of. It names no call, no link and no person.
    pub fn line(&self, now: Timestamp) -> String {
        let Self { provider, outcome, bytes, duration_ms, attempt, age_at_copy_seconds } = self;
        let metric = |name: &str, unit: &str| json!({"Name": name, "Unit": unit});
        let metrics = [
            metric("bytes", "Bytes"),
            metric("duration_ms", "Milliseconds"),
            metric("attempt", "Count"),
            metric("age_at_copy_seconds", "Seconds"),
        ];
        json!({
            "_aws": {
                "Timestamp": now.as_millisecond(),
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": [["provider", "outcome"]],
                    "Metrics": metrics,
                }],
            },
            "provider": provider,
            "outcome": outcome,
            "bytes": bytes,
            "duration_ms": duration_ms,
            "attempt": attempt,
            "age_at_copy_seconds": age_at_copy_seconds,
        })
        .to_string()
    }
}

/// Writes a line into the log at its finest level: where no CloudWatch reads along.
pub fn to_log(line: &str) {
    tracing::debug!(line, "metrics");
}

/// Writes a line to standard output as it is, where CloudWatch finds it. Lambda only.
pub fn to_stdout(line: &str) {
    // A log that is closed is no reason to fail a copy.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_metric_that_is_declared_has_a_number() {
        let copy = Copy {
            provider: "telnyx",
            outcome: "stored",
            bytes: 123,
            duration_ms: 45,
            attempt: 2,
            age_at_copy_seconds: 1.5,
        };
        let line = copy.line("2026-06-27T10:05:00Z".parse().unwrap());
        assert!(!line.contains('\n'));
        let value: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["_aws"]["Timestamp"], 1_782_554_700_000_i64);
        let directive = &value["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Namespace"], NAMESPACE);
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(value[metric["Name"].as_str().unwrap()].is_number(), "{metric}");
        }
        for dimension in directive["Dimensions"][0].as_array().unwrap() {
            assert!(value[dimension.as_str().unwrap()].is_string(), "{dimension}");
        }
    }
}
