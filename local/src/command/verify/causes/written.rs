//! The headers that carry a proof, as they may have been written before they were damaged.

use std::collections::VecDeque;

use http::{HeaderMap, HeaderName, HeaderValue};
use shared::proof::ProofError;
use shared::source::Source;

use super::super::question::Question;
use super::super::target::proof_headers;
use super::Cause;

mod shape;

pub(super) use shape::{describe, from_base64};

/// The most ways that are tried.
const MOST: usize = 400;

/// The most causes in the headers at once: two headers, each misnamed or in the wrong form.
const MOST_CAUSES: usize = 3;

/// A way to write the proof.
#[derive(Clone)]
pub(super) struct Written {
    pub(super) causes: Vec<Cause>,
    pub(super) headers: HeaderMap,
    pub(super) token: Option<String>,
}

impl Written {
    /// The proof as it was captured.
    pub(super) fn as_it_is(question: &Question) -> Self {
        Self { causes: Vec::new(), headers: question.headers.clone(), token: question.token.clone() }
    }

    /// The same with one header changed.
    fn with(&self, header: &str, value: &str, cause: Cause) -> Option<Self> {
        let mut changed = self.clone();
        changed
            .headers
            .insert(HeaderName::from_bytes(header.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?);
        changed.causes.push(cause);
        Some(changed)
    }

    fn value(&self, header: &str) -> Option<&str> {
        self.headers.get(header)?.to_str().ok()
    }
}

/// The ways to write the proof that the provider's check can read, the captured one first if it can.
pub(super) fn readable(question: &Question) -> Vec<Written> {
    // A pin is a cause of its own.
    let open = Question { source: Source { scheme: None, ..question.source.clone() }, ..question.clone() };
    let mut readable = Vec::new();
    let mut waiting = VecDeque::from([Written::as_it_is(question)]);
    for _ in 0..MOST {
        let Some(written) = waiting.pop_front() else { break };
        let more = written.causes.len() < MOST_CAUSES;
        match ask(&open, &written) {
            Err(ProofError::SignatureMissing { header }) if more => {
                waiting.extend(misnamed(&open, &written, header));
            }
            Err(ProofError::SignatureMalformed { header, .. }) if more => {
                waiting.extend(reshaped(&written, header));
            }
            Err(ProofError::SignatureMissing { .. } | ProofError::SignatureMalformed { .. }) => {}
            Err(ProofError::SignatureMismatch | ProofError::TokenMismatch) | Ok(_) => {
                if more {
                    let meant = meant(&open, &written);
                    readable.extend(meant.into_iter().filter(|meant| can_be_read(&open, meant)));
                }
                readable.push(written);
            }
        }
    }
    readable
}

fn ask(question: &Question, written: &Written) -> Result<(), ProofError> {
    let (headers, token) = (written.headers.clone(), written.token.clone());
    Question { headers, token, ..question.clone() }.ask().map(|_| ())
}

fn can_be_read(question: &Question, written: &Written) -> bool {
    !matches!(
        ask(question, written),
        Err(ProofError::SignatureMissing { .. } | ProofError::SignatureMalformed { .. })
    )
}

/// With the header taken from another one whose name is like it.
fn misnamed(question: &Question, written: &Written, header: &'static str) -> Vec<Written> {
    let plain = |name: &str| -> String {
        let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        let name = name.strip_prefix("http").unwrap_or(&name);
        name.strip_prefix('x').unwrap_or(name).to_owned()
    };
    let wanted = plain(header);
    let own = proof_headers(question.provider);
    let mut like: Vec<_> = (written.headers.keys())
        .filter(|name| !own.contains(name.as_str()))
        .map(|name| {
            let name = name.as_str();
            let found = plain(name);
            let is_part = found.len() >= 6 && (wanted.contains(&found) || found.contains(&wanted));
            let likeness = strsim::normalized_damerau_levenshtein(&wanted, &found);
            (if is_part { likeness.max(0.9) } else { likeness }, name)
        })
        .filter(|(likeness, _)| *likeness > 0.5)
        .collect();
    like.sort_by(|one, other| other.0.total_cmp(&one.0));
    let renamed = like.into_iter().take(3).filter_map(|(_, name)| {
        let cause = Cause::new(
            "header_misnamed",
            format!("the header {header} arrived under the name {name}"),
            "Whatever is in front of the API renames it: let it hand the header on as it came.",
        );
        written.with(header, written.value(name)?, cause)
    });
    renamed.collect()
}

/// With the header in each of the forms that its value may be another form of.
fn reshaped(written: &Written, header: &'static str) -> Vec<Written> {
    let values: Vec<_> =
        written.headers.get_all(header).iter().filter_map(|value| value.to_str().ok()).collect();
    if values.len() > 1 {
        let cause = || {
            Cause::new(
                "header_twice",
                format!("the header {header} was sent {} times", values.len()),
                "Something on the way adds the header again, or joins two requests: it has to be there once.",
            )
        };
        return values.iter().filter_map(|value| written.with(header, value, cause())).collect();
    }
    let Some(value) = values.first() else { return Vec::new() };
    let reshaped = shape::reshaped(header, value).into_iter();
    reshaped.filter_map(|(cause, value)| written.with(header, &value, cause)).collect()
}

/// With headers that have a right form, and may mean something else.
fn meant(question: &Question, written: &Written) -> Vec<Written> {
    let mut meant = Vec::new();
    for header in proof_headers(question.provider) {
        let Some(value) = written.value(header) else { continue };
        if let Some((cause, value)) = shape::in_seconds(header, value) {
            meant.extend(written.with(header, &value, cause));
        }
        if let Some((cause, value)) = shape::without_time(header, value) {
            meant.extend(written.with(header, &value, cause));
        }
        for (name, time) in &written.headers {
            if let Some((cause, value)) =
                time.to_str().ok().and_then(|time| shape::with_time(header, value, name.as_str(), time))
            {
                meant.extend(written.with(header, &value, cause));
            }
        }
    }
    meant
}
