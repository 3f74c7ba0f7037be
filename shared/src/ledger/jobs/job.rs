//! A job as its copier has it.

use std::fmt;

use crate::ledger::item::{Item, get_number, get_text};
use crate::ledger::key::Key;
use crate::provider::Provider;
use crate::timestamp::Timestamp;

/// A leased copy job.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its item.
    pub key: Key,
    /// Whose recording it is.
    pub provider: Provider,
    /// Through which source it was announced.
    pub source: String,
    /// The provider's id of the call.
    pub call_id: String,
    /// The recording's id.
    pub recording_id: String,
    /// Where to copy it from.
    pub link: Link,
    /// When the link stops working: as it was announced or as the provider documents it, whichever is first.
    pub source_expires_at: Option<Timestamp>,
    /// The recording's size in bytes, if it was announced.
    pub announced_size_bytes: Option<u64>,
    /// The day under which the object is filed, `yyyy/mm/dd`.
    pub object_day: String,
    /// What to add to the object's name, if the plain name was found taken by other bytes.
    pub key_suffix: Option<String>,
    /// Which attempt this is, from 1, since the job last became due anew.
    pub attempt: u32,
    /// When the recording was first announced.
    pub created_at: Timestamp,
    /// When the job last became due anew: announced, given another link, or asked for by a person.
    pub due_since: Timestamp,
    /// What proves that the job is ours.
    pub(super) lease: String,
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
    /// A job that no table knows, for tests of what is done with one.
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

    /// The job in a leased item; `None` if the item lacks what a copy needs.
    pub(super) fn read(key: &Key, item: &Item) -> Option<Self> {
        let text = |name| get_text(item, name).map(str::to_owned);
        let time = |name| get_text(item, name).and_then(|text| text.parse::<Timestamp>().ok());
        let created_at = time("created_at")?;
        let due_since = time("due_since").unwrap_or(created_at);
        let (provider, url) = (Provider::from_name(get_text(item, "provider")?)?, text("url")?);
        let documented = provider.link_lifetime(&url).and_then(|life| due_since.checked_add(life).ok());
        Some(Self {
            key: key.clone(),
            provider,
            source: text("source")?,
            call_id: text("call_id")?,
            recording_id: text("recording_id")?,
            source_expires_at: [time("source_expires_at"), documented].into_iter().flatten().min(),
            link: Link(url),
            announced_size_bytes: get_number(item, "announced_size_bytes"),
            object_day: text("object_day")?,
            key_suffix: text("key_suffix"),
            attempt: get_number(item, "attempts")?,
            created_at,
            due_since,
            lease: text("lease")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::item::{number, text};
    use crate::timestamp::rfc3339;

    fn item() -> Item {
        let texts = [
            ("provider", "telnyx"),
            ("source", "default"),
            ("call_id", "c1"),
            ("recording_id", "r1"),
            ("url", "https://h.example/a?X-Amz-Signature=canary"),
            ("object_day", "2026/06/27"),
            ("created_at", "2026-06-27T10:05:00.000Z"),
            ("lease", "canary-lease"),
        ];
        let mut item: Item = texts.map(|(name, value)| (name.to_owned(), text(value))).into();
        item.insert("attempts".to_owned(), number(3));
        item
    }

    fn key() -> Key {
        Key { pk: "CALL#telnyx#default#c1".to_owned(), sk: "RECORDING#r1".to_owned() }
    }

    #[test]
    fn reads_a_leased_item() {
        let job = Job::read(&key(), &item()).unwrap();
        assert_eq!((job.attempt, job.provider), (3, Provider::Telnyx));
        assert_eq!(job.due_since, job.created_at);
    }

    #[test]
    fn a_link_lasts_as_announced_or_as_documented_whichever_is_shorter() {
        let expiry = |item: &Item| Job::read(&key(), item).unwrap().source_expires_at.map(rfc3339);
        let mut item = item();
        assert_eq!(expiry(&item).as_deref(), Some("2026-06-27T10:15:00.000Z"));
        item.insert("source_expires_at".to_owned(), text("2026-06-27T10:07:00.000Z"));
        assert_eq!(expiry(&item).as_deref(), Some("2026-06-27T10:07:00.000Z"));
        item.insert("source_expires_at".to_owned(), text("2026-06-27T10:30:00.000Z"));
        assert_eq!(expiry(&item).as_deref(), Some("2026-06-27T10:15:00.000Z"));
        item.remove("source_expires_at");
        item.insert("provider".to_owned(), text("agni"));
        assert_eq!(expiry(&item), None);
    }

    #[test]
    fn an_item_without_its_link_is_no_job() {
        let mut item = item();
        item.remove("url");
        assert!(Job::read(&key(), &item).is_none());
    }

    #[test]
    fn the_link_does_not_show_in_debug_output() {
        let shown = format!("{:?}", Job::read(&key(), &item()).unwrap());
        assert!(!shown.contains("h.example") && !shown.contains("Signature"), "{shown}");
    }
}
