//! JSON that was parsed and printed again.

use super::super::Cause;
use super::{Body, RAW};

mod read;
mod style;

use read::Json;
use style::{Style, styles};

/// The body as each of the usual printers prints it.
pub(super) fn printed(body: &Body) -> Box<dyn Iterator<Item = Body>> {
    let Some(json) = Json::read(&body.body) else { return Box::new(std::iter::empty()) };
    // A program prints JSON without line breaks. Such a body may have been printed again; any other was not.
    let was_printed = styles()
        .any(|style| style.is_of_programs() && json.printed(style).as_bytes() == body.body.trim_ascii());
    let (causes, captured) = (body.causes.clone(), body.body.clone());
    Box::new(styles().filter_map(move |style| {
        let printed = json.printed(style).into_bytes();
        let body = Body { causes: causes.clone(), body: captured.clone() };
        (printed != captured).then(|| body.before(cause(style, was_printed), printed))
    }))
}

fn cause(style: Style, was_printed: bool) -> Cause {
    if was_printed {
        Cause::new(
            "body_printed_again",
            format!(
                "the body was parsed as JSON and printed again after it was signed; the signature fits the same \
                 JSON {style}"
            ),
            RAW,
        )
    } else {
        Cause::new(
            "signature_over_parsed_json",
            format!(
                "the signature is over parsed JSON and not over the bytes of the body; it fits the same JSON {style}"
            ),
            "Sign the bytes that are sent, and send the bytes that were signed. If the provider signed, something \
             on the way has printed the JSON for people.",
        )
    }
}

/// The members of a flat object, each as text; `None` if the body is no such object.
pub(super) fn members(body: &[u8]) -> Option<Vec<(String, String)>> {
    let Json::Object(members) = Json::read(body)? else { return None };
    let text = |value| match value {
        Json::Text(text) | Json::Word(text) => Some(text),
        Json::List(_) | Json::Object(_) => None,
    };
    members.into_iter().map(|(name, value)| Some((name, text(value)?))).collect()
}

/// Whether a body is JSON whose members are sorted, and so may have been sent in another order.
pub(in super::super) fn is_sorted(body: &[u8]) -> bool {
    let Some(json) = Json::read(body) else { return false };
    matches!(&json, Json::Object(members) if members.len() > 3) && json == json.sorted()
}
