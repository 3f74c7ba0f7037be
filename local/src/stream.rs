//! Follows a table's stream and calls a handler, as Lambda's event source mapping does.
//!
//! Events have the shape Lambda gives them:
//! <https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>. Differences: there is one shard,
//! no filter (the handler ignores what it does not want), and a batch that keeps failing is
//! logged and left behind instead of sent to a dead-letter queue.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, anyhow};
use dynoxide::Database;
use dynoxide::actions::get_records::{GetRecordsRequest, Record};
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use dynoxide::streams;
use serde_json::{Value, json};

#[cfg(test)]
mod tests;

/// How often a batch is tried in all, and how long to wait before the first retry. The wait
/// doubles each time.
const ATTEMPTS: u32 = 4;
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// With the oldest record there is.
    TrimHorizon,
    /// With the first record written after [`follow`] was called.
    Latest,
}

/// How to read a stream.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// Where to begin.
    pub from: Position,
    /// How long to wait when there is nothing new. 50 ms keeps the delay well below a second.
    pub poll: Duration,
    /// How many records one event holds at most.
    pub batch_size: usize,
}

/// Calls `handler` with the stream's records, in order and one batch at a time, until `shutdown`
/// resolves.
///
/// The position is taken when this is called, not when the future is first polled: what is
/// written in between is not missed. A handler's error is retried with a growing delay, three
/// times, and then the batch is left behind. Shutdown does not interrupt a handler.
///
/// # Errors
/// At once if the table is not there or has no stream; from the future if the stream can no
/// longer be read, as when the table was deleted.
pub fn follow<Handler, Handling>(
    database: Database,
    table: &str,
    reading: Reading,
    handler: Handler,
    shutdown: impl Future<Output = ()> + Send,
) -> anyhow::Result<impl Future<Output = anyhow::Result<()>> + Send>
where
    Handler: Fn(Value) -> Handling + Send + Sync,
    Handling: Future<Output = anyhow::Result<()>> + Send,
{
    let (stream_arn, iterator) = open(&database, table, reading.from)?;
    Ok(async move {
        tokio::pin!(shutdown);
        let mut iterator = iterator;
        loop {
            let (records, next) = read(&database, iterator, reading.batch_size).await?;
            iterator = next;
            if records.is_empty() {
                tokio::select! {
                    () = &mut shutdown => return Ok(()),
                    () = tokio::time::sleep(reading.poll) => continue,
                }
            }
            let event = event(records, &stream_arn)?;
            let mut delay = FIRST_RETRY_DELAY;
            for attempt in 1..=ATTEMPTS {
                let Err(error) = handler(event.clone()).await else {
                    break;
                };
                if attempt == ATTEMPTS {
                    tracing::error!(%error, "a batch of the stream failed and is left behind");
                    break;
                }
                tracing::warn!(%error, attempt, "a batch of the stream failed, trying again");
                tokio::select! {
                    () = &mut shutdown => return Ok(()),
                    () = tokio::time::sleep(delay) => delay *= 2,
                }
            }
            // A stream that is never empty must still be stopped.
            if futures_util::FutureExt::now_or_never(&mut shutdown).is_some() {
                return Ok(());
            }
        }
    })
}

/// The stream's ARN and an iterator at `from`.
fn open(database: &Database, table: &str, from: Position) -> anyhow::Result<(String, String)> {
    let metadata = database.get_table_metadata(table).map_err(unreadable)?;
    let metadata = metadata.with_context(|| format!("there is no table {table}"))?;
    let label = metadata.stream_label.unwrap_or_default();
    let stream_arn = streams::stream_arn(table, &label);
    let kind = match from {
        Position::TrimHorizon => "TRIM_HORIZON",
        Position::Latest => "LATEST",
    };
    let response = database.get_shard_iterator(GetShardIteratorRequest {
        stream_arn: stream_arn.clone(),
        // dynoxide has one shard per table, and it never closes.
        shard_id: streams::shard_id(table),
        shard_iterator_type: kind.to_owned(),
        sequence_number: None,
    });
    let iterator = response.map_err(unreadable)?.shard_iterator;
    Ok((stream_arn, iterator.context("the stream has no iterator")?))
}

/// The next records, and the iterator after them.
async fn read(
    database: &Database,
    shard_iterator: String,
    limit: usize,
) -> anyhow::Result<(Vec<Record>, String)> {
    let database = database.clone();
    let request = GetRecordsRequest { shard_iterator, limit: Some(limit) };
    // SQLite blocks, and a write may hold its lock.
    let response = tokio::task::spawn_blocking(move || database.get_records(request)).await?;
    let response = response.map_err(unreadable)?;
    let next = response.next_shard_iterator;
    Ok((response.records, next.context("the stream has ended")?))
}

fn event(records: Vec<Record>, stream_arn: &str) -> anyhow::Result<Value> {
    let mut records = serde_json::to_value(records)?;
    for record in records.as_array_mut().into_iter().flatten() {
        record["eventSourceARN"] = stream_arn.into();
    }
    Ok(json!({ "Records": records }))
}

fn unreadable(error: dynoxide::DynoxideError) -> anyhow::Error {
    anyhow!("could not read the stream: {error}")
}
