//! What came of an attempt to copy, and how it is written into the item.

use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::ledger::item::{number, text};
use crate::timestamp::{Timestamp, rfc3339};

/// The most characters of an explanation that an item keeps.
const MAX_DETAIL_CHARS: usize = 200;

/// What came of an attempt to copy a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// The recording is in the bucket.
    Stored(Copied),
    /// Not this time.
    Retry {
        /// When to try again.
        at: Timestamp,
        /// What was in the way.
        problem: Problem,
        /// What to add to the object's name, if its name is taken by other bytes.
        key_suffix: Option<String>,
    },
    /// Not tried at all; the attempt does not count.
    PutBack {
        /// When it is due again.
        at: Timestamp,
        /// What was in the way.
        problem: Problem,
    },
    /// The link no longer works.
    Expired(Problem),
    /// The link must not be followed.
    Rejected(Problem),
    /// Tried often enough or long enough.
    Failed(Problem),
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
    /// What its bytes say it is.
    pub content_type: String,
}

/// Why an attempt did not end in a copy: a stable code, and a short text without any URL in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The stable code.
    pub code: &'static str,
    /// What else there is to say.
    pub detail: String,
}

/// What became of writing an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// It is written.
    Written,
    /// The link was replaced while the old one was tried in vain: the job is pending again.
    Requeued,
    /// The lease was another's by then; nothing was written.
    Lost,
}

/// What became of a person's wish to try a recording again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MadeDue {
    /// It is due.
    Due,
    /// There is no such recording.
    NotFound,
    /// It has not ended, or is stored.
    NotEnded {
        /// What it is instead.
        state: String,
    },
    /// It has no link to copy it from.
    NoLink,
}

impl End {
    /// The state's name.
    pub fn state(&self) -> &'static str {
        match self {
            Self::Stored(_) => "stored",
            Self::Retry { .. } | Self::PutBack { .. } => "retry",
            Self::Expired(_) => "expired",
            Self::Rejected(_) => "rejected",
            Self::Failed(_) => "failed",
        }
    }

    /// What was in the way, unless the recording is stored.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Stored(_) => None,
            Self::Retry { problem, .. }
            | Self::PutBack { problem, .. }
            | Self::Expired(problem)
            | Self::Rejected(problem)
            | Self::Failed(problem) => Some(problem),
        }
    }

    /// The attributes to set and those to remove.
    pub(super) fn change(&self, now: Timestamp) -> (Vec<(&'static str, AttributeValue)>, Vec<&'static str>) {
        let mut fields = vec![("state", text(self.state()))];
        let mut removed = vec!["lease", "lease_until"];
        match self {
            Self::Stored(copied) => {
                fields.extend([
                    ("s3_key", text(&copied.s3_key)),
                    ("size_bytes", number(copied.size_bytes)),
                    ("sha256", text(&copied.sha256)),
                    ("sha512", text(&copied.sha512)),
                    ("crc64nvme", text(&copied.crc64nvme)),
                    ("etag", text(&copied.etag)),
                    ("content_type", text(&copied.content_type)),
                    ("copied_at", text(rfc3339(now))),
                ]);
                removed.extend(["work_shard", "work_due", "url", "last_error", "key_suffix"]);
            }
            Self::Retry { at, problem, .. } | Self::PutBack { at, problem } => {
                fields.extend([
                    ("work_due", text(rfc3339(*at))),
                    ("next_attempt_at", text(rfc3339(*at))),
                    ("last_error", text(problem.to_string())),
                ]);
                if let Self::Retry { key_suffix: Some(suffix), .. } = self {
                    fields.push(("key_suffix", text(suffix)));
                }
            }
            Self::Expired(problem) | Self::Rejected(problem) | Self::Failed(problem) => {
                fields.extend([
                    ("reason", text(problem.code)),
                    ("last_error", text(problem.to_string())),
                    ("ended_at", text(rfc3339(now))),
                ]);
                removed.extend(["work_shard", "work_due"]);
            }
        }
        (fields, removed)
    }
}

impl Problem {
    /// A problem that its code says everything about.
    pub fn new(code: &'static str) -> Self {
        Self { code, detail: String::new() }
    }

    /// A problem with something to add; it must hold nothing of a URL.
    pub fn with(code: &'static str, detail: impl fmt::Display) -> Self {
        let detail = detail.to_string().chars().take(MAX_DETAIL_CHARS).collect();
        Self { code, detail }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.code)?;
        if self.detail.is_empty() { Ok(()) } else { write!(formatter, ": {}", self.detail) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changed(end: &End) -> (Vec<&'static str>, Vec<&'static str>) {
        let (fields, removed) = end.change(Timestamp::UNIX_EPOCH);
        (fields.into_iter().map(|(name, _)| name).collect(), removed)
    }

    fn copied() -> Copied {
        let text = || "x".to_owned();
        Copied {
            s3_key: text(),
            size_bytes: 1,
            sha256: text(),
            sha512: text(),
            crc64nvme: text(),
            etag: text(),
            content_type: text(),
        }
    }

    #[test]
    fn a_stored_recording_keeps_no_link_and_no_work() {
        let (_, removed) = changed(&End::Stored(copied()));
        for gone in ["url", "work_shard", "work_due"] {
            assert!(removed.contains(&gone), "{gone}");
        }
    }

    #[test]
    fn an_end_without_a_copy_keeps_the_link_for_a_persons_retry() {
        for end in [End::Expired, End::Rejected, End::Failed] {
            let (fields, removed) = changed(&end(Problem::new("gone")));
            assert!(fields.contains(&"reason") && removed.contains(&"work_shard"));
            assert!(!removed.contains(&"url"));
        }
    }

    #[test]
    fn a_retry_stays_on_the_index() {
        let retry = End::Retry { at: Timestamp::UNIX_EPOCH, problem: Problem::new("busy"), key_suffix: None };
        let (fields, removed) = changed(&retry);
        assert!(fields.contains(&"work_due") && !removed.contains(&"work_shard"));
    }

    #[test]
    fn nothing_is_both_set_and_removed() {
        let retry = End::Retry {
            at: Timestamp::UNIX_EPOCH,
            problem: Problem::new("busy"),
            key_suffix: Some("a".to_owned()),
        };
        for end in [End::Stored(copied()), retry, End::Failed(Problem::new("x"))] {
            let (fields, removed) = changed(&end);
            assert!(fields.iter().all(|field| !removed.contains(field)), "{end:?}");
        }
    }

    #[test]
    fn a_problem_is_a_code_and_a_short_text() {
        assert_eq!(Problem::new("timeout").to_string(), "timeout");
        assert_eq!(Problem::with("status", 503).to_string(), "status: 503");
        assert_eq!(Problem::with("x", "y".repeat(999)).detail.len(), MAX_DETAIL_CHARS);
    }
}
