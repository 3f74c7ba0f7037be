//! RECORDING: a recording as a copy job.
//!
//! | state | has |
//! |---|---|
//! | pending | `url`, `work_due`: due at once |
//! | copying | `lease`, `lease_until` = `work_due`, `attempts` |
//! | retry | `next_attempt_at` = `work_due`, `last_error` |
//! | stored | `s3_key`, `size_bytes`, `sha256`, `sha512`, `crc64nvme`, `etag`, `content_type`, `copied_at`; no `url` |
//! | erased | a tombstone; see [`tombstone`](super::tombstone) |
//! | expired, rejected, failed | `reason`, `last_error`, `ended_at`; the `url` stays for a person's retry |
//!
//! `work_shard` and `work_due` put an item in the sparse `work` index: one that waits or is copied under
//! `recording`, one that ended under `ended`; one that is stored has neither. A copier that dies leaves its job
//! due at `lease_until`. `version` is raised by every change, so that a webhook that replaces the link writes
//! over nothing it has not seen.

use serde::Serialize;

use super::{CALL_ID, Item, RECORDING_PREFIX, SK, WORK_DUE, WORK_SHARD};
use super::{get_number, get_owned, get_text, names, number, text};
use crate::event::RecordingLink;
use crate::ledger::key::{self, Key};
use crate::provider::Provider;
use crate::timestamp::{self, Timestamp, rfc3339};

pub(in crate::ledger) mod change;
mod end;
mod job;

pub use end::{Copied, End, Reason};
pub use job::{Job, Link};

/// The partitions of due recordings in the `work` index: `recording#<shard>`.
pub(in crate::ledger) const WORK: &str = "recording";

/// The partitions of recordings that ended without a copy in the `work` index: `ended#<shard>`.
pub(in crate::ledger) const ENDED: &str = "ended";

/// The attribute of the recording's id, only where the key holds its hash instead.
const RECORDING_ID: &str = "recording_id";

/// The state of a copy job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is due.
    Pending,
    /// A copier has a lease of it.
    Copying,
    /// It is due later.
    Retry,
    /// The recording is in the bucket.
    Stored,
    /// It ended: the link no longer worked.
    Expired,
    /// It ended: the link must not be followed, or the recording is too large.
    Rejected,
    /// It ended: too many attempts failed, or failed for too long, or the item can't be read.
    Failed,
    /// The recording was erased; the item is a tombstone.
    Erased,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Copying,
        Self::Retry,
        Self::Stored,
        Self::Expired,
        Self::Rejected,
        Self::Failed,
        Self::Erased,
    ];

    /// Its name in the item and in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Copying => "copying",
            Self::Retry => "retry",
            Self::Stored => "stored",
            Self::Expired => "expired",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Erased => super::tombstone::STATE,
        }
    }

    /// The state of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }

    /// The state of an item; `None` if it is not one that this version knows.
    pub fn of(item: &Item) -> Option<Self> {
        Self::from_name(get_text(item, "state")?)
    }

    /// Returns whether it ended without a copy.
    pub const fn has_failed(self) -> bool {
        matches!(self, Self::Expired | Self::Rejected | Self::Failed)
    }

    /// Returns whether it waits for a copier.
    pub const fn is_waiting(self) -> bool {
        matches!(self, Self::Pending | Self::Retry)
    }
}

