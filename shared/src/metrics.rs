//! Metrics in CloudWatch's [embedded metric format][emf]: lines of the log that become numbers.
//!
//! No line names a call, a link or a person. Every one names the stack, since stacks of one account
//! share the namespace.
//!
//! [emf]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::io::Write as _;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::env;
use crate::timestamp::Timestamp;

/// The metrics' namespace.
const NAMESPACE: &str = "CallLedger";

/// Where metrics go, and of which stack they are.
#[derive(Clone, Debug)]
pub struct Metrics {
    stack: Arc<str>,
    emit: fn(&str),
}

/// What to make of a line: for every set of dimensions, a series of each metric.
#[derive(Clone, Copy, Debug)]
pub struct Directive {
    /// Sets of fields that tell series apart.
    pub dimensions: &'static [&'static [&'static str]],
    /// Fields that are numbers, with their units.
    pub metrics: &'static [(&'static str, &'static str)],
}

impl Default for Metrics {
    /// To the log, at its finest level: where no CloudWatch reads along.
    fn default() -> Self {
        Self { stack: "local".into(), emit: |line| tracing::debug!(line, "metrics") }
    }
}

impl Metrics {
    /// To standard output as they are, where CloudWatch finds them. Lambda only.
    pub fn from_env(reader: &mut env::Reader) -> Self {
        let stack = reader.optional(env::STACK_NAME).unwrap_or_else(|| "call-ledger".to_owned());
        Self { stack: stack.into(), emit: to_stdout }
    }

    /// Counts an answer to a webhook.
    pub(crate) fn delivery(&self, now: Timestamp, provider: &str, outcome: &str) {
        const DELIVERIES: Directive = Directive {
            dimensions: &[&["stack", "outcome"], &["stack", "provider", "outcome"]],
            metrics: &[("deliveries", "Count")],
        };
        let fields = json!({ "provider": provider, "outcome": outcome, "deliveries": 1 });
        self.write(now, &[DELIVERIES], fields);
    }

    /// Writes a line: an object's fields, and what to make of them.
    pub fn write(&self, now: Timestamp, directives: &[Directive], fields: Value) {
        (self.emit)(&self.line(now, directives, fields));
    }

    fn line(&self, now: Timestamp, directives: &[Directive], fields: Value) -> String {
        let directives = directives.iter().map(|Directive { dimensions, metrics }| {
            let metrics: Value =
                metrics.iter().map(|(name, unit)| json!({ "Name": name, "Unit": unit })).collect();
            json!({ "Namespace": NAMESPACE, "Dimensions": dimensions, "Metrics": metrics })
        });
        let mut line = Map::new();
        let directives: Value = directives.collect();
        line.insert(
            "_aws".to_owned(),
            json!({ "Timestamp": now.as_millisecond(), "CloudWatchMetrics": directives }),
        );
        line.insert("stack".to_owned(), Value::from(&*self.stack));
        line.extend(
            fields.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())),
        );
        Value::Object(line).to_string()
    }
}

fn to_stdout(line: &str) {
    // A log that is closed is no reason to fail.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_to_make_of_its_fields() {
        let directive = Directive { dimensions: &[&["stack", "outcome"]], metrics: &[("copies", "Count")] };
        let now = "2026-06-27T10:05:00Z".parse().unwrap();
        let line = Metrics::default().line(now, &[directive], json!({ "outcome": "a\nb", "copies": 1 }));
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
