//! `call-ledger verify`: requests that are really signed, then damaged as they are on their way, and the causes
//! that it names.
//!
//! Each answer that it foretells is the one that the function gives.

use std::fs;
use std::process::Stdio;

use anyhow::Context as _;
use http::{HeaderName, HeaderValue};
use jiff::Timestamp;
use local::gateway::{self, HttpRequest};
use local::sample::{self, Sample};
use serde_json::{Value, json};
use shared::lambda::{self, ApiGatewayV2httpRequest};
use shared::proof::{Ed25519Signer, SenderKeys};
use shared::provider::Provider;
use shared::sources::Sources;
use shared::webhook::Webhook;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;

use crate::bed::Bed;
use crate::cli::program;
use crate::watch;

mod body;
mod content;
mod form;
mod header;
mod input;
mod json;
mod source;
mod time;
mod token;

/// The result of the program.
struct Said {
    code: Option<i32>,
    /// What it prints with `--json`.
    report: Value,
    /// What it prints for people.
    text: String,
    stderr: String,
}

impl Said {
    fn causes(&self) -> Vec<&str> {
        let causes = self.report["causes"].as_array();
        causes.into_iter().flatten().filter_map(|cause| cause["code"].as_str()).collect()
    }

    fn proven(&self) -> bool {
        let causes = self.report["causes"].as_array();
        causes.is_some_and(|causes| causes.iter().all(|cause| cause["proven"] == true))
    }

    fn answer(&self) -> (u64, &str) {
        (
            self.report["status"].as_u64().unwrap_or_default(),
            self.report["answer"].as_str().unwrap_or_default(),
        )
    }
}

/// The time at which requests are signed and arrive.
fn now() -> Timestamp {
    Timestamp::from_second(1_782_554_760).expect("a time")
}

/// The keys of the provider's other source.
fn other_keys(provider: Provider) -> SenderKeys {
    let name = provider.name();
    SenderKeys {
        secret: format!("whsec_other_{name}"),
        key_pair: Ed25519Signer::from_seed(&[2; 32]),
        url_token: format!("other-{name}-fedcba9876543210fedcba9876543210"),
    }
}

/// The sources of the tests: the local ones, and for each provider another one.
fn sources() -> Value {
    let mut sources: Value = serde_json::from_str(local::embedded::SOURCES).expect("JSON");
    for provider in Provider::ALL {
        sources[provider.name()]["other"] = provider.source_keys(&other_keys(provider));
    }
    sources["agni"]["other"]["account"] = json!("another-account");
    sources
}

/// A request for a sample's body, signed with the local keys.
fn sample(name: &str) -> HttpRequest {
    Sample::load(name).expect("a sample").request("default", now())
}

/// A request for a body, signed with the local keys.
fn signed(provider: Provider, body: impl Into<Vec<u8>>) -> HttpRequest {
    sample::request(provider, "default", body.into(), now())
}

/// The request with another body under the signature of the old one.
fn with_body(request: &HttpRequest, body: impl Into<Vec<u8>>) -> HttpRequest {
    HttpRequest { body: body.into(), ..request.clone() }
}

/// The text of a request's body.
fn text(request: &HttpRequest) -> String {
    String::from_utf8_lossy(&request.body).into_owned()
}

/// The value of a header.
fn value(request: &HttpRequest, header: &str) -> String {
    request.headers[header].to_str().expect("ASCII").to_owned()
}

/// The request with another value of a header.
fn with_header(request: &HttpRequest, header: &'static str, value: &str) -> HttpRequest {
    let mut changed = request.clone();
    changed.headers.insert(HeaderName::from_static(header), HeaderValue::from_str(value).expect("a value"));
    changed
}

/// The request with a header under another name.
fn renamed(request: &HttpRequest, header: &str, name: &'static str) -> HttpRequest {
    let mut changed = request.clone();
    let value = changed.headers.remove(header).expect("the header is there");
    changed.headers.insert(HeaderName::from_static(name), value);
    changed
}

/// The event of a request.
fn event(request: &HttpRequest) -> Value {
    gateway::event(request, now()).expect("a route takes it").1
}

/// Runs the program twice, for programs and for people, with `input` on standard input.
async fn run(folder: &TempDir, arguments: &[&str], input: &[u8]) -> anyhow::Result<Said> {
    let run = async |arguments: &[&str]| {
        let mut child = program(folder.path())
            .arg("verify")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stdin = child.stdin.take().context("no input")?;
        stdin.write_all(input).await?;
        drop(stdin);
        anyhow::Ok(child.wait_with_output().await?)
    };
    let (report, text) = (run(&[arguments, &["--json"]].concat()).await?, run(arguments).await?);
    assert_eq!(report.status.code(), text.status.code());
    Ok(Said {
        code: text.status.code(),
        report: serde_json::from_slice(&report.stdout).unwrap_or_default(),
        text: String::from_utf8(text.stdout)?,
        stderr: String::from_utf8(text.stderr)?,
    })
}

