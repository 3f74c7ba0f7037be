//! What a delivery costs in AWS: item sizes, write units by the published rules, and dollars.
//!
//! `cargo bench -p local --bench cost [-- --calls 300 --seed 1 --milliseconds 15]`
//!
//! Each provider's samples are delivered through the real handlers on the embedded stores, as varied calls
//! of today ([`calls`]). First deliveries are of new calls: all kinds of event of a provider in turn. The
//! rows of whole calls show all events of one call, delivered in order.
//!
//! Write units ([`units`]): a transaction costs two units per started KB of each item it writes; an index
//! costs one per started KB of the entry that it puts, and one of the entry that it deletes. The column
//! `mean / store's` shows beside our mean the one that the embedded store reports for the same writes
//! ([`watched`]). An attempt that a condition refuses also consumes units of the table; it is not counted,
//! since the stream shows what was written. Every event of a known call but the first begins with one.
//!
//! Dollars are for a million deliveries, or for a million whole calls. Lambda's share is its price for a
//! request, and 256 MB of arm64 for `--milliseconds` each: a warm receiver computes for less than one
//! millisecond and waits for one transaction, which DynamoDB answers within about ten. Not counted: cold
//! starts, logs, storage, the copies of recordings, reading.

#![expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a benchmark computes with figures of any size, answers on the terminal, or stops"
)]

use anyhow::ensure;
use clap::Parser;
use fastrand::Rng;
use jiff::Timestamp;
use local::client::Client;
use local::sample::{self, Sample};
use local::stack::{BUCKET, Options, Stack};

use self::calls::Call;
use self::report::Row;
use self::watched::Watched;

mod calls;
mod report;
mod units;
mod watched;
mod words;

#[derive(Parser)]
struct Arguments {
    /// How many deliveries, or whole calls, each row is made of.
    #[arg(long, default_value_t = 300)]
    calls: usize,
    /// Equal seeds give equal calls, but for their times.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How long Lambda bills a delivery.
    #[arg(long, default_value_t = 15.0)]
    milliseconds: f64,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// The rows of first deliveries: a name, the samples in turn, how many turns a transcript has.
const FIRST: [(&str, &[&str], usize); 7] = [
    ("Sautikit", &SAUTIKIT, 3),
    ("Sautikit, completed", &["sautikit-call-completed"], 3),
    ("CallKaro", &["callkaro-call-ended"], 3),
    ("Telnyx", &TELNYX, 3),
    ("Telnyx, completed", &["telnyx-call-completed"], 3),
    ("Agni", &["agni-call-completed"], 3),
    ("Agni, 60 turns", &["agni-call-completed"], 60),
];

/// The rows of whole calls: a name and the samples in their order.
const WHOLE: [(&str, &[&str]); 2] =
    [("Sautikit, a call of 4 events", &SAUTIKIT), ("Telnyx, a call of 5 events", &TELNYX)];

const SAUTIKIT: [&str; 4] = [
    "sautikit-call-started",
    "sautikit-call-answered",
    "sautikit-call-completed",
    "sautikit-call-recording-ready",
];

const TELNYX: [&str; 5] = [
    "telnyx-call-initiated",
    "telnyx-call-ringing",
    "telnyx-call-in-progress",
    "telnyx-call-completed",
    "telnyx-recording-completed",
];

struct Bench {
    stack: Stack,
    client: Client,
    watched: Watched,
    random: Rng,
    calls: usize,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    // Without the copier: only deliveries write.
    let stack = Stack::start(Options { schedule: None, ..Options::in_memory()? }).await?;
    let client = Client::new(format!("http://{}", stack.address))?;
    let watched = Watched::new(stack.database().clone()).await?;
    let random = Rng::with_seed(arguments.seed);
    let mut bench = Bench { stack, client, watched, random, calls: arguments.calls };

    let mut rows = Vec::new();
    for (name, samples, turns) in FIRST {
        rows.push(bench.first_deliveries(name, samples, turns).await?);
    }
    for (name, samples) in WHOLE {
        rows.push(bench.whole_calls(name, samples).await?);
    }
    print!("{}", report::markdown(&rows, arguments.milliseconds));
    bench.stack.stop().await
}

impl Bench {
    async fn first_deliveries(&mut self, name: &str, samples: &[&str], turns: usize) -> anyhow::Result<Row> {
        let samples = samples.iter().map(|name| Sample::load(name)).collect::<anyhow::Result<Vec<_>>>()?;
        let (mut row, objects) = (Row::new(name, 1), self.objects().await?);
        for index in 0..self.calls {
            let sample = &samples[index % samples.len()];
            let now = Timestamp::now();
            let body = Call::new(&mut self.random, std::slice::from_ref(sample), turns, now).body(sample);
            row.add(&[self.deliver(sample, body).await?]);
        }
        row.add_puts(self.objects().await? - objects);
        Ok(row)
    }

    async fn whole_calls(&mut self, name: &str, samples: &[&str]) -> anyhow::Result<Row> {
        let samples = samples.iter().map(|name| Sample::load(name)).collect::<anyhow::Result<Vec<_>>>()?;
        let (mut row, objects) = (Row::new(name, samples.len()), self.objects().await?);
        for _ in 0..self.calls {
            let mut call = Call::new(&mut self.random, &samples, 3, Timestamp::now());
            let bodies: Vec<_> = samples.iter().map(|sample| call.body(sample)).collect();
            let mut written = Vec::new();
            for (sample, body) in samples.iter().zip(bodies) {
                written.push(self.deliver(sample, body).await?);
            }
            row.add(&written);
        }
        row.add_puts(self.objects().await? - objects);
        Ok(row)
    }

    /// Delivers one event and returns what it wrote.
    async fn deliver(&mut self, sample: &Sample, body: Vec<u8>) -> anyhow::Result<watched::Written> {
        let request = sample::request(sample.provider, "default", body, Timestamp::now());
        let answer = self.client.send(request).await?;
        ensure!(answer.body["status"] == "accepted", "{}: {} {}", sample.name, answer.status, answer.body);
        self.watched.written()
    }

    /// How many objects are in the bucket.
    async fn objects(&self) -> anyhow::Result<usize> {
        let s3 = self.stack.aws.s3();
        let mut pages = s3.list_objects_v2().bucket(BUCKET).into_paginator().send();
        let mut objects = 0;
        while let Some(page) = pages.next().await {
            objects += page?.contents().len();
        }
        Ok(objects)
    }
}
