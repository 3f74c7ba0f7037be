//! Logs: one line per event, nothing personal in them.

use std::any::Any;
use std::env;
use std::io;
use std::panic::{self, PanicHookInfo};

use tracing::{Dispatch, Level};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry;

/// The crates whose lines are ours. Nothing in them logs what is personal or secret, at any level.
const OURS: [&str; 7] = ["shared", "recordings", "query", "sautikit", "callkaro", "telnyx", "agni"];

/// Parts of libraries whose lines are never written, not even errors.
///
/// The SDK's interceptors log a whole error when another error replaces it. The error of a cancelled
/// transaction has items of the table in it.
const SILENT: [&str; 1] = ["aws_smithy_runtime_api::client::interceptors"];

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object, as Lambda's JSON log format has it.
    Json,
}

/// Writes logs to standard output, as Lambda's logging configuration asks: `AWS_LAMBDA_LOG_FORMAT`
/// and `AWS_LAMBDA_LOG_LEVEL`. Panics are logged as well, without any value in them.
pub fn init() {
    let level = env::var("AWS_LAMBDA_LOG_LEVEL").ok();
    let level = level.as_deref().and_then(|level| level.parse().ok()).unwrap_or(Level::INFO);
    let json = env::var("AWS_LAMBDA_LOG_FORMAT").is_ok_and(|format| format.eq_ignore_ascii_case("json"));
    let format = if json { Format::Json } else { Format::Text };
    // A subscriber that was set before stays.
    let _ = tracing::dispatcher::set_global_default(dispatch(filter(level), format, io::stdout));
    panic::set_hook(Box::new(log_panic));
}

/// Returns a filter that passes our own lines from a level on.
///
/// Lines of libraries pass from warnings on, whatever the level: at finer levels they show requests, which have
/// phone numbers and tokens in them.
pub fn filter(level: Level) -> Targets {
    Targets::new()
        .with_default(LevelFilter::WARN)
        .with_targets(OURS.map(|target| (target, LevelFilter::from_level(level))))
        .with_targets(SILENT.map(|target| (target, LevelFilter::OFF)))
}

/// Returns the subscriber that writes the lines that pass a filter, with one call of the writer for each.
pub fn dispatch<W>(filter: Targets, format: Format, writer: W) -> Dispatch
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let (filtered, lines) = (registry().with(filter), fmt::layer().with_ansi(false).with_writer(writer));
    match format {
        Format::Text => Dispatch::new(filtered.with(lines)),
        Format::Json => Dispatch::new(filtered.with(lines.json().flatten_event(true))),
    }
}

/// Logs the place of a panic, and its message only if that is a literal in the code.
///
/// The standard hook prints any message, and a message may quote personal data. For example, cutting a string
/// in the middle of a character panics with the whole string.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let location = panic.location().map(ToString::to_string);
    tracing::error!(location, reason = literal(panic.payload()), "panicked");
}

/// Returns a panic's message if it is a literal; `None` if it was formatted.
fn literal(payload: &(dyn Any + Send)) -> Option<&'static str> {
    payload.downcast_ref::<&'static str>().copied()
}

/// A name from a payload, short enough for a log line.
pub(crate) fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// The lines that a writer got.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<String>>>);

    impl io::Write for Lines {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(String::from_utf8_lossy(line).into_owned());
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: Level, format: Format, log: impl FnOnce()) -> Vec<String> {
        let lines = Lines::default();
        let writer = lines.clone();
        tracing::dispatcher::with_default(&dispatch(filter(level), format, move || writer.clone()), log);
        lines.0.lock().unwrap().clone()
    }

    #[test]
    fn libraries_are_heard_from_warnings_on_whatever_the_level() {
        let lines = logged(Level::TRACE, Format::Text, || {
            tracing::trace!(target: "shared::webhook", "ours");
            tracing::trace!(target: "recordings", "ours");
            tracing::info!(target: "hyper::client", "theirs");
            tracing::warn!(target: "hyper::client", "warning");
            tracing::error!(target: "aws_smithy_runtime_api::client::interceptors::context", "thrown away");
        });
        let ends: Vec<_> = lines.iter().map(|line| line.trim_end().rsplit(' ').next().unwrap()).collect();
        assert_eq!(ends, ["ours", "ours", "warning"]);
    }

    #[test]
    fn our_lines_are_written_from_the_level_on_that_is_asked_for() {
        let lines = logged(Level::INFO, Format::Text, || {
            tracing::debug!(target: "query", "finer");
            tracing::info!(target: "query", "asked for");
        });
        assert_eq!(lines.len(), 1, "{lines:?}");
    }

    #[test]
    fn a_line_is_one_json_object_with_its_fields_at_the_top() {
        let lines = logged(Level::INFO, Format::Json, || {
            tracing::info!(target: "shared", call_id = "a\n\"b", "delivery");
        });
        let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!((&line["message"], &line["call_id"]), (&"delivery".into(), &"a\n\"b".into()));
        assert_eq!((lines.len(), lines[0].matches('\n').count()), (1, 1), "{lines:?}");
    }

    #[test]
    fn a_panic_tells_what_was_known_when_it_was_compiled_and_nothing_of_what_it_met() {
        let told = |panics: fn(&str)| {
            let panicked = panic::catch_unwind(|| panics("é, canary")).unwrap_err();
            literal(panicked.as_ref())
        };
        assert_eq!(told(|_| panic!("a literal")), Some("a literal"));
        assert_eq!(told(|text| panic!("not {text}")), None);
        assert_eq!(told(|text| drop(text[1..].to_owned())), None);
        assert_eq!(told(|text| assert_eq!(text.parse::<u64>().unwrap(), 0)), None);
    }
}
