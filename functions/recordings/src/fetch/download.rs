//! A recording's bytes as they arrive, resumed where the connection was lost.

use bytes::Bytes;
use http::StatusCode;
use reqwest::Response;
use shared::ledger::jobs::Reason;
use tokio::time::{Instant, sleep, timeout};

use super::resume::{Resume, Validator, is_chunked, is_identity};
use super::speed::{Ahead, Speed, TooSlow};
use super::{Fetcher, Origin};
use crate::error::CopyError;

/// How often a download is taken up again without getting on.
const MAX_RESUMES: u32 = 5;

/// How much has to arrive before it has got on.
const PROGRESS_BYTES: u64 = 8 << 20;

/// A body on its way. No `Debug`: the response would show its URL.
pub(crate) struct Download<'a> {
    fetcher: &'a Fetcher,
    origin: Origin<'a>,
    response: Response,
    /// The whole body's size, if the origin told it.
    size: Option<u64>,
    /// The size that the provider announced, if nothing else tells whether all has arrived: who has the
    /// bytes knows better how many there are, and a wrong announcement must not cost the recording.
    announced: Option<u64>,
    /// What the origin calls this body, if it can send the rest of the very same.
    validator: Option<Validator>,
    received: u64,
    resumes: u32,
    /// How much had been received when it was last taken up.
    resumed_at: u64,
    speed: Speed,
    /// Until when it may go on.
    until: Instant,
}

impl<'a> Download<'a> {
    /// Opens a link. `announced` is the size that the provider told, if it did; `until` is when whoever
    /// asks for the pieces will stop: what can't end by then is given up before.
    pub(crate) async fn open(
        fetcher: &'a Fetcher,
        origin: Origin<'a>,
        announced: Option<u64>,
        until: Instant,
    ) -> Result<Self, CopyError> {
        let response = fetcher.open(origin, None).await?;
        if response.status() != StatusCode::OK {
            return Err(CopyError::transient("partial_without_request"));
        }
        let headers = response.headers();
        if !is_identity(headers) {
            return Err(CopyError::transient("content_encoding"));
        }
        let (size, chunked) = (response.content_length(), is_chunked(headers));
        let download = Self {
            fetcher,
            origin,
            size,
            announced: announced.filter(|_| size.is_none() && !chunked),
            validator: Validator::of(headers),
            response,
            received: 0,
            resumes: 0,
            resumed_at: 0,
            speed: Speed::default(),
            until,
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
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, CopyError> {
        loop {
            let started = Instant::now();
            let limits = &self.fetcher.policy.limits;
            let lost = match timeout(limits.idle, self.response.chunk()).await {
                Ok(Ok(Some(chunk))) => {
                    self.received += chunk.len() as u64;
                    if self.received - self.resumed_at >= PROGRESS_BYTES {
                        self.resumes = 0;
                    }
                    if self.received > self.max_bytes() {
                        return Err(self.too_large());
                    }
                    if self.size.is_some_and(|size| self.received > size) {
                        return Err(CopyError::transient("size_mismatch"));
                    }
                    let speed = self.speed.count(chunk.len(), started.elapsed(), self.ahead(), limits);
                    speed.map_err(|TooSlow| CopyError::transient("too_slow"))?;
                    return Ok(Some(chunk));
                }
                Ok(Ok(None)) if self.is_whole() => return Ok(None),
                Ok(Ok(None)) => CopyError::transient("size_mismatch"),
                Ok(Err(_)) => CopyError::transient("connection_lost"),
                Err(_) => CopyError::transient("idle"),
            };
            self.resume(lost).await?;
        }
    }

    /// Takes the download up where it was lost, or answers what it was lost by.
    async fn resume(&mut self, lost: CopyError) -> Result<(), CopyError> {
        let (resume, response) = loop {
            let Some(validator) = self.validator.clone().filter(|_| self.resumes < MAX_RESUMES) else {
                return Err(lost);
            };
            sleep(self.fetcher.policy.limits.resume_pause * 2_u32.pow(self.resumes)).await;
            self.resumes += 1;
            let resume = Resume { offset: self.received, validator };
            match self.fetcher.open(self.origin, Some(&resume)).await {
                Ok(response) => break (resume, response),
                // A refusal or an expiry is news; another lost connection is not.
                Err(error @ (CopyError::Rejected(_) | CopyError::Expired(_))) => return Err(error),
                Err(_) => {}
            }
        };
        let Some(size) = resume.accept(response.status(), response.headers(), self.size) else {
            // The origin starts anew: what was received is not the beginning of what it sends now.
            return Err(lost);
        };
        if size > self.max_bytes() {
            return Err(self.too_large());
        }
        (self.size, self.resumed_at) = (Some(size), self.received);
        tracing::info!(resumes = self.resumes, received = self.received, "a download was taken up again");
        self.response = response;
        Ok(())
    }

    /// Whether what was received is all, now that nothing more comes.
    fn is_whole(&self) -> bool {
        self.size.or(self.announced).is_none_or(|size| size == self.received)
    }

    /// What is still to come, if that is known.
    fn ahead(&self) -> Option<Ahead> {
        let bytes = self.size?.saturating_sub(self.received);
        Some(Ahead { bytes, time: self.until.saturating_duration_since(Instant::now()) })
    }

    fn max_bytes(&self) -> u64 {
        self.fetcher.policy.max_bytes
    }

    fn too_large(&self) -> CopyError {
        let detail = format!("more than {} bytes", self.max_bytes());
        CopyError::Rejected(Reason::with("too_large", detail))
    }
}
