//! The committed event files, through the types and handlers that Lambda runs.

use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use local::origin;
use local::sample::{self, Sample};
use local::stack::{self, BUCKET, Options};
use query::Query;
use serde_json::Value;
use shared::aws::Bucket;
use shared::event::BodyFormat;
use shared::lambda::{self, ApiGatewayV2httpRequest};
use shared::provider::Provider;
use shared::sources::Sources;
use shared::webhook::Webhook;
use tokio::time::Instant;
use upkeep::Upkeep;

use crate::bed::Bed;
use crate::tidy::read;

#[tokio::test]
async fn every_committed_event_is_genuine_at_the_time_it_was_signed() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let sources = Sources::from_json(&read("events/sources.json"))?;
    let names = sample::names();
    for name in &names {
        let event = read(&format!("events/{name}.json"));
        let signed_at = serde_json::from_str::<Value>(&event)?["requestContext"]["timeEpoch"].as_i64();
        let signed_at = Timestamp::from_millisecond(signed_at.context("no time")?)?;
        let event: ApiGatewayV2httpRequest = serde_json::from_str(&event)?;
        let provider = name.split('-').next().and_then(Provider::from_name).context("no provider")?;
        let webhook = Webhook::new(provider, sources.clone(), bed.stack.ledger.clone());
        let answer = lambda::answer(|request| webhook.respond(request, signed_at), event).await;
        let body =
            answer.body.as_ref().map(|body| String::from_utf8_lossy(body).into_owned()).unwrap_or_default();
        assert_eq!(answer.status_code, 200, "{name}: {body}");
        assert!(
            body.starts_with(r#"{"status":"accepted""#) || body.contains(r#""status":"accepted""#),
            "{name}: {body}"
        );
    }
    assert!(names.len() >= 13, "events are missing: {names:?}");
    Ok(())
}

fn committed(name: &str) -> anyhow::Result<Value> {
    Ok(serde_json::from_str(&read(&format!("events/{name}.json")))?)
}

#[tokio::test]
async fn the_events_of_the_copier_find_their_job() -> anyhow::Result<()> {
    for name in ["recordings-stream", "recordings-schedule"] {
        let bed = Bed::with(Options { schedule: None, ..Options::in_memory()? }).await?;
        let media = origin::serve().await?;
        let mut ready = Sample::load("sautikit-call-recording-ready")?;
        ready.set("data.download_url", &format!("http://{media}/a.wav"))?;
        ready.set("data.size_bytes", "null")?;
        bed.deliver(ready.provider, ready.body).await?;
        let summary =
            bed.stack.recordings.handle(committed(name)?, Instant::now() + Duration::from_secs(30)).await?;
        assert_eq!(summary.stored, 1, "{name}: {summary:?}");
        let call = bed.call(Provider::Sautikit, "01900000-0000-7000-8000-000000000003").await?;
        assert_eq!(call["recordings"][0]["state"], "stored", "{name}");
    }
    Ok(())
}

#[tokio::test]
async fn the_events_of_the_read_api_are_answered() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    bed.sample("sautikit-call-completed").await?;
    let sources = Sources::from_json(&Options::in_memory()?.sources)?;
    let query = Query::new(bed.stack.ledger.clone(), bed.stack.aws.s3(), stack::BUCKET.to_owned(), sources);
    for name in ["query-calls", "query-call"] {
        let event: ApiGatewayV2httpRequest = serde_json::from_value(committed(name)?)?;
        let answer = lambda::answer(|request| query.respond(request, Timestamp::now()), event).await;
        let body =
            answer.body.as_ref().map(|body| String::from_utf8_lossy(body).into_owned()).unwrap_or_default();
        assert_eq!(answer.status_code, 200, "{name}: {body}");
        assert!(body.contains(r#""call_id":"01900000-0000-7000-8000-000000000003""#), "{name}: {body}");
    }
    Ok(())
}

#[tokio::test]
async fn the_event_of_the_api_for_acting_is_answered() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let sources = Sources::from_json(&Options::in_memory()?.sources)?;
    let bucket = Bucket { client: bed.stack.aws.s3(), name: BUCKET.to_owned() };
    let upkeep = Upkeep::new(bed.stack.ledger.clone(), bucket, sources);
    let event: ApiGatewayV2httpRequest = serde_json::from_value(committed("upkeep-replay")?)?;
    let answer = lambda::answer(|request| upkeep.respond(request, Timestamp::now()), event).await;
    let body =
        answer.body.as_ref().map(|body| String::from_utf8_lossy(body).into_owned()).unwrap_or_default();
    assert_eq!(answer.status_code, 404, "{body}");
    assert!(body.contains(r#""error":"delivery_unknown""#), "{body}");
    Ok(())
}

#[test]
fn forms_are_committed_in_base64_as_api_gateway_hands_them_over() -> anyhow::Result<()> {
    for name in sample::names() {
        let event = read(&format!("events/{name}.json"));
        let event: Value = serde_json::from_str(&event)?;
        let is_form = Sample::load(name)?.provider.body_format() == BodyFormat::Form;
        assert_eq!(event["isBase64Encoded"], is_form, "{name}");
    }
    Ok(())
}

#[test]
fn a_sample_can_be_changed_before_it_is_signed() -> anyhow::Result<()> {
    let mut json = Sample::load("sautikit-call-completed")?;
    json.set("data.call_id", "another")?;
    json.set("data.new.deep", "5")?;
    let body: Value = serde_json::from_str(&json.body)?;
    assert_eq!((&body["data"]["call_id"], &body["data"]["new"]["deep"]), (&"another".into(), &5.into()));
    assert!(
        json.set("kind.x", "1")
            .is_err_and(|error| error.to_string() == "kind.x: there is no object before x")
    );

    let mut form = Sample::load("telnyx-call-completed")?;
    form.set("CallSid", "a b&c")?;
    form.set("New", "1")?;
    assert!(form.body.contains("CallSid=a+b%26c") && form.body.ends_with("&New=1"), "{}", form.body);

    let unknown = Sample::load("nothing").map(|_| ()).map_err(|error| error.to_string());
    assert!(
        unknown.is_err_and(
            |error| error.contains("there is no event nothing; there are:\n  agni-call-completed")
        )
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_finds_nothing_wrong() -> anyhow::Result<()> {
    local::demo::run().await
}
