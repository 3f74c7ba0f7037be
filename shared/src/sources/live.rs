//! The sources a function works with now: read at the start, and again while it runs.
//!
//! They come from `SOURCES`, or from SSM Parameter Store: one SecureString per source, named
//! `<SOURCES_PATH>/<provider>/<source>`. Parameters are read again every five minutes, in the
//! background, and at once when a delivery fits none of the keys: a key that was rotated a moment ago
//! is taken, and one that was removed is refused ten minutes later at most.
//!
//! A source whose parameter is damaged takes nothing until it is put right, and the others go on without
//! it. Only where Parameter Store does not answer, what was read stays, for an hour at most. Both raise an
//! alarm.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use super::parameters::{Parameter, ParameterStore, UnreadError};
use super::{Named, QUERY, Sources, configured};
use crate::aws::Aws;
use crate::env;
use crate::metrics::Metrics;
use crate::provider::Provider;
use crate::timestamp::Timestamp;

/// How long a request waits for parameters to be read again.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long reading them in the background may take.
const BACKGROUND_PATIENCE: Duration = Duration::from_secs(5);

/// How often parameters are read, and for how long that may fail.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How long the start waits for them. Lambda ends a start after ten seconds, and begins it anew.
    pub start: Duration,
    /// After how long they are read again anyway.
    pub due: Duration,
    /// The least time between two reads after requests that fit no key. Otherwise each request of a stranger
    /// would cause a read.
    pub after_miss: Duration,
    /// For how long what was read holds while Parameter Store does not answer.
    pub holds: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(6),
            due: Duration::from_secs(300),
            after_miss: Duration::from_secs(20),
            holds: Duration::from_secs(3600),
        }
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

