//! The meaning of an origin's answer for a copy.

use std::time::Duration;

use http::header::{HeaderMap, LOCATION, RETRY_AFTER};
use http::{HeaderName, StatusCode};
use jiff::fmt::rfc2822::DateTimeParser;
use shared::ledger::jobs::Reason;
use shared::timestamp::Timestamp;

use crate::error::CopyError;

/// The meaning of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Its body is the recording.
    Body,
    /// The recording is at this place.
    Redirect(String),
    /// There is no recording.
    Failed(CopyError),
    /// There is no recording; the body may say that the link has expired.
    Explained(CopyError),
}

/// How origins say that a link has expired, in lower case: S3 and what is compatible with it, Google
/// Cloud Storage, Azure Blob Storage, and plain words.
const EXPIRED: [&str; 10] = [
    "request has expired",
    "<code>expiredtoken</code>",
    "<code>expiredrequest</code>",
    "token has expired",
    "signature has expired",
    "signature expired",
    "not valid in the specified time frame",
    "link has expired",
    "url has expired",
    "url expired",
];

/// The meaning of an answer's head.
pub(super) fn judge(status: StatusCode, headers: &HeaderMap, now: Timestamp) -> Answer {
    let after = headers.get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?, now));
    let reason = || Reason::with("status", status.as_u16());
    match status.as_u16() {
        200 | 206 => Answer::Body,
        301 | 302 | 303 | 307 | 308 => match text(headers, LOCATION) {
            // Some origins write a blank as it is.
            Some(location) => Answer::Redirect(location.replace(' ', "%20")),
            None => Answer::Failed(CopyError::transient("redirect_without_location")),
        },
        410 => Answer::Failed(CopyError::Expired(reason())),
        // S3 also answers 403 for an object that is not there yet, and 400 for an expired session token.
        400 | 401 | 403 => Answer::Explained(CopyError::Absent { reason: reason(), after }),
        404 => Answer::Failed(CopyError::Absent { reason: reason(), after }),
        _ => Answer::Failed(CopyError::Transient { reason: reason(), after }),
    }
}

/// Whether an explanation says that the link has expired.
pub(super) fn says_expired(explanation: &[u8]) -> bool {
    let text = String::from_utf8_lossy(explanation).to_ascii_lowercase();
    EXPIRED.iter().any(|phrase| text.contains(phrase))
}

/// `Retry-After` in seconds or as a date (RFC 9110, section 10.2.3).
fn retry_after(value: &str, now: Timestamp) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = DateTimeParser::new().parse_timestamp(value.trim()).ok()?;
    Some(date.duration_since(now).try_into().unwrap_or(Duration::ZERO))
}

fn text(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

impl CopyError {
    /// Returns the final form of the error, [`Self::Expired`], with the same reason.
    pub(super) fn into_expired(self) -> Self {
        match self {
            Self::Absent { reason, .. } | Self::Transient { reason, .. } => Self::Expired(reason),
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2015-10-21T07:27:00Z".parse().unwrap()
    }

    fn judged(status: u16, headers: &[(HeaderName, &str)]) -> Answer {
        let headers =
            headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect::<HeaderMap>();
        judge(StatusCode::from_u16(status).unwrap(), &headers, now())
    }

    #[test]
    fn waits_for_what_may_still_come() {
        for status in [202, 204, 408, 425, 429, 500, 502, 503, 504, 520, 599] {
            let expected =
                Answer::Failed(CopyError::Transient { reason: Reason::with("status", status), after: None });
            assert_eq!(judged(status, &[]), expected);
        }
        for (status, answer) in [(404, Answer::Failed as fn(CopyError) -> Answer), (403, Answer::Explained)] {
            let absent = CopyError::Absent { reason: Reason::with("status", status), after: None };
            assert_eq!(judged(status, &[]), answer(absent));
        }
    }

    #[test]
    fn gone_is_expired() {
        assert_eq!(judged(410, &[]), Answer::Failed(CopyError::Expired(Reason::with("status", 410))));
    }

    #[test]
    fn heeds_retry_after_in_seconds_and_as_a_date() {
        let wait = |value: &str| match judged(429, &[(RETRY_AFTER, value)]) {
            Answer::Failed(CopyError::Transient { after, .. }) => after.map(|after| after.as_secs()),
            other => panic!("{other:?}"),
        };
        assert_eq!(wait("120"), Some(120));
        assert_eq!(wait("Wed, 21 Oct 2015 07:28:00 GMT"), Some(60));
        assert_eq!(wait("Wed, 21 Oct 2015 07:00:00 GMT"), Some(0));
        assert_eq!(wait("soon"), None);
        assert_eq!(wait("-1"), None);
    }

    #[test]
    fn a_redirect_needs_a_place() {
        let to = Answer::Redirect("https://b.example/x".to_owned());
        assert_eq!(judged(302, &[(LOCATION, "https://b.example/x")]), to);
        let blank = Answer::Redirect("https://b.example/x%20y".to_owned());
        assert_eq!(judged(302, &[(LOCATION, "https://b.example/x y")]), blank);
        assert_eq!(judged(302, &[]), Answer::Failed(CopyError::transient("redirect_without_location")));
        assert!(matches!(judged(304, &[]), Answer::Failed(CopyError::Transient { .. })));
    }

    #[test]
    fn knows_expired_links_by_what_their_origins_say() {
        let expired = [
            "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message><Expires>2026-06-27T10:10:00Z</Expires></Error>",
            "<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>",
            "<Error><Code>AuthenticationFailed</Code><AuthenticationErrorDetail>Signature not valid in the specified time frame: Start […]</AuthenticationErrorDetail></Error>",
            r#"{"error":"This link has expired"}"#,
        ];
        for text in expired {
            assert!(says_expired(text.as_bytes()), "{text}");
        }
        let not_yet = [
            "<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>",
            "",
            "Forbidden",
            "<Error><Code>SignatureDoesNotMatch</Code></Error>",
        ];
        for text in not_yet {
            assert!(!says_expired(text.as_bytes()), "{text}");
        }
    }
}