/// A recording as a call's story shows it. It never shows the link.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Recording {
    /// The provider's id, or one made from the link.
    pub recording_id: String,
    /// pending, copying, retry, stored, expired, rejected, failed or erased.
    pub state: Option<&'static str>,
    /// The host of the link.
    pub source_host: Option<String>,
    /// When the link stops working, RFC 3339 UTC.
    pub source_expires_at: Option<String>,
    /// Its duration in whole seconds.
    pub duration_seconds: Option<u64>,
    /// Its size in bytes.
    pub size_bytes: Option<u64>,
    /// The number of its audio channels.
    pub channels: Option<u64>,
    /// Its media type.
    pub content_type: Option<String>,
    /// The SHA-256 of the copy, hex.
    pub sha256: Option<String>,
    /// The SHA-512 of the copy, hex.
    pub sha512: Option<String>,
    /// Where the copy is in the bucket.
    pub s3_key: Option<String>,
    /// The number of attempts to copy it.
    pub attempts: Option<u64>,
    /// The error of the last attempt.
    pub last_error: Option<String>,
    /// Why it ended without a copy.
    pub reason: Option<String>,
    /// When the job was made, RFC 3339 UTC.
    pub created_at: Option<String>,
    /// When the copy was complete, RFC 3339 UTC.
    pub copied_at: Option<String>,
    /// When it ended without a copy, RFC 3339 UTC.
    pub ended_at: Option<String>,
    /// When copying is due, RFC 3339 UTC.
    pub next_attempt_at: Option<String>,
}

/// The attributes that [`Recording::read`] reads, besides the key. `url` is not among them.
pub(in crate::ledger) const SHOWN: [&str; 16] = [
    RECORDING_ID,
    "state",
    "source_expires_at",
    "size_bytes",
    "content_type",
    "sha256",
    "sha512",
    "s3_key",
    "attempts",
    "last_error",
    "reason",
    "created_at",
    "copied_at",
    "ended_at",
    "format",
    WORK_DUE,
];

/// The key of a recording of a call.
pub fn key_of(pk: &str, recording_id: &str) -> Key {
    Key { pk: pk.to_owned(), sk: key::recording_sk(recording_id) }
}

/// Writes a new job under a recording's id: pending, due at once.
pub fn write(pk: &str, call_id: &str, recording_id: &str, link: &RecordingLink, now: Timestamp) -> Item {
    let Key { pk, sk } = key_of(pk, recording_id);
    let at = rfc3339(now);
    let mut item = super::item(&pk, &sk);
    let mut put = |name: &str, value| drop(item.insert(name.to_owned(), value));
    for (name, id) in [(CALL_ID, call_id), (RECORDING_ID, recording_id)] {
        if key::name(id) != *id {
            put(name, text(id));
        }
    }
    put("state", text(State::Pending.name()));
    put(WORK_SHARD, text(key::work_shard(WORK, &pk)));
    put(WORK_DUE, text(key::work_due(&at, &Key { pk: pk.clone(), sk: sk.clone() })));
    put("object_day", text(timestamp::day(now).replace('-', "/")));
    put("attempts", number(0));
    put("version", number(1));
    put("created_at", text(at));
    put_link(&mut item, link);
    item
}

/// Returns a job that was seen, with a newer link that has had no attempt yet.
pub(in crate::ledger) fn relink(seen: &Item, link: &RecordingLink, now: Timestamp) -> Item {
    let mut item = seen.clone();
    for ended in
        ["reason", "ended_at", "last_error", "next_attempt_at", "source_expires_at", "announced_size_bytes"]
    {
        item.remove(ended);
    }
    put_link(&mut item, link);
    let of_key = |name| get_owned(&item, name).unwrap_or_default();
    let (pk, sk, version) = (of_key(super::PK), of_key(SK), version(&item));
    let at = rfc3339(now);
    let mut put = |name: &str, value| drop(item.insert(name.to_owned(), value));
    put("version", number(version + 1));
    put("attempts", number(0));
    put("due_since", text(&at));
    // The copier of the old link goes on, and leaves the job due if that link fails.
    if State::of(seen) != Some(State::Copying) {
        put("state", text(State::Pending.name()));
        put(WORK_SHARD, text(key::work_shard(WORK, &pk)));
        put(WORK_DUE, text(key::work_due(&at, &Key { pk, sk })));
    }
    item
}

fn put_link(item: &mut Item, link: &RecordingLink) {
    let mut put = |name: &str, value| drop(item.insert(name.to_owned(), value));
    put("url", text(&link.url));
    if let Some(expires_at) = link.expires_at {
        put("source_expires_at", text(rfc3339(expires_at)));
    }
    if let Some(size_bytes) = link.size_bytes {
        put("announced_size_bytes", number(size_bytes));
    }
}