impl LiveSources {
    /// The sources that the environment names, read now. `holders` are the providers, or `query`,
    /// whose sources are wanted.
    ///
    /// Adds to `environment` what a person wrote wrong in `SOURCES`, or that nothing says where the sources
    /// are. A parameter that can't be read is no reason not to start: it is told to the log and the alarm.
    pub async fn from_env(environment: &mut env::Environment, aws: &Aws, holders: &[&'static str]) -> Self {
        if let Some(json) = environment.optional(env::SOURCES) {
            let sources = Sources::from_json(&json).unwrap_or_else(|error| {
                environment.problem(env::SOURCES, error);
                Sources::default()
            });
            sources.warn_of_none(holders, env::SOURCES);
            return Self::from(sources);
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
        Self::read(aws, &path, holders, Pace::default(), metrics).await
    }

    /// The sources under a path in Parameter Store, read now.
    pub async fn from_parameters(aws: &Aws, path: &str, holders: &[&'static str], pace: Pace) -> Self {
        Self::read(aws, path, holders, pace, Metrics::default()).await
    }

    async fn read(aws: &Aws, path: &str, holders: &[&'static str], pace: Pace, metrics: Metrics) -> Self {
        let path = path.trim_end_matches('/').to_owned();
        let store = ParameterStore::new(aws.ssm());
        let parameters = Parameters { store, path, holders: holders.to_vec(), pace, metrics };
        let (sources, _) = parameters.read(&Sources::default(), Instant::now() + pace.start).await;
        sources.warn_of_none(holders, &parameters.path);
        Self::new(sources, Some(parameters))
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
        if age < due * 2 {
            let sources = self.clone();
            tokio::spawn(async move { sources.refresh_since(now, now + BACKGROUND_PATIENCE).await });
        } else {
            self.refresh_since(now, now + PATIENCE).await;
        }
    }

    /// Reads the parameters again because something fits none of the keys. Returns whether there may
    /// be others now.
    pub async fn refresh_after_miss(&self) -> bool {
        let Some(parameters) = &self.0.parameters else { return false };
        let now = Instant::now();
        let last = self.times().missed.replace(now);
        if let Some(last) = last.filter(|last| now - *last < parameters.pace.after_miss) {
            self.times().missed = Some(last);
            return false;
        }
        self.refresh_since(now, now + PATIENCE).await
    }

    /// Takes what the parameters say now, unless somebody did since some time. Returns whether any holder's
    /// could be read before a deadline.
    async fn refresh_since(&self, since: Instant, deadline: Instant) -> bool {
        let Some(parameters) = &self.0.parameters else { return false };
        let Ok(_one_at_a_time) = timeout_at(deadline, self.0.reading.lock()).await else { return false };
        if self.times().read > since {
            return true;
        }
        let (sources, answered) = parameters.read(&self.current(), deadline).await;
        *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(sources);
        if answered {
            self.times().read = Instant::now();
        }
        answered
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
    /// Every source of every holder, and whether Parameter Store answered for any holder. Whoever reads the
    /// logs, and the alarm, is told what could not be read.
    async fn read(&self, known: &Sources, deadline: Instant) -> (Sources, bool) {
        let (mut sources, mut answered) = (Sources::default(), false);
        let reads = self.holders.iter().map(|holder| async move {
            let path = format!("{}/{holder}", self.path);
            let found = self.store.get_parameters_by_path(&path, deadline).await;
            (path, found)
        });
        for (holder, (path, found)) in self.holders.iter().zip(join_all(reads).await) {
            match found {
                Ok(found) => {
                    answered = true;
                    for parameter in found {
                        self.take(&mut sources, holder, &parameter);
                    }
                    sources.mark_read(holder);
                }
                Err(UnreadError { cause: problem, may_pass }) => {
                    let age = sources.hold(holder, known, self.pace.holds);
                    // A moment of throttling is no reason to call a person: what was read holds.
                    if may_pass && age.is_some_and(|age| age < self.pace.due * 2) {
                        tracing::warn!(parameters = path, problem, "sources were not read again");
                    } else {
                        tracing::error!(parameters = path, problem, "sources could not be read");
                        self.metrics.sources_unread(Timestamp::now(), holder);
                    }
                }
            }
        }
        for (name, problem) in sources.refuse_doubled_tokens() {
            self.tell(&format!("{QUERY}/{name}"), &format!("{}/{QUERY}/{name}", self.path), &problem);
        }
        (sources, answered)
    }

    fn take(&self, sources: &mut Sources, holder: &str, Parameter { name: parameter, value }: &Parameter) {
        let name = parameter.rsplit('/').next().unwrap_or_default();
        let value = serde_json::from_str(value)
            .map_err(|error| vec![format!("it is not JSON: {}", configured::place(&error))]);
        if let Err(problems) = sources.put(holder, name, value) {
            self.tell(&format!("{holder}/{name}"), parameter, &problems.join("; "));
        }
    }

    /// Tells the log and the alarm of a source that can't be read.
    fn tell(&self, source: &str, parameter: &str, problem: &str) {
        tracing::error!(source, parameter, problem, "a source could not be read");
        self.metrics.sources_unread(Timestamp::now(), source);
    }
}

impl Sources {
    fn mark_read(&mut self, holder: &str) {
        let now = Some(Instant::now());
        match Provider::from_name(holder) {
            Some(provider) => self.of_providers.entry(provider).or_default().read = now,
            None => self.readers.read = now,
        }
    }

    /// Takes over what is known of a holder's sources, unless it was read too long ago. Returns how long ago that
    /// was; `None` if nothing holds.
    fn hold(&mut self, holder: &str, known: &Self, holds: Duration) -> Option<Duration> {
        let read = match Provider::from_name(holder) {
            Some(provider) => {
                let held = known.of_providers.get(&provider).map(|named| named.held(holds));
                let held = held.unwrap_or_else(Named::unread);
                let read = held.read;
                self.of_providers.insert(provider, held);
                read
            }
            None => {
                self.readers = known.readers.held(holds);
                self.readers.read
            }
        };
        read.map(|read| read.elapsed())
    }

    /// Says which holders have no source: nothing is wrong with that, but it may not be meant.
    fn warn_of_none(&self, holders: &[&str], place: &str) {
        for holder in holders {
            let (is_empty, example) = match Provider::from_name(holder) {
                Some(provider) => {
                    let named = self.of_providers.get(&provider);
                    (named.is_none_or(Named::is_empty), provider.needs().example)
                }
                None => (self.readers.is_empty(), configured::reader::EXAMPLE),
            };
            if is_empty {
                tracing::warn!(holder, place, example, "no source is configured, so nothing is taken");
            }
        }
    }
}
