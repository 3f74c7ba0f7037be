//! What the release binaries cost: a driver speaks the Lambda Runtime API to each of them, beside a
//! bare function that only answers.
//!
//! `cargo bench -p local --bench bootstraps`
//!
//! With `BOOTSTRAPS` set to a folder, what is in it is measured instead of what `cargo build --release`
//! makes. With `BESIDE` set to another, its programs are measured in turn with the others: another version
//! of them, on the same machine at the same time.
//!
//! Measured per start: from exec to the first request to the store, and to the first `GET …/next`
//! (the warm-up call over TLS included); the first delivery; the processor time of warm deliveries;
//! peak memory (`VmHWM`). Medians of [`RUNS`] starts, of all programs in turn.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark answers on the terminal, or stops"
)]

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use jiff::Timestamp;
use local::sample::Sample;
use local::stack::{ACCESS_KEY_ID, BUCKET, Options, REGION, SECRET_ACCESS_KEY, Stack, TABLE};
use rustls::ServerConfig;
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio_rustls::TlsAcceptor;

use self::lambda::{Lambda, runtime_api};

mod lambda;

/// The programs: the bare one, and the functions that receive webhooks, each with its sample and the
/// field that makes another call of it.
const PROGRAMS: [(&str, &str, &str); 5] = [
    ("bare", "sautikit-call-completed", "data.call_id"),
    ("sautikit", "sautikit-call-completed", "data.call_id"),
    ("callkaro", "callkaro-call-ended", "data.callSid"),
    ("telnyx", "telnyx-call-completed", "CallSid"),
    ("agni", "agni-call-completed", "data.call_session_id"),
];

/// The functions that are only weighed.
const WEIGHED: [&str; 2] = ["recordings", "query"];

const RUNS: usize = 15;

/// How many deliveries follow the first one.
const WARM: usize = 200;

/// The costs of one start.
#[derive(Clone, Copy)]
struct Cost {
    /// From exec to the connection to the store.
    before_network: Option<Duration>,
    /// From exec to the first `next`.
    init: Duration,
    first: Duration,
    /// Of one warm delivery.
    cpu: Duration,
    peak_bytes: u64,
}

#[tokio::main]
async fn main() {
    build();
    let stack = Stack::start(Options { schedule: None, ..Options::in_memory().unwrap() }).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (store, mut connected) = tls(stack.dynamodb, &folder.path().join("ca.pem")).await;
    let (api, mut lambda) = runtime_api().await;
    let environment = environment(&stack, store, api, folder.path());

    let programs: Vec<Program> = PROGRAMS.into_iter().flat_map(programs).collect();
    let mut costs = vec![Vec::new(); programs.len()];
    for run in 0..RUNS {
        for (program, costs) in programs.iter().zip(&mut costs) {
            costs.push(measure(program, run, &environment, &mut lambda, &mut connected).await);
        }
    }
    println!("medians of {RUNS} starts; {WARM} warm deliveries each, of new calls, over TLS");
    println!(
        "{:16} {:>10} {:>10} {:>10} {:>10} {:>10} {:>8}",
        "", "init ms", "+ warm-up", "first ms", "cpu µs", "peak MiB", "zip MB"
    );
    for (Program { label, binary, .. }, costs) in programs.iter().zip(&costs) {
        let median = |of: &dyn Fn(&Cost) -> f64| {
            let mut values: Vec<_> = costs.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            values[values.len() / 2]
        };
        let milliseconds = |duration: Duration| duration.as_secs_f64() * 1e3;
        println!(
            "{label:16} {:10.2} {:10.2} {:10.2} {:10.0} {:10.1} {:8.2}",
            median(&|cost| milliseconds(cost.before_network.unwrap_or(cost.init))),
            median(&|cost| milliseconds(cost.init)),
            median(&|cost| milliseconds(cost.first)),
            median(&|cost| milliseconds(cost.cpu) * 1e3),
            median(&|cost| cost.peak_bytes as f64 / f64::from(1 << 20)),
            zipped(binary),
        );
    }
    for name in WEIGHED.iter().filter(|name| binary(name).exists()) {
        println!("{name:16} {:54} {:8.2}", "", zipped(&binary(name)));
    }
    stack.stop().await.unwrap();
}

/// A program that is measured.
struct Program {
    label: String,
    binary: PathBuf,
    sample: &'static str,
    field: &'static str,
}

