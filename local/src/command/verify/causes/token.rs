//! The token at the end of a URL, as it may have been before it was damaged.

use percent_encoding::percent_decode_str;

use super::super::question::Question;
use super::super::target::Target;
use super::Cause;
use super::written::Written;

const REMEDY: &str = "Paste the source's URL into the provider's dashboard again, whole.";

/// The token as it was presented, and as it may have been.
pub(super) fn written(question: &Question, target: &Target) -> Vec<Written> {
    let mut found = vec![Written::as_it_is(question)];
    let Some(presented) = question.token.as_deref() else { return found };
    let mut undo = |code: &'static str, message: String, token: &str| {
        if token != presented {
            found.push(Written {
                causes: vec![Cause::new(code, message, REMEDY)],
                headers: question.headers.clone(),
                token: Some(token.to_owned()),
            });
        }
    };
    let around = |character: char| character.is_whitespace() || "\"'`<>{}[]()/.,;".contains(character);
    let padded = "there is something around the token in the URL: white space, quotes, brackets, a slash";
    undo("token_padded", padded.to_owned(), presented.trim_matches(around));
    let decoded = percent_decode_str(presented).decode_utf8_lossy();
    undo("token_escaped", "the token in the URL is escaped twice".to_owned(), &decoded);
    undo("token_padded", padded.to_owned(), decoded.trim_matches(around));
    for token in &target.tokens {
        let (whole, part) = (token.chars().count(), presented.chars().count());
        if token.eq_ignore_ascii_case(presented) {
            let message = "capital and small letters of the token were changed";
            undo("token_case", message.to_owned(), token);
        } else if part >= 4 && token.starts_with(presented) {
            undo("token_cut", format!("the token was cut off after {part} of {whole} characters"), token);
        } else if part >= 4 && token.ends_with(presented) {
            undo(
                "token_cut",
                format!("only the last {part} of {whole} characters of the token are there"),
                token,
            );
        } else if presented.contains(token) {
            undo("token_padded", format!("the URL has {} characters beside the token", part - whole), token);
        }
    }
    found
}

/// The likely cause of a token that fits nothing.
pub(super) fn unknown(question: &Question, target: &Target) -> Cause {
    let presented = question.token.as_deref().unwrap_or_default();
    if ["token", "{token}", "<token>", ":token", "%7Btoken%7D", ""].contains(&presented) {
        return Cause::likely(
            "token_placeholder",
            "the URL has the place for a token, and no token in it",
            "Put a token of the source in place of {token}.",
        );
    }
    let lengths: Vec<_> = target.tokens.iter().map(|token| token.chars().count().to_string()).collect();
    Cause::likely(
        "another_token",
        format!(
            "it is another token: it has {} characters, and those of the source have {}",
            presented.chars().count(),
            lengths.join(" and ")
        ),
        "If the token was changed, paste the source's new URL into the provider's dashboard; until that is \
         done, the source can have both tokens.",
    )
}
