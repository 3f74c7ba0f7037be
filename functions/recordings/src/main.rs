//! The recordings function: copies the recordings that its events name, or all that are due.

use std::time::{Duration, SystemTime};

use lambda_runtime::{Error, LambdaEvent, service_fn};
use recordings::{DEFAULT_MAX_BYTES, Policy, Recordings};
use serde_json::Value;
use shared::aws::Aws;
use shared::env;
use shared::ledger::Ledger;
use shared::metrics::Metrics;
use shared::provider::Provider;
use shared::sources::LiveSources;
use tokio::time::Instant;

/// The time left unused at the end of an invocation, so that Lambda never cuts it off.
const MARGIN: Duration = Duration::from_secs(5);

/// The time of an invocation without a real deadline: `cargo lambda watch` names one in 1970.
const NO_DEADLINE: Duration = Duration::from_secs(60);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    shared::telemetry::init();
    let recordings = from_env().await.inspect_err(|error| tracing::error!("{error}"))?;
    let recordings = &recordings;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let left = event.context.deadline().duration_since(SystemTime::now()).unwrap_or(NO_DEADLINE);
        let deadline = Instant::now() + left.saturating_sub(MARGIN);
        Ok::<_, Error>(recordings.handle(event.payload, deadline).await?)
    }))
    .await
}

/// Returns the copier that the environment describes, or all that is wrong with the environment.
async fn from_env() -> Result<Recordings, Error> {
    let mut environment = env::Environment::default();
    let aws = Aws::from_env(&mut environment);
    let ledger = Ledger::from_env(&mut environment, &aws);
    let bucket = environment.required(env::BUCKET_NAME);
    let metrics = Metrics::from_env(&mut environment);
    let max_bytes = environment.number(env::RECORDING_MAX_BYTES, DEFAULT_MAX_BYTES, 1 << 20..=5 << 30);
    let holders = Provider::ALL.map(Provider::name);
    let sources = LiveSources::from_env(&mut environment, &aws, &holders).await;
    environment.finish(())?;
    let recordings = Recordings::new(ledger, aws.s3(), bucket, sources, Policy::production(max_bytes))?;
    Ok(recordings.with_metrics(metrics))
}
