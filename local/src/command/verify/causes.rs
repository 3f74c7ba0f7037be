//! The causes of a result.
//!
//! A cause is proven by undoing it: the request is changed, and the provider's own check is asked again. A
//! signature that fits then leaves no doubt. Where nothing fits, the likely causes are named.

use serde::Serialize;

use super::capture::{Capture, Writing};
use super::question::Question;
use super::steps::{Checked, End, Refused};
use super::target::Target;

mod search;
mod owner;
mod written;
mod token;
mod body;
mod likely;

/// A cause, and what to do.
#[derive(Clone, Serialize)]
pub(super) struct Cause {
    /// Its stable name.
    pub(super) code: &'static str,
    /// Whether the request is genuine once the cause is undone.
    pub(super) proven: bool,
    /// The cause as a sentence.
    pub(super) message: String,
    /// What to do now.
    pub(super) remedy: String,
}

impl Cause {
    /// A cause that is proven if the request fits once it is undone.
    fn new(code: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { code, proven: true, message: message.into(), remedy: remedy.into() }
    }

    /// A cause that can't be proven.
    fn likely(code: &'static str, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { proven: false, ..Self::new(code, message, remedy) }
    }
}

/// The causes of the result of all checks. The question is to the source or, if the file has not the source, to
/// another one of the provider, if there is any.
pub(super) fn find(
    capture: &Capture,
    target: &Target,
    question: Option<&Question>,
    checked: &Checked,
) -> Vec<Cause> {
    let Some(question) = question else { return vec![likely::unknown_source(target)] };
    match &checked.end {
        End::Genuine { lateness, used } => likely::of_genuine(*lateness, used, capture, question),
        End::Refused(Refused::Base64) => {
            let rest = match question.ask() {
                Ok(_) => Vec::new(),
                Err(error) => search::search(question, target)
                    .unwrap_or_else(|| likely::of_proof(&error, capture, target, question)),
            };
            let proven = rest.iter().all(|cause| cause.proven);
            [vec![Cause { proven, ..claimed_base64() }], rest].concat()
        }
        End::Refused(Refused::Proof(error)) => search::search(question, target)
            .unwrap_or_else(|| likely::of_proof(error, capture, target, question)),
        End::Refused(Refused::Source) => owner::fitting(question, target)
            .map_or_else(|| vec![likely::unknown_source(target)], |found| vec![found]),
        End::Refused(Refused::Account) => vec![owner::of_account(question, target)],
        End::Refused(Refused::Path) => vec![likely::path(capture, target)],
        End::Refused(Refused::Method) => vec![likely::method()],
        End::Refused(Refused::Size) => vec![likely::size()],
    }
}

/// The event claims base64 for a body that is none.
fn claimed_base64() -> Cause {
    Cause::new(
        "base64_decoded_twice",
        "the event says isBase64Encoded, but its body has been decoded already",
        "Whatever saved or changed the event decoded the body: leave it as API Gateway wrote it, or set \
         isBase64Encoded to false.",
    )
}

/// Whether the body was decoded from base64 when it was read.
fn was_decoded(capture: &Capture) -> bool {
    capture.writing == Writing::Base64
}
