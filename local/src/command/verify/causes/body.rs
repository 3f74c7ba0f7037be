//! The body, as it may have been when it was signed.
//!
//! Three kinds of damage, each undone alone and together: how the body was written down, how its content was
//! printed, and what happened at its ends. Bodies are made one by one: a large one is not kept a hundred times.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::iter;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use shared::event::BodyFormat;

use super::super::question::Question;
use super::Cause;
use super::written::from_base64;

mod json;
mod form;

pub(super) use json::is_sorted;

/// A body that may have been signed.
pub(super) struct Body {
    pub(super) causes: Vec<Cause>,
    pub(super) body: Bytes,
}

const RAW: &str = "Have every proxy, framework and script on the way hand over the bytes of the body as they came, \
                   and parse them only after the check.";

impl Body {
    /// The body as it was captured.
    pub(super) fn as_it_is(question: &Question) -> Self {
        Self { causes: Vec::new(), body: question.body.clone() }
    }

    /// Another body, for one more cause.
    pub(super) fn before(&self, cause: Cause, body: impl Into<Bytes>) -> Self {
        let causes = self.causes.iter().cloned().chain([cause]).collect();
        Self { causes, body: body.into() }
    }
}

/// The bodies that some number of causes may have made the captured one from.
pub(super) fn bodies(question: &Question, most: usize) -> Box<dyn Iterator<Item = Body>> {
    let format = question.provider.body_format();
    let mut seen = HashSet::new();
    let written = iter::once(Body::as_it_is(question)).chain(unwritten(&question.body));
    let unprinted = written.collect::<Vec<_>>().into_iter().flat_map(move |body| {
        let printed = match format {
            BodyFormat::Json => json::printed(&body),
            BodyFormat::Form => form::printed(&body),
        };
        iter::once(body).chain(printed)
    });
    let bodies = unprinted.flat_map(|body| {
        let ends = ends(&body);
        iter::once(body).chain(ends)
    });
    Box::new(bodies.filter(move |body| {
        let mut hasher = DefaultHasher::new();
        body.body.hash(&mut hasher);
        body.causes.len() <= most && seen.insert(hasher.finish())
    }))
}

/// The ways in which the whole body may have been written down.
fn unwritten(body: &Bytes) -> Vec<Body> {
    let captured = Body { causes: Vec::new(), body: body.clone() };
    let mut found = Vec::new();
    let mut undo = |code, message: &str, remedy: &str, before: Vec<u8>| {
        if before != captured.body && !before.is_empty() {
            found.push(captured.before(Cause::new(code, message, remedy), before));
        }
    };
    if let Some(bare) = body.strip_prefix(BYTE_ORDER_MARK) {
        undo("byte_order_mark", "a byte-order mark was put before the body", RAW, bare.to_vec());
    } else {
        let marked = [BYTE_ORDER_MARK, &body[..]].concat();
        undo("byte_order_mark", "the byte-order mark before the body was dropped", RAW, marked);
    }
    let encoded = BASE64_STANDARD.encode(body).into_bytes();
    let message = "the body was decoded from base64 once more than it was signed";
    undo("base64_decoded_twice", message, RAW, encoded);
    let Ok(text) = std::str::from_utf8(body) else {
        let message = "the text of the body was UTF-8, and was written again as Latin-1";
        undo("charset", message, RAW, latin1(body).into_bytes());
        return found;
    };
    let joined: String = text.split_whitespace().collect();
    if let Some(decoded) = from_base64(&joined) {
        let remedy = "Decode the body where isBase64Encoded says so, before the check.";
        undo("base64_not_decoded", "the body is still in base64", remedy, decoded);
    }
    let quoted = if text.trim().starts_with('"') { text.trim().to_owned() } else { format!("\"{text}\"") };
    if let Ok(inner) = serde_json::from_str::<String>(&quoted) {
        let message = "the body is written as a text inside JSON, with quotes and backslashes";
        undo("text_in_json", message, RAW, inner.into_bytes());
    }
    let bytes: Option<Vec<u8>> =
        text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect();
    if let Some(bytes) = bytes {
        let message = "the body was read as Latin-1 and written again as UTF-8";
        undo("charset", message, RAW, bytes);
    }
    found
}

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// With other ends of lines, or another end of the body.
fn ends(body: &Body) -> Vec<Body> {
    let mut found = Vec::new();
    let bytes = &body.body;
    let mut undo = |code, message: &str, before: Vec<u8>| {
        if before != *bytes {
            found.push(body.before(Cause::new(code, message, RAW), before));
        }
    };
    let added = "a line end was added behind the body, as editors, `echo` and logs do";
    if let Some(bare) = bytes.strip_suffix(b"\r\n") {
        undo("newline_added", added, bare.to_vec());
    }
    if let Some(bare) = bytes.strip_suffix(b"\n") {
        undo("newline_added", added, bare.to_vec());
    }
    let dropped = "the line end behind the body was dropped";
    undo("newline_dropped", dropped, [&bytes[..], b"\n"].concat());
    undo("newline_dropped", dropped, [&bytes[..], b"\r\n"].concat());
    undo("white_space", "white space before or behind the body was added", bytes.trim_ascii().to_vec());
    if bytes.contains(&b'\n') {
        let unix = replaced(bytes, b"\r\n", b"\n");
        let message = "line ends were changed from LF to CR LF";
        undo("line_ends", message, unix.clone());
        undo("line_ends", message, unix.trim_ascii_end().to_vec());
        let message = "line ends were changed from CR LF to LF";
        let windows = replaced(&unix, b"\n", b"\r\n");
        undo("line_ends", message, [&windows[..], b"\r\n"].concat());
        undo("line_ends", message, windows);
    }
    found
}

fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.windows(old.len()).position(|window| window == old) {
        result.extend_from_slice(&rest[..at]);
        result.extend_from_slice(new);
        rest = &rest[at + old.len()..];
    }
    result.extend_from_slice(rest);
    result
}
