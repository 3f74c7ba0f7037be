//! Links to recordings.

use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::Draft;
use crate::event::RecordingLink;
use crate::record::{Path, field};
use crate::timestamp::{Timestamp, Written, rfc3339};

/// The longest link that is taken; servers take no more than this in a request's first line.
const MAX_URL_BYTES: usize = 8 * 1024;

impl Draft {
    /// Enters a recording and its link in the draft. Returns the recording's id; `None` if there is neither an
    /// id nor a link.
    ///
    /// Without an id it gets one from the SHA-256 of its URL without query and fragment. The expiry is
    /// the earlier one of the time that the payload states and the time in a presigned URL.
    pub(crate) fn recording(
        &mut self,
        id: Option<String>,
        url: Option<String>,
        expires_at: Option<Timestamp>,
    ) -> Option<String> {
        let url = url.and_then(|url| self.usable(url));
        let recording_id = match (id, &url) {
            (Some(id), url) => {
                self.set_recording(&id, "recording_id", Some(id.as_str()));
                if let Some(url) = url {
                    self.record.add_link(&id, &made_id(url));
                }
                id
            }
            (None, Some(url)) => {
                let id = made_id(url);
                self.record.derive(path(&id, "recording_id"), Value::from(id.as_str()));
                id
            }
            (None, None) => return None,
        };
        let Some(url) = url else {
            self.set_recording(&recording_id, "source_expires_at", expires_at.map(rfc3339));
            return Some(recording_id);
        };
        let parsed = Url::parse(&url).ok();
        self.set_recording(&recording_id, "source_host", parsed.as_ref().and_then(Url::host_str));
        let presigned = parsed.as_ref().filter(|url| url.query().is_some()).and_then(presigned_until);
        let expires_at = match (expires_at, presigned) {
            (Some(stated), presigned) if presigned.is_none_or(|presigned| stated <= presigned) => {
                self.set_recording(&recording_id, "source_expires_at", Some(rfc3339(stated)));
                Some(stated)
            }
            (stated, presigned) => {
                self.set(field("extensions", "recording.expires_at"), stated.map(rfc3339));
                let presigned_until = presigned.map(|time| Value::from(rfc3339(time)));
                self.record.derive(path(&recording_id, "source_expires_at"), presigned_until);
                presigned
            }
        };
        let link = RecordingLink { recording_id: recording_id.clone(), url, expires_at, size_bytes: None };
        self.link = Some(link);
        Some(recording_id)
    }

    /// Sets the size of the linked recording, if the value is a size.
    pub(crate) fn recording_size(&mut self, size_bytes: Option<i64>) {
        if let Some(link) = &mut self.link {
            link.size_bytes = size_bytes.and_then(|size| size.try_into().ok());
        }
    }

    /// Says when a recording started.
    pub(crate) fn recording_started(&mut self, recording_id: &str, time: Option<Written>) {
        self.time(path(recording_id, "started_at"), time);
    }

    /// Sets one field of a recording.
    pub(crate) fn set_recording(
        &mut self,
        recording_id: &str,
        name: &'static str,
        value: Option<impl Into<Value>>,
    ) {
        self.set(path(recording_id, name), value);
    }

    /// Returns the link, unless it is too long for any server. Such a link stays in the delivery's body
    /// only: links are not shown.
    fn usable(&mut self, url: String) -> Option<String> {
        if url.len() <= MAX_URL_BYTES {
            return Some(url);
        }
        self.record.add("warnings", "the link to the recording is too long for one");
        None
    }
}

/// The id of a recording that has none: made of its link without query and fragment.
fn made_id(url: &str) -> String {
    let without_query = url.split(['?', '#']).next().unwrap_or_default();
    hex::encode(&Sha256::digest(without_query.as_bytes())[..16])
}

/// The record's path of a recording's field.
fn path(recording_id: &str, name: &'static str) -> Path {
    ["recordings.", recording_id, ".", name].concat().into()
}

/// When a URL signed with AWS Signature Version 4 expires: `X-Amz-Date` plus `X-Amz-Expires`.
fn presigned_until(url: &Url) -> Option<Timestamp> {
    let parameter = |name: &str| url.query_pairs().find(|(key, _)| key.eq_ignore_ascii_case(name));
    let (_, date) = parameter("X-Amz-Date")?;
    let (_, seconds) = parameter("X-Amz-Expires")?;
    let signed_at: Timestamp = date.parse().ok()?;
    let seconds: i32 = seconds.parse().ok().filter(|seconds| *seconds >= 0)?;
    signed_at.checked_add(jiff::SignedDuration::from_secs(seconds.into())).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(url: &str, expires_at: Option<&str>) -> RecordingLink {
        let expires_at = expires_at.map(|time| time.parse().unwrap());
        let mut draft = Draft::default();
        draft.recording(None, Some(url.to_owned()), expires_at).unwrap();
        draft.link.unwrap()
    }

    #[test]
    fn a_recording_without_an_id_is_named_by_its_url_without_query() {
        let id = |url| link(url, None).recording_id;
        let plain = id("https://media.example.com/a.mp3");
        assert_eq!(id("https://media.example.com/a.mp3?X-Amz-Signature=1#t"), plain);
        assert_ne!(id("https://media.example.com/b.mp3"), plain);
    }

    #[test]
    fn the_earlier_expiry_counts() {
        let url = "https://s3.example.com/a?X-Amz-Date=20260627T100000Z&X-Amz-Expires=600&X-Amz-Signature=f";
        let expiry = |stated| link(url, stated).expires_at.map(rfc3339).unwrap();
        assert_eq!(expiry(None), "2026-06-27T10:10:00.000Z");
        assert_eq!(expiry(Some("2026-06-27T11:00:00Z")), "2026-06-27T10:10:00.000Z");
        assert_eq!(expiry(Some("2026-06-27T10:05:00Z")), "2026-06-27T10:05:00.000Z");
    }

    #[test]
    fn a_link_does_not_show_in_debug_output() {
        assert!(
            !format!("{:?}", link("https://h.example/a?X-Amz-Signature=canary", None)).contains("h.example")
        );
    }
}
