//! The checks of a webhook function, in its order, one step each.

use bytes::Bytes;
use http::Method;
use serde::Serialize;
use shared::event::{Normalized, Unusable};
use shared::proof::{ProofError, Scheme};
use shared::provider::Verified;
use shared::source::Source;
use shared::webhook::MAX_BODY_BYTES;

use super::capture::{Capture, Writing};
use super::question::Question;
use super::target::Target;

mod time;
mod content;

pub(super) use content::Use;
pub(super) use time::Lateness;

/// One check and its result.
#[derive(Serialize)]
pub(super) struct Step {
    /// The name of the check.
    pub(super) name: &'static str,
    /// Its result.
    pub(super) result: Mark,
    /// The result as a sentence.
    pub(super) says: String,
}

/// The result of a check.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mark {
    /// It passes.
    Ok,
    /// It fails.
    Failed,
    /// It passes, and there is something to know.
    Note,
}

/// The result of all checks.
pub(super) struct Checked {
    /// The steps, up to the one that fails.
    pub(super) steps: Vec<Step>,
    /// The end of it.
    pub(super) end: End,
}

/// The end of the checks.
pub(super) enum End {
    /// The request is refused, and nothing is stored.
    Refused(Refused),
    /// The request is genuine.
    Genuine {
        /// How late it is.
        lateness: Lateness,
        /// The use that the ledger makes of it.
        used: Use,
    },
}

/// Why a request is refused.
pub(super) enum Refused {
    /// API Gateway has no route for the path.
    Path,
    /// The method is not POST.
    Method,
    /// The path names a source that the file has not.
    Source,
    /// The body claims to be base64 and is not.
    Base64,
    /// The body is too large.
    Size,
    /// The provider's check refuses it.
    Proof(ProofError),
    /// The body is of another account.
    Account,
}

impl Refused {
    /// The status and the code of the webhook's answer.
    pub(super) fn answer(&self) -> (u16, &'static str) {
        match self {
            Self::Path => (404, "no_route"),
            Self::Method => (405, "method_not_allowed"),
            Self::Source => (404, "source_unknown"),
            Self::Base64 => (400, "body_unreadable"),
            Self::Size => (413, "body_too_large"),
            Self::Proof(error) => (401, error.code()),
            Self::Account => (403, Unusable::AccountMismatch.code()),
        }
    }
}

/// Steps in the making.
#[derive(Default)]
struct Steps(Vec<Step>);

impl Steps {
    fn ok(&mut self, name: &'static str, says: impl Into<String>) {
        self.0.push(Step { name, result: Mark::Ok, says: says.into() });
    }

    fn note(&mut self, name: &'static str, says: impl Into<String>) {
        self.0.push(Step { name, result: Mark::Note, says: says.into() });
    }

    fn fail(mut self, name: &'static str, says: impl Into<String>, refused: Refused) -> Checked {
        self.0.push(Step { name, result: Mark::Failed, says: says.into() });
        Checked { steps: self.0, end: End::Refused(refused) }
    }
}

