//! Sources from Parameter Store: read at the start, rotated while the function runs.

mod isolation;
mod waiting;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::ensure;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use jiff::Timestamp;
use local::gateway;
use local::sample;
use local::stack::{self, Options};
use query::Query;
use serde_json::{Value, json};
use shared::lambda;
use shared::provider::Provider;
use shared::sources::{LiveSources, Pace, SourceError};
use shared::webhook::Webhook;
use tokio::net::TcpListener;

use crate::bed::Bed;

/// A parameter store with `GetParametersByPath`, two parameters a page.
#[derive(Clone, Default)]
struct Parameters(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    values: BTreeMap<String, String>,
    asked: usize,
    fails: bool,
    /// How many requests from now on are told to come again later.
    throttles: usize,
}

impl Parameters {
    /// Starts it, and answers clients for it.
    async fn start(&self) -> anyhow::Result<shared::aws::Aws> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let router = Router::new().fallback(by_path).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Ok(stack::aws(address, address).with_ssm_endpoint(format!("http://{address}")))
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.0.lock().expect("no test panics with the lock")
    }

    fn put(&self, name: &str, value: impl ToString) {
        self.kept().values.insert(name.to_owned(), value.to_string());
    }
}

async fn by_path(State(parameters): State<Parameters>, body: Bytes) -> Response {
    let mut kept = parameters.kept();
    kept.asked += 1;
    if kept.throttles > 0 {
        kept.throttles -= 1;
        let body = json!({ "__type": "ThrottlingException", "message": "Rate exceeded" }).to_string();
        return (StatusCode::BAD_REQUEST, body).into_response();
    }
    if kept.fails {
        let body = json!({ "__type": "AccessDeniedException", "message": "no" }).to_string();
        return (StatusCode::BAD_REQUEST, body).into_response();
    }
    let request: Value = serde_json::from_slice(&body).expect("a request");
    assert_eq!((&request["WithDecryption"], &request["MaxResults"]), (&json!(true), &json!(10)));
    let path = format!("{}/", request["Path"].as_str().expect("a path"));
    let skipped: usize = request["NextToken"].as_str().map_or(0, |token| token.parse().expect("a number"));
    let found: Vec<_> = (kept.values.iter())
        .filter(|(name, _)| name.starts_with(&path))
        .map(|(name, value)| json!({ "Name": name, "Type": "SecureString", "Value": value }))
        .collect();
    let rest = &found[skipped..];
    let mut page = json!({ "Parameters": rest[..rest.len().min(2)] });
    if rest.len() > 2 {
        page["NextToken"] = json!((skipped + 2).to_string());
    }
    page.to_string().into_response()
}

/// Asks as often as it is let.
const EAGER: Pace = Pace {
    start: Duration::from_secs(6),
    due: Duration::from_secs(300),
    after_miss: Duration::ZERO,
    holds: Duration::from_secs(3600),
};

fn secrets(secrets: &[&str]) -> Value {
    json!({ "secrets": secrets })
}

/// The keys with which the samples are signed.
fn local_secret() -> anyhow::Result<String> {
    let sources: Value = serde_json::from_str(&Options::in_memory()?.sources)?;
    Ok(sources["sautikit"]["default"]["secrets"][0].as_str().unwrap_or_default().to_owned())
}

/// Delivers a call, signed with the local secret, to a function with these sources.
async fn deliver(bed: &Bed, sources: &LiveSources, call_id: &str) -> anyhow::Result<i64> {
    Ok(deliver_to(bed, sources, "default", call_id).await?.0)
}

/// The same to a source. Returns the status, the error if there is one, and after how many seconds to try again.
async fn deliver_to(
    bed: &Bed,
    sources: &LiveSources,
    source: &str,
    call_id: &str,
) -> anyhow::Result<(i64, String, Option<String>)> {
    let webhook = Webhook::new(Provider::Sautikit, sources.clone(), bed.stack.ledger.clone());
    let body = json!({ "kind": "call.completed", "event_id": call_id, "data": { "call_id": call_id } });
    let at = Timestamp::now();
    let request = sample::request(Provider::Sautikit, source, body.to_string().into(), at);
    let (_, event) = gateway::event(&request, at).expect("a route");
    let event = serde_json::from_value(event)?;
    let answer = lambda::answer(|request| webhook.respond(request, at), event).await;
    let body: Value =
        answer.body.map(|body| serde_json::from_slice(body.as_ref())).transpose()?.unwrap_or_default();
    let again =
        answer.headers.get("retry-after").map(|value| value.to_str().map(str::to_owned)).transpose()?;
    Ok((answer.status_code, body["error"].as_str().unwrap_or_default().to_owned(), again))
}

