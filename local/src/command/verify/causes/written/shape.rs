//! The value of a header, and the forms it may be another form of.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use percent_encoding::percent_decode_str;

use super::super::Cause;

/// The sizes of signatures: of HMAC-SHA256, and of Ed25519.
const SIZES: [usize; 2] = [32, 64];

/// A form of a header's value, and the cause that is undone by it.
type Shape = (Cause, String);

/// The forms that a value which can't be read may be another form of.
pub(super) fn reshaped(header: &str, value: &str) -> Vec<Shape> {
    let mut shapes = Vec::new();
    let mut add = |code, message: String, remedy: &str, shape: String| {
        if shape != value {
            shapes.push((Cause::new(code, message, remedy), shape));
        }
    };
    let raw = "Let whatever is in front of the API hand the header on as it came.";
    let quotes = ['"', '\'', '`', ' '];
    let message = format!("the value of {header} has quotes around it");
    add("header_quoted", message, raw, value.trim_matches(quotes).to_owned());
    if value.contains('%') || value.contains(' ') {
        let message = format!("the value of {header} was decoded or encoded as a part of a URL");
        let decoded = percent_decode_str(value).decode_utf8_lossy().replace(' ', "+");
        add("header_escaped", message, raw, decoded);
    }
    for mark in ['=', ' ', ':'] {
        if let Some((prefix, rest)) = value.split_once(mark)
            && (2..=16).contains(&prefix.len())
            && prefix.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        {
            let message = format!("the value of {header} has the prefix {prefix}{mark}");
            let remedy = "Send the signature alone: this provider writes no prefix.";
            add("header_prefix", message, remedy, rest.trim().to_owned());
        }
    }
    for (code, message, shape) in encodings(header, value) {
        add(code, message, "Write the signature in the form that the provider documents.", shape);
    }
    for half in halves(value) {
        let message =
            format!("the header {header} was sent twice; API Gateway joins such values with a comma");
        let remedy = "Something on the way adds the header again: it has to be there once.";
        add("header_twice", message, remedy, half);
    }
    if let Some(ordered) = ordered(value) {
        let message = format!("the parts of {header} are in another order, or have other separators");
        add("header_order", message, "Write it as t=<unix seconds>,v1=<hexadecimal digits>.", ordered);
    }
    if let Some(seconds) = seconds(value) {
        let message = format!("the time in {header} is not written as Unix seconds");
        add("time_not_in_seconds", message, "Write the time as Unix seconds, digits only.", seconds);
    }
    shapes
}

/// The value with its signature in hexadecimal digits and in base64.
fn encodings(header: &str, value: &str) -> Vec<(&'static str, String, String)> {
    let (head, signature) = match value.rsplit_once("v1=") {
        Some((head, signature)) => (format!("{head}v1="), signature),
        None => (String::new(), value),
    };
    let mut found = Vec::new();
    if let Some(bytes) = hex::decode(signature).ok().filter(|bytes| SIZES.contains(&bytes.len())) {
        let message = format!("the signature in {header} is in hexadecimal digits, where base64 is needed");
        found.push(("header_hex", message, format!("{head}{}", BASE64_STANDARD.encode(bytes))));
    } else if let Some(bytes) = from_base64(signature).filter(|bytes| SIZES.contains(&bytes.len())) {
        let message = format!("the signature in {header} is in base64, where hexadecimal digits are needed");
        found.push(("header_base64", message, format!("{head}{}", hex::encode(&bytes))));
        let message = format!("the signature in {header} is in base64 for URLs, or without its padding");
        found.push(("header_base64url", message, format!("{head}{}", BASE64_STANDARD.encode(bytes))));
    }
    found
}

/// The bytes of base64 in any of its alphabets, with padding or without.
pub(in super::super) fn from_base64(text: &str) -> Option<Vec<u8>> {
    let lax = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let decode = |alphabet: &_| GeneralPurpose::new(alphabet, lax).decode(text).ok();
    decode(&alphabet::STANDARD).or_else(|| decode(&alphabet::URL_SAFE))
}

