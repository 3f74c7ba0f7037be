//! Whether a local stack keeps its pace: deliveries a second, memory and disk, minute by minute.
//!
//! `cargo bench -p local --bench pace [-- --minutes 10 --clients 16 --in-memory]`
//!
//! Clients deliver signed webhooks of varied calls over HTTP as fast as they are answered, to a stack that
//! keeps its data in a temporary folder, follows its stream and runs its schedule. One delivery in
//! `RECORDED` links a recording, which the stack copies from a stand-in for the provider's host.
//!
//! The last line compares the last minute with the second; the first one fills caches. Memory and processor
//! time are the whole process's, clients included. Disk is the database with its write-ahead log. The
//! processor time of a delivery tells whether the pace is kept where other programs take processor time, too.

#![expect(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a benchmark computes with figures of any size, answers on the terminal, or stops"
)]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::Parser;
use fastrand::Rng;
use jiff::Timestamp;
use local::client::Client;
use local::sample::{self, Sample};
use local::stack::{Options, Stack};
use local::{Storage, origin};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval_at};

use self::calls::Call;

#[path = "../cost/calls.rs"]
mod calls;
#[path = "../cost/words.rs"]
mod words;

/// Events that are the first of a new call, in turn.
const SAMPLES: [&str; 8] = [
    "sautikit-call-started",
    "sautikit-call-completed",
    "telnyx-call-initiated",
    "telnyx-call-completed",
    "sautikit-call-failed",
    "telnyx-call-no-answer",
    "callkaro-call-ended",
    "agni-call-completed",
];

/// How many deliveries of CallKaro and Agni there are for one that links a recording.
const RECORDED: u64 = 50;

#[derive(Parser)]
struct Arguments {
    /// How long to deliver.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// How many deliver at a time.
    #[arg(long, default_value_t = 16)]
    clients: u64,
    /// Keep the data in memory instead of a temporary folder.
    #[arg(long)]
    in_memory: bool,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// One line of the table.
struct Minute {
    deliveries_per_second: f64,
    processor_ms: f64,
    resident_mb: f64,
    disk_mb: f64,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let folder = tempfile::tempdir()?;
    let storage =
        if arguments.in_memory { Storage::Memory } else { Storage::Folder(folder.path().to_owned()) };
    let stack = Stack::start(Options { storage, ..Options::in_memory()? }).await?;
    let recording = format!("http://{}/bench.wav", origin::serve().await?);
    let delivered = Arc::new(AtomicU64::new(0));
    let mut clients = JoinSet::new();
    for seed in 0..arguments.clients {
        let client = Client::new(format!("http://{}", stack.address))?;
        clients.spawn(deliver(client, Rng::with_seed(seed), recording.clone(), delivered.clone()));
    }

    println!(
        "| minute | deliveries a second | processor ms each | resident MB | disk MB |\n|---|---|---|---|---|"
    );
    let minute = Duration::from_secs(60);
    let mut ticks = interval_at(Instant::now() + minute, minute);
    let (mut minutes, mut before) = (Vec::new(), (0, processor_ms()?));
    for number in 1..=arguments.minutes {
        tokio::select! {
            _ = ticks.tick() => {}
            ended = clients.join_next() => ended.context("there are no clients")???,
        }
        let now = (delivered.load(Ordering::Relaxed), processor_ms()?);
        let deliveries = (now.0 - before.0) as f64;
        let line = Minute {
            deliveries_per_second: deliveries / minute.as_secs_f64(),
            processor_ms: (now.1 - before.1) / deliveries,
            resident_mb: resident_mb()?,
            disk_mb: disk_mb(folder.path()),
        };
        before = now;
        println!(
            "| {number} | {:.0} | {:.2} | {:.0} | {:.0} |",
            line.deliveries_per_second, line.processor_ms, line.resident_mb, line.disk_mb
        );
        minutes.push(line);
    }
    if let [_, second, .., last] = &minutes[..] {
        let change = |of: fn(&Minute) -> f64| 100.0 * (of(last) / of(second) - 1.0);
        println!(
            "\nThe last minute beside the second: deliveries {:+.0} %, processor time of each {:+.0} %, memory {:+.0} %.",
            change(|minute| minute.deliveries_per_second),
            change(|minute| minute.processor_ms),
            change(|minute| minute.resident_mb)
        );
    }
    clients.shutdown().await;
    stack.stop().await
}

/// Delivers first events of new calls, again and again.
async fn deliver(
    client: Client,
    mut random: Rng,
    recording: String,
    delivered: Arc<AtomicU64>,
) -> anyhow::Result<()> {
    let samples = SAMPLES.map(Sample::load).into_iter().collect::<anyhow::Result<Vec<_>>>()?;
    for index in 0.. {
        let sample = &samples[random.usize(..samples.len())];
        let body = Call::new(&mut random, std::slice::from_ref(sample), 3, Timestamp::now()).body(sample);
        let mut varied = Sample { body: String::from_utf8(body)?, ..sample.clone() };
        varied.link(if index % RECORDED == 0 { &recording } else { "" })?;
        let request = sample::request(varied.provider, "default", varied.body.into_bytes(), Timestamp::now());
        let answer = client.send(request).await?;
        ensure!(answer.body["status"] == "accepted", "{}: {} {}", sample.name, answer.status, answer.body);
        delivered.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// The memory of this process that is in use, as Linux reports it.
fn resident_mb() -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status").context("only Linux tells the memory here")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells VmRSS");
    let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kilobytes / 1024.0)
}

/// The processor time that this process has taken, as Linux reports it.
fn processor_ms() -> anyhow::Result<f64> {
    let stat =
        std::fs::read_to_string("/proc/self/stat").context("only Linux tells the processor time here")?;
    // The second field is the program's name in parentheses; the 14th and 15th are hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    let times = fields.skip(11).take(2).map(str::parse::<f64>).collect::<Result<Vec<_>, _>>()?;
    Ok(10.0 * times.iter().sum::<f64>())
}

/// The database and its write-ahead log.
fn disk_mb(folder: &Path) -> f64 {
    let names = ["dynamodb.sqlite", "dynamodb.sqlite-wal"];
    let bytes = |name: &&str| folder.join(name).metadata().map_or(0, |file| file.len());
    names.iter().map(bytes).sum::<u64>() as f64 / (1024.0 * 1024.0)
}
