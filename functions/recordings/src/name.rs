//! The names of a copy in the bucket: its key, its metadata and its tags.

use std::borrow::Cow;
use std::collections::HashMap;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use shared::ledger::jobs::Job;
use shared::ledger::key;

/// The characters that are encoded in a tag, besides those that S3 does not take: all but RFC 3986's unreserved ones.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The longest value of a tag.
const MAX_TAG_CHARS: usize = 256;

/// The names of a recording's copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    folder: String,
    recording: String,
    suffix: Option<String>,
    labels: [(&'static str, String); 4],
}

impl Name {
    /// The names for a job's recording.
    pub(crate) fn new(job: &Job) -> Self {
        let Job { provider, source, call_id, recording_id, object_day, .. } = job;
        let provider = provider.name();
        Self {
            folder: key::recordings_folder(provider, source, object_day, call_id),
            recording: key::object_part(recording_id),
            suffix: job.key_suffix.clone(),
            labels: [
                ("provider", provider.to_owned()),
                ("source", source.clone()),
                ("call", call_id.clone()),
                ("recording", recording_id.clone()),
            ],
        }
    }

    /// The object's key: `recordings/<provider>/<source>/<yyyy>/<mm>/<dd>/<call>/<recording>.<extension>`.
    pub(crate) fn key(&self, extension: &str) -> String {
        let Self { folder, recording, suffix, .. } = self;
        match suffix {
            None => format!("{folder}{recording}.{extension}"),
            Some(suffix) => format!("{folder}{recording}-{suffix}.{extension}"),
        }
    }

    /// Returns the name with a suffix, for when another object has this one.
    pub(crate) fn with_suffix(&self, suffix: String) -> Self {
        Self { suffix: Some(suffix), ..self.clone() }
    }

    /// The object's metadata, percent-encoded: S3 takes ASCII there.
    pub(crate) fn metadata(&self) -> HashMap<String, String> {
        self.labels.iter().map(|(name, value)| ((*name).to_owned(), key::object_part(value))).collect()
    }

    /// The object's tags, as the header takes them.
    pub(crate) fn tagging(&self) -> String {
        let encoded = |value: &str| percent_encode(value.as_bytes(), NON_ALPHANUMERIC).to_string();
        let tags = self.labels.iter().map(|(name, value)| format!("{name}={}", encoded(&tag(value))));
        tags.collect::<Vec<_>>().join("&")
    }
}

/// A tag's value. S3 takes letters, digits, spaces and `+-=._:/@`. A value with `=` or any other character is
/// percent-encoded, with `=` in place of the percent sign, which S3 does not take.
fn tag(value: &str) -> Cow<'_, str> {
    let plain = |character: char| character.is_ascii_alphanumeric() || " +-._:/@".contains(character);
    let tag = if value.chars().all(plain) {
        Cow::Borrowed(value)
    } else {
        Cow::Owned(percent_encode(value.as_bytes(), ENCODED).to_string().replace('%', "="))
    };
    if tag.chars().count() > MAX_TAG_CHARS { Cow::Owned(key::hashed(value)) } else { tag }
}

#[cfg(test)]
mod tests {
    use shared::ledger::jobs::Link;
    use shared::provider::Provider;

    use super::*;

    fn name(call_id: &str, recording_id: &str) -> Name {
        Name::new(&Job::detached(Provider::Telnyx, call_id, recording_id, Link::new("https://h.example/")))
    }

    #[test]
    fn the_key_says_whose_recording_it_is() {
        assert_eq!(name("c-1", "r_1").key("mp3"), "recordings/telnyx/default/2026/01/01/c-1/r_1.mp3");
    }

    #[test]
    fn unsafe_characters_are_percent_encoded() {
        let key = name("v3:a/b c", "ü?#\n").key("wav");
        assert_eq!(key, "recordings/telnyx/default/2026/01/01/v3%3Aa%2Fb%20c/%C3%BC%3F%23%0A.wav");
    }

    #[test]
    fn no_name_climbs_out_of_its_folder() {
        assert_eq!(name("..", ".").key("mp3"), "recordings/telnyx/default/2026/01/01/%2E%2E/%2E.mp3");
        assert_eq!(name("../x", "").key("mp3"), "recordings/telnyx/default/2026/01/01/..%2Fx/%00.mp3");
    }

    #[test]
    fn the_key_of_the_longest_names_fits() {
        for (call_id, recording_id) in
            [("ü".repeat(512), "/".repeat(512)), ("a".repeat(512), "b".repeat(5000))]
        {
            let name = name(&call_id, &recording_id).with_suffix(key::object_suffix(&"f".repeat(64)));
            assert!(name.key("webm").len() <= 1024, "{}", name.key("webm").len());
            let metadata = name.metadata();
            assert!(metadata.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>() < 1900);
        }
    }

    #[test]
    fn long_names_stay_apart() {
        let (a, b) = ("a".repeat(600), format!("{}b", "a".repeat(599)));
        assert_ne!(name(&a, "r").key("mp3"), name(&b, "r").key("mp3"));
    }

    #[test]
    fn a_suffix_tells_two_contents_apart() {
        let name = name("c", "r").with_suffix(key::object_suffix("0123456789abcdef"));
        assert_eq!(name.key("mp3"), "recordings/telnyx/default/2026/01/01/c/r-0123456789ab.mp3");
    }

    #[test]
    fn tags_hold_only_what_the_bucket_takes() {
        let tagging = name("v3:a b", "x&y=ü").tagging();
        assert_eq!(
            tagging,
            "provider=telnyx&source=default&call=v3%3Aa%20b&recording=x%3D26y%3D3D%3DC3%3DBC"
        );
        assert_eq!(tag(&"a".repeat(257)).len(), "sha256:".len() + 64);
    }
}
