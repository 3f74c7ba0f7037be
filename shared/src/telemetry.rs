//! Logs: one JSON line per event, nothing personal in them.

use std::env;

use tracing_subscriber::EnvFilter;

/// Writes logs to standard output, as Lambda's logging configuration asks: `AWS_LAMBDA_LOG_FORMAT`
/// and `AWS_LAMBDA_LOG_LEVEL`.
///
/// The level is for our own lines. What libraries say stays at warnings whatever the level, since at
/// finer ones they show requests, and requests have phone numbers and tokens in them.
pub fn init() {
    let level = env::var("AWS_LAMBDA_LOG_LEVEL").ok();
    let level = level.as_deref().and_then(|level| level.parse().ok()).unwrap_or(tracing::Level::INFO);
    let ours = ["shared", "recordings", "query", "sautikit", "callkaro", "telnyx", "agni"];
    let directives: Vec<String> = ours.iter().map(|target| format!("{target}={level}")).collect();
    let filter = EnvFilter::new(format!("warn,{}", directives.join(",")));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false);
    if env::var("AWS_LAMBDA_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json")) {
        lines.json().flatten_event(true).init();
    } else {
        lines.init();
    }
}

/// A name from a payload, short enough for a log line.
pub(crate) fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}
