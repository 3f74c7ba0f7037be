//! Metrics in CloudWatch's [embedded metric format][emf]: lines of the log that become numbers.
//!
//! No line names a call, a link or a person. Every one names the stack, since stacks of one account
//! share the namespace.
//!
//! [emf]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::io::Write as _;
use std::sync::Arc;

use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

use crate::env;
use crate::timestamp::Timestamp;

const NAMESPACE: &str = "CallLedger";

/// The place where metrics go, and the stack that they belong to.
#[derive(Clone, Debug)]
pub struct Metrics {
    stack: Arc<str>,
    emit: fn(&str),
}

/// Tells CloudWatch how to read a line: for every set of dimensions, a series of each metric.
#[derive(Clone, Copy, Debug)]
pub struct Directive {
    /// Sets of fields; each combination of their values is a series of its own.
    pub dimensions: &'static [&'static [&'static str]],
    /// Fields that are numbers, with their units.
    pub metrics: &'static [(&'static str, &'static str)],
}

impl Default for Metrics {
    /// Metrics that go to the log at its finest level, for runs without CloudWatch.
    fn default() -> Self {
        Self { stack: "local".into(), emit: |line| tracing::debug!(line, "metrics") }
    }
}

impl Metrics {
    /// Metrics that go to standard output, where CloudWatch finds them. Only for Lambda.
    pub fn from_env(environment: &mut env::Environment) -> Self {
        let stack = environment.optional(env::STACK_NAME).unwrap_or_else(|| "call-ledger".to_owned());
        Self { stack: stack.into(), emit: to_stdout }
    }

    /// Counts an answer to a webhook: by its class for the alarms, and by its provider and outcome for people.
    pub(crate) fn delivery(&self, now: Timestamp, provider: &str, outcome: &str) {
        const DELIVERIES: Directive = Directive {
            dimensions: &[&["stack", "class"], &["stack", "provider", "outcome"]],
            metrics: &[("deliveries", "Count")],
        };
        #[derive(Serialize)]
        struct Delivery<'a> {
            class: &'a str,
            provider: &'a str,
            outcome: &'a str,
            deliveries: u32,
        }
        let class = class(outcome);
        self.write(now, &[DELIVERIES], Delivery { class, provider, outcome, deliveries: 1 });
    }

    /// Counts a source that could not be read, or all of a holder. The line names it.
    pub(crate) fn sources_unread(&self, now: Timestamp, source: &str) {
        const SOURCES_UNREAD: Directive =
            Directive { dimensions: &[&["stack"]], metrics: &[("sources_unread", "Count")] };
        #[derive(Serialize)]
        struct Unread<'a> {
            source: &'a str,
            sources_unread: u32,
        }
        self.write(now, &[SOURCES_UNREAD], Unread { source, sources_unread: 1 });
    }

    /// Writes a line: the fields of an object, and the directives that tell how to read them.
    pub fn write(&self, now: Timestamp, directives: &[Directive], fields: impl Serialize) {
        // Names, numbers and texts can always be written. If one can't, a lost metric must not fail the request.
        if let Ok(line) = self.line(now, directives, fields) {
            (self.emit)(&line);
        }
    }

    fn line(
        &self,
        now: Timestamp,
        directives: &[Directive],
        fields: impl Serialize,
    ) -> serde_json::Result<String> {
        let aws = Aws { timestamp: now.as_millisecond(), cloud_watch_metrics: directives };
        serde_json::to_string(&Line { aws, stack: &self.stack, fields })
    }
}

#[derive(Serialize)]
struct Line<'a, F> {
    #[serde(rename = "_aws")]
    aws: Aws<'a>,
    stack: &'a str,
    #[serde(flatten)]
    fields: F,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Aws<'a> {
    timestamp: i64,
    cloud_watch_metrics: &'a [Directive],
}

impl Serialize for Directive {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "PascalCase")]
        struct Metric {
            name: &'static str,
            unit: &'static str,
        }
        let metrics: Vec<_> = self.metrics.iter().map(|&(name, unit)| Metric { name, unit }).collect();
        let mut directive = serializer.serialize_struct("Directive", 3)?;
        directive.serialize_field("Namespace", NAMESPACE)?;
        directive.serialize_field("Dimensions", self.dimensions)?;
        directive.serialize_field("Metrics", &metrics)?;
        directive.end()
    }
}

/// Returns the class of an outcome. An alarm reads one class, however many outcomes and providers there are.
///
/// - `taken`: stored, or nothing to store.
/// - `unfit`: genuine, but not readable, or not fit for a record.
/// - `mismatched`: its signature, token or account is not one of a source of ours. The configuration may be wrong.
/// - `refused`: not a delivery at all, or to a source that nobody configured. Strangers send such requests all day.
/// - `failed`: a fault of this system, or of a source that can't be read. An outcome that is not listed here counts as
///   failed, so that an alarm shows it.
fn class(outcome: &str) -> &'static str {
    match outcome {
        "accepted" | "duplicate" | "revised" | "ignored" => "taken",
        "quarantined" | "body_unreadable" => "unfit",
        "signature_mismatch" | "token_mismatch" | "account_mismatch" => "mismatched",
        "signature_missing"
        | "signature_malformed"
        | "source_unknown"
        | "method_not_allowed"
        | "body_too_large" => "refused",
        _ => "failed",
    }
}

fn to_stdout(line: &str) {
    // A closed log must not fail the request.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::proof::ProofError;
    use crate::reply::Problem;

    #[test]
    fn only_our_own_mistakes_and_outcomes_without_a_class_are_failures() {
        assert_eq!(class(Problem::unavailable().code), "failed");
        assert_eq!(class(Problem::internal().code), "failed");
        assert_eq!(class("an outcome of tomorrow"), "failed");
        let rejections = [ProofError::SignatureMismatch, ProofError::TokenMismatch];
        assert_eq!(rejections.map(|rejection| class(rejection.code())), ["mismatched"; 2]);
        assert_eq!(class("accepted"), "taken");
        assert_eq!(class("quarantined"), "unfit");
        assert_eq!(["method_not_allowed", "source_unknown"].map(class), ["refused"; 2]);
        assert_eq!(class("source_unreadable"), "failed");
    }

    #[test]
    fn a_line_says_what_to_make_of_its_fields() {
        let directive = Directive { dimensions: &[&["stack", "outcome"]], metrics: &[("copies", "Count")] };
        let now = "2026-06-27T10:05:00Z".parse().unwrap();
        let line =
            Metrics::default().line(now, &[directive], json!({ "outcome": "a\nb", "copies": 1 })).unwrap();
        assert!(!line.contains('\n'));
        let line: Value = serde_json::from_str(&line).unwrap();
        let directive = json!({ "Namespace": "CallLedger", "Dimensions": [["stack", "outcome"]],
            "Metrics": [{ "Name": "copies", "Unit": "Count" }] });
        let expected = json!({
            "_aws": { "Timestamp": 1_782_554_700_000_i64, "CloudWatchMetrics": [directive] },
            "stack": "local", "outcome": "a\nb", "copies": 1,
        });
        assert_eq!(line, expected);
    }
}
