//! How fast the copier is, beside a plain download-and-put of the same bytes through the same
//! endpoints, and how much memory it takes.
//!
//! `cargo bench -p local --bench copying`
//!
//! Stores and origin run in this process. Each copier is a child of its own, on one thread as in
//! Lambda, so that its peak memory (`VmHWM`) is its own. Rounds alternate; the fastest one counts.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark answers on the terminal, or stops"
)]

use std::env;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_s3::primitives::ByteStream;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_LENGTH;
use axum::routing::get;
use futures_util::StreamExt as _;
use local::stack::{self, BUCKET, Options, Stack, TABLE};
use local::{job, origin};
use recordings::{Policy, Recordings};
use serde_json::json;
use shared::ledger::Ledger;
use shared::sources::Sources;

/// The recordings of the throughput measurement: two and a half minutes of telephone audio each.
const RECORDINGS: usize = 1_000;
const SECONDS: u32 = 150;

/// The size of the large one.
const LARGE_BYTES: usize = 1 << 30;

/// The due jobs of the backlog: one second of audio each.
const BACKLOG: usize = 10_000;

const ROUNDS: usize = 3;

/// How many plain copies go on at a time.
const PLAIN_CONCURRENCY: usize = 16;

/// The measurements of a child.
#[derive(Clone, Copy)]
struct Measured {
    took: Duration,
    peak_bytes: u64,
}

fn main() {
    let arguments: Vec<_> = env::args().collect();
    match arguments.iter().position(|argument| argument == "--child") {
        Some(index) => child(&arguments[index + 1..]),
        None => runtime(true).block_on(measure()),
    }
}

async fn measure() {
    let stack = Stack::start(Options { schedule: None, ..Options::in_memory().unwrap() }).await.unwrap();
    let origin = serve().await;
    let small = format!("http://{origin}/small");
    let bytes = origin::tone(440.0, SECONDS).len();

    let (mut copied, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        announce(&stack, &small, RECORDINGS).await;
        copied.push(run(&stack, &["copy"]));
        empty(&stack, RECORDINGS).await;
        plain.push(run(&stack, &["plain", &small]));
        empty(&stack, RECORDINGS).await;
    }
    let fastest = |rounds: &[Measured]| rounds.iter().map(|round| round.took).min().unwrap();
    let peak = copied.iter().map(|round| round.peak_bytes).max().unwrap();
    let (copied, plain) = (fastest(&copied), fastest(&plain));
    let rate = |took: Duration| (RECORDINGS * bytes) as f64 / took.as_secs_f64() / 1e6;
    println!("{RECORDINGS} recordings of {bytes} bytes, fastest of {ROUNDS} rounds:");
    println!("  plain download-and-put {:6.2} s {:6.0} MB/s", plain.as_secs_f64(), rate(plain));
    println!("  copier                 {:6.2} s {:6.0} MB/s", copied.as_secs_f64(), rate(copied));
    println!(
        "  ratio {:.2}, peak memory {:.1} MiB",
        copied.as_secs_f64() / plain.as_secs_f64(),
        mebibytes(peak)
    );

    announce(&stack, &format!("http://{origin}/large"), 1).await;
    let large = run(&stack, &["copy"]);
    empty(&stack, 1).await;
    let rate = LARGE_BYTES as f64 / large.took.as_secs_f64() / 1e6;
    println!("one recording of {LARGE_BYTES} bytes:");
    println!(
        "  {:.2} s {rate:.0} MB/s, peak memory {:.1} MiB",
        large.took.as_secs_f64(),
        mebibytes(large.peak_bytes)
    );

    announce(&stack, &format!("http://{origin}/tiny"), BACKLOG).await;
    let backlog = run(&stack, &["copy"]);
    empty(&stack, BACKLOG).await;
    println!("a backlog of {BACKLOG} due recordings of one second:");
    println!(
        "  {:.2} s {:.0} copies/s, peak memory {:.1} MiB",
        backlog.took.as_secs_f64(),
        BACKLOG as f64 / backlog.took.as_secs_f64(),
        mebibytes(backlog.peak_bytes)
    );
    stack.stop().await.unwrap();
}

fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn runtime(multi_thread: bool) -> tokio::runtime::Runtime {
    let mut builder = if multi_thread {
        tokio::runtime::Builder::new_multi_thread()
    } else {
        tokio::runtime::Builder::new_current_thread()
    };
    builder.enable_all().build().unwrap()
}

