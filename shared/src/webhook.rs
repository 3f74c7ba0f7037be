//! A webhook function: verify, normalize, apply, answer.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use http::{Method, StatusCode};
use serde_json::json;
use tokio::time::Instant;

use crate::aws::Aws;
use crate::env;
use crate::event::{Normalized, Unusable};
use crate::lambda::{self, Request};
use crate::ledger::{Carried, Entry, Ledger, Outcome, key};
use crate::metrics::Metrics;
use crate::proof::Unverified;
use crate::provider::{Provider, Verified};
use crate::reply::Reply;
use crate::source::Source;
use crate::sources::{LiveSources, SourceError, Sources};
use crate::telemetry;
use crate::timestamp::Timestamp;

mod refusal;

use refusal::Refusal;

/// The largest body that is taken. Lambda's limit for an event is 6 MB with base64, which leaves a
/// little more than this.
pub const MAX_BODY_BYTES: usize = 4 * 1024 * 1024;

/// The time that a delivery may take. CallKaro gives up after five seconds.
const DEADLINE: Duration = Duration::from_secs(4);

/// The time that deliveries' bodies are kept, unless configured otherwise.
const DEFAULT_RETENTION_DAYS: u64 = 400;

/// Receives one provider's webhooks.
#[derive(Debug)]
pub struct Webhook {
    provider: Provider,
    sources: LiveSources,
    ledger: Ledger,
    metrics: Metrics,
}

/// Runs a provider's function until Lambda ends the environment.
///
/// # Errors
/// The environment is not complete, or Lambda's runtime API can't be reached.
pub async fn run(provider: Provider) -> Result<(), lambda::Error> {
    telemetry::init();
    let webhook = Webhook::from_env(provider).await.inspect_err(|error| tracing::error!("{error}"))?;
    lambda::serve(|request| webhook.respond(request, Timestamp::now())).await
}

impl Webhook {
    /// Returns the receiver of a provider's webhooks, which writes to a ledger.
    pub fn new(provider: Provider, sources: impl Into<LiveSources>, ledger: Ledger) -> Self {
        Self { provider, sources: sources.into(), ledger, metrics: Metrics::default() }
    }

    /// Returns the receiver that the environment describes, with the keys read and the connection to the table
    /// open.
    async fn from_env(provider: Provider) -> Result<Self, env::EnvironmentError> {
        let mut environment = env::Environment::default();
        let aws = Aws::from_env(&mut environment);
        let ledger = Ledger::from_env(&mut environment, &aws);
        let holders = [provider.name()];
        let (sources, ()) =
            tokio::join!(LiveSources::from_env(&mut environment, &aws, &holders), ledger.warm_up(provider));
        let metrics = Metrics::from_env(&mut environment);
        environment.finish(Self { metrics, ..Self::new(provider, sources, ledger) })
    }

    /// Answers one request. `received_at` is the time of its arrival.
    pub async fn respond(&self, request: Request, received_at: Timestamp) -> Reply {
        let started = Instant::now();
        self.sources.keep_fresh().await;
        // A panic fails this request only, and is counted like every answer.
        let result =
            AssertUnwindSafe(self.receive(&request, received_at, started + DEADLINE)).catch_unwind().await;
        let result = result.unwrap_or(Err(Refusal::Internal));
        let duration_ms = started.elapsed().as_millis();
        let (provider, request_id) = (self.provider.name(), request.request_id.as_str());
        let outcome = result.as_ref().map_or_else(Refusal::code, |received| received.status);
        self.metrics.delivery(received_at, provider, outcome);
        match result {
            Ok(received) => {
                let Received { status, reason, quarantine_id, kind, source, key, call_id } = &received;
                tracing::info!(
                    request_id,
                    provider,
                    source,
                    key,
                    status,
                    reason,
                    quarantine_id,
                    kind,
                    call_id,
                    duration_ms,
                    "delivery"
                );
                Reply::json(StatusCode::OK, &json!({ "status": status, "call_id": call_id }))
            }
            Err(refusal) => {
                tracing::warn!(request_id, provider, error = refusal.code(), duration_ms, "refused");
                refusal.reply(request_id)
            }
        }
    }

    /// Returns the delivery's source and its verified body.
    fn verify<'a>(
        &self,
        sources: &'a Sources,
        request: &Request,
        received_at: Timestamp,
    ) -> Result<(&'a Source, Verified), Refusal> {
        let name = request.path.get("source").ok_or(SourceError::Unknown)?;
        let source = sources.get(self.provider, name)?;
        let body = request.body.as_ref().ok_or(Refusal::BodyNotBase64)?;
        if body.len() > MAX_BODY_BYTES {
            return Err(Refusal::BodyTooLarge { bytes: body.len() });
        }
        let token = request.path.get("token").map(String::as_str);
        let delivery = Unverified { headers: &request.headers, body, token, received_at };
        Ok((source, self.provider.verify(source, delivery)?))
    }

    async fn receive(
        &self,
        request: &Request,
        received_at: Timestamp,
        deadline: Instant,
    ) -> Result<Received, Refusal> {
        if request.method != Method::POST {
            return Err(Refusal::MethodNotAllowed(request.method.clone()));
        }
        let mut sources = self.sources.current();
        let mut verified = self.verify(&sources, request, received_at);
        // The keys may have been rotated since they were read.
        if matches!(&verified, Err(refusal) if refusal.is_miss()) && self.sources.refresh_after_miss().await {
            sources = self.sources.current();
            verified = self.verify(&sources, request, received_at);
        }
        let (source, verified) = verified?;

        let normalized = self.provider.normalize(source, &verified);
        if let Normalized::Unusable(Unusable::AccountMismatch) = &normalized {
            return Err(Refusal::AccountMismatch);
        }
        let entry = Entry::new(self.provider, source, received_at, &request.headers, &verified, normalized);
        let carried = self.ledger.apply(&entry, deadline).await.map_err(|error| {
            tracing::error!(request_id = request.request_id, %error, "a delivery could not be stored");
            Refusal::Unavailable
        })?;
        let Carried { outcome, reason } = carried;
        let waits = outcome == Outcome::Quarantined;
        Ok(Received {
            status: outcome.name(),
            reason: reason.filter(|_| waits),
            quarantine_id: key::quarantine_id(&entry.key()).filter(|_| waits),
            kind: entry.kind().map(telemetry::shortened),
            source: source.name.clone(),
            key: entry.proof.key,
            call_id: entry.call_id().map(str::to_owned),
        })
    }
}

struct Received {
    status: &'static str,
    /// Why it waits in quarantine, and its name there.
    reason: Option<String>,
    quarantine_id: Option<String>,
    kind: Option<String>,
    source: String,
    /// Which of the source's keys fits, from 0. During a rotation it shows whether the old key is still used.
    key: usize,
    call_id: Option<String>,
}

impl Ledger {
    /// The ledger that the environment names.
    pub fn from_env(environment: &mut env::Environment, aws: &Aws) -> Self {
        let table = environment.required(env::TABLE_NAME);
        let bucket = environment.required(env::BUCKET_NAME);
        let retention_days =
            environment.number(env::EVIDENCE_RETENTION_DAYS, DEFAULT_RETENTION_DAYS, 1..=3650);
        Self::new(aws, &table, &bucket, retention_days)
    }
}
