//! The sources a function works with now: read at the start, and again while it runs.
//!
//! They come from `SOURCES`, or from SSM Parameter Store: one SecureString per source, named
//! `<SOURCES_PATH>/<provider>/<source>`. Parameters are read again every five minutes, in the
//! background, and at once when a delivery fits none of the keys. So a new key is accepted at once, and a
//! removed key is refused after ten minutes at most. If a provider's parameters can't be read, its sources
//! stay as they are, and an alarm is raised.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout};

use super::parameters::ParameterStore;
use super::{Sources, SourcesError, place};
use crate::aws::Aws;
use crate::env;
use crate::metrics::Metrics;
use crate::source::Source;
use crate::timestamp::Timestamp;

/// How long a request waits for parameters to be read again.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often parameters may be read again.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The age at which they are read again.
    pub due: Duration,
    /// The least time between two reads after requests that fit no key. Otherwise each request of a stranger
    /// would cause a read.
    pub after_miss: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { due: Duration::from_secs(300), after_miss: Duration::from_secs(20) }
    }
}

/// The sources a function works with now. Clones share them.
#[derive(Clone)]
pub struct LiveSources(Arc<Live>);

struct Live {
    current: RwLock<Arc<Sources>>,
    parameters: Option<Parameters>,
    /// Held while the parameters are read.
    reading: tokio::sync::Mutex<()>,
    times: Mutex<Times>,
}

/// When the parameters were last read; when a read was last due; and when one last followed a miss.
struct Times {
    read: Instant,
    asked: Instant,
    missed: Option<Instant>,
}

/// The parameters, and how they are read.
struct Parameters {
    store: ParameterStore,
    path: String,
    holders: Vec<&'static str>,
    pace: Pace,
    metrics: Metrics,
}

/// Parameters that can't be read. The message says which, and how to fix it.
#[derive(Debug, thiserror::Error)]
pub enum UnreadError {
    /// Nothing is there.
    #[error(
        "there is no parameter under {path}; create one: aws ssm put-parameter --name {path}/default \
         --type SecureString --value file://source.json, with {example} in it"
    )]
    Missing {
        /// Where one should be.
        path: String,
        /// The content of such a parameter.
        example: &'static str,
    },
    /// The store did not answer, or refused.
    #[error("the parameters under {path} can't be read: {cause}")]
    Unavailable {
        /// Where they are.
        path: String,
        /// The store's code, or how the request failed.
        cause: String,
    },
    /// One of them is not JSON.
    #[error("the parameter {name} is not JSON: {place}")]
    NotJson {
        /// Its name.
        name: String,
        /// The line and column of the error.
        place: String,
    },
    /// They are JSON, but not sources.
    #[error("under {path}: {problems}")]
    Bad {
        /// Where they are.
        path: String,
        /// All that is wrong with them.
        problems: SourcesError,
    },
}

