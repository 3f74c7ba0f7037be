//! `call-ledger verify`.

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;
use local::keys::Keyring;
use shared::provider::Provider;

mod question;
mod capture;
mod target;
mod steps;
mod causes;
mod report;

use capture::Capture;
use report::Report;
use target::Target;

/// Say offline whether a saved webhook is genuine, and why not.
#[derive(Args)]
#[command(after_long_help = "\
It checks what a deployed function checks, with the same code: the source, the body, the signature or the
token, the time, the account, and whether the body can be read. Where the signature does not fit, it undoes
the usual damages one after the other, asks again, and says which one it was. It prints no key, no token and
no signature. Nothing is sent anywhere.

The request is an API Gateway event (HTTP API, payload format 2.0), or headers and body apart. The provider
and the source are read from the path it was sent to. The exit code is 0 if it is genuine, 1 if it is not,
and 2 if the question can't be answered.

Examples:
  call-ledger verify event.json --sources mine.json
  call-ledger verify --headers headers.txt --body body.bin --provider telnyx --source default --sources mine.json
  call-ledger verify --body body.bin --path /webhooks/agni/default/<token> --sources mine.json
  call-ledger event telnyx-call-completed | call-ledger verify -")]
pub(crate) struct Verify {
    /// The request as an API Gateway event, a file; `-` is standard input.
    #[arg(value_name = "EVENT", required_unless_present = "body", conflicts_with_all = ["headers", "body", "path"])]
    event: Option<PathBuf>,
    /// The request's headers, a file of lines `Name: value`, as `curl -v` or a proxy prints them.
    #[arg(long, value_name = "FILE", requires = "body")]
    headers: Option<PathBuf>,
    /// The request's body, a file with its bytes and nothing else.
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// The path or URL the request was sent to.
    #[arg(long, value_name = "URL")]
    path: Option<String>,
    /// When the request arrived, RFC 3339; without it, the event's time, or now.
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// The provider; without it, the path or the headers tell.
    #[arg(long, value_parser = provider)]
    provider: Option<Provider>,
    /// The source; without it, the path tells, or it is `default`.
    #[arg(long)]
    source: Option<String>,
    /// The sources with their keys, a file in JSON; without it, those of local runs.
    #[arg(long, value_name = "FILE")]
    sources: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn provider(name: &str) -> Result<Provider, String> {
    let names = || Provider::ALL.map(Provider::name).join(", ");
    Provider::from_name(name).ok_or_else(|| format!("the providers are {}", names()))
}

/// Prints the report, and returns 0 for a genuine request, 1 for any other, and 2 for a question without
/// an answer.
pub(crate) fn run(options: &Verify) -> anyhow::Result<ExitCode> {
    let report = match report(options) {
        Ok(report) => report,
        Err(error) => {
            writeln!(io::stderr(), "Error: {error:#}")?;
            return Ok(ExitCode::from(2));
        }
    };
    let mut output = io::stdout();
    if options.json {
        writeln!(output, "{:#}", serde_json::to_value(&report)?)?;
    } else {
        write!(output, "{report}")?;
    }
    Ok(if report.genuine { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn report(options: &Verify) -> anyhow::Result<Report> {
    let capture = match (&options.event, &options.body) {
        (Some(event), _) => Capture::of_event(event)?,
        (None, Some(body)) => Capture::of_files(options.headers.as_deref(), body, options.path.as_deref())?,
        (None, None) => anyhow::bail!("name the event, or --body"),
    };
    let keyring = Keyring::read(options.sources.as_deref())?;
    let target = Target::find(&capture, &keyring, options.provider, options.source.as_deref())?;
    Ok(Report::of(&capture, &target, options.at))
}
