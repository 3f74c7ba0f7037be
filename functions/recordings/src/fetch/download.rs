//! A recording's bytes as they arrive. A lost connection is resumed.

use bytes::Bytes;
use http::StatusCode;
use reqwest::Response;
use shared::ledger::jobs::Reason;
use tokio::time::{Instant, sleep, timeout};

use super::coding::{Coding, Damaged, Unpacking};
use super::resume::{Resume, Validator, is_chunked};
use super::speed::{Ahead, Speed, TooSlow};
use super::{Fetcher, Origin};
use crate::error::CopyError;
use crate::sniff::Told;

/// How often a download is resumed without progress.
const MAX_RESUMES: u32 = 5;

/// The bytes that must arrive to count as progress.
const PROGRESS_BYTES: u64 = 8 << 20;

/// A body that is arriving. It has no `Debug`, since the response would show its URL.
pub(crate) struct Download<'a> {
    fetcher: &'a Fetcher,
    origin: Origin<'a>,
    response: Response,
    /// The whole body's size, if the origin told it.
    size: Option<u64>,
    /// The size that the provider announced. It counts only if the origin tells neither the size nor the end of
    /// the body: the origin knows better, and a wrong announcement must not lose the recording.
    announced: Option<u64>,
    /// The origin's name for exactly this body, if a download of it can be resumed.
    validator: Option<Validator>,
    received: u64,
    /// What unpacks the body, if it is compressed. It is not resumed then.
    unpacking: Option<Unpacking>,
    /// How much was unpacked.
    unpacked: u64,
    /// What the origin says of the recording.
    told: Told,
    resumes: u32,
    /// How many bytes had arrived at the last resume.
    resumed_at: u64,
    speed: Speed,
    /// When the time for the copy ends.
    until: Instant,
}

impl<'a> Download<'a> {
    /// Opens a link. `announced` is the size that the provider announced, if it did. `until` is when the caller
    /// stops: a download that is too slow to end by then fails early.
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
        let coding = Coding::of(headers).ok_or_else(|| CopyError::transient("content_encoding"))?;
        let (size, chunked) = (response.content_length(), is_chunked(headers));
        let download = Self {
            fetcher,
            origin,
            size,
            announced: announced.filter(|_| size.is_none() && !chunked && coding == Coding::Plain),
            validator: Validator::of(headers).filter(|_| coding == Coding::Plain),
            unpacking: Unpacking::of(coding),
            unpacked: 0,
            told: Told::of(headers, response.url()),
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

    /// The recording's size, if it is known; it will not be more.
    pub(crate) fn size(&self) -> Option<u64> {
        self.size.filter(|_| self.unpacking.is_none())
    }

    /// What the origin says of the recording.
    pub(crate) fn told(&self) -> Told {
        self.told.clone()
    }

    /// The next piece of the recording; `None` when all has arrived, and its size is what it should be.
    pub(crate) async fn chunk(&mut self) -> Result<Option<Bytes>, CopyError> {
        let damaged = |Damaged| CopyError::transient("content_encoding");
        loop {
            let unpacked = self.unpacking.as_mut().map(Unpacking::next).transpose().map_err(damaged)?;
            if let Some(piece) = unpacked.flatten() {
                return self.within_limit(piece).map(Some);
            }
            match (self.arrived().await?, &mut self.unpacking) {
                (piece, None) => return Ok(piece),
                (Some(piece), Some(unpacking)) => unpacking.feed(&piece),
                (None, Some(unpacking)) => {
                    let rest = unpacking.rest().map_err(damaged)?;
                    return rest.map(|piece| self.within_limit(piece)).transpose();
                }
            }
        }
    }

    fn within_limit(&mut self, unpacked: Bytes) -> Result<Bytes, CopyError> {
        self.unpacked += unpacked.len() as u64;
        if self.unpacked > self.max_bytes() { Err(self.too_large()) } else { Ok(unpacked) }
    }

    /// The next piece as it arrives.
    async fn arrived(&mut self) -> Result<Option<Bytes>, CopyError> {
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

    /// Resumes the download where it was lost. If that fails, returns the error by which it was lost, or the final
    /// error of the new request.
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
                // These are final. Any other error is tried again.
                Err(error @ (CopyError::Rejected(_) | CopyError::Expired(_))) => return Err(error),
                Err(_) => {}
            }
        };
        let Some(size) = resume.accept(response.status(), response.headers(), self.size) else {
            // The answer is not the rest of the body that was begun.
            return Err(lost);
        };
        if size > self.max_bytes() {
            return Err(self.too_large());
        }
        (self.size, self.resumed_at) = (Some(size), self.received);
        tracing::info!(resumes = self.resumes, received = self.received, "a download was resumed");
        self.response = response;
        Ok(())
    }

    /// Whether all has arrived, once the body has ended.
    fn is_whole(&self) -> bool {
        self.size.or(self.announced).is_none_or(|size| size == self.received)
    }

    /// The rest of the body and the time for it, if the size is known.
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
