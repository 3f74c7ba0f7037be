//! The recordings function: copies what its events say is pending, or whatever is due.

use std::time::{Duration, SystemTime};

use lambda_runtime::{Error, LambdaEvent, service_fn};
use recordings::{DEFAULT_MAX_BYTES, Policy, Recordings, metrics};
use serde_json::Value;
use shared::aws::Aws;
use shared::env;
use shared::ledger::{Claims, Ledger};
use shared::source::Sources;
use tokio::time::Instant;

/// What is left unused at the end of an invocation, so that Lambda never has to end it.
const MARGIN: Duration = Duration::from_secs(5);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    shared::telemetry::init();
    let recordings = from_env()?;
    let recordings = &recordings;
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| async move {
        let left = event.context.deadline().duration_since(SystemTime::now()).unwrap_or_default();
        let deadline = Instant::now() + left.saturating_sub(MARGIN);
        Ok::<_, Error>(recordings.handle(event.payload, deadline).await?)
    }))
    .await
}

/// The copier as the environment says, or all that is wrong with the environment.
fn from_env() -> Result<Recordings, Error> {
    let mut reader = env::Reader::default();
    let aws = Aws::from_env(&mut reader);
    let table = reader.required(env::TABLE_NAME);
    let bucket = reader.required(env::BUCKET_NAME);
    let sources = Sources::from_json(&reader.required(env::SOURCES)).unwrap_or_else(|problems| {
        reader.problem(env::SOURCES, problems);
        Sources::default()
    });
    let retention_days = reader.number(env::EVIDENCE_RETENTION_DAYS, 400, 1..=3650);
    let max_bytes = reader.number(env::RECORDING_MAX_BYTES, DEFAULT_MAX_BYTES, 1 << 20..=5 << 30);
    reader.finish(())?;
    let (dynamodb, s3) = (aws.dynamodb(), aws.s3());
    let ledger = Ledger::new(dynamodb, table, Claims::new(s3.clone(), bucket.clone()), retention_days);
    let recordings = Recordings::new(ledger, s3, bucket, sources, Policy::production(max_bytes))?;
    Ok(recordings.with_metrics(metrics::to_stdout))
}
