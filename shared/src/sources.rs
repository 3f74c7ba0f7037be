//! The configured sources and readers: read one by one, checked against what each needs, and refreshed.
//!
//! One that can't be read is no reason to refuse the others. It is kept by its name, so that a request for
//! it can be told from a request for a source that does not exist.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::provider::Provider;
use crate::reader::Reader;
use crate::source::Source;

mod configured;
mod parameters;
mod live;

pub use live::{LiveSources, Pace};

/// The holder of the readers.
pub const QUERY: &str = "query";

/// Every configured source by its provider and name, and every reader by name.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    of_providers: BTreeMap<Provider, Named<Source>>,
    readers: Named<Reader>,
}

/// What is known of the sources of one provider, or of the readers.
#[derive(Debug)]
struct Named<T> {
    /// By name; `None` for one that can't be read.
    known: BTreeMap<String, Option<Arc<T>>>,
    /// Whether there are no others than these.
    complete: bool,
    /// When they were read from Parameter Store.
    read: Option<Instant>,
}

/// Why there is no source of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    /// None is configured. The sender can fix it.
    #[error("no source of this name is configured")]
    Unknown,
    /// It is configured and can't be read, or nothing could be read at all. Whoever deploys can fix it.
    #[error("the source is configured and can't be read")]
    Unreadable,
}

/// Every problem of the configured sources.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct SourcesError(Vec<String>);

/// What is wrong with one source or reader.
type Problems = Vec<String>;

impl Sources {
    /// Reads `{"<provider>|query":{"<name>":{…}}}`, where a person wrote all of it.
    ///
    /// # Errors
    /// Every problem with its place and without the value. Whoever deploys can fix them.
    pub fn from_json(json: &str) -> Result<Self, SourcesError> {
        let configured: BTreeMap<String, BTreeMap<String, Value>> =
            serde_json::from_str(json).map_err(|error| {
                SourcesError(vec![format!(
                    "the sources are not {{\"<provider>\":{{\"<source>\":{{…}}}}}}: {}",
                    configured::place(&error)
                )])
            })?;
        let (mut sources, mut problems) = (Self::default(), Vec::new());
        for (holder, entries) in configured {
            if holder != QUERY && Provider::from_name(&holder).is_none() {
                problems.push(format!("{holder} is neither a provider nor {QUERY}"));
                continue;
            }
            for (name, value) in entries {
                if let Err(found) = sources.put(&holder, &name, Ok(value)) {
                    problems.extend(found.into_iter().map(|problem| format!("{holder}.{name}: {problem}")));
                }
            }
        }
        let doubled = sources.refuse_doubled_tokens();
        problems.extend(doubled.into_iter().map(|(name, problem)| format!("{QUERY}.{name}: {problem}")));
        if problems.is_empty() { Ok(sources) } else { Err(SourcesError(problems)) }
    }

    /// A provider's source by name.
    ///
    /// # Errors
    /// There is none, or it can't be read.
    pub fn get(&self, provider: Provider, name: &str) -> Result<&Source, SourceError> {
        self.of_providers.get(&provider).map_or(Err(SourceError::Unknown), |named| named.get(name))
    }

    /// The readers that could be read.
    pub fn readers(&self) -> impl Iterator<Item = &Arc<Reader>> {
        self.readers.known.values().flatten()
    }

    /// Whether a reader could not be read, so that a token that fits none may be one of its.
    pub fn lacks_a_reader(&self) -> bool {
        !self.readers.complete || self.readers.known.values().any(Option::is_none)
    }

    /// Reads the JSON of a source or of a reader, and keeps it or that it can't be read.
    fn put(&mut self, holder: &str, name: &str, value: Result<Value, Problems>) -> Result<(), Problems> {
        match Provider::from_name(holder) {
            Some(provider) => {
                let source = value.and_then(|value| configured::read(&provider.needs(), name, value));
                self.of_providers.entry(provider).or_default().put(name, source)
            }
            None => {
                let reader = value.and_then(|value| configured::reader::read(name, value));
                self.readers.put(name, reader)
            }
        }
    }

    /// Keeps no reader with a token of another one, since it could not be told which rights the token gives.
    /// Of two the first by name stays. Returns the others with what is wrong.
    fn refuse_doubled_tokens(&mut self) -> Vec<(String, String)> {
        let mut doubled = Vec::new();
        let mut before: Vec<Arc<Reader>> = Vec::new();
        for (name, reader) in &mut self.readers.known {
            let Some(known) = reader.clone() else { continue };
            match before.iter().find(|other| known.shares_a_token_with(other)) {
                Some(other) => {
                    doubled.push((name.clone(), format!("it has a token of the reader {}", other.name)));
                    *reader = None;
                }
                None => before.push(known),
            }
        }
        doubled
    }
}

impl<T> Named<T> {
    fn get(&self, name: &str) -> Result<&T, SourceError> {
        match self.known.get(name) {
            Some(Some(source)) => Ok(source),
            Some(None) => Err(SourceError::Unreadable),
            None if self.complete => Err(SourceError::Unknown),
            None => Err(SourceError::Unreadable),
        }
    }

    fn put(&mut self, name: &str, read: Result<T, Problems>) -> Result<(), Problems> {
        let (known, problems) = match read {
            Ok(source) => (Some(Arc::new(source)), Ok(())),
            Err(problems) => (None, Err(problems)),
        };
        self.known.insert(name.to_owned(), known);
        problems
    }

    /// The same, unless it was read too long ago, or never.
    fn held(&self, holds: Duration) -> Self {
        if self.read.is_some_and(|read| read.elapsed() < holds) { self.clone() } else { Self::unread() }
    }

    /// Nothing is known.
    fn unread() -> Self {
        Self { complete: false, ..Self::default() }
    }

    /// Whether it is known that there are none.
    fn is_empty(&self) -> bool {
        self.complete && self.known.is_empty()
    }
}

impl<T> Clone for Named<T> {
    fn clone(&self) -> Self {
        Self { known: self.known.clone(), complete: self.complete, read: self.read }
    }
}

impl<T> Default for Named<T> {
    /// No sources, and none left to read.
    fn default() -> Self {
        Self { known: BTreeMap::new(), complete: true, read: None }
    }
}

#[cfg(test)]
mod tests;
