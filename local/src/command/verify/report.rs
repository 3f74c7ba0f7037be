//! The report: the steps, the answer of the webhook, and the causes.

use std::fmt;

use jiff::Timestamp;
use serde::Serialize;

use super::capture::Capture;
use super::causes::{self, Cause};
use super::question::Question;
use super::steps::{self, End, Mark, Step, Use};
use super::target::Target;

/// The result for a saved request.
#[derive(Serialize)]
pub(super) struct Report {
    /// The provider.
    provider: &'static str,
    /// The source.
    source: String,
    /// Whether the request is genuine.
    pub(super) genuine: bool,
    /// The status of the webhook's answer.
    status: u16,
    /// The code of the webhook's answer: its `error`, or its `status` for a call that the ledger knows nothing of.
    answer: &'static str,
    /// The checks.
    steps: Vec<Step>,
    /// The causes, if there is anything to know.
    causes: Vec<Cause>,
}

impl Report {
    /// Checks a request that arrived at a time; without one, at the time of the event, or now.
    pub(super) fn of(capture: &Capture, target: &Target, at: Option<Timestamp>) -> Self {
        let at = at.or(capture.arrived_at);
        let source = target.source.as_ref();
        let other = target.others.iter().find(|(provider, _)| *provider == target.provider);
        let asked = source.or(other.map(|(_, source)| source));
        let question = asked.map(|source| Question {
            provider: target.provider,
            source: source.clone(),
            headers: capture.headers.clone(),
            token: capture.place.as_ref().and_then(|place| place.token.clone()),
            body: capture.body.clone(),
            at: at.unwrap_or_else(Timestamp::now),
            is_arrival_known: at.is_some(),
        });
        let checked = steps::check(capture, target, question.as_ref().filter(|_| source.is_some()));
        let causes = causes::find(capture, target, question.as_ref(), &checked);
        let (status, answer) = match &checked.end {
            End::Refused(refused) => refused.answer(),
            End::Genuine { used: Use::Applied { .. }, .. } => (200, "accepted"),
            End::Genuine { used: Use::Ignored { .. }, .. } => (200, "ignored"),
            End::Genuine { used: Use::Quarantined { .. }, .. } => (200, "quarantined"),
        };
        Self {
            provider: target.provider.name(),
            source: target.name.clone(),
            genuine: matches!(checked.end, End::Genuine { .. }),
            status,
            answer,
            steps: checked.steps,
            causes,
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Step { name, result, says } in &self.steps {
            let mark = match result {
                Mark::Ok => "ok",
                Mark::Failed => "FAILS",
                Mark::Note => "note",
            };
            writeln!(formatter, "{mark:<6}{name:<10} {says}")?;
        }
        let genuine = if self.genuine { "Genuine" } else { "Not genuine" };
        writeln!(formatter, "{genuine}: the webhook answers {} {}.", self.status, self.answer)?;
        for Cause { proven, message, remedy, .. } in &self.causes {
            let word = match (self.genuine, proven) {
                (true, _) => "Note",
                (false, true) => "Cause",
                (false, false) => "Likely cause",
            };
            writeln!(formatter, "{word}: {message}.\n  {remedy}")?;
        }
        Ok(())
    }
}
