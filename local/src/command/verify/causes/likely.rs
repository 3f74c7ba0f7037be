//! The causes that can't be proven, and those of a genuine request that is not applied.

use shared::proof::ProofError;

use super::super::capture::Capture;
use super::super::question::Question;
use super::super::steps::{Lateness, Use, announced};
use super::super::target::Target;
use super::{Cause, body, token, was_decoded, written};

/// What there is to know about a genuine request.
pub(super) fn of_genuine(
    lateness: Lateness,
    used: &Use,
    capture: &Capture,
    question: &Question,
) -> Vec<Cause> {
    let mut causes: Vec<_> = of_time(lateness, used, question).into_iter().collect();
    let is_time = |reason: &str| matches!(reason, "stale" | "future");
    if let Use::Quarantined { reason, why } = used
        && !is_time(reason)
    {
        let decoded = if was_decoded(capture) { " after it was decoded from base64" } else { "" };
        causes.push(Cause::new(
            "quarantined",
            format!("it is genuine, and goes to quarantine as {reason}: {why}{decoded}"),
            "Nothing is lost: the delivery is kept. If the body is as the provider documents it, report it as a \
             bug of Call Ledger.",
        ));
    }
    causes
}

fn of_time(lateness: Lateness, used: &Use, question: &Question) -> Option<Cause> {
    let done = match used {
        Use::Quarantined { reason, .. } if matches!(&**reason, "stale" | "future") => {
            format!("it goes to quarantine as {reason}")
        }
        Use::Quarantined { .. } => "that alone would not keep it from being applied".to_owned(),
        Use::Applied { .. } | Use::Ignored { .. } => "it is taken all the same, as late".to_owned(),
    };
    let says = lateness.says(question);
    Some(match lateness {
        Lateness::InTime => return None,
        Lateness::Late(_) => Cause::new(
            "time_skew",
            format!("it was {says}; {done}"),
            "The provider delivers late, somebody sends the request again, or a clock is wrong.",
        ),
        Lateness::Early(_) => Cause::new(
            "time_skew",
            format!("it was {says}; {done}"),
            "A clock is wrong: the sender's is ahead, or the one of --at is behind.",
        ),
        Lateness::NoSeconds => Cause::new(
            "time_not_in_seconds",
            format!("{says}: it is in milliseconds and not in seconds; {done}"),
            "Sign the time in Unix seconds.",
        ),
    })
}

/// The likely causes of a proof that no change makes fit.
pub(super) fn of_proof(
    error: &ProofError,
    capture: &Capture,
    target: &Target,
    question: &Question,
) -> Vec<Cause> {
    let mut causes = match error {
        ProofError::SignatureMissing { header } => vec![missing(header, question)],
        ProofError::SignatureMalformed { header, .. } => vec![malformed(header, question)],
        ProofError::TokenMismatch => vec![token::unknown(question, target)],
        ProofError::SignatureMismatch => mismatch(capture, target, question),
    };
    if target.file.is_none() {
        causes.push(Cause::likely(
            "local_keys",
            "the keys are those of local runs, with which no provider signs",
            "Give your own with --sources FILE.",
        ));
    }
    causes
}

fn missing(header: &str, question: &Question) -> Cause {
    let provider = question.provider.name();
    if question.headers.contains_key(header) {
        return Cause::likely(
            "header_empty",
            format!("the header {header} is there and empty"),
            "Whatever is in front of the API empties it: let it hand the header on as it came.",
        );
    }
    Cause::likely(
        "header_missing",
        format!("the header {header} is missing, and no other header is like it"),
        format!(
            "Let the proxy in front of the API hand it on. If there is none, the request is not from {provider}, \
             or was saved without it."
        ),
    )
}

fn malformed(header: &str, question: &Question) -> Cause {
    let value = question.headers.get(header).and_then(|value| value.to_str().ok()).unwrap_or_default();
    Cause::likely(
        "header_malformed",
        format!("the value of {header} is {}", written::describe(value)),
        "If a log has cut it off, save the request again, whole. Else the request is not from this provider.",
    )
}

fn mismatch(capture: &Capture, target: &Target, question: &Question) -> Vec<Cause> {
    let captured = &question.body;
    let mut causes = Vec::new();
    if let Some(announced) = announced(capture).filter(|announced| *announced != captured.len()) {
        causes.push(Cause::likely(
            "body_changed",
            format!(
                "the body has {} bytes, and was sent with {announced}: it was changed or cut",
                captured.len()
            ),
            "Save the body as it arrives, before anything reads it.",
        ));
    } else if captured.is_empty() {
        causes.push(Cause::likely(
            "body_empty",
            "the body is empty",
            "Something reads the body before it is saved, or a redirect has dropped it.",
        ));
    }
    if String::from_utf8_lossy(captured).contains('\u{fffd}') {
        causes.push(Cause::likely(
            "characters_lost",
            "the body has characters that could not be read when it was handed on",
            "Hand the body over as bytes, not as text.",
        ));
    }
    if body::is_sorted(&question.body) {
        causes.push(Cause::likely(
            "members_sorted",
            "the members of the JSON are sorted; if it was printed again on the way, the order that was signed is lost",
            "Save the body as it arrives, before anything parses it.",
        ));
    }
    let provider = question.provider.name();
    causes.push(Cause::likely(
        "another_key",
        format!(
            "the key of {provider}/{} is another one than it was signed with: none of the usual changes of the body \
             makes it fit",
            target.name
        ),
        format!("Copy the key from {provider}'s dashboard again. The body may also have been changed in another way."),
    ));
    causes
}

/// The cause of a source that the file has not.
pub(super) fn unknown_source(target: &Target) -> Cause {
    let mut names: Vec<_> = target
        .others
        .iter()
        .filter(|(provider, _)| *provider == target.provider)
        .map(|(_, source)| &*source.name)
        .collect();
    names.sort_unstable();
    let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    Cause::likely(
        "source_unknown",
        format!(
            "the URL names the source {}; the sources of {} are: {names}",
            target.name,
            target.provider.name()
        ),
        "Give the provider the URL of a source that is configured, or configure this one.",
    )
}

/// The cause of a path without a route.
pub(super) fn path(capture: &Capture, target: &Target) -> Cause {
    let provider = target.provider.name();
    let message = match capture.place.as_ref().and_then(|place| place.token.as_ref()) {
        Some(_) => format!("the URL of {provider} ends with the source, and this one goes on"),
        None => format!("the URL of {provider} ends with a token of the source, and this one has none"),
    };
    Cause::new("path_unknown", message, format!("The URL has the form {}.", target.provider.route()))
}

/// The cause of another method than POST.
pub(super) fn method() -> Cause {
    Cause::likely(
        "method_not_allowed",
        "a redirect on the way turns a POST into a GET and drops the body",
        "Give the provider the URL that is not redirected: with https, and without a slash at its end.",
    )
}

/// The cause of a body that is too large.
pub(super) fn size() -> Cause {
    Cause::likely(
        "body_too_large",
        "the body is larger than a Lambda function can be given",
        "Let the provider leave out what makes it so large.",
    )
}
