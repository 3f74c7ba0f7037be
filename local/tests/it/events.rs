//! The committed event files, through the types and handlers that Lambda runs.

use anyhow::Context as _;
use jiff::Timestamp;
use local::sample::{self, Sample};
use serde_json::Value;
use shared::lambda::{self, ApiGatewayV2httpRequest};
use shared::provider::Provider;
use shared::source::Sources;
use shared::webhook::Webhook;

use crate::bed::Bed;

#[tokio::test]
async fn every_committed_event_is_genuine_at_the_time_it_was_signed() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let sources = Sources::from_json(&std::fs::read_to_string(sample::folder().join("sources.json"))?)?;
    let names = sample::names()?;
    for name in &names {
        let event = std::fs::read_to_string(sample::folder().join(format!("{name}.json")))?;
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

#[test]
fn forms_are_committed_in_base64_as_api_gateway_hands_them_over() -> anyhow::Result<()> {
    for name in sample::names()? {
        let event = std::fs::read_to_string(sample::folder().join(format!("{name}.json")))?;
        let event: Value = serde_json::from_str(&event)?;
        assert_eq!(event["isBase64Encoded"], name.starts_with("telnyx"), "{name}");
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
