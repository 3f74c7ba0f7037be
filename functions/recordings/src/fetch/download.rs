//! A recording's bytes as they arrive, resumed where the connection was lost.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{
    ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_RANGE, ETAG, HeaderMap, HeaderValue, LAST_MODIFIED,
};
use reqwest::Response;
use shared::ledger::jobs::Problem;
use tokio::time::{Instant, sleep, timeout};

use super::speed::{Speed, TooSlow};
use super::{Fetcher, Origin, Resume};
use crate::fault::Fault;

/// How often a download is taken up again.
const MAX_RESUMES: u32 = 5;

/// The pause before the first time; doubled for each one after it.
const RESUME_PAUSE: Duration = Duration::from_millis(250);

/// A body on its way. No `Debug`: the response would show its URL.
pub(crate) struct Download<'a> {
    fetcher: &'a Fetcher,
    origin: Origin<'a>,
    response: Response,
    /// The whole body's size, if the origin told it.
    size: Option<u64>,
    /// What the origin calls this body, if it can send the rest of the very same.
    validator: Option<HeaderValue>,
    received: u64,
    resumes: u32,
    speed: Speed,
}

impl<'a> Download<'a> {
    /// Opens a link. `announced` is the size that the provider told, if it did.
    pub(crate) async fn open(
        fetcher: &'a Fetcher,
        origin: Origin<'a>,
        announced: Option<u64>,
    ) -> Result<Self, Fault> {
        let response = fetcher.open(origin, None).await?;
        if response.status() != StatusCode::OK {
            return Err(Fault::transient("partial_without_request"));
        }
        let headers = response.headers();
        if headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity" && !coding.is_empty()) {
            return Err(Fault::transient("content_encoding"));
        }
        let size = response.content_length();
        // Who has the bytes knows better how many there are than who announced them: a wrong
        // announcement must not cost the recording.
        let (validator, size) = (validator(headers), size.or(announced));
        let download = Self {
            fetcher,
            origin,
            response,
            size,
            validator,
            received: 0,
            resumes: 0,
            speed: Speed::default(),
        };
        if size.is_some_and(|size| size > download.max_bytes()) {
            return Err(download.too_large());
        }
        Ok(download)
    }

    /// The whole body's size, if it is known; it will not be more.
    pub(crate) fn size(&self) -> Option<u64> {
        self.size
    }

    /// The next piece; `None` when all has arrived, and its size is what it should be.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, Fault> {
        loop {
            let started = Instant::now();
            let limits = &self.fetcher.policy.limits;
            let lost = match timeout(limits.idle, self.response.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    self.received += chunk.len() as u64;
                    if self.received > self.max_bytes() {
                        return Err(self.too_large());
                    }
                    if self.size.is_some_and(|size| self.received > size) {
                        return Err(Fault::transient("size_mismatch"));
                    }
                    let speed = self.speed.count(chunk.len(), started.elapsed(), limits);
                    speed.map_err(|TooSlow| Fault::transient("too_slow"))?;
                    return Ok(Some(chunk));
                }
                Ok(Ok(None)) if self.size.is_none_or(|size| size == self.received) => return Ok(None),
                Ok(Ok(None)) => Fault::transient("size_mismatch"),
                Ok(Err(_)) => Fault::transient("connection_lost"),
                Err(_) => Fault::transient("idle"),
            };
            self.resume(lost).await?;
        }
    }

    /// Takes the download up where it was lost, or answers what it was lost by.
    async fn resume(&mut self, lost: Fault) -> Result<(), Fault> {
        let Some(validator) = self.validator.clone().filter(|_| self.resumes < MAX_RESUMES) else {
            return Err(lost);
        };
        sleep(RESUME_PAUSE * 2_u32.pow(self.resumes)).await;
        self.resumes += 1;
        let resume = Resume { offset: self.received, validator };
        let response = match self.fetcher.open(self.origin, Some(&resume)).await {
            Ok(response) => response,
            // A refusal or an expiry is news; another lost connection is not.
            Err(fault @ (Fault::Rejected(_) | Fault::Expired(_))) => return Err(fault),
            Err(_) => return Err(lost),
        };
        let continues = response.status() == StatusCode::PARTIAL_CONTENT
            && response.headers().get(CONTENT_RANGE).is_some_and(|range| {
                range.to_str().is_ok_and(|range| continues(range, self.received, self.size))
            });
        if !continues {
            // The origin starts anew: what was received is not the beginning of what it sends now.
            return Err(lost);
        }
        tracing::debug!(resumes = self.resumes, received = self.received, "a download was taken up again");
        self.response = response;
        Ok(())
    }

    fn max_bytes(&self) -> u64 {
        self.fetcher.policy.max_bytes
    }

    fn too_large(&self) -> Fault {
        let detail = format!("more than {} bytes", self.max_bytes());
        Fault::Rejected(Problem::with("too_large", detail))
    }
}

/// What identifies the body in `If-Range`: a strong entity tag, or the date of its last change.
fn validator(headers: &HeaderMap) -> Option<HeaderValue> {
    if headers.get(ACCEPT_RANGES).is_some_and(|ranges| ranges == "none") {
        return None;
    }
    let strong = headers.get(ETAG).filter(|tag| tag.as_bytes().starts_with(b"\""));
    strong.or_else(|| headers.get(LAST_MODIFIED)).cloned()
}

/// Whether `bytes <first>-<last>/<size>` goes on at an offset, in a body of the size that is known.
fn continues(range: &str, offset: u64, size: Option<u64>) -> bool {
    let Some((positions, whole)) = range.strip_prefix("bytes ").and_then(|range| range.split_once('/'))
    else {
        return false;
    };
    let first = positions.split_once('-').and_then(|(first, _)| first.trim().parse().ok());
    let same_size = match (whole.trim().parse::<u64>(), size) {
        (Ok(whole), Some(size)) => whole == size,
        _ => true,
    };
    first == Some(offset) && same_size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goes_on_only_at_the_byte_that_is_missing() {
        assert!(continues("bytes 100-199/200", 100, Some(200)));
        assert!(continues("bytes 100-199/*", 100, Some(200)));
        assert!(continues("bytes 100-199/200", 100, None));
        for other in ["bytes 0-199/200", "bytes 101-199/200", "bytes 100-199/300", "items 100-199/200", ""] {
            assert!(!continues(other, 100, Some(200)), "{other}");
        }
    }

    #[test]
    fn resumes_only_what_can_be_told_apart() {
        let validator = |headers: &[(http::HeaderName, &str)]| {
            let headers: HeaderMap =
                headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
            validator(&headers).map(|value| value.to_str().unwrap().to_owned())
        };
        let date = "Wed, 21 Oct 2015 07:28:00 GMT";
        assert_eq!(validator(&[(ETAG, "\"a\""), (LAST_MODIFIED, date)]).as_deref(), Some("\"a\""));
        assert_eq!(validator(&[(ETAG, "W/\"a\""), (LAST_MODIFIED, date)]).as_deref(), Some(date));
        assert_eq!(validator(&[(ETAG, "W/\"a\"")]), None);
        assert_eq!(validator(&[(ETAG, "\"a\""), (ACCEPT_RANGES, "none")]), None);
        assert_eq!(validator(&[]), None);
    }
}
