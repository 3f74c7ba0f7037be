//! Resumes a download where it was lost: only with the rest of exactly the same body.
//!
//! It follows [RFC 9110](https://www.rfc-editor.org/rfc/rfc9110#section-13.1.5), and is stricter, since an
//! origin may be wrong: the answer must repeat the validator that `If-Range` sent. Else a mixture of two
//! recordings could be stored as one.

use std::time::Duration;

use http::StatusCode;
use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, DATE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_RANGE,
    LAST_MODIFIED, RANGE, TRANSFER_ENCODING,
};
use jiff::fmt::rfc2822::DateTimeParser;
use shared::timestamp::Timestamp;

use super::coding::Coding;

/// How old a change must be for its date to tell two bodies apart: it has a second's precision, and
/// clocks are not exact.
const SETTLED: Duration = Duration::from_secs(60);

/// The byte to go on from, and the body that it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Resume {
    pub(super) offset: u64,
    pub(super) validator: Validator,
}

/// The origin's name for a body: a strong entity tag, or the date of its last change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Validator {
    name: HeaderName,
    value: HeaderValue,
}

/// `Content-Range: bytes <first>-<last>/<size>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    first: u64,
    last: u64,
    /// Unknown if it is `*`.
    size: Option<u64>,
}

impl Validator {
    /// Returns the validator of a body; `None` if its origin refuses ranges, or sends none that is exact enough.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        if headers.get(ACCEPT_RANGES).is_some_and(|ranges| ranges == "none") {
            return None;
        }
        let (name, value) = match headers.get(ETAG) {
            // A weak tag says that two bodies mean the same, but not that they have the same bytes.
            Some(tag) => (ETAG, Some(tag).filter(|tag| tag.as_bytes().starts_with(b"\""))?),
            None => (LAST_MODIFIED, headers.get(LAST_MODIFIED).filter(|_| is_settled(headers))?),
        };
        Some(Self { name, value: value.clone() })
    }
}

impl Resume {
    /// Adds the headers that ask for the rest.
    pub(super) fn ask(&self, headers: &mut HeaderMap) {
        // This is always a valid header value. Without it the whole body would come, and `accept` refuses that.
        if let Ok(range) = HeaderValue::from_str(&format!("bytes={}-", self.offset)) {
            headers.insert(RANGE, range);
            headers.insert(IF_RANGE, self.validator.value.clone());
        }
    }

    /// Returns the whole body's size if the answer is the rest of it. `known` is the size that was told before.
    pub(super) fn accept(&self, status: StatusCode, headers: &HeaderMap, known: Option<u64>) -> Option<u64> {
        let part = Part::of(headers)?;
        let size = part.size.or(known)?;
        let told = headers.get(CONTENT_LENGTH).map(|length| length.to_str().ok()?.parse::<u64>().ok());
        let accepted = status == StatusCode::PARTIAL_CONTENT
            && Coding::of(headers) == Some(Coding::Plain)
            && headers.get(&self.validator.name) == Some(&self.validator.value)
            && part.first == self.offset
            && part.last >= part.first
            && part.last < size
            && known.is_none_or(|known| known == size)
            && told.is_none_or(|told| told == Some(part.last - part.first + 1));
        accepted.then_some(size)
    }
}

impl Part {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let range = headers.get(CONTENT_RANGE)?.to_str().ok()?;
        let (positions, size) = range.strip_prefix("bytes ")?.split_once('/')?;
        let (first, last) = positions.split_once('-')?;
        let number = |text: &str| text.trim().parse().ok();
        let size = if size.trim() == "*" { None } else { Some(number(size)?) };
        Some(Self { first: number(first)?, last: number(last)?, size })
    }
}

/// Whether a body's end is marked, without its size being told.
pub(super) fn is_chunked(headers: &HeaderMap) -> bool {
    let last = headers.get_all(TRANSFER_ENCODING).iter().next_back();
    last.and_then(|codings| codings.to_str().ok()?.rsplit(',').next())
        .is_some_and(|coding| coding.trim().eq_ignore_ascii_case("chunked"))
}

