//! `application/x-www-form-urlencoded`: forms and query strings.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Returns the names and values of a form, not decoded, in the order they were sent. A name without
/// `=` has an empty value.
pub fn pairs(form: &str) -> impl Iterator<Item = (&str, &str)> {
    form.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Decodes a name or a value; `None` if it is not UTF-8.
///
/// `+` is a space. A broken escape stands for itself, as in browsers.
pub fn decode(encoded: &str) -> Option<Cow<'_, str>> {
    if !encoded.contains(['%', '+']) {
        return Some(Cow::Borrowed(encoded));
    }
    let spaced = encoded.replace('+', " ");
    percent_decode_str(&spaced).decode_utf8().ok().map(|text| Cow::Owned(text.into_owned()))
}
