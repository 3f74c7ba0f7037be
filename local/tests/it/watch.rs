//! Searches all that the suite logs, and all answers, for values that must not be there.
//!
//! A hit ends the process: a failed assertion in a task that no test waits for would not be seen.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write as _};
use std::process;
use std::sync::{LazyLock, Mutex, Once, PoisonError};
use std::thread;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use local::client::Answer;
use local::gateway::HttpRequest;
use local::sample::{self, Sample};
use local::{embedded, keys, stack};
use percent_encoding::percent_decode_str;
use regex::Regex;
use serde_json::Value;
use shared::event::BodyFormat;
use shared::provider::Provider;
use shared::telemetry::{self, Format};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tracing::Level;
use url::form_urlencoded;

/// The values that must not be in a log line, and those that must not be in an answer either.
///
/// An answer of the read API is for somebody who may know whom a call was with and what was said.
struct Rules {
    log: Vec<(&'static str, Regex)>,
    answer: Vec<(&'static str, Regex)>,
}

/// A text that was found, and the name of the rule that found it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) what: &'static str,
    pub(crate) text: String,
}

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let said = Said::read().expect("the samples can be read");
    let everywhere = [
        // Tests put the word into whatever must not get out.
        ("a canary", r"(?i-u)canary".to_owned()),
        ("a secret", any_of(&secrets())),
        ("a secret", r"(?i-u)whsec_|\b(?:query|url)-token-".to_owned()),
        ("a link", any_of(&said.links)),
        ("a URL's query", r#"://[^\s"'<>]*\?"#.to_owned()),
        ("a URL's query", r#"/[^\s"'<>?]*\?[A-Za-z0-9_.~%-]+="#.to_owned()),
        ("a signature", r"(?i-u)x-amz-(?:signature|credential|security-token)".to_owned()),
        ("a signature", r"(?i-u)\b(?:sig|signature)=".to_owned()),
    ];
    let in_logs = [
        // A link without a query may be as good as the recording, too.
        ("a link", r#"https?://[^\s"'<>/]+/[^\s"'<>]"#.to_owned()),
        ("a telephone number", r"\+\(?[0-9](?:[ ().-]{0,2}[0-9]){7,}".to_owned()),
        ("a telephone number", any_of(&said.numbers)),
        ("an e-mail address", r"[A-Za-z0-9_.+-]+@[A-Za-z0-9-]+\.[A-Za-z]".to_owned()),
        ("what a body says", any_of(&said.texts)),
        ("a bearer's token", r"(?i-u)\bbearer\s+[!-~]".to_owned()),
        ("an authorization", r#"(?i-u)authorization["']?\s*[:=]"#.to_owned()),
        (
            "a field that no line has",
            r#"(?i-u)["{ ](?:body|from|headers|link|password|phone|secret|to|token|transcript|uri|url)(?:"\s*:|=)"#.to_owned(),
        ),
        ("bytes", r"\[(?:[0-9]{1,3},\s?){15,}".to_owned()),
    ];
    let compiled = |rules: &[(&'static str, String)]| {
        let rules = rules.iter().map(|(what, rule)| (*what, Regex::new(rule).expect("a rule")));
        rules.collect::<Vec<_>>()
    };
    let answer = compiled(&everywhere);
    let log = answer.iter().cloned().chain(compiled(&in_logs)).collect();
    Rules { log, answer }
});

fn any_of(texts: &[String]) -> String {
    texts.iter().map(|text| regex::escape(text)).collect::<Vec<_>>().join("|")
}

/// The keys of local runs, as they are configured and as the code has them.
fn secrets() -> Vec<String> {
    let mut secrets =
        [keys::QUERY_TOKEN, keys::ERASER_TOKEN, stack::SECRET_ACCESS_KEY].map(str::to_owned).to_vec();
    secrets.extend(Provider::ALL.map(keys::of).into_iter().flat_map(|keys| [keys.secret, keys.url_token]));
    let sources: Value = serde_json::from_str(embedded::SOURCES).expect("the sources are JSON");
    for source in
        sources.as_object().into_iter().flatten().filter_map(|(_, named)| named.as_object()).flatten()
    {
        for kind in ["secrets", "tokens", "recording_authorization"] {
            leaves(&source.1[kind], &mut |_, secret| secrets.push(secret.to_owned()));
        }
    }
    secrets
}

/// The personal values in the samples' bodies.
#[derive(Default)]
struct Said {
    numbers: Vec<String>,
    links: Vec<String>,
    texts: Vec<String>,
}

impl Said {
    fn read() -> anyhow::Result<Self> {
        let mut said = Self::default();
        for name in sample::names() {
            let Sample { provider, body, .. } = Sample::load(name)?;
            if provider.body_format() == BodyFormat::Form {
                for (name, value) in form_urlencoded::parse(body.as_bytes()) {
                    said.hear(&name, &value);
                }
            } else {
                leaves(&serde_json::from_str(&body)?, &mut |name, value| said.hear(name, value));
            }
        }
        for list in [&mut said.numbers, &mut said.links, &mut said.texts] {
            list.sort_unstable();
            list.dedup();
            anyhow::ensure!(!list.is_empty(), "the samples have lost their numbers, links or texts");
        }
        Ok(said)
    }

    fn hear(&mut self, name: &str, value: &str) {
        const PARTIES: [&str; 7] = ["from", "to", "From", "To", "phone", "caller_number", "callee_number"];
        if PARTIES.contains(&name) {
            // What follows the country's code: with it or without, with or without a plus.
            self.numbers.push(value[value.len().saturating_sub(9)..].to_owned());
        } else if value.starts_with("https://") {
            self.links.push(value.split('?').next().unwrap_or(value).to_owned());
        } else if value.contains(' ') && value.parse::<jiff::civil::DateTime>().is_err() {
            self.texts.push(value.to_owned());
        }
    }
}

/// Every text of a value, with the name of the member it is in.
fn leaves(value: &Value, each: &mut impl FnMut(&str, &str)) {
    fn walk(name: &str, value: &Value, each: &mut impl FnMut(&str, &str)) {
        match value {
            Value::String(text) => each(name, text),
            Value::Array(values) => values.iter().for_each(|value| walk(name, value, each)),
            Value::Object(members) => members.iter().for_each(|(name, value)| walk(name, value, each)),
            _ => {}
        }
    }
    walk("", value, each);
}

/// The first thing in a log line that must not be there.
pub(crate) fn in_log(line: &str) -> Option<Found> {
    search(&RULES.log, line)
}

/// The first thing in an answer that must not be there.
pub(crate) fn in_answer(text: &str) -> Option<Found> {
    search(&RULES.answer, text)
}

fn search(rules: &[(&'static str, Regex)], text: &str) -> Option<Found> {
    readings(text).iter().find_map(|reading| {
        rules.iter().find_map(|(what, rule)| {
            rule.find(reading).map(|found| Found { what, text: found.as_str().to_owned() })
        })
    })
}

/// A text as it is, and as it was before somebody quoted, percent-encoded or base64-encoded it.
fn readings(text: &str) -> Vec<Cow<'_, str>> {
    static BASE64: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"[A-Za-z0-9+/_-]{16,}").expect("a rule"));
    let mut readings = vec![Cow::Borrowed(text)];
    if text.contains('\\') {
        readings.push(text.replace('\\', "").into());
    }
    if text.contains('%') {
        readings.push(percent_decode_str(text).decode_utf8_lossy().into_owned().into());
        readings.push(percent_decode_str(&text.replace('+', " ")).decode_utf8_lossy().into_owned().into());
    }
    let lax = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    for run in BASE64.find_iter(text).map(|run| run.as_str()) {
        for alphabet in [alphabet::STANDARD, alphabet::URL_SAFE] {
            let decoded = GeneralPurpose::new(&alphabet, lax).decode(run);
            if let Some(decoded) = decoded.ok().and_then(|decoded| String::from_utf8(decoded).ok()) {
                readings.push(decoded.into());
            }
        }
    }
    readings
}

/// Says what was found where, and ends the process.
fn expose(place: &str, text: &str, found: &Found) -> ! {
    let thread = thread::current();
    let test = thread.name().unwrap_or("a thread without a name");
    let message = format!("\n{found} in {place} ({test}):\n{text}\n");
    // Not `eprintln!`: what a test prints is shown when it has ended, and none will end.
    let _ = io::stderr().lock().write_all(message.as_bytes());
    process::abort()
}

impl fmt::Display for Found {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}, {:?}, is", self.what, self.text)
    }
}

/// Every line that was logged so far.
static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// The lines so far that have all of these texts in them.
pub(crate) fn lines_with(texts: &[&str]) -> Vec<String> {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    lines.iter().filter(|line| texts.iter().all(|text| line.contains(text))).cloned().collect()
}

/// Takes and searches what this process logs from now on, whichever test it is.
///
/// It is what the deployed functions would log at the finest level, in their format.
pub(crate) fn logs() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // The stand-ins for Lambda and for the stores are searched as well.
        let filter = telemetry::filter(Level::TRACE).with_target("local", Level::TRACE);
        let dispatch = telemetry::dispatch(filter, Format::Json, || Log);
        tracing::dispatcher::set_global_default(dispatch).expect("nobody else takes the lines");
    });
}

