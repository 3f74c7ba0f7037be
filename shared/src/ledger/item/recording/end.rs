//! The result of an attempt to copy a recording.

use std::fmt;

use super::State;
use crate::timestamp::Timestamp;

/// The most characters of an explanation that an item keeps.
const MAX_DETAIL_CHARS: usize = 200;

/// The result of an attempt to copy a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The recording is in the bucket.
    Stored(Copied),
    /// The attempt failed, and another one follows.
    Retry {
        /// When to try again.
        at: Timestamp,
        /// The reason.
        reason: Reason,
        /// The suffix of the object's name, if another object has the plain name.
        key_suffix: Option<String>,
    },
    /// The link no longer works.
    Expired(Reason),
    /// The link must not be followed, or the recording is too large.
    Rejected(Reason),
    /// Too many attempts failed, or failed for too long.
    Failed(Reason),
}

/// The copy in the bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The object's key.
    pub s3_key: String,
    /// Its size.
    pub size_bytes: u64,
    /// Its SHA-256 in hex.
    pub sha256: String,
    /// Its SHA-512 in hex.
    pub sha512: String,
    /// Its CRC-64/NVME in base64, as S3 has it.
    pub crc64nvme: String,
    /// Its entity tag, as S3 has it.
    pub etag: String,
    /// The media type that its bytes show.
    pub content_type: String,
}

/// Why an attempt did not end in a copy: a stable code, and a short text without any URL in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// The stable code.
    pub code: &'static str,
    /// More about it; may be empty.
    pub detail: String,
}

impl End {
    /// The state that it leads to.
    pub fn state(&self) -> State {
        match self {
            Self::Stored(_) => State::Stored,
            Self::Retry { .. } => State::Retry,
            Self::Expired(_) => State::Expired,
            Self::Rejected(_) => State::Rejected,
            Self::Failed(_) => State::Failed,
        }
    }

    /// The reason for which there is no copy; `None` if the recording is stored.
    pub fn reason(&self) -> Option<&Reason> {
        match self {
            Self::Stored(_) => None,
            Self::Retry { reason, .. }
            | Self::Expired(reason)
            | Self::Rejected(reason)
            | Self::Failed(reason) => Some(reason),
        }
    }
}

impl Reason {
    /// Returns a reason that is only a code.
    pub fn new(code: &'static str) -> Self {
        Self { code, detail: String::new() }
    }

    /// Returns a reason with more about it, which must hold nothing of a URL.
    pub fn with(code: &'static str, detail: impl fmt::Display) -> Self {
        let detail = detail.to_string().chars().take(MAX_DETAIL_CHARS).collect();
        Self { code, detail }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code)?;
        if self.detail.is_empty() { Ok(()) } else { write!(formatter, ": {}", self.detail) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_a_code_and_a_short_text() {
        assert_eq!(Reason::new("timeout").to_string(), "timeout");
        assert_eq!(Reason::with("status", 503).to_string(), "status: 503");
        assert_eq!(Reason::with("x", "y".repeat(999)).detail.len(), MAX_DETAIL_CHARS);
    }
}