impl LiveSources {
    /// The sources that the environment names, read now. `holders` are the providers, or `query`,
    /// whose sources are wanted.
    ///
    /// Adds every problem with them to `environment`.
    pub async fn from_env(environment: &mut env::Environment, aws: &Aws, holders: &[&'static str]) -> Self {
        if let Some(json) = environment.optional(env::SOURCES) {
            return Self::from(Sources::from_json(&json).unwrap_or_else(|error| {
                environment.problem(env::SOURCES, error);
                Sources::default()
            }));
        }
        let Some(path) = environment.optional(env::SOURCES_PATH) else {
            let both = "is not set, and neither is SOURCES: set one of them to give the keys";
            environment.problem(env::SOURCES_PATH, both);
            return Self::from(Sources::default());
        };
        if !environment.is_right() {
            // The function will not start. With such an environment, a read could only fail as well.
            return Self::from(Sources::default());
        }
        let metrics = Metrics::from_env(environment);
        Self::read(aws, &path, holders, Pace::default(), metrics).await.unwrap_or_else(|unread| {
            environment.problem(env::SOURCES_PATH, unread);
            Self::from(Sources::default())
        })
    }

    /// The sources under a path in Parameter Store, read now.
    ///
    /// # Errors
    /// No source could be read; the first error.
    pub async fn from_parameters(
        aws: &Aws,
        path: &str,
        holders: &[&'static str],
        pace: Pace,
    ) -> Result<Self, UnreadError> {
        Self::read(aws, path, holders, pace, Metrics::default()).await
    }

    async fn read(
        aws: &Aws,
        path: &str,
        holders: &[&'static str],
        pace: Pace,
        metrics: Metrics,
    ) -> Result<Self, UnreadError> {
        let path = path.trim_end_matches('/').to_owned();
        let parameters = Parameters {
            store: ParameterStore::new(aws.ssm()),
            path,
            holders: holders.to_vec(),
            pace,
            metrics,
        };
        let (sources, unread) = parameters.read(&Sources::default()).await;
        if sources.is_empty() {
            return Err(unread.into_iter().next().unwrap_or_else(|| parameters.missing()));
        }
        parameters.tell(&unread);
        Ok(Self::new(sources, Some(parameters)))
    }

    fn new(sources: Sources, parameters: Option<Parameters>) -> Self {
        let current = RwLock::new(Arc::new(sources));
        let now = Instant::now();
        let times = Mutex::new(Times { read: now, asked: now, missed: None });
        Self(Arc::new(Live { current, parameters, reading: tokio::sync::Mutex::default(), times }))
    }

    /// The sources as they were last read.
    pub fn current(&self) -> Arc<Sources> {
        self.0.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads the parameters again if that is due: in the background, or before it returns if they are more than
    /// twice that old. Lambda has then frozen the process, and may freeze it again before a background task ends.
    pub async fn keep_fresh(&self) {
        let Some(parameters) = &self.0.parameters else { return };
        let due = parameters.pace.due;
        let now = Instant::now();
        let age = {
            let mut times = self.times();
            if now - times.asked < due {
                return;
            }
            times.asked = now;
            now - times.read
        };
        let sources = self.clone();
        let refresh = async move { sources.refresh_since(now).await };
        if age < due * 2 {
            tokio::spawn(refresh);
        } else if timeout(PATIENCE, refresh).await.is_err() {
            tracing::warn!("the sources were not refreshed in time");
        }
    }

    /// Reads the parameters again after something that fits none of the keys. Returns whether there may be
    /// other keys now.
    pub async fn refresh_after_miss(&self) -> bool {
        let Some(parameters) = &self.0.parameters else { return false };
        let now = Instant::now();
        let last = self.times().missed.replace(now);
        if let Some(last) = last.filter(|last| now - *last < parameters.pace.after_miss) {
            self.times().missed = Some(last);
            return false;
        }
        timeout(PATIENCE, self.refresh_since(now)).await.unwrap_or(false)
    }

    /// Reads the parameters again, unless that was done after `since`. Returns whether any holder's could be
    /// read. A source whose parameter was removed is gone.
    async fn refresh_since(&self, since: Instant) -> bool {
        let Some(parameters) = &self.0.parameters else { return false };
        let _one_at_a_time = self.0.reading.lock().await;
        if self.times().read > since {
            return true;
        }
        let (sources, unread) = parameters.read(&self.current()).await;
        parameters.tell(&unread);
        if unread.len() == parameters.holders.len() {
            return false;
        }
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(sources);
        self.times().read = Instant::now();
        true
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.0.times.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Sources> for LiveSources {
    /// Returns sources that are never read again.
    fn from(sources: Sources) -> Self {
        Self::new(sources, None)
    }
}

impl fmt::Debug for LiveSources {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("LiveSources").field(&self.current()).finish()
    }
}

impl Parameters {
    /// Returns the sources of every holder, and the errors. A holder whose parameters can't be read keeps its
    /// known sources, and does not affect the others.
    async fn read(&self, known: &Sources) -> (Sources, Vec<UnreadError>) {
        let reads = join_all(self.holders.iter().map(|holder| self.read_one(holder))).await;
        let (mut sources, mut unread) = (Sources::default(), Vec::new());
        for (holder, read) in self.holders.iter().zip(reads) {
            let entries = read.unwrap_or_else(|why| {
                unread.push(why);
                known.0.get(*holder).cloned().unwrap_or_default()
            });
            sources.0.insert((*holder).to_owned(), entries);
        }
        (sources, unread)
    }

    /// Logs the errors, and counts them for the alarm.
    fn tell(&self, unread: &[UnreadError]) {
        for error in unread {
            tracing::error!(%error, "sources could not be read");
            self.metrics.sources_unread(Timestamp::now());
        }
    }

    fn missing(&self) -> UnreadError {
        let (path, example) = match self.holders[..] {
            [holder] => {
                (format!("{}/{holder}", self.path), super::needs(holder).map_or("{…}", |needs| needs.example))
            }
            _ => (format!("{}/<provider>", self.path), "{…}"),
        };
        UnreadError::Missing { path, example }
    }

    async fn read_one(&self, holder: &str) -> Result<BTreeMap<String, Source>, UnreadError> {
        let path = format!("{}/{holder}", self.path);
        let found = self.store.get_parameters_by_path(&path).await;
        let mut entries = BTreeMap::new();
        for parameter in found.map_err(|cause| UnreadError::Unavailable { path, cause })? {
            let name = parameter.name;
            let value = serde_json::from_str(&parameter.value)
                .map_err(|error| UnreadError::NotJson { name: name.clone(), place: place(&error) })?;
            entries.insert(name.rsplit('/').next().unwrap_or_default().to_owned(), value);
        }
        let sources = Sources::from_map(BTreeMap::from([(holder.to_owned(), entries)]));
        let sources = sources.map_err(|problems| UnreadError::Bad { path: self.path.clone(), problems })?;
        Ok(sources.0.into_values().next().unwrap_or_default())
    }
}