/// Asks for the calls of a day. Returns the status, and the error if there is one.
async fn list(query: &Query, token: Option<&str>) -> anyhow::Result<(i64, String)> {
    let headers =
        token.map_or_else(|| json!({}), |token| json!({ "authorization": format!("Bearer {token}") }));
    let event = json!({ "requestContext": { "http": { "method": "GET" } }, "routeKey": "GET /calls",
        "rawQueryString": "day=2026-06-27", "headers": headers });
    let (event, at) = (serde_json::from_value(event)?, Timestamp::now());
    let answer = lambda::answer(|request| query.respond(request, at), event).await;
    let body: Value =
        answer.body.map(|body| serde_json::from_slice(body.as_ref())).transpose()?.unwrap_or_default();
    Ok((answer.status_code, body["error"].as_str().unwrap_or_default().to_owned()))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_source_under_the_path_is_read_and_no_other() -> anyhow::Result<()> {
    let parameters = Parameters::default();
    let aws = parameters.start().await?;
    for index in 0..5 {
        parameters.put(&format!("/ledger/sautikit/s{index}"), secrets(&["whsec_canary"]));
    }
    parameters.put("/ledger/telnyx/default", "not even JSON");
    parameters.put("/ledger/sautikit-not/s9", secrets(&["whsec_canary"]));
    let sources = LiveSources::from_parameters(&aws, "/ledger/", &["sautikit"], EAGER).await.current();
    assert!((0..5).all(|index| sources.get(Provider::Sautikit, &format!("s{index}")).is_ok()));
    for (provider, name) in [(Provider::Sautikit, "s9"), (Provider::Telnyx, "default")] {
        assert_eq!(sources.get(provider, name).err(), Some(SourceError::Unknown), "{provider:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_is_taken_with_the_first_delivery_that_it_signs() -> anyhow::Result<()> {
    let (bed, parameters, name) = (Bed::start().await?, Parameters::default(), "/ledger/sautikit/default");
    let aws = parameters.start().await?;
    parameters.put(name, secrets(&["the-old-secret"]));
    let sources = LiveSources::from_parameters(&aws, "/ledger", &["sautikit"], EAGER).await;
    assert_eq!(deliver(&bed, &sources, "a").await?, 401);
    parameters.put(name, secrets(&["the-old-secret", &local_secret()?]));
    assert_eq!(deliver(&bed, &sources, "a").await?, 200);
    let asked = parameters.kept().asked;
    assert_eq!(deliver(&bed, &sources, "b").await?, 200);
    assert_eq!(parameters.kept().asked, asked, "a key that fits is no reason to ask");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_key_is_refused_once_the_parameters_are_read_again() -> anyhow::Result<()> {
    let (bed, parameters, name) = (Bed::start().await?, Parameters::default(), "/ledger/sautikit/default");
    let aws = parameters.start().await?;
    parameters.put(name, secrets(&[&local_secret()?]));
    let pace = Pace { due: Duration::from_millis(50), after_miss: Duration::from_secs(300), ..EAGER };
    let sources = LiveSources::from_parameters(&aws, "/ledger", &["sautikit"], pace).await;
    assert_eq!(deliver(&bed, &sources, "a").await?, 200);
    parameters.put(name, secrets(&["the-next-secret"]));
    for call in 0.. {
        // Read in the background: a delivery or two may still pass.
        tokio::time::sleep(Duration::from_millis(60)).await;
        if deliver(&bed, &sources, &call.to_string()).await? == 401 {
            break;
        }
        ensure!(call < 50, "it is still taken");
    }
    // A source that is removed as a whole is unknown, even if it was the last one.
    parameters.kept().values.clear();
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(deliver(&bed, &sources, "none").await?, 404);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_is_taken_even_when_a_refresh_is_due_anyway() -> anyhow::Result<()> {
    let (bed, parameters, name) = (Bed::start().await?, Parameters::default(), "/ledger/sautikit/default");
    let aws = parameters.start().await?;
    for due in [Duration::ZERO, Duration::from_millis(50)] {
        parameters.put(name, secrets(&["the-old-secret"]));
        let pace = Pace { due, ..Pace::default() };
        let sources = LiveSources::from_parameters(&aws, "/ledger", &["sautikit"], pace).await;
        tokio::time::sleep(due).await;
        parameters.put(name, secrets(&[&local_secret()?]));
        assert_eq!(deliver(&bed, &sources, &due.as_millis().to_string()).await?, 200);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_slept_reads_the_parameters_before_it_verifies() -> anyhow::Result<()> {
    let (bed, parameters, name) = (Bed::start().await?, Parameters::default(), "/ledger/sautikit/default");
    let aws = parameters.start().await?;
    parameters.put(name, secrets(&[&local_secret()?]));
    let pace = Pace { due: Duration::from_millis(50), ..Pace::default() };
    let sources = LiveSources::from_parameters(&aws, "/ledger", &["sautikit"], pace).await;
    parameters.put(name, secrets(&["the-next-secret"]));
    tokio::time::sleep(Duration::from_millis(150)).await;
    assert_eq!(deliver(&bed, &sources, "a").await?, 401, "the removed key is taken");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_do_not_make_us_ask_with_every_request() -> anyhow::Result<()> {
    let (bed, parameters) = (Bed::start().await?, Parameters::default());
    let aws = parameters.start().await?;
    parameters.put("/ledger/sautikit/default", secrets(&["another-secret"]));
    let sources = LiveSources::from_parameters(&aws, "/ledger", &["sautikit"], Pace::default()).await;
    for _ in 0..20 {
        assert_eq!(deliver(&bed, &sources, "a").await?, 401);
    }
    // Once at the start, and once for all of them.
    assert_eq!(parameters.kept().asked, 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_token_reads_the_ledger() -> anyhow::Result<()> {
    let (bed, parameters) = (Bed::start().await?, Parameters::default());
    let aws = parameters.start().await?;
    parameters.put("/ledger/query/default", json!({ "tokens": ["the-first-canary-token"] }));
    let sources = LiveSources::from_parameters(&aws, "/ledger", &["query"], EAGER).await;
    let s3 = bed.stack.aws.s3();
    let query = Query::new(bed.stack.ledger.clone(), s3, stack::BUCKET.to_owned(), sources);
    let status = async |token: &str| anyhow::Ok(list(&query, Some(token)).await?.0);
    assert_eq!(status("the-first-canary-token").await?, 200);
    assert_eq!(status("the-second-canary-token").await?, 401);
    let both = json!({ "tokens": ["the-first-canary-token", "the-second-canary-token"] });
    parameters.put("/ledger/query/default", both);
    assert_eq!(status("the-second-canary-token").await?, 200);
    assert_eq!(status("the-first-canary-token").await?, 200);
    Ok(())
}
