//! The demo: it delivers every sample twice and in another order, checks the ledger, and prints it.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use jiff::Timestamp;
use serde_json::Value;
use shared::provider::Provider;
use tokio::time::Instant;

use crate::client::{Client, call_path};
use crate::sample::{self, Sample};
use crate::stack::{BUCKET, Options, Stack};
use crate::{origin, program};

/// How long the copies may take.
const PATIENCE: Duration = Duration::from_secs(8);

/// The source that gets the events in reverse order.
const REVERSED: &str = "reversed";

/// Runs the demo in memory on free ports.
///
/// # Errors
/// A result is wrong; the message says which.
pub async fn run() -> anyhow::Result<()> {
    let mut options = Options::in_memory()?;
    options.sources = with_reversed_sources(&options.sources)?;
    let stack = Stack::start(options).await?;
    let client = Client::new(format!("http://{}", stack.address))?;
    let media = origin::serve().await?;
    writeln!(
        io::stdout(),
        "Call Ledger on http://{}: webhooks of {} providers, in memory.\n",
        stack.address,
        Provider::ALL.len()
    )?;

    let mut samples = Vec::new();
    for name in sample::names() {
        let mut sample = Sample::load(name)?;
        let recording = sample.recording_name();
        sample.link(&format!("http://{media}/{recording}.wav?X-Amz-Signature=local"))?;
        samples.push(sample);
    }
    let deliveries = 2 * samples.len();
    writeln!(io::stdout(), "Each of {} events is delivered, signed, twice:", samples.len())?;
    let mut calls = BTreeSet::new();
    for sample in &samples {
        let first = deliver(&client, sample, "default").await?;
        let second = deliver(&client, sample, "default").await?;
        writeln!(io::stdout(), "  {:<32} {:<9} {}", sample.name, first.status, second.status)?;
        ensure!(first.status == "accepted", "{} was not accepted but {}", sample.name, first.status);
        ensure!(
            second.status == "duplicate",
            "the second {} was not a duplicate but {}",
            sample.name,
            second.status
        );
        calls.insert((sample.provider, first.call_id));
    }
    for sample in samples.iter().rev() {
        deliver(&client, sample, REVERSED).await?;
    }

    let ledger = copied(&client, &calls, "default").await?;
    let reversed = copied(&client, &calls, REVERSED).await?;
    for (call, other) in ledger.iter().zip(&reversed) {
        ensure!(
            what_is_said(call) == what_is_said(other),
            "the order of deliveries shows in {call:#} and {other:#}"
        );
    }
    writeln!(io::stdout())?;
    write!(io::stdout(), "{}", table(&ledger))?;
    let stored: usize = ledger.iter().map(|call| recordings(call).len()).sum();
    writeln!(
        io::stdout(),
        "\n{deliveries} deliveries: {} applied, {} recognized as duplicates. {} calls, {stored} recordings in s3://{BUCKET}.",
        samples.len(),
        samples.len(),
        ledger.len(),
    )?;
    writeln!(io::stdout(), "The same events in reverse order, to another source, gave the same records.")?;
    writeln!(
        io::stdout(),
        "\nNext: `{0} serve` keeps serving; `{0} --help` shows the other commands.",
        program::name(),
    )?;
    stack.stop().await
}

struct Delivered {
    status: String,
    call_id: String,
}

async fn deliver(client: &Client, sample: &Sample, source: &str) -> anyhow::Result<Delivered> {
    let answer = client.send(sample.request(source, Timestamp::now())).await?;
    ensure!(answer.status == 200, "{} was answered {} {}", sample.name, answer.status, answer.body);
    let text = |name: &str| answer.body[name].as_str().map(str::to_owned);
    Ok(Delivered {
        status: text("status").context("an answer has a status")?,
        call_id: text("call_id").with_context(|| format!("{} names no call", sample.name))?,
    })
}

/// Every provider's source once more under another name, with the same keys.
fn with_reversed_sources(sources: &str) -> anyhow::Result<String> {
    let mut sources: Value = serde_json::from_str(sources)?;
    for provider in Provider::ALL {
        let default = sources[provider.name()]["default"].clone();
        sources[provider.name()][REVERSED] = default;
    }
    Ok(sources.to_string())
}

/// The calls' records once every recording is in the bucket.
async fn copied(
    client: &Client,
    calls: &BTreeSet<(Provider, String)>,
    source: &str,
) -> anyhow::Result<Vec<Value>> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let mut ledger = Vec::new();
        for (provider, call_id) in calls {
            let answer = client.get(&call_path(provider.name(), source, call_id)).await?;
            ensure!(answer.status == 200, "call {call_id} can't be read: {} {}", answer.status, answer.body);
            ledger.push(answer.body);
        }
        let waiting = ledger.iter().flat_map(recordings).find(|recording| recording["state"] != "stored");
        match waiting {
            None => return Ok(ledger),
            Some(recording) if Instant::now() > deadline => {
                bail!("a recording was not copied: {recording:#}")
            }
            Some(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// A record without the fields that depend on the times and the number of its deliveries.
pub fn what_is_said(call: &Value) -> Value {
    let mut call = call.clone();
    for name in ["path", "source", "revision", "first_seen_at", "updated_at"] {
        call[name] = Value::Null;
    }
    for delivery in call["deliveries"].as_array_mut().into_iter().flatten() {
        delivery["received_at"] = Value::Null;
    }
    for recording in call["recordings"].as_array_mut().into_iter().flatten() {
        for name in ["s3_key", "copied_at", "created_at", "attempts"] {
            recording[name] = Value::Null;
        }
    }
    call
}

fn recordings(call: &Value) -> &[Value] {
    call["recordings"].as_array().map_or(&[], Vec::as_slice)
}

/// The ledger for people: one line per recording, or per call that has none.
fn table(ledger: &[Value]) -> String {
    let text = |value: &Value| match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut rows = vec![
        ["provider", "call", "direction", "from → to", "status", "seconds", "recording"].map(str::to_owned),
    ];
    for call in ledger {
        let mut row = [
            text(&call["provider"]),
            shortened(&text(&call["call_id"])),
            text(&call["direction"]),
            format!("{} → {}", text(&call["from"]["e164"]), text(&call["to"]["e164"])),
            text(&call["status"]),
            text(&call["duration_seconds"]),
            "-".to_owned(),
        ];
        if recordings(call).is_empty() {
            rows.push(row.clone());
        }
        for recording in recordings(call) {
            row[6] = format!("{} {}", text(&recording["state"]), text(&recording["s3_key"]));
            rows.push(row.clone());
        }
    }
    let widths: Vec<usize> =
        (0..7).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    let line = |row: &[String; 7]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// The end of an id, which tells ids apart better than the start.
fn shortened(id: &str) -> String {
    let skipped = id.chars().count().saturating_sub(12);
    if skipped == 0 { id.to_owned() } else { format!("…{}", id.chars().skip(skipped).collect::<String>()) }
}
