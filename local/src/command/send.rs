//! `call-ledger send`.

use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;
use http::{HeaderMap, Method, StatusCode};
use jiff::Timestamp;
use local::client::{Client, base_url, call_path};
use local::gateway::HttpRequest;
use local::keys::Keyring;
use local::program;
use local::sample::{self, Sample};
use local::stack::SAMPLE_RECORDINGS;

use super::Changes;

/// Sign a sample webhook now, as its provider would, and post it.
#[derive(Args)]
#[command(after_long_help = "\
It prints the answer, and the command that reads the call. If a sample links a recording, the link is changed
to a recording of `call-ledger serve`, if the server has it and --set does not change the link.

Examples:
  call-ledger send --list
  call-ledger send sautikit-call-completed
  call-ledger send sautikit-call-completed --set data.call_id=another --set data.duration_seconds=7
  call-ledger send telnyx-call-completed --to localhost:9010

To try a deployed stack, give its URL, and the file of its sources with their keys:
  call-ledger send agni-call-completed --to https://<id>.execute-api.<region>.amazonaws.com --sources mine.json")]
pub(crate) struct Send {
    /// The sample's name; --list shows them.
    #[arg(required_unless_present = "list")]
    event: Option<String>,
    /// List the samples.
    #[arg(long)]
    list: bool,
    /// The server: its address or URL.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9000")]
    to: String,
    /// The source to deliver to.
    #[arg(long, default_value = "default")]
    source: String,
    /// The server's sources with their keys, a file in JSON; without it, the local keys sign.
    #[arg(long, value_name = "FILE")]
    sources: Option<PathBuf>,
    #[command(flatten)]
    changes: Changes,
}

pub(crate) async fn run(options: Send) -> anyhow::Result<()> {
    let Some(event) = options.event.filter(|_| !options.list) else {
        writeln!(io::stdout(), "{}", sample::names().join("\n"))?;
        return Ok(());
    };
    let keyring = Keyring::read(options.sources.as_deref())?;
    let mut sample = options.changes.load(&event)?;
    let keys = keyring.sender(sample.provider, &options.source)?;
    let base = base_url(&options.to)?;
    let client = Client::new(&base)?;
    if sample.recording_path().is_some_and(|path| !options.changes.has(path)) {
        link_local_recording(&client, &base, &mut sample).await?;
    }
    let request = sample.request_with(&keys, &options.source, Timestamp::now());
    let answer = client.send(request).await.map_err(|error| explain(error, &base))?;
    writeln!(io::stdout(), "{} {}", answer.status, answer.body)?;
    let provider = sample.provider.name();
    if let Some(call_id) = answer.body["call_id"].as_str() {
        let url = format!("{base}{}", call_path(provider, &options.source, call_id));
        match keyring.query_token() {
            Some(token) => writeln!(
                io::stdout(),
                "Read the call:\n  curl --silent --show-error --fail -H 'Authorization: Bearer {token}' '{url}'"
            )?,
            None => writeln!(
                io::stdout(),
                "The call is at {url}, but the sources have no token under `query`: nobody can read it"
            )?,
        }
    }
    match answer.status {
        status if status.is_success() => Ok(()),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => bail!(
            "the server has other keys for the source {} of {provider}, or another account; give the file of its \
             sources with --sources, or change the account with --set",
            options.source
        ),
        StatusCode::NOT_FOUND => bail!(
            "the server has no source {} of {provider}; --source names another, --to another server",
            options.source
        ),
        status => bail!("the server did not take the webhook: it answered {status}"),
    }
}

/// Changes a sample's link to the recording that a local server has for it. Other servers have none.
async fn link_local_recording(client: &Client, base: &str, sample: &mut Sample) -> anyhow::Result<()> {
    if !base.starts_with("http://") {
        return Ok(());
    }
    let path = format!("{SAMPLE_RECORDINGS}/{}.wav", sample.recording_name());
    let request = HttpRequest {
        method: Method::HEAD,
        path: path.clone(),
        query: String::new(),
        headers: HeaderMap::new(),
        body: Vec::new(),
    };
    let answer = client.send(request).await.map_err(|error| explain(error, base))?;
    let is_there = answer.headers.get("content-type").is_some_and(|value| value == "audio/wav");
    if answer.status.is_success() && is_there {
        sample.link(&format!("{base}{path}"))?;
    }
    Ok(())
}

/// Returns the error of a request; if no server answers, it says how to start one.
fn explain(error: anyhow::Error, base: &str) -> anyhow::Error {
    if !error.downcast_ref::<reqwest::Error>().is_some_and(reqwest::Error::is_connect) {
        return error;
    }
    let program = program::name();
    anyhow::anyhow!(
        "no server answers at {base}; start one with `{program} serve`, or name another with --to"
    )
}
