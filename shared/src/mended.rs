//! Text in which single characters can't be read: each of them becomes U+FFFD, and the rest is as it was.

use std::borrow::Cow;

mod strict;

pub(crate) use strict::strict;

/// The byte-order mark.
const MARK: char = '\u{feff}';

/// A text, and how many of its characters could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mended<'a> {
    pub(crate) text: Cow<'a, str>,
    /// The number of characters that stand as U+FFFD and were sent as something else.
    pub(crate) replaced: usize,
}

impl<'a> Mended<'a> {
    /// Reads UTF-8. Bytes that are none become one U+FFFD for each character that they may have been
    /// (as in the WHATWG Encoding Standard; half of a surrogate pair is one character).
    pub(crate) fn utf8(bytes: &'a [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self { text: Cow::Borrowed(text), replaced: 0 },
            Err(_) => lossy(bytes),
        }
    }

    /// Reads JSON: UTF-8, and escapes of half a surrogate pair, which mean no character. A byte-order mark
    /// before it is left out.
    pub(crate) fn json(bytes: &'a [u8]) -> Self {
        let Self { text, replaced } = Self::utf8(bytes).without_mark();
        match whole_pairs(&text) {
            Cow::Borrowed(_) => Self { text, replaced },
            Cow::Owned(mended) => {
                let count = halves(&text).count();
                Self { text: Cow::Owned(mended), replaced: replaced + count }
            }
        }
    }

    /// The same without a byte-order mark before it.
    pub(crate) fn without_mark(self) -> Self {
        let Self { text, replaced } = self;
        let text = match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim_start_matches(MARK)),
            Cow::Owned(text) if text.starts_with(MARK) => {
                Cow::Owned(text.trim_start_matches(MARK).to_owned())
            }
            owned => owned,
        };
        Self { text, replaced }
    }
}

fn lossy(mut bytes: &[u8]) -> Mended<'static> {
    let (mut text, mut replaced) = (String::with_capacity(bytes.len() + 16), 0);
    while !bytes.is_empty() {
        let Some(chunk) = bytes.utf8_chunks().next() else { break };
        let (valid, invalid) = (chunk.valid().len(), chunk.invalid().len());
        text.push_str(chunk.valid());
        bytes = &bytes[valid..];
        if invalid == 0 {
            break;
        }
        text.push(char::REPLACEMENT_CHARACTER);
        replaced += 1;
        // Half of a surrogate pair, encoded as if it were a character.
        let is_half = matches!(bytes, [0xed, 0xa0..=0xbf, 0x80..=0xbf, ..]);
        bytes = &bytes[if is_half { 3 } else { invalid }..];
    }
    Mended { text: Cow::Owned(text), replaced }
}

/// The text of JSON with `\ufffd` for each escape of half a surrogate pair.
pub(crate) fn whole_pairs(json: &str) -> Cow<'_, str> {
    let mut halves = halves(json).peekable();
    if halves.peek().is_none() {
        return Cow::Borrowed(json);
    }
    let (mut mended, mut copied) = (String::with_capacity(json.len()), 0);
    for at in halves {
        mended.push_str(&json[copied..at]);
        mended.push_str(r"\ufffd");
        copied = at + ESCAPE_BYTES;
    }
    mended.push_str(&json[copied..]);
    Cow::Owned(mended)
}

/// The length of `\ud83d`.
const ESCAPE_BYTES: usize = 6;

/// The places of the escapes of half a surrogate pair.
fn halves(json: &str) -> impl Iterator<Item = usize> {
    let bytes = json.as_bytes();
    // Nearly no text has one that starts so.
    let mut at = if json.contains(r"\ud") || json.contains(r"\uD") { 0 } else { bytes.len() };
    std::iter::from_fn(move || {
        while let Some(backslash) = bytes.get(at..)?.iter().position(|byte| *byte == b'\\') {
            let escape = at + backslash;
            match unit(bytes, escape) {
                None => at = escape + 2,
                Some(0xd800..=0xdbff)
                    if matches!(unit(bytes, escape + ESCAPE_BYTES), Some(0xdc00..=0xdfff)) =>
                {
                    at = escape + 2 * ESCAPE_BYTES;
                }
                Some(unit) => {
                    at = escape + ESCAPE_BYTES;
                    if (0xd800..=0xdfff).contains(&unit) {
                        return Some(escape);
                    }
                }
            }
        }
        at = bytes.len();
        None
    })
}