/// The values that a comma may have joined: both halves, and each part.
fn halves(value: &str) -> Vec<String> {
    let parts: Vec<_> = value.split(',').map(str::trim).collect();
    if parts.len() < 2 {
        return Vec::new();
    }
    let (first, second) = parts.split_at(parts.len() / 2);
    let mut halves = vec![first.join(","), second.join(",")];
    if parts.len() == 2 && value.contains("v1=") {
        // Both parts belong to one signature.
        halves.clear();
    }
    halves
}

/// `t=…,v1=…` from the same parts.
fn ordered(value: &str) -> Option<String> {
    let parts: Vec<_> = value.split([',', ';', '&', ' ']).map(str::trim).collect();
    let part = |name: &str| parts.iter().find_map(|part| part.strip_prefix(name));
    Some(format!("t={},v1={}", part("t=")?, part("v1=")?))
}

/// The value with its time in Unix seconds, if it is a date or has a fraction.
fn seconds(value: &str) -> Option<String> {
    let (head, time, tail) = time_of(value);
    let second = match time.parse::<f64>() {
        Ok(number) if time.contains('.') && number > 0.0 => time.split_once('.')?.0.to_owned(),
        Ok(_) => return None,
        Err(_) => {
            let time: Timestamp = time
                .parse()
                .ok()
                .or_else(|| jiff::fmt::rfc2822::parse(time).ok().map(|zoned| zoned.timestamp()))?;
            time.as_second().to_string()
        }
    };
    Some(format!("{head}{second}{tail}"))
}

/// The value with its time in seconds, if it is in a smaller unit.
pub(super) fn in_seconds(header: &str, value: &str) -> Option<Shape> {
    let (head, time, tail) = time_of(value);
    let (unit, digits) = match time.len() {
        13 => ("milliseconds", 10),
        16 => ("microseconds", 10),
        19 => ("nanoseconds", 10),
        _ => return None,
    };
    let is_number = time.bytes().all(|byte| byte.is_ascii_digit());
    let message = format!("the time in {header} is in {unit}, and was signed in seconds");
    let cause = Cause::new("time_not_in_seconds", message, "Hand the time on as it came: in Unix seconds.");
    is_number.then(|| (cause, format!("{head}{}{tail}", &time[..digits])))
}

/// The time in a value, with what stands before it and behind it.
fn time_of(value: &str) -> (&str, &str, &str) {
    match value.strip_prefix("t=").map(|rest| rest.split_once(",v1=")) {
        Some(Some((time, signature))) => ("t=", time, &value[value.len() - signature.len() - 4..]),
        _ => ("", value, ""),
    }
}

/// The form without a time of a signature that has one.
pub(super) fn without_time(header: &str, value: &str) -> Option<Shape> {
    let (_, signature) = value.strip_prefix("t=")?.split_once(",v1=")?;
    let cause = Cause::new(
        "other_form",
        format!("{header} has the form with a time, and the signature in it is over the body alone"),
        "Sign `<body>.<t>`, or send the signature without a time.",
    );
    Some((cause, signature.to_owned()))
}

/// The form with a time of a signature that has none, with the time of another header.
pub(super) fn with_time(header: &str, value: &str, name: &str, time: &str) -> Option<Shape> {
    let is_time = time.len() == 10 && time.bytes().all(|byte| byte.is_ascii_digit());
    let is_plain = value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
    let cause = || {
        Cause::new(
            "other_form",
            format!(
                "{header} has the form without a time, and the signature is over the body and the time in {name}"
            ),
            "Send the time with the signature, as t=<unix seconds>,v1=<hexadecimal digits>.",
        )
    };
    (is_time && is_plain && name != header).then(|| (cause(), format!("t={time},v1={value}")))
}

/// What a value is, without a character of it.
pub(in super::super) fn describe(value: &str) -> String {
    let value = value.trim();
    if value.is_empty() {
        "empty".to_owned()
    } else if value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        format!("{} hexadecimal digits", value.len())
    } else if let Some(bytes) = from_base64(value) {
        format!("the base64 of {} bytes", bytes.len())
    } else {
        format!("a text of {} characters", value.chars().count())
    }
}