/// Whether the last change was at least [`SETTLED`] before the answer.
fn is_settled(headers: &HeaderMap) -> bool {
    let date = |name: HeaderName| -> Option<Timestamp> {
        DateTimeParser::new().parse_timestamp(headers.get(name)?.to_str().ok()?).ok()
    };
    let age = date(DATE).zip(date(LAST_MODIFIED)).map(|(now, changed)| now.duration_since(changed));
    age.and_then(|age| Duration::try_from(age).ok()).is_some_and(|age| age >= SETTLED)
}

#[cfg(test)]
mod tests {
    use http::header::CONTENT_ENCODING;

    use super::*;

    const CHANGED: &str = "Wed, 21 Oct 2015 07:28:00 GMT";

    fn map(headers: &[(HeaderName, &str)]) -> HeaderMap {
        headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect()
    }

    #[test]
    fn resumes_only_what_can_be_told_apart() {
        let validator = |headers: &[(HeaderName, &str)]| {
            Validator::of(&map(headers)).map(|validator| validator.value.to_str().unwrap().to_owned())
        };
        let later = (DATE, "Wed, 21 Oct 2015 07:29:00 GMT");
        assert_eq!(validator(&[(ETAG, "\"a\""), (LAST_MODIFIED, CHANGED)]).as_deref(), Some("\"a\""));
        assert_eq!(validator(&[(LAST_MODIFIED, CHANGED), later.clone()]).as_deref(), Some(CHANGED));
        // Changed a moment ago, perhaps twice; or at an unknown time.
        assert_eq!(validator(&[(LAST_MODIFIED, CHANGED), (DATE, "Wed, 21 Oct 2015 07:28:59 GMT")]), None);
        assert_eq!(validator(&[(LAST_MODIFIED, CHANGED)]), None);
        assert_eq!(validator(&[(LAST_MODIFIED, "yesterday"), later.clone()]), None);
        // There is a tag. It is weak, and the date is not used in its place.
        assert_eq!(validator(&[(ETAG, "W/\"a\""), (LAST_MODIFIED, CHANGED), later]), None);
        assert_eq!(validator(&[(ETAG, "\"a\""), (ACCEPT_RANGES, "none")]), None);
        assert_eq!(validator(&[]), None);
    }

    #[test]
    fn goes_on_only_with_the_rest_of_the_very_same_body() {
        let tag = |value: &'static str| Validator { name: ETAG, value: HeaderValue::from_static(value) };
        let resume = Resume { offset: 100, validator: tag("\"a\"") };
        let accepted = |known, headers: &[(HeaderName, &str)]| {
            resume.accept(StatusCode::PARTIAL_CONTENT, &map(headers), known)
        };
        let same = || (ETAG, "\"a\"");
        let range = |range| (CONTENT_RANGE, range);
        assert_eq!(accepted(Some(200), &[same(), range("bytes 100-199/200")]), Some(200));
        assert_eq!(accepted(Some(200), &[same(), range("bytes 100-199/*")]), Some(200));
        assert_eq!(accepted(None, &[same(), range("bytes 100-199/200")]), Some(200));
        // Part of the rest: the next one follows it.
        assert_eq!(accepted(None, &[same(), range("bytes 100-149/200")]), Some(200));
        // Without a size, the end could not be checked.
        assert_eq!(accepted(None, &[same(), range("bytes 100-199/*")]), None);
        for other in [
            "bytes 0-199/200",
            "bytes 99-199/200",
            "bytes 101-199/200",
            "bytes 100-199/300",
            "bytes 100-200/200",
            "bytes 100-99/200",
            "bytes 100-/200",
            "bytes -100/200",
            "bytes */200",
            "bytes 100-199/x",
            "bytes 100-199",
            "items 100-199/200",
            "",
        ] {
            assert_eq!(accepted(Some(200), &[same(), range(other)]), None, "{other}");
        }
        let whole = || range("bytes 100-199/200");
        for headers in [
            vec![whole()],
            vec![(ETAG, "\"b\""), whole()],
            vec![(ETAG, "W/\"a\""), whole()],
            vec![(LAST_MODIFIED, CHANGED), whole()],
            vec![same()],
            vec![same(), whole(), (CONTENT_ENCODING, "gzip")],
            vec![same(), whole(), (CONTENT_LENGTH, "200")],
        ] {
            assert_eq!(accepted(Some(200), &headers), None, "{headers:?}");
        }
        let all = map(&[same(), whole()]);
        assert_eq!(resume.accept(StatusCode::OK, &all, Some(200)), None);
    }
}
