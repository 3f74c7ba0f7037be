//! AUDIT: an entry of the audit trail: who was given what, or did what.
//!
//! | attribute | holds |
//! |---|---|
//! | `reader` | the name of the reader |
//! | `action` | [`Action`] |
//! | `provider`, `source` | whose call it is about; absent for what is about several |
//! | `call_id` | the call it is about; absent for what is about none |
//! | `expires_at_epoch` | when DynamoDB removes the item |
//!
//! The time is in the sort key. An entry is written once and never changed.

use super::{CALL_ID, Item, SK, get_owned, get_text, number, text};
use crate::ledger::key::{self, Key};
use crate::provider::Provider;
use crate::reader::Scope;
use crate::timestamp::Timestamp;

/// The time that entries are kept.
const KEPT_DAYS: i64 = 400;

/// What the audit trail records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A link to a recording was given out.
    Listened,
    /// A delivery was answered with its headers and body.
    ReadRaw,
    /// Calls were written to a file.
    Exported,
    /// A recording was made due again.
    Retried,
    /// A delivery in quarantine was read anew.
    Replayed,
    /// A delivery in quarantine was read anew, even if the key that proved it was no longer configured.
    ReplayForced,
    /// A delivery in quarantine was put aside.
    Discarded,
    /// A call's record was made anew.
    Rebuilt,
    /// A call, or a delivery of none, was erased.
    Erased,
}

/// An entry on its way into the trail.
#[derive(Clone, Copy, Debug)]
pub struct Note<'a> {
    /// When it was asked for.
    pub at: Timestamp,
    /// The name of the reader.
    pub reader: &'a str,
    /// What it was given, or does.
    pub action: Action,
    /// What it is about.
    pub about: About<'a>,
}

/// What an entry is about.
#[derive(Clone, Copy, Debug)]
pub enum About<'a> {
    /// A call, by its provider, source and id.
    Call(Provider, &'a str, &'a str),
    /// A body of a provider and a source that names no call.
    Source(Provider, &'a str),
    /// Calls of several sources. Only a reader of all sources is shown such an entry.
    Several,
}

/// An entry that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// When, RFC 3339 UTC.
    pub at: String,
    /// The name of the reader.
    pub reader: String,
    /// The name of the action.
    pub action: String,
    /// The provider and the source that it is about.
    pub source: Option<(String, String)>,
    /// The call that it is about.
    pub call_id: Option<String>,
}

impl Action {
    /// Its name in the item and in answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Listened => "listened",
            Self::ReadRaw => "read_raw",
            Self::Exported => "exported",
            Self::Retried => "retried",
            Self::Replayed => "replayed",
            Self::ReplayForced => "replay_forced",
            Self::Discarded => "discarded",
            Self::Rebuilt => "rebuilt",
            Self::Erased => "erased",
        }
    }
}

/// Writes an entry. `nonce` tells it from others of the same time.
pub(in crate::ledger) fn write(note: &Note<'_>, nonce: u64) -> Item {
    let Key { pk, sk } = key::audit(note.at, nonce);
    let mut item = super::item(&pk, &sk);
    let mut put = |name: &str, value| drop(item.insert(name.to_owned(), value));
    put("reader", text(note.reader));
    put("action", text(note.action.name()));
    let (source, call_id) = match note.about {
        About::Call(provider, source, call_id) => (Some((provider, source)), Some(call_id)),
        About::Source(provider, source) => (Some((provider, source)), None),
        About::Several => (None, None),
    };
    if let Some((provider, source)) = source {
        put("provider", text(provider.name()));
        put("source", text(source));
    }
    if let Some(call_id) = call_id {
        put(CALL_ID, text(call_id));
    }
    put("expires_at_epoch", number(note.at.as_second() + KEPT_DAYS * 86_400));
    item
}

/// Reads an entry.
pub(in crate::ledger) fn read(item: &Item) -> Noted {
    let owned = |name| get_owned(item, name);
    Noted {
        at: get_text(item, SK).and_then(key::audit_time).unwrap_or_default().to_owned(),
        reader: owned("reader").unwrap_or_default(),
        action: owned("action").unwrap_or_default(),
        source: owned("provider").zip(owned("source")),
        call_id: owned(CALL_ID),
    }
}

impl Noted {
    /// Whether a reader of these sources may see the entry.
    pub(in crate::ledger) fn is_in(&self, scope: &Scope) -> bool {
        match &self.source {
            Some((provider, source)) => scope.has(provider, source),
            None => *scope == Scope::All,
        }
    }
}
