//! The repository's files that are compiled in, so that the program runs without a checkout.

/// The sources of local runs: `events/sources.json`.
pub const SOURCES: &str = include_str!("../../events/sources.json");

/// The template, which defines the table: `template.yaml`.
pub const TEMPLATE: &str = include_str!("../../template.yaml");

macro_rules! events {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../events/", $name, ".json")))),*]
    };
}

/// The samples, in order: the name of each, and its API Gateway event `events/<name>.json`.
pub const SAMPLES: &[(&str, &str)] = events![
    "agni-call-completed"
    "callkaro-call-ended"
    "sautikit-call-answered"
    "sautikit-call-completed"
    "sautikit-call-failed"
    "sautikit-call-recording-ready"
    "sautikit-call-started"
    "telnyx-call-completed"
    "telnyx-call-in-progress"
    "telnyx-call-initiated"
    "telnyx-call-no-answer"
    "telnyx-call-ringing"
    "telnyx-recording-completed"
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::sample;

    #[test]
    fn the_samples_are_those_of_the_folder() -> anyhow::Result<()> {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../events"));
        let mut files = BTreeMap::new();
        for path in sample::files(folder)? {
            let name = path.file_stem().map(|name| name.to_string_lossy().into_owned());
            files.insert(name.unwrap_or_default(), fs::read_to_string(path)?);
        }
        let compiled: Vec<_> =
            SAMPLES.iter().map(|(name, event)| ((*name).to_owned(), (*event).to_owned())).collect();
        assert_eq!(compiled, files.into_iter().collect::<Vec<_>>());
        Ok(())
    }
}