/// The counter that every change raises.
pub(in crate::ledger) fn version(item: &Item) -> u64 {
    get_number(item, "version").unwrap_or(0)
}

/// Returns whether a link should replace the one of a job that was seen: the recording is not copied and this
/// link is newer.
///
/// Of two links the one that expires later is newer, whichever came first. If that is not known, the one that
/// came last is newer. A job that ended without a copy takes any other link.
pub(in crate::ledger) fn is_newer_link(link: &RecordingLink, seen: &Item) -> bool {
    let state = State::of(seen);
    let expires_at = link.expires_at.map(rfc3339);
    let is_another = get_text(seen, "url") != Some(&link.url);
    match (expires_at.as_deref(), get_text(seen, "source_expires_at")) {
        _ if matches!(state, Some(State::Stored | State::Erased)) => false,
        (Some(this), Some(other)) if this < other => is_another && state.is_some_and(State::has_failed),
        (this, other) => is_another || this > other,
    }
}

pub(super) fn recording_id(item: &Item) -> Option<String> {
    let in_key = || get_text(item, SK)?.strip_prefix(RECORDING_PREFIX);
    get_text(item, RECORDING_ID).or_else(in_key).map(str::to_owned)
}

impl Recording {
    /// Reads a RECORDING item.
    pub(in crate::ledger) fn read(item: &Item) -> Self {
        let owned = |name| get_owned(item, name);
        let number = |name| get_number(item, name);
        let state = State::of(item);
        // While a copy is running, `work_due` is the end of its lease. A job that was given a new link
        // may still have the reason and the next attempt of the old one.
        let is_waiting = state.is_some_and(State::is_waiting);
        let has_failed = state.is_some_and(State::has_failed);
        Self {
            recording_id: recording_id(item).unwrap_or_default(),
            source_expires_at: owned("source_expires_at"),
            size_bytes: number("size_bytes"),
            content_type: owned("content_type"),
            sha256: owned("sha256"),
            sha512: owned("sha512"),
            s3_key: owned("s3_key"),
            attempts: number("attempts"),
            last_error: owned("last_error"),
            reason: owned("reason").filter(|_| has_failed),
            created_at: owned("created_at"),
            copied_at: owned("copied_at"),
            ended_at: owned("ended_at").filter(|_| has_failed),
            next_attempt_at: get_text(item, WORK_DUE)
                .filter(|_| is_waiting)
                .map(|due| key::work_time(due).to_owned()),
            state: state.map(State::name),
            // These are known from the record.
            source_host: None,
            duration_seconds: None,
            channels: None,
        }
    }
}

impl Job {
    /// Reads a leased job; `None` if the item lacks what a copy needs.
    pub(in crate::ledger) fn read(key: &Key, item: &Item) -> Option<Self> {
        let time = |name| get_text(item, name).and_then(|text| text.parse::<Timestamp>().ok());
        let created_at = time("created_at")?;
        let due_since = time("due_since").unwrap_or(created_at);
        let (provider, source, call_id) = names(item)?;
        let (provider, url) = (Provider::from_name(provider)?, get_owned(item, "url")?);
        let documented = provider.link_lifetime(&url).and_then(|life| due_since.checked_add(life).ok());
        Some(Self {
            key: key.clone(),
            provider,
            source: source.to_owned(),
            call_id: call_id.to_owned(),
            recording_id: recording_id(item)?,
            source_expires_at: [time("source_expires_at"), documented].into_iter().flatten().min(),
            link: Link::new(url),
            announced_size_bytes: get_number(item, "announced_size_bytes"),
            object_day: get_owned(item, "object_day")?,
            key_suffix: get_owned(item, "key_suffix"),
            attempt: get_number(item, "attempts")?,
            created_at,
            due_since,
            lease: get_owned(item, "lease")?,
        })
    }
}

#[cfg(test)]
mod tests;
