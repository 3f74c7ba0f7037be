//! The content of a verified body: the types between a provider and the ledger.

use std::fmt;

use crate::record::{Record, Stamp};
use crate::timestamp::Timestamp;

/// The content of a verified body.
#[derive(Clone, Debug)]
pub enum Normalized {
    /// Something about a call that belongs in its record.
    Event(Box<CallEvent>),
    /// An event of a kind that adds nothing to a record; kept as evidence.
    Ignored {
        /// The provider's name for it.
        kind: String,
        /// The key that two deliveries of one event share.
        dedupe_key: Option<String>,
        /// The call it is about, if it names one.
        call_id: Option<String>,
    },
    /// The provider sent it, and it can't be applied.
    Unusable(Unusable),
}

/// The format of a provider's bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFormat {
    /// A JSON object.
    Json,
    /// A form, as browsers send it.
    Form,
}

/// One event of one call.
#[derive(Clone, Debug)]
pub struct CallEvent {
    /// The provider's name for the kind of event.
    pub kind: String,
    /// The key that two deliveries of one event share; `None` stands for the body's hash.
    pub dedupe_key: Option<String>,
    /// The provider's id of the call.
    pub call_id: String,
    /// The place of its body among the call's bodies.
    pub stamp: Stamp,
    /// What it states, all with the stamp.
    pub record: Record,
    /// The recording to copy, if it links one.
    pub recording: Option<RecordingLink>,
}

/// Why a genuine body can't be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It is not in the provider's format.
    Unreadable,
    /// It does not say which call it is about.
    CallIdMissing,
    /// It names a call with an id longer than any provider's.
    CallIdTooLong,
    /// It is of another account than the one pinned.
    AccountMismatch,
}

/// The longest id of a call or a recording, in bytes. A body with a longer one is kept as evidence.
pub const MAX_ID_BYTES: usize = 2048;

/// A link from which a recording can be fetched, perhaps only for a short time.
#[derive(Clone, PartialEq, Eq)]
pub struct RecordingLink {
    /// The provider's id of the recording, or one made from the link.
    pub recording_id: String,
    /// The link as it was sent. It may carry credentials: never logged, never shown.
    pub url: String,
    /// When the link stops working, as far as is known.
    pub expires_at: Option<Timestamp>,
    /// The recording's size in bytes, if the payload says it.
    pub size_bytes: Option<u64>,
}

impl fmt::Debug for RecordingLink {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { recording_id, url: _, expires_at, size_bytes } = self;
        formatter
            .debug_struct("RecordingLink")
            .field("recording_id", recording_id)
            .field("expires_at", expires_at)
            .field("size_bytes", size_bytes)
            .finish_non_exhaustive()
    }
}

impl BodyFormat {
    /// The value of the `Content-Type` header.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Form => "application/x-www-form-urlencoded",
        }
    }
}

impl Unusable {
    /// The stable code of the reason.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unreadable => "body_unreadable",
            Self::CallIdMissing => "call_id_missing",
            Self::CallIdTooLong => "call_id_too_long",
            Self::AccountMismatch => "account_mismatch",
        }
    }
}