/// A program, and the other version of it that is measured beside it.
fn programs((name, sample, field): (&'static str, &'static str, &'static str)) -> Vec<Program> {
    let program = |label: String, binary| Program { label, binary, sample, field };
    let beside = std::env::var_os("BESIDE").map(|folder| Path::new(&folder).join(name));
    let beside = beside.map(|binary| program(format!("{name}-beside"), binary));
    let all = [program(name.to_owned(), binary(name))].into_iter().chain(beside);
    all.filter(|program| program.binary.exists()).collect()
}

/// Starts a program, lets it handle deliveries, and ends it.
async fn measure(
    Program { label, binary, sample, field }: &Program,
    run: usize,
    environment: &[(String, String)],
    lambda: &mut Lambda,
    connected: &mut UnboundedReceiver<Instant>,
) -> Cost {
    let event = |index: usize| {
        let mut sample = Sample::load(sample).unwrap();
        sample.set(field, &format!("{label}-{run}-{index}")).unwrap();
        sample.event("default", Timestamp::now()).unwrap().to_string()
    };
    let events: Vec<_> = (0..=WARM).map(event).collect();
    let mut events = events.into_iter();
    while connected.try_recv().is_ok() {}

    let started = Instant::now();
    let mut child = Ended(
        Command::new(binary)
            .env_clear()
            .envs(environment.iter().cloned())
            .stdout(Stdio::null())
            .spawn()
            .unwrap(),
    );
    let init = lambda.asked(&mut child).await - started;
    let before_network = connected.try_recv().ok().map(|at| at - started);
    let first = lambda.handle(events.next().unwrap(), &mut child).await;
    lambda.asked(&mut child).await;
    let before = cpu_time(child.0.id());
    for event in events {
        lambda.handle(event, &mut child).await;
        lambda.asked(&mut child).await;
    }
    let cpu = (cpu_time(child.0.id()) - before) / u32::try_from(WARM).unwrap();
    Cost { before_network, init, first, cpu, peak_bytes: peak_bytes(child.0.id()) }
}

/// Ends the program when the measurement is over, or fails.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// TLS in front of the store, with a certificate of an authority of its own; tells each connection.
async fn tls(store: SocketAddr, authority: &Path) -> (SocketAddr, UnboundedReceiver<Instant>) {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    fs::write(authority, cert.pem()).unwrap();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key.into())
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (connects, connected) = unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let _ = (connects.send(Instant::now()), stream.set_nodelay(true));
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                let (Ok(mut client), Ok(mut server)) =
                    (acceptor.accept(stream).await, TcpStream::connect(store).await)
                else {
                    return;
                };
                let _ = server.set_nodelay(true);
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    (address, connected)
}

/// The environment variables that Lambda and the template set.
fn environment(stack: &Stack, store: SocketAddr, api: SocketAddr, folder: &Path) -> Vec<(String, String)> {
    let sources = Options::in_memory().unwrap().sources;
    let port = store.port();
    let variables = [
        ("AWS_LAMBDA_RUNTIME_API", api.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", "measured".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY_ID.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY.to_owned()),
        ("AWS_ENDPOINT_URL_DYNAMODB", format!("https://localhost:{port}")),
        ("AWS_ENDPOINT_URL_S3", format!("http://{}", stack.s3)),
        ("SSL_CERT_FILE", folder.join("ca.pem").display().to_string()),
        ("TABLE_NAME", TABLE.to_owned()),
        ("BUCKET_NAME", BUCKET.to_owned()),
        ("SOURCES", sources),
    ];
    variables.map(|(name, value)| (name.to_owned(), value)).into()
}

/// Builds what is measured, as cargo-lambda and SAM build it.
fn build() {
    if std::env::var_os("BOOTSTRAPS").is_some() {
        return;
    }
    let functions = PROGRAMS[1..].iter().map(|(name, ..)| *name).chain(WEIGHED);
    let functions = functions.flat_map(|name| ["-p", name]);
    let mut build = Command::new(env!("CARGO"));
    assert!(build.args(["build", "--release", "--bins"]).args(functions).status().unwrap().success());
    let mut build = Command::new(env!("CARGO"));
    assert!(
        build.args(["build", "--release", "-p", "shared", "--example", "bare"]).status().unwrap().success()
    );
}

/// Beside this benchmark's own binary, which is in `<target>/release/deps`, unless told where.
fn binary(name: &str) -> PathBuf {
    if let Some(folder) = std::env::var_os("BOOTSTRAPS") {
        return Path::new(&folder).join(name);
    }
    let own = std::env::current_exe().unwrap();
    let release = own.ancestors().nth(2).unwrap();
    if name == "bare" { release.join("examples/bare") } else { release.join(name) }
}

/// A binary's size in a zip file, in megabytes.
fn zipped(binary: &Path) -> f64 {
    #[derive(Default)]
    struct Count(u64);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len() as u64;
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut encoder = DeflateEncoder::new(Count::default(), Compression::default());
    io::copy(&mut File::open(binary).unwrap(), &mut encoder).unwrap();
    encoder.flush().unwrap();
    encoder.finish().unwrap().0 as f64 / 1e6
}

/// The processor time of all of a process's threads so far.
fn cpu_time(pid: u32) -> Duration {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let nanoseconds = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// The most memory that a process ever had.
fn peak_bytes(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