/// The UTF-16 code unit of an escape `\u....` at a place.
fn unit(json: &[u8], at: usize) -> Option<u16> {
    let [b'\\', b'u', digits @ ..] = json.get(at..at + ESCAPE_BYTES)? else { return None };
    let digits = std::str::from_utf8(digits).ok()?;
    digits.bytes().all(|digit| digit.is_ascii_hexdigit()).then(|| u16::from_str_radix(digits, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn utf8(bytes: &[u8]) -> (String, usize) {
        let Mended { text, replaced } = Mended::utf8(bytes);
        (text.into_owned(), replaced)
    }

    fn json(text: &str) -> (String, usize) {
        let Mended { text, replaced } = Mended::json(text.as_bytes());
        (text.into_owned(), replaced)
    }

    #[test]
    fn each_character_that_is_no_utf8_becomes_one() {
        assert_eq!(utf8("José 📞".as_bytes()), ("José 📞".to_owned(), 0));
        assert_eq!(utf8(b"Jos\xe9 P\xe9rez"), ("Jos\u{fffd} P\u{fffd}rez".to_owned(), 2));
        assert_eq!(utf8(b"a\xf0\x9f\x93"), ("a\u{fffd}".to_owned(), 1));
        assert_eq!(utf8(b"\xff\xfe"), ("\u{fffd}\u{fffd}".to_owned(), 2));
        assert_eq!(utf8(b"a\xed\xa0\xbdb"), ("a\u{fffd}b".to_owned(), 1));
        // One that was sent as itself is no damage.
        assert_eq!(utf8("a\u{fffd}".as_bytes()), ("a\u{fffd}".to_owned(), 0));
    }

    #[test]
    fn half_a_pair_becomes_one_and_a_whole_pair_stays() {
        for whole in ["", r#""\ud83d\ude00""#, r#""\uD83D\uDE00 \u00e9""#, r#""\\ud83d""#, r#""\\\\ud83d""#] {
            assert_eq!(json(whole), (whole.to_owned(), 0));
        }
        for (half, expected, replaced) in [
            (r#""ok \ud83d bye""#, r#""ok \ufffd bye""#, 1),
            (r#""\ude00""#, r#""\ufffd""#, 1),
            (r#""\uDE00\ud83d""#, r#""\ufffd\ufffd""#, 2),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#, 1),
            (r#""\ud83d\u0041""#, r#""\ufffd\u0041""#, 1),
            (r#""\\\ud83d""#, r#""\\\ufffd""#, 1),
            (r#"{"\ud83d":1}"#, r#"{"\ufffd":1}"#, 1),
        ] {
            assert_eq!(json(half), (expected.to_owned(), replaced), "{half}");
        }
        // What is no escape is left to the reader of the JSON.
        for broken in [r#""\ud8""#, r#""\udxyz""#, r"\ud83", r"\"] {
            assert_eq!(json(broken), (broken.to_owned(), 0));
        }
    }

    #[test]
    fn a_byte_order_mark_is_left_out_before_the_text_only() {
        assert_eq!(json("\u{feff}{}"), ("{}".to_owned(), 0));
        assert_eq!(json("{\"a\":\"\u{feff}\"}"), ("{\"a\":\"\u{feff}\"}".to_owned(), 0));
        let marked = Mended::json(b"\xef\xbb\xbf{\"a\":\"\xe9\"}");
        assert_eq!((&*marked.text, marked.replaced), ("{\"a\":\"\u{fffd}\"}", 1));
    }
}
