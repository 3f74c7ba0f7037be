//! Varied calls: the committed samples with other ids, phone numbers, durations, texts, and times of now.
//!
//! One [`Call`] replaces equal values by equal values, so several events of a call stay together.

use std::collections::HashMap;

use fastrand::Rng;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use local::sample::Sample;
use serde_json::{Value, json};
use shared::event::BodyFormat;
use url::form_urlencoded::{self, Serializer};

use crate::words;

/// Fields with a sentence of a person or a model, of 5 to 40 words.
const TEXTS: [&str; 4] = ["summary", "next_steps", "comment", "disposition_reason"];

/// The fields that belong to an account and not to a call.
const KEPT: [&str; 7] =
    ["org_id", "workspace_id", "AccountSid", "OrganizationId", "UserId", "number_id", "ConnectionId"];

/// One call, whose events are made of samples.
pub(crate) struct Call<'a> {
    random: &'a mut Rng,
    replaced: HashMap<String, String>,
    shift: SignedDuration,
    turns: usize,
}

impl<'a> Call<'a> {
    /// A call whose last event, among the given samples, happens at `now`.
    pub(crate) fn new(random: &'a mut Rng, samples: &[Sample], turns: usize, now: Timestamp) -> Self {
        let mut latest = Timestamp::UNIX_EPOCH;
        for sample in samples {
            visit(&mut parsed(sample), "", &mut |name, value| {
                if let Some((at, _)) = value.as_str().and_then(time).filter(|_| name != "expires_at") {
                    latest = latest.max(at);
                }
            });
        }
        Self { random, replaced: HashMap::new(), shift: now.duration_since(latest), turns }
    }

    /// The body of this call's event.
    pub(crate) fn body(&mut self, sample: &Sample) -> Vec<u8> {
        let mut body = parsed(sample);
        visit(&mut body, "", &mut |name, value| self.vary(name, value));
        if sample.provider.body_format() == BodyFormat::Form {
            let fields = body.as_object().into_iter().flatten();
            let fields = fields.map(|(name, value)| (name, value.as_str().unwrap_or_default()));
            return Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes();
        }
        body.to_string().into_bytes()
    }

    fn vary(&mut self, name: &str, value: &mut Value) {
        if KEPT.contains(&name) {
            return;
        }
        if name == "transcripts" {
            *value = self.transcripts(value);
        } else if name == "transcription" {
            let turns: Vec<_> = (0..self.turns)
                .map(|turn| format!("{}: {}", ["Agent", "User"][turn % 2], words::text(self.random, 5, 25)))
                .collect();
            *value = Value::from(turns.join("\n"));
        } else if TEXTS.contains(&name) {
            *value = Value::from(words::text(self.random, 5, 40));
        } else if name.to_ascii_lowercase().contains("duration") {
            let seconds = self.random.u32(5..1_800);
            *value = if value.is_string() { json!(seconds.to_string()) } else { json!(seconds) };
        } else if name == "size_bytes" {
            *value = json!(self.random.u32(100_000..20_000_000));
        } else if let Some(text) = value.as_str() {
            *value = Value::from(self.replacement(text));
        }
    }

    /// As many turns as this call has, in the shape of the sample's first.
    fn transcripts(&mut self, sample: &Value) -> Value {
        let (mut at_ms, mut turns) = (0, Vec::new());
        for index in 0..self.turns {
            let mut turn = sample[0].clone();
            turn["id"] = json!(format!("t-{:03}", index + 1));
            turn["timestamp_ms"] = json!(at_ms);
            turn["role"] = json!(["agent", "user"][index % 2]);
            turn["message"]["content"] = json!(words::text(self.random, 5, 25));
            turns.push(turn);
            at_ms += self.random.u32(800..9_000);
        }
        Value::from(turns)
    }

    fn replacement(&mut self, text: &str) -> String {
        if let Some((at, rest)) = time(text) {
            return moved(at, rest, self.shift);
        }
        if let Some(replaced) = self.replaced.get(text) {
            return replaced.clone();
        }
        let replaced = match text.rsplit_once('/').filter(|_| text.starts_with("https://")) {
            // A link: another file, or another query where there is one.
            Some((folder, file)) => {
                let end = file.find(['.', '?']).map_or("", |end| &file[end..]);
                format!("{folder}/{}{}", self.like("00000000-0000-7000-8000-000000000000", 0), end)
            }
            None if is_id(text) => self.like(text, text.find(':').map_or(0, |colon| colon + 1)),
            None if is_phone(text) => self.like(text, text.len() - 9),
            None => text.to_owned(),
        };
        self.replaced.insert(text.to_owned(), replaced.clone());
        replaced
    }

    /// A text of the same form: from `start`, each letter or digit is another of its kind.
    fn like(&mut self, text: &str, start: usize) -> String {
        let hexadecimal = text[start..].chars().all(|letter| letter.is_ascii_hexdigit() || letter == '-');
        let other = |(index, letter): (usize, char)| match letter {
            '0'..='9' if index >= start => char::from(b'0' + self.random.u8(0..10)),
            'a'..='z' if index >= start && hexadecimal => char::from(b'a' + self.random.u8(0..6)),
            'a'..='z' if index >= start => self.random.lowercase(),
            'A'..='Z' if index >= start => self.random.uppercase(),
            _ => letter,
        };
        text.char_indices().map(other).collect()
    }
}

/// Whether this names one thing: a UUID, a long hexadecimal number, or a Telnyx call.
fn is_id(text: &str) -> bool {
    let hexadecimal = |text: &str| text.chars().all(|letter| letter.is_ascii_hexdigit() || letter == '-');
    text.starts_with("v3:") || text.len() >= 20 && hexadecimal(text)
}

fn is_phone(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (11..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// A time at the start of a text, and what stands after its seconds.
fn time(text: &str) -> Option<(Timestamp, &str)> {
    let (seconds, rest) = text.split_at_checked(19)?;
    if text.len() > 30 || seconds.as_bytes()[4] != b'-' {
        return None;
    }
    let at: DateTime = seconds.parse().ok()?;
    Some((at.to_zoned(TimeZone::UTC).ok()?.timestamp(), rest))
}

/// The time moved, written as it was: with `T` where something follows the seconds, else with a blank.
fn moved(at: Timestamp, rest: &str, shift: SignedDuration) -> String {
    let at = at.checked_add(shift).unwrap_or(at);
    let separator = if rest.is_empty() { ' ' } else { 'T' };
    at.strftime(&format!("%Y-%m-%d{separator}%H:%M:%S{rest}")).to_string()
}

fn parsed(sample: &Sample) -> Value {
    if sample.provider.body_format() == BodyFormat::Form {
        let fields = form_urlencoded::parse(sample.body.as_bytes()).into_owned();
        return fields
            .map(|(name, value)| (name, Value::from(value)))
            .collect::<serde_json::Map<_, _>>()
            .into();
    }
    serde_json::from_str(&sample.body).expect("a sample's body is JSON")
}

/// Calls `change` with every value that is no object, and the name it stands under.
fn visit(value: &mut Value, name: &str, change: &mut impl FnMut(&str, &mut Value)) {
    match value {
        Value::Object(object) => object.iter_mut().for_each(|(name, value)| visit(value, name, change)),
        Value::Array(list) if name != "transcripts" => {
            list.iter_mut().for_each(|value| visit(value, name, change));
        }
        leaf => change(name, leaf),
    }
}