struct Log;

impl io::Write for Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        if let Some(found) = in_log(&text) {
            expose("a line of the log", &text, &found);
        }
        LINES.lock().unwrap_or_else(PoisonError::into_inner).push(text.into_owned());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Searches what a child process logs, as long as it does.
pub(crate) fn output(place: &'static str, output: impl AsyncRead + Send + Unpin + 'static) {
    let mut lines = BufReader::new(output).lines();
    tokio::spawn(async move {
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(found) = in_log(&line) {
                expose(place, &line, &found);
            }
        }
    });
}

/// A client that searches every answer.
#[derive(Clone)]
pub(crate) struct Client(local::client::Client);

impl Client {
    pub(crate) fn new(base: impl Into<String>) -> anyhow::Result<Self> {
        Ok(Self(local::client::Client::new(base)?))
    }

    pub(crate) async fn send(&self, request: HttpRequest) -> anyhow::Result<Answer> {
        let answer = self.0.send(request).await?;
        searched(answer.status, &answer.headers, &answer.body.to_string());
        Ok(answer)
    }

    pub(crate) async fn get(&self, path_and_query: &str) -> anyhow::Result<Answer> {
        let answer = self.0.get(path_and_query).await?;
        searched(answer.status, &answer.headers, &answer.body.to_string());
        Ok(answer)
    }
}