/// Asks the program about an event, and the function as well: its answer is the one that was foretold.
///
/// Neither a key, a token nor a signature is in what it prints.
async fn ask_with(sources: &Value, event: &Value, more: &[&str]) -> anyhow::Result<Said> {
    let folder = TempDir::new()?;
    fs::write(folder.path().join("mine.json"), sources.to_string())?;
    let arguments = [&["-", "--sources", "mine.json"], more].concat();
    let said = run(&folder, &arguments, event.to_string().as_bytes()).await?;
    assert!(said.report.is_object(), "{} {}", said.text, said.stderr);
    keeps_secrets(sources, event, &said);

    let provider = said.report["provider"].as_str().and_then(Provider::from_name).context("no provider")?;
    let bed = Bed::start().await?;
    let configured = Sources::from_json(&sources.to_string())?;
    let webhook = Webhook::new(provider, configured, bed.stack.ledger.clone());
    let event: ApiGatewayV2httpRequest = serde_json::from_value(event.clone())?;
    let answer = lambda::answer(|request| webhook.respond(request, now()), event).await;
    let body = answer.body.as_ref().map(|body| String::from_utf8_lossy(body).into_owned());
    let body: Value = serde_json::from_str(&body.context("no body")?)?;
    let code = if answer.status_code == 200 { &body["status"] } else { &body["error"] };
    assert_eq!(
        (u64::try_from(answer.status_code)?, code.as_str()),
        (said.answer().0, Some(said.answer().1)),
        "{}",
        said.text
    );
    assert_eq!(said.code, Some(if answer.status_code == 200 { 0 } else { 1 }), "{}", said.text);
    Ok(said)
}

async fn ask(request: &HttpRequest) -> anyhow::Result<Said> {
    ask_with(&sources(), &event(request), &[]).await
}

fn keeps_secrets(sources: &Value, event: &Value, said: &Said) {
    let printed = format!("{}{}{}", said.text, said.report, said.stderr);
    if let Some(found) = watch::in_answer(&printed) {
        panic!("{found} in {printed}");
    }
    let mut secrets = Vec::new();
    for source in
        sources.as_object().into_iter().flatten().filter_map(|(_, named)| named.as_object()).flatten()
    {
        for kind in ["secrets", "tokens", "public_keys"] {
            secrets.extend(source.1[kind].as_array().into_iter().flatten().filter_map(Value::as_str));
        }
    }
    secrets.extend(event["pathParameters"]["token"].as_str().filter(|token| token.len() > 8));
    for (name, value) in event["headers"].as_object().into_iter().flatten() {
        if name.contains("signature") || name.contains("key") {
            secrets.extend(value.as_str().filter(|value| value.len() > 16));
        }
    }
    for secret in secrets {
        // Not a long piece of it, either.
        let piece = &secret[..secret.len().min(24)];
        assert!(!printed.contains(piece), "{piece} is printed: {printed}");
    }
}

/// Checks that a damaged request is refused, and that these causes are named, and proven.
async fn is_caused(request: &HttpRequest, by: &[&str]) -> anyhow::Result<Said> {
    let said = ask(request).await?;
    assert_eq!(said.causes(), by, "{}", said.text);
    assert!(said.proven(), "{}", said.text);
    assert_eq!(said.report["genuine"], false, "{}", said.text);
    Ok(said)
}

#[tokio::test]
async fn every_sample_is_genuine_and_its_steps_are_told() -> anyhow::Result<()> {
    for name in sample::names() {
        let said = ask(&sample(name)).await?;
        assert_eq!((said.answer(), said.causes().len()), ((200, "accepted"), 0), "{name}: {}", said.text);
    }
    let telnyx = ask(&sample("telnyx-call-completed")).await?;
    assert_eq!(
        telnyx.text,
        "ok    path       telnyx, and a source\n\
         ok    source     mine.json has telnyx/default\n\
         ok    body       1462 bytes, decoded from base64\n\
         ok    signature  ed25519, over exactly these bytes\n\
         ok    time       signed 0 seconds before it arrived\n\
         ok    content    call.completed, an event of a call\n\
         Genuine: the webhook answers 200 accepted.\n"
    );
    Ok(())
}

#[tokio::test]
async fn several_causes_at_once_are_all_named() -> anyhow::Result<()> {
    let keys = other_keys(Provider::Sautikit);
    let sample = Sample::load("sautikit-call-completed")?;
    let request = sample.request_with(&keys, "default", now());
    let prefixed = format!("sha256={}", value(&request, "x-sautikit-signature"));
    let damaged = with_header(&request, "x-sautikit-signature", &prefixed);
    let damaged = with_body(&damaged, format!("{}\n", text(&damaged)));
    let said = is_caused(&damaged, &["another_source", "header_prefix", "newline_added"]).await?;
    assert!(said.text.contains("another source: sautikit/other"), "{}", said.text);
    Ok(())
}
