//! `call-ledger erase`.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use anyhow::{bail, ensure};
use clap::Args;
use http::{HeaderMap, Method, StatusCode, header::AUTHORIZATION};
use local::client::{Answer, Client, base_url};
use local::gateway::HttpRequest;
use local::keys::ERASER_TOKEN;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// How often a request is sent that is answered with 429 or 503.
const TRIES: u32 = 5;

/// Erase every call from or to a number or an address.
#[derive(Args)]
#[command(after_long_help = "\
It lists the calls, asks, erases one after the other, and tells the total. What was erased can't be brought back. If it
is interrupted, start it again. The token is one of a reader that may `erase`.

A delivery in quarantine is in no list by number: read those with GET /quarantine, and erase them by their id.

Examples:
  call-ledger erase --number +254700000001
  call-ledger erase --number sip:agent@example.com --yes
  call-ledger erase --number +254700000001 --to https://<id>.execute-api.<region>.amazonaws.com --token <token>")]
pub(crate) struct Erase {
    /// The number, or the SIP or client address or short code, as the calls show it.
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true)]
    number: String,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// The server: its address or URL.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9000")]
    to: String,
    /// The token of a reader that may erase.
    #[arg(long, default_value = ERASER_TOKEN, hide_default_value = true)]
    token: String,
}

pub(crate) async fn run(options: Erase) -> anyhow::Result<()> {
    let server = Server { client: Client::new(base_url(&options.to)?)?, token: options.token };
    let calls = server.calls(&options.number).await?;
    let mut out = io::stdout();
    if calls.is_empty() {
        writeln!(out, "There is no call from or to {}.", options.number)?;
        return Ok(());
    }
    for (path, call) in &calls {
        let of = |name: &str| call[name].as_str().unwrap_or("unknown").to_owned();
        writeln!(out, "{path}  {} → {}  {}  {}", of("from"), of("to"), of("started_at"), of("status"))?;
    }
    let count =
        if calls.len() == 1 { "this call".to_owned() } else { format!("these {} calls", calls.len()) };
    if !options.yes && !asked(&format!("Erase {count} for ever? [y/N] "))? {
        bail!("nothing was erased");
    }
    let (mut gone, mut total) = (0, BTreeMap::<String, (u64, u64)>::new());
    for path in calls.keys() {
        let answer = server.ask(Method::DELETE, path, "").await?;
        match answer.status {
            StatusCode::OK => add(&mut total, &answer.body["erased"]),
            StatusCode::NOT_FOUND => gone += 1,
            status => {
                bail!("{path} was not erased: {status} {}", answer.body["message"].as_str().unwrap_or(""))
            }
        }
    }
    let amounts = total.iter().map(|(kind, (count, bytes))| format!("{count} {kind} ({bytes} bytes)"));
    writeln!(out, "Erased {} calls: {}.", calls.len() - gone, amounts.collect::<Vec<_>>().join(", "))?;
    if gone > 0 {
        writeln!(out, "{gone} more were gone already.")?;
    }
    Ok(())
}

/// Asks a question, and returns whether the answer is yes.
fn asked(question: &str) -> anyhow::Result<bool> {
    write!(io::stdout(), "{question}")?;
    io::stdout().flush()?;
    let mut answer = String::new();
    ensure!(io::stdin().read_line(&mut answer)? > 0, "nobody answered; --yes erases without asking");
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}

fn add(total: &mut BTreeMap<String, (u64, u64)>, erased: &Value) {
    for (kind, amount) in erased.as_object().into_iter().flatten() {
        let (count, bytes) = total.entry(kind.replace('_', " ")).or_default();
        *count += amount["count"].as_u64().unwrap_or(0);
        *bytes += amount["bytes"].as_u64().unwrap_or(0);
    }
}

struct Server {
    client: Client,
    token: String,
}

impl Server {
    /// The calls from and to a number, by their path.
    async fn calls(&self, number: &str) -> anyhow::Result<BTreeMap<String, Value>> {
        let mut calls = BTreeMap::new();
        for side in ["from", "to"] {
            let mut cursor: Option<String> = None;
            loop {
                let mut query = format!("{side}={}&limit=200", utf8_percent_encode(number, NON_ALPHANUMERIC));
                if let Some(cursor) = &cursor {
                    query.push_str(&format!("&cursor={cursor}"));
                }
                let answer = self.ask(Method::GET, "/calls", &query).await?;
                ensure!(
                    answer.status == StatusCode::OK,
                    "the calls can't be listed: {} {}",
                    answer.status,
                    answer.body["message"].as_str().unwrap_or("")
                );
                for call in answer.body["calls"].as_array().into_iter().flatten() {
                    if let Some(path) = call["path"].as_str() {
                        calls.insert(path.to_owned(), call.clone());
                    }
                }
                cursor = answer.body["cursor"].as_str().map(str::to_owned);
                if cursor.is_none() {
                    break;
                }
            }
        }
        Ok(calls)
    }

    /// Sends a request, and again after a pause while the server is busy.
    async fn ask(&self, method: Method, path: &str, query: &str) -> anyhow::Result<Answer> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, format!("Bearer {}", self.token).parse()?);
        let request =
            HttpRequest { method, path: path.to_owned(), query: query.to_owned(), headers, body: Vec::new() };
        let mut tries = 1;
        loop {
            let answer = self.client.send(request.clone()).await?;
            let busy = matches!(answer.status.as_u16(), 429 | 503);
            if !busy || tries == TRIES {
                return Ok(answer);
            }
            tokio::time::sleep(std::time::Duration::from_secs(u64::from(tries))).await;
            tries += 1;
        }
    }
}