/// An origin with a small, a large and a tiny recording.
async fn serve() -> SocketAddr {
    let small = Bytes::from(origin::tone(440.0, SECONDS));
    let tiny = Bytes::from(origin::tone(440.0, 1));
    let large = async || {
        // The beginning says that it is a recording; all else is the same piece over and over.
        let mut first = origin::tone(440.0, 32);
        first.resize(1 << 19, 7);
        let piece = Bytes::from(first);
        let pieces = futures_util::stream::iter(
            (0..LARGE_BYTES / piece.len()).map(move |_| Ok::<_, std::io::Error>(piece.clone())),
        );
        ([(CONTENT_LENGTH, LARGE_BYTES.to_string())], Body::from_stream(pieces))
    };
    let router = Router::new()
        .route("/small", get(async move || small))
        .route("/tiny", get(async move || tiny))
        .route("/large", get(large));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Puts jobs that are due.
async fn announce(stack: &Stack, url: &str, count: usize) {
    let dynamodb = stack.aws.dynamodb();
    let puts = futures_util::stream::iter(0..count).for_each_concurrent(16, async |index| {
        let (_, item) = job::pending(&format!("c{index}"), "r", url);
        dynamodb.put_item().table_name(TABLE).set_item(Some(item)).send().await.unwrap();
    });
    puts.await;
}

/// Empties the bucket, which must have had this many objects.
async fn empty(stack: &Stack, expected: usize) {
    let s3 = stack.aws.s3();
    let mut deleted = 0;
    loop {
        let page = s3.list_objects_v2().bucket(BUCKET).send().await.unwrap();
        if page.contents().is_empty() {
            break;
        }
        for object in page.contents() {
            s3.delete_object().bucket(BUCKET).key(object.key().unwrap()).send().await.unwrap();
            deleted += 1;
        }
    }
    assert_eq!(deleted, expected, "copies");
}

/// Runs a child and answers what it measured.
fn run(stack: &Stack, role: &[&str]) -> Measured {
    let child = Command::new(env::current_exe().unwrap())
        .arg("--child")
        .args([stack.dynamodb.to_string(), stack.s3.to_string()])
        .args(role)
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    assert!(child.status.success(), "{child:?}");
    let line = String::from_utf8(child.stdout).unwrap();
    let (micros, peak_bytes) = line.trim().split_once(' ').unwrap();
    Measured { took: Duration::from_micros(micros.parse().unwrap()), peak_bytes: peak_bytes.parse().unwrap() }
}

fn child(arguments: &[String]) {
    let [dynamodb, s3, role @ ..] = arguments else { panic!("no addresses") };
    let aws = stack::aws(dynamodb.parse().unwrap(), s3.parse().unwrap());
    let role: Vec<_> = role.iter().map(String::as_str).collect();
    let took = runtime(false).block_on(async {
        match role[..] {
            ["copy"] => copy(&aws).await,
            ["plain", url] => plain(&aws, url).await,
            _ => panic!("no such role"),
        }
    });
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    println!("{} {}", took.as_micros(), kib * 1024);
}

async fn copy(aws: &shared::aws::Aws) -> Duration {
    let sources = Sources::from_json(&Options::in_memory().unwrap().sources).unwrap();
    let ledger = Ledger::new(aws, TABLE, BUCKET, 400);
    let recordings = Recordings::new(ledger, aws.s3(), BUCKET.to_owned(), sources, Policy::local()).unwrap();
    let started = Instant::now();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(900);
    let summary = recordings.handle(json!({ "source": "aws.events" }), deadline).await.unwrap();
    assert_eq!((summary.retry, summary.ended, summary.unavailable), (0, 0, 0), "{summary:?}");
    started.elapsed()
}

/// The simplest copy: the whole body into memory, and then into the bucket.
async fn plain(aws: &shared::aws::Aws, url: &str) -> Duration {
    let (http, s3) = (local::client::http().unwrap(), aws.s3());
    let started = Instant::now();
    let copies =
        futures_util::stream::iter(0..RECORDINGS).for_each_concurrent(PLAIN_CONCURRENCY, async |index| {
            let body = http.get(url).send().await.unwrap().bytes().await.unwrap();
            let put = s3.put_object().bucket(BUCKET).key(format!("plain/{index}.wav"));
            put.body(ByteStream::from(body)).send().await.unwrap();
        });
    copies.await;
    started.elapsed()
}
