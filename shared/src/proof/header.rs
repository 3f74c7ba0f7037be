//! Headers that carry a proof: exactly one, in ASCII.

use http::HeaderMap;

use super::ProofError;

/// The one value of a header, without the white space around it.
pub(crate) fn exactly_one<'a>(headers: &'a HeaderMap, header: &'static str) -> Result<&'a str, ProofError> {
    let malformed = |problem| ProofError::SignatureMalformed { header, problem };
    let mut values = headers.get_all(header).iter();
    let value = values.next().ok_or(ProofError::SignatureMissing { header })?;
    if values.next().is_some() {
        return Err(malformed("was sent more than once"));
    }
    let value = value.to_str().map_err(|_| malformed("is not ASCII"))?.trim();
    if value.is_empty() { Err(ProofError::SignatureMissing { header }) } else { Ok(value) }
}

/// Unix seconds: digits only, no sign, no larger than 64 bits.
pub(crate) fn unix_seconds(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}
