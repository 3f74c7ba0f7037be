//! Call Ledger on a laptop: the whole bundle in one process, no account needed.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;
use local::client::{Client, call_path};
use local::sample::Sample;
use local::stack::{Options, Stack};
use local::{Storage, demo, sample};
use recordings::guard::Policy;
use tokio::signal::unix::{SignalKind, signal};

/// Call Ledger on a laptop: webhooks, ledger, recordings and read API in one process, on an
/// embedded DynamoDB and S3. No account, no Docker.
#[derive(Parser)]
#[command(name = "local", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Command {
    /// Show it all: deliver every sample webhook, wait for the copies, print the ledger, end.
    Demo,
    /// Serve webhooks and the read API until interrupted (the default).
    Serve(Serve),
    /// Sign a sample webhook now, as its provider would, and post it.
    Send(Send),
    /// Print a sample webhook's API Gateway event, signed now: for `sam local invoke -e -`.
    Event(Event),
    /// Sign every event file under events/ anew.
    Resign,
}

#[derive(Args)]
struct Serve {
    /// The address to listen on; 0.0.0.0 lets containers in.
    #[arg(long, default_value = "127.0.0.1")]
    host: String,
    /// The port of the webhooks and the read API; 0 picks a free one.
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// The port of DynamoDB; 0 picks a free one.
    #[arg(long, default_value_t = 8000)]
    dynamodb_port: u16,
    /// The port of S3; 0 picks a free one.
    #[arg(long, default_value_t = 9001)]
    s3_port: u16,
    /// Where the data stays between runs.
    #[arg(long, default_value = ".local", conflicts_with = "in_memory")]
    data_dir: PathBuf,
    /// Keep nothing after the end.
    #[arg(long)]
    in_memory: bool,
    /// The sources with their keys, as the functions get them.
    #[arg(long, default_value = "events/sources.json")]
    sources: PathBuf,
    /// How often due recordings are looked for.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    schedule_seconds: u64,
    /// From where recordings may be fetched: `production` is what the deployed function uses,
    /// `local` allows http and this machine as well.
    #[arg(long, value_enum, default_value_t = FetchPolicy::Local)]
    fetch_policy: FetchPolicy,
}

#[derive(Clone, Copy, ValueEnum)]
enum FetchPolicy {
    Local,
    Production,
}

#[derive(Args)]
struct Send {
    /// The sample's name; --list shows them.
    #[arg(required_unless_present = "list")]
    event: Option<String>,
    /// List the samples.
    #[arg(long)]
    list: bool,
    /// Where to post it: a base URL.
    #[arg(long, default_value = "http://127.0.0.1:9000")]
    to: String,
    /// The source to deliver to.
    #[arg(long, default_value = "default")]
    source: String,
    /// Change a field before signing: `data.call_id=…` in JSON, `CallSid=…` in a form. Repeatable.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
}

#[derive(Args)]
struct Event {
    /// The sample's name; `send --list` shows them.
    event: String,
    /// The source to deliver to.
    #[arg(long, default_value = "default")]
    source: String,
    /// Change a field before signing. Repeatable.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match run(Cli::parse()).await {
        // Whoever reads has had enough, such as `head`.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        result => result,
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    match cli.command {
        None => serve(cli.serve).await,
        Some(Command::Serve(options)) => serve(options).await,
        Some(Command::Demo) => {
            log("error");
            demo::run().await
        }
        Some(Command::Send(options)) => send(options).await,
        Some(Command::Event(options)) => {
            let sample = changed(&options.event, &options.set)?;
            writeln!(io::stdout(), "{:#}", sample.event(&options.source, Timestamp::now())?)?;
            Ok(())
        }
        Some(Command::Resign) => {
            for path in sample::resign(Timestamp::now())? {
                writeln!(io::stdout(), "signed {}", path.display())?;
            }
            Ok(())
        }
    }
}

async fn serve(options: Serve) -> anyhow::Result<()> {
    log("info");
    let storage = if options.in_memory { Storage::Memory } else { Storage::Folder(options.data_dir) };
    let stack = Stack::start(Options {
        host: options.host,
        port: options.port,
        dynamodb_port: options.dynamodb_port,
        s3_port: options.s3_port,
        storage,
        sources: local::stack::read_sources(&options.sources)?,
        schedule: Some(Duration::from_secs(options.schedule_seconds)),
        policy: match options.fetch_policy {
            FetchPolicy::Local => Policy::local(),
            FetchPolicy::Production => Policy::production(recordings::guard::DEFAULT_MAX_BYTES),
        },
    })
    .await?;
    // Before anybody is told that it is ready: from then on, a signal ends it cleanly.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let (address, dynamodb, s3) = (stack.address, stack.dynamodb, stack.s3);
    writeln!(
        io::stdout(),
        "ready http://{address} dynamodb http://{dynamodb} s3 http://{s3} table {} bucket {}",
        local::stack::TABLE,
        local::stack::BUCKET,
    )?;
    writeln!(
        io::stdout(),
        "
Deliver a webhook, signed as its provider would:
  cargo run -p local -- send sautikit-call-completed --to http://{address}
Read the ledger:
  curl -H 'Authorization: Bearer {}' 'http://{address}/calls?day=2026-06-27'
Ctrl-C ends it.",
        local::keys::QUERY_TOKEN,
    )?;
    tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
    stack.stop().await
}

async fn send(options: Send) -> anyhow::Result<()> {
    let Some(event) = options.event.filter(|_| !options.list) else {
        writeln!(io::stdout(), "{}", sample::names()?.join("\n"))?;
        return Ok(());
    };
    let sample = changed(&event, &options.set)?;
    let client = Client::new(&options.to)?;
    let answer = client.send(sample.request(&options.source, Timestamp::now())).await?;
    writeln!(io::stdout(), "{} {}", answer.status, answer.body)?;
    if let Some(call_id) = answer.body["call_id"].as_str() {
        let path = call_path(sample.provider.name(), &options.source, call_id);
        writeln!(io::stdout(), "{}{path}", options.to.trim_end_matches('/'))?;
    }
    if !answer.status.is_success() {
        bail!("the webhook was not taken");
    }
    Ok(())
}

fn changed(event: &str, changes: &[String]) -> anyhow::Result<Sample> {
    let mut sample = Sample::load(event)?;
    for change in changes {
        let (path, value) =
            change.split_once('=').with_context(|| format!("--set {change}: write it as PATH=VALUE"))?;
        sample.set(path, value)?;
    }
    Ok(sample)
}

/// Logs go to standard error; `RUST_LOG` overrides the level. Libraries stay at warnings: at finer
/// levels they show requests.
fn log(level: &str) {
    let ours = format!("warn,dynoxide=error,local={level},shared={level},recordings={level},query={level}");
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| ours.into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
