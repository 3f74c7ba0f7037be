//! `call-ledger serve`.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use local::keys::Keyring;
use local::stack::{BUCKET, Options, Stack, TABLE};
use local::{Storage, program, sample};
use recordings::guard::{DEFAULT_MAX_BYTES, Policy};
use shared::provider::Provider;
use tokio::signal::unix::{SignalKind, signal};

use super::log;

/// Serve webhooks and the read API until interrupted (the default).
#[derive(Args)]
#[command(after_long_help = "\
When it is ready, it prints the URL of each source's webhooks and the commands to try. It also has a
recording for each sample that links one, so that `send` shows a copy from link to bucket.

Examples:
  call-ledger serve
  call-ledger serve --in-memory --port 0 --dynamodb-port 0 --s3-port 0
  call-ledger serve --sources mine.json --data-dir /var/lib/call-ledger
  call-ledger serve --fetch-policy production      fetch as the deployed function does")]
pub(crate) struct Serve {
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
    /// Keep the data in memory only.
    #[arg(long)]
    in_memory: bool,
    /// The sources with their keys, a file in JSON; without it, those of `events/sources.json`.
    #[arg(long, value_name = "FILE")]
    sources: Option<PathBuf>,
    /// The seconds between two searches for due recordings.
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

pub(crate) async fn run(options: Serve) -> anyhow::Result<()> {
    log("info");
    let keyring = Keyring::read(options.sources.as_deref())?;
    let stack = Stack::start(Options {
        host: options.host,
        port: options.port,
        dynamodb_port: options.dynamodb_port,
        s3_port: options.s3_port,
        storage: if options.in_memory { Storage::Memory } else { Storage::Folder(options.data_dir) },
        sources: keyring.text().to_owned(),
        schedule: Some(Duration::from_secs(options.schedule_seconds)),
        policy: match options.fetch_policy {
            FetchPolicy::Local => Policy::local(),
            FetchPolicy::Production => Policy::production(DEFAULT_MAX_BYTES),
        },
    })
    .await?;
    // Set before the line `ready` is printed: from then on, a signal ends the program cleanly.
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let base = format!("http://{}", stack.address);
    writeln!(
        io::stdout(),
        "ready {base} dynamodb http://{} s3 http://{} table {TABLE} bucket {BUCKET}",
        stack.dynamodb,
        stack.s3,
    )?;
    write!(io::stdout(), "\n{}", hint(&base, &keyring)?)?;
    tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
    stack.stop().await
}

/// The URL of each source's webhooks, and the commands to try.
fn hint(base: &str, keyring: &Keyring) -> anyhow::Result<String> {
    let (mut configured, mut others) = (Vec::new(), Vec::new());
    for provider in Provider::ALL {
        let names = keyring.names(provider);
        if names.is_empty() {
            others.push(provider.name());
        }
        configured.extend(names.into_iter().map(|name| (provider, name)));
    }
    let mut hint = "Webhooks:\n".to_owned();
    for (provider, source) in &configured {
        writeln!(hint, "  {:<9} {base}{}", provider.name(), keyring.webhook_path(*provider, source))?;
    }
    if !others.is_empty() {
        writeln!(hint, "Without a source: {}", others.join(", "))?;
    }
    let flag = |flag: &str, value: &str, default: &str| {
        if value == default { String::new() } else { format!(" {flag} {value}") }
    };
    let first = configured.iter().find_map(|(provider, source)| {
        let prefix = format!("{}-", provider.name());
        let name = sample::names().into_iter().find(|name| name.starts_with(&prefix))?;
        let preferred = "sautikit-call-completed";
        Some((if preferred.starts_with(&prefix) { preferred } else { name }, *source))
    });
    if let Some((name, source)) = first {
        writeln!(
            hint,
            "Deliver a sample, signed as its provider would:\n  {} send {name}{}{}{}",
            program::name(),
            flag("--to", base, "http://127.0.0.1:9000"),
            flag("--source", source, "default"),
            flag("--sources", keyring.file().unwrap_or_default(), ""),
        )?;
    }
    if let Some(token) = keyring.query_token() {
        writeln!(
            hint,
            "Read the calls of a day:\n  curl -H 'Authorization: Bearer {token}' '{base}/calls?day=2026-06-27'"
        )?;
    }
    hint.push_str("Ctrl-C ends it.\n");
    Ok(hint)
}