/// Checks a request as its function does. `question` is `None` if the file has not the source.
pub(super) fn check(capture: &Capture, target: &Target, question: Option<&Question>) -> Checked {
    let mut steps = Steps::default();
    let provider = target.provider;
    if let Some(place) = &capture.place {
        let has_token = provider.route().ends_with("{token}");
        match (&place.token, has_token) {
            _ if place.provider != provider.name() => {
                steps.note("path", format!("it was sent to {}, not to {}", place.provider, provider.name()));
            }
            (Some(_), false) => {
                let says = format!("a path of {} ends with the source; this one has more", provider.name());
                return steps.fail("path", says, Refused::Path);
            }
            (None, true) => {
                let says = "the path ends with the source; its token is missing";
                return steps.fail("path", says, Refused::Path);
            }
            (Some(_), true) => steps.ok("path", format!("{}, a source, and a token", provider.name())),
            (None, false) => steps.ok("path", format!("{}, and a source", provider.name())),
        }
    }
    if let Some(method) = capture.method.as_ref().filter(|method| *method != Method::POST) {
        return steps.fail("method", format!("{method}, where POST is needed"), Refused::Method);
    }
    let Some(question) = question else {
        let says = format!("{} has no source {}", target.shown_file(), target.name);
        return steps.fail("source", says, Refused::Source);
    };
    steps.ok("source", format!("{} has {}/{}", target.shown_file(), provider.name(), target.name));
    if capture.writing == Writing::FalseBase64 {
        let says = "the event says that it is base64, and it is not";
        return steps.fail("body", says, Refused::Base64);
    }
    let bytes = capture.body.len();
    if bytes > MAX_BODY_BYTES {
        let says = format!("{bytes} bytes, where {MAX_BODY_BYTES} are the most");
        return steps.fail("body", says, Refused::Size);
    }
    size(&mut steps, capture, &question.body);
    let verified = match question.ask() {
        Ok(verified) => verified,
        Err(error) => {
            let name = proof_name(&error);
            return steps.fail(name, error.to_string(), Refused::Proof(error));
        }
    };
    let lateness = proved(&mut steps, question, &verified);
    let normalized = provider.normalize(&question.source, &verified);
    if matches!(normalized, Normalized::Unusable(Unusable::AccountMismatch)) {
        let says = "the body is not of the account that the source is pinned to";
        return steps.fail("account", says, Refused::Account);
    }
    if question.source.account.is_some() {
        steps.ok("account", "the body is of the account that the source is pinned to");
    }
    let used = content::used(question, &verified, normalized);
    match &used {
        Use::Quarantined { reason, .. } => steps.note("content", format!("quarantine: {reason}")),
        Use::Applied { kind } => steps.ok("content", format!("{kind}, an event of a call")),
        Use::Ignored { kind } => steps.ok("content", format!("{kind}, which adds nothing to a record")),
    }
    Checked { steps: steps.0, end: End::Genuine { lateness, used } }
}

/// The size of the body, compared with what the sender said.
fn size(steps: &mut Steps, capture: &Capture, body: &Bytes) {
    let bytes = body.len();
    let writing = if capture.writing == Writing::Base64 { ", decoded from base64" } else { "" };
    match announced(capture) {
        Some(announced) if announced != bytes => {
            steps.note("body", format!("{bytes} bytes{writing}, but content-length says {announced}"));
        }
        _ => steps.ok("body", format!("{bytes} bytes{writing}")),
    }
}

/// The size of the body as its sender announced it.
pub(super) fn announced(capture: &Capture) -> Option<usize> {
    capture.headers.get("content-length")?.to_str().ok()?.trim().parse().ok()
}

fn proof_name(error: &ProofError) -> &'static str {
    match error {
        ProofError::TokenMismatch => "token",
        ProofError::SignatureMissing { .. }
        | ProofError::SignatureMalformed { .. }
        | ProofError::SignatureMismatch => "signature",
    }
}

/// The steps of a proof that fits.
fn proved(steps: &mut Steps, question: &Question, verified: &Verified) -> Lateness {
    let proof = verified.proof();
    let which = match keys(&question.source) {
        0 | 1 => String::new(),
        _ => format!(", key {} of the source", proof.key + 1),
    };
    if proof.scheme == Scheme::UrlToken {
        steps.ok("token", format!("it is the source's{which}"));
        return Lateness::InTime;
    }
    steps.ok("signature", format!("{}, over exactly these bytes{which}", proof.scheme.name()));
    let lateness = Lateness::of(question, proof.freshness);
    let says = lateness.says(question);
    if lateness == Lateness::InTime {
        steps.ok("time", says)
    } else {
        steps.note("time", says)
    }
    lateness
}

fn keys(source: &Source) -> usize {
    source.secrets.len() + source.public_keys.len() + source.tokens.len()
}