/// Searches an answer.
///
/// Three links get out, and are meant to: the presigned one that a 302 leads to, the presigned one to a value
/// of a record that has no room in the answer, and the one to the provider's own page about a call, which
/// asks people to log in.
pub(crate) fn searched(status: StatusCode, headers: &HeaderMap, body: &str) {
    let headers = headers.iter().filter(|(name, _)| !(status == StatusCode::FOUND && **name == LOCATION));
    let values = headers.map(|(_, value)| String::from_utf8_lossy(value.as_bytes()));
    let body = match serde_json::from_str(body) {
        Ok(value) => without_value_links(without_console_links(value)).to_string().into(),
        Err(_) => Cow::Borrowed(body),
    };
    for text in values.chain([body]) {
        if let Some(found) = in_answer(&text) {
            expose("an answer", &text, &found);
        }
    }
}

/// An answer without links to values of records: `{"link":…,"bytes":…}`, into the ledger's own folder.
fn without_value_links(answer: Value) -> Value {
    match answer {
        Value::Array(items) => items.into_iter().map(without_value_links).collect(),
        Value::Object(members) => {
            let is_link = members.len() == 2
                && members.get("bytes").is_some_and(Value::is_number)
                && members.get("link").and_then(Value::as_str).is_some_and(|link| link.contains("/values/"));
            if is_link {
                return Value::Null;
            }
            members.into_iter().map(|(name, value)| (name, without_value_links(value))).collect()
        }
        other => other,
    }
}

/// An answer about a call, or about several, without `links.console`.
fn without_console_links(mut answer: Value) -> Value {
    let calls = answer["calls"].as_array_mut().map(std::mem::take).unwrap_or_default();
    if answer["links"]["console"].is_string() {
        answer["links"]["console"] = Value::Null;
    }
    if !calls.is_empty() {
        answer["calls"] = calls.into_iter().map(without_console_links).collect();
    }
    answer
}
