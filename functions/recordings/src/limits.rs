//! Limits that several modules of the copier share.

/// The size of a part, and the largest recording that is written in one request. S3 takes parts from
/// 5 MiB and 10,000 of them, so this suffices for 80 GiB.
pub(crate) const PART_BYTES: usize = 8 << 20;

/// The most copies at a time.
pub(crate) const CONCURRENCY: usize = 16;
