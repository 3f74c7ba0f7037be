//! A job as its copier gets it.

use std::fmt;

use crate::ledger::key::Key;
use crate::provider::Provider;
use crate::timestamp::Timestamp;

/// A leased copy job.
#[derive(Clone, Debug)]
pub struct Job {
    /// The key of its item.
    pub key: Key,
    /// The provider that announced the recording.
    pub provider: Provider,
    /// The source through which it was announced.
    pub source: String,
    /// The provider's id of the call.
    pub call_id: String,
    /// The recording's id.
    pub recording_id: String,
    /// The link to copy it from.
    pub link: Link,
    /// When the link stops working: as it was announced or as the provider documents it, whichever is first.
    pub source_expires_at: Option<Timestamp>,
    /// The recording's size in bytes, if it was announced.
    pub announced_size_bytes: Option<u64>,
    /// The day under which the object is filed, `yyyy/mm/dd`.
    pub object_day: String,
    /// The suffix of the object's name, if another object has the plain name.
    pub key_suffix: Option<String>,
    /// Which attempt this is, from 1, since the job last became due anew.
    pub attempt: u32,
    /// When the recording was first announced.
    pub created_at: Timestamp,
    /// When the job last became due anew: announced, given another link, or asked for by a person.
    pub due_since: Timestamp,
    /// The lease: only the copier that has it may change the job.
    pub(in crate::ledger) lease: String,
}

/// A link to a recording. It may carry credentials, so it redacts itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Link(String);

impl Link {
    /// A link from its text.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The link's text, to fetch it; never to be logged or shown.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Link(redacted)")
    }
}

impl Job {
    /// A job that is in no table, for tests.
    pub fn detached(provider: Provider, call_id: &str, recording_id: &str, link: Link) -> Self {
        Self {
            key: Key { pk: String::new(), sk: String::new() },
            provider,
            source: "default".to_owned(),
            call_id: call_id.to_owned(),
            recording_id: recording_id.to_owned(),
            link,
            source_expires_at: None,
            announced_size_bytes: None,
            object_day: "2026/01/01".to_owned(),
            key_suffix: None,
            attempt: 1,
            created_at: Timestamp::UNIX_EPOCH,
            due_since: Timestamp::UNIX_EPOCH,
            lease: String::new(),
        }
    }
}
