//! `application/x-www-form-urlencoded`: forms and query strings.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use crate::mended::Mended;

/// Returns the names and values of a form, not decoded, in the order they were sent. A name without
/// `=` has an empty value.
pub fn pairs(form: &str) -> impl Iterator<Item = (&str, &str)> {
    form.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Decodes a name or a value; `None` if it is not UTF-8.
///
/// `+` is a space. A broken escape stands for itself, as in browsers.
pub fn decode(encoded: &str) -> Option<Cow<'_, str>> {
    match unescaped(encoded.as_bytes()) {
        Cow::Borrowed(_) => Some(Cow::Borrowed(encoded)),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// Returns the names and values of a form, decoded, in the order they were sent. What is not UTF-8 becomes
/// U+FFFD. A byte-order mark before the form is left out.
pub(crate) fn fields(form: &[u8]) -> impl Iterator<Item = (Mended<'_>, Mended<'_>)> {
    let form = form.strip_prefix(b"\xef\xbb\xbf").unwrap_or(form);
    let pairs = form.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    pairs.enumerate().map(|(index, pair)| {
        let end = pair.iter().position(|byte| *byte == b'=');
        let (name, value) = end.map_or((pair, &b""[..]), |end| (&pair[..end], &pair[end + 1..]));
        let name = mended(name);
        // The mark may have been encoded with the first name.
        (if index == 0 { name.without_mark() } else { name }, mended(value))
    })
}

fn mended(encoded: &[u8]) -> Mended<'_> {
    match unescaped(encoded) {
        Cow::Borrowed(bytes) => Mended::utf8(bytes),
        Cow::Owned(bytes) => {
            let Mended { text, replaced } = Mended::utf8(&bytes);
            Mended { text: Cow::Owned(text.into_owned()), replaced }
        }
    }
}

/// The bytes that an encoded name or value stands for.
fn unescaped(encoded: &[u8]) -> Cow<'_, [u8]> {
    if !encoded.contains(&b'%') && !encoded.contains(&b'+') {
        return Cow::Borrowed(encoded);
    }
    let spaced: Vec<u8> = encoded.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    Cow::Owned(percent_decode(&spaced).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(form: &[u8]) -> Vec<(String, String, usize)> {
        let owned = |(name, value): (Mended<'_>, Mended<'_>)| {
            (name.text.into_owned(), value.text.into_owned(), name.replaced + value.replaced)
        };
        fields(form).map(owned).collect()
    }

    fn field(name: &str, value: &str, replaced: usize) -> (String, String, usize) {
        (name.to_owned(), value.to_owned(), replaced)
    }

    #[test]
    fn a_character_that_is_no_utf8_costs_one_character_in_names_and_values() {
        let expected =
            [field("Jos\u{fffd}", "1", 1), field("a", "P\u{fffd}rez b", 1), field("c", "\u{fffd}", 1)];
        assert_eq!(read(b"Jos%E9=1&a=P%e9rez+b&c=\xe9"), expected);
        assert_eq!(decode("Jos%E9"), None);
    }

    #[test]
    fn a_byte_order_mark_is_left_out_before_the_form_only() {
        let expected = [field("a", "1", 0), field("\u{feff}b", "2", 0)];
        assert_eq!(read(b"\xef\xbb\xbfa=1&%EF%BB%BFb=2"), expected);
        assert_eq!(read(b"%EF%BB%BFa=1&%EF%BB%BFb=2"), expected);
    }

    #[test]
    fn broken_escapes_stand_for_themselves() {
        assert_eq!(read(b"&&a=%zz%&=b&c"), [field("a", "%zz%", 0), field("", "b", 0), field("c", "", 0)]);
    }
}
