//! Forms that were decoded and encoded again, or not encoded again.

use std::fmt;

use shared::form;

use super::super::Cause;
use super::json::members;
use super::{Body, RAW};

/// A way to encode a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Style {
    /// The characters that stay as they are, beside letters and digits.
    kept: &'static str,
    /// Whether a blank is `+` and not `%20`.
    plus: bool,
    /// Whether escapes have small letters.
    small: bool,
    /// Whether the fields are sorted by name.
    is_sorted: bool,
}

/// The characters that the usual encoders keep: browsers and Java; Python, Go and Ruby; JavaScript; PHP; and
/// those that keep all that a query can have.
const KEPT: [&str; 5] = ["*-._", "-._~", "-_.!~*'()", "-._", "-._~:/@,;$!*'()"];

/// A name and a value as bytes, and whether there was a `=` between them.
type Field = (Vec<u8>, Vec<u8>, bool);

/// The body as each of the usual encoders encodes it.
pub(super) fn printed(body: &Body) -> Box<dyn Iterator<Item = Body>> {
    let (causes, captured) = (body.causes.clone(), body.body.clone());
    let mut read: Vec<(Vec<Field>, Damage)> = Vec::new();
    if let Ok(text) = std::str::from_utf8(&captured) {
        if let Some(members) = members(&captured) {
            let fields =
                members.into_iter().map(|(name, value)| (name.into_bytes(), value.into_bytes(), true));
            read.push((fields.collect(), Damage::Json));
        } else {
            let raw = |text: &str| text.as_bytes().to_vec();
            read.push((
                fields(text, |text| form::decode(text).map_or_else(|| raw(text), |text| raw(&text))),
                Damage::Encoded,
            ));
            read.push((fields(text, raw), Damage::Decoded));
        }
    }
    let styles = read
        .into_iter()
        .flat_map(|(fields, damage)| styles().map(move |style| (style, damage, encoded(&fields, style))));
    Box::new(styles.filter_map(move |(style, damage, encoded)| {
        let body = Body { causes: causes.clone(), body: captured.clone() };
        (encoded != captured).then(|| body.before(cause(style, damage), encoded))
    }))
}

/// The way in which a form was damaged.
#[derive(Clone, Copy)]
enum Damage {
    /// Decoded, and encoded in another way.
    Encoded,
    /// Decoded, and written without escapes.
    Decoded,
    /// Turned into JSON.
    Json,
}

fn cause(style: Style, damage: Damage) -> Cause {
    let (code, done) = match damage {
        Damage::Encoded => ("form_encoded_again", "the form was decoded and encoded again"),
        Damage::Decoded => ("form_decoded", "the escapes of the form were decoded"),
        Damage::Json => ("form_became_json", "the form was turned into JSON"),
    };
    Cause::new(code, format!("{done} after it was signed; the signature fits the same fields {style}"), RAW)
}

fn styles() -> impl Iterator<Item = Style> {
    [false, true].into_iter().flat_map(|is_sorted| {
        KEPT.into_iter().flat_map(move |kept| {
            [(true, false), (false, false), (true, true), (false, true)]
                .into_iter()
                .map(move |(plus, small)| Style { kept, plus, small, is_sorted })
        })
    })
}

fn fields(text: &str, read: impl Fn(&str) -> Vec<u8>) -> Vec<Field> {
    let parts = text.split('&').filter(|part| !part.is_empty());
    let field = |part: &str| match part.split_once('=') {
        Some((name, value)) => (read(name), read(value), true),
        None => (read(part), Vec::new(), false),
    };
    parts.map(field).collect()
}

fn encoded(fields: &[Field], style: Style) -> Vec<u8> {
    let mut fields: Vec<_> = fields.iter().collect();
    if style.is_sorted {
        fields.sort_by(|one, other| one.0.cmp(&other.0));
    }
    let mut encoded = Vec::new();
    for (index, (name, value, has_value)) in fields.into_iter().enumerate() {
        if index > 0 {
            encoded.push(b'&');
        }
        encode(name, style, &mut encoded);
        if *has_value {
            encoded.push(b'=');
            encode(value, style, &mut encoded);
        }
    }
    encoded
}

fn encode(text: &[u8], style: Style, to: &mut Vec<u8>) {
    const CAPITAL: &[u8; 16] = b"0123456789ABCDEF";
    const SMALL: &[u8; 16] = b"0123456789abcdef";
    let digits = if style.small { SMALL } else { CAPITAL };
    for byte in text {
        match byte {
            b' ' if style.plus => to.push(b'+'),
            byte if byte.is_ascii_alphanumeric() || style.kept.as_bytes().contains(byte) => to.push(*byte),
            byte => to.extend([b'%', digits[usize::from(byte >> 4)], digits[usize::from(byte & 15)]]),
        }
    }
}

impl fmt::Display for Style {
    /// Completes "the same fields …".
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blank = if self.plus { "+" } else { "%20" };
        write!(formatter, "with {blank} for a blank and {} left as they are", self.kept)?;
        formatter.write_str(if self.small { ", with small letters in escapes" } else { "" })?;
        formatter.write_str(if self.is_sorted { ", with sorted names" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_encoded_as_the_usual_programs_encode_them() {
        let fields = fields("a=1+%7E*%2b%3A&b=&c", |text| {
            form::decode(text).map(|text| text.as_bytes().to_vec()).unwrap_or_default()
        });
        let printed = |kept, plus, small| {
            let style = Style { kept, plus, small, is_sorted: false };
            String::from_utf8(encoded(&fields, style)).unwrap_or_default()
        };
        // A browser's URLSearchParams.
        assert_eq!(printed(KEPT[0], true, false), "a=1+%7E*%2B%3A&b=&c");
        // Python's urlencode.
        assert_eq!(printed(KEPT[1], true, false), "a=1+~%2A%2B%3A&b=&c");
        // JavaScript's encodeURIComponent.
        assert_eq!(printed(KEPT[2], false, false), "a=1%20~*%2B%3A&b=&c");
        // .NET's UrlEncode.
        assert_eq!(printed(KEPT[3], true, true), "a=1+%7e%2a%2b%3a&b=&c");
    }
}
