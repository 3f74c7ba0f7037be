//! Odd ids, times and lengths, and failures on our side.

use anyhow::Context as _;
use jiff::Timestamp;
use local::sample::{self, Sample};
use local::stack::Options;
use serde_json::{Value, json};
use shared::provider::Provider;

use super::{said, signed};
use crate::bed::Bed;

#[tokio::test]
async fn odd_ids_are_calls_like_any_other() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let long = "é".repeat(1024);
    let ids = [
        "a/b",
        "a#b",
        "a%2Fb",
        "a:b",
        "..",
        "../../x",
        "📞",
        " ",
        "\u{0}",
        "a?b=c",
        "a~b",
        "sha256:x",
        &long,
        &format!("{}y", "x".repeat(2000)),
    ];
    for id in ids {
        let body = json!({ "kind": "call.completed", "event_id": id, "data": { "call_id": id, "recording_id": id } });
        assert_eq!(said(&signed(&bed, body.to_string()).await?), (200, "accepted"), "{id}");
        assert_eq!(said(&signed(&bed, body.to_string()).await?), (200, "duplicate"), "{id}");
        // No URL of a browser's or of most clients' has a segment of two dots.
        if id != ".." {
            assert_eq!(bed.call(Provider::Sautikit, id).await?["call_id"], id);
        }
    }
    assert_eq!(bed.items_of("CALL").await?.len(), ids.len());
    let too_long =
        json!({ "kind": "call.completed", "event_id": "e", "data": { "call_id": "x".repeat(2049) } });
    assert_eq!(said(&signed(&bed, too_long.to_string()).await?), (200, "quarantined"));
    Ok(())
}

#[tokio::test]
async fn times_at_the_ends_of_their_range_are_no_harm() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let times = [
        "0000-01-01T00:00:00Z",
        "9999-12-30T22:00:00.999Z",
        "-009999-01-02T01:59:59Z",
        "1970-01-01T00:00:00Z",
        "99999-01-01T00:00:00Z",
        "x",
    ];
    for (index, time) in times.into_iter().enumerate() {
        let body = json!({ "kind": "call.completed", "event_id": index.to_string(), "occurred_at": time,
            "data": { "call_id": index.to_string(), "ended_at": time, "answered_at": i64::MAX, "duration_seconds": i64::MAX } });
        assert_eq!(said(&signed(&bed, body.to_string()).await?), (200, "accepted"), "{time}");
        bed.call(Provider::Sautikit, &index.to_string()).await?;
    }
    let body = r#"{"event":"call_ended","data":{"callSid":"c","time":"9999-12-31 23:59:59","call_duration":9223372036854775807}}"#;
    assert_eq!(said(&bed.deliver(Provider::Callkaro, body).await?), (200, "accepted"));
    Ok(())
}

#[tokio::test]
async fn a_store_that_is_down_is_our_outage() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let nowhere = "127.0.0.1:1".parse()?;
    let aws = local::stack::aws(nowhere, nowhere);
    let ledger = shared::ledger::Ledger::new(&aws, "none", "none", 1);
    let sources = shared::sources::Sources::from_json(&Options::in_memory()?.sources)?;
    let webhook = shared::webhook::Webhook::new(Provider::Sautikit, sources, ledger);
    let sample = Sample::load("sautikit-call-completed")?;
    let request = sample.request("default", Timestamp::now());
    let (_, event) = local::gateway::event(&request, Timestamp::now()).context("no route")?;
    let event = serde_json::from_value(event)?;
    let answer = shared::lambda::answer(|request| webhook.respond(request, Timestamp::now()), event).await;
    assert_eq!((answer.status_code, &answer.headers["retry-after"]), (503, &"1".parse()?));
    let body: Value = serde_json::from_slice(answer.body.as_deref().context("no body")?)?;
    assert_eq!(body["error"], "unavailable");
    // The same delivery is taken once the store is back.
    assert_eq!(
        said(
            &bed.client
                .send(sample::request(Provider::Sautikit, "default", sample.body.into(), Timestamp::now()))
                .await?
        ),
        (200, "accepted")
    );
    Ok(())
}

#[tokio::test]
async fn a_body_that_is_not_the_base64_it_is_said_to_be_is_a_bad_request() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let sources = shared::sources::Sources::from_json(&Options::in_memory()?.sources)?;
    let webhook = shared::webhook::Webhook::new(Provider::Telnyx, sources, bed.stack.ledger.clone());
    for body in ["%%%", "QUJ", "QUJD=", "QUJDRA", "é"] {
        let mut event = Sample::load("telnyx-call-completed")?.event("default", Timestamp::now())?;
        event["body"] = json!(body);
        let event = serde_json::from_value(event)?;
        let answer =
            shared::lambda::answer(|request| webhook.respond(request, Timestamp::now()), event).await;
        assert_eq!(answer.status_code, 400, "{body}");
    }
    Ok(())
}

#[tokio::test]
async fn a_bug_of_ours_costs_one_request_and_says_so() -> anyhow::Result<()> {
    let event =
        serde_json::from_value(Sample::load("agni-call-completed")?.event("default", Timestamp::now())?)?;
    let answer = shared::lambda::answer(async |_| std::panic::resume_unwind(Box::new("a bug")), event).await;
    let body: Value = serde_json::from_slice(answer.body.as_deref().context("no body")?)?;
    assert_eq!((answer.status_code, &body["error"]), (500, &json!("internal")));
    assert!(body["request_id"].as_str().is_some_and(|id| id.starts_with("local-")), "{body}");
    Ok(())
}

#[tokio::test]
async fn fields_of_absurd_length_lose_nothing() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let long = "x".repeat(500_000);
    let bodies = [
        json!({ "kind": "call.completed", "event_id": long, "data": { "call_id": "id" } }),
        json!({ "kind": "call.recording.ready", "event_id": "1", "data": { "call_id": "rid", "recording_id": long, "download_url": "https://m.example/a" } }),
        json!({ "kind": "call.recording.ready", "event_id": "1", "data": { "call_id": "url", "recording_id": "r", "download_url": format!("https://m.example/{long}") } }),
        json!({ "kind": "call.completed", "event_id": "1", "data": { "call_id": "from", "from": long, "status": long } }),
    ];
    for body in &bodies {
        assert_eq!(
            said(&signed(&bed, body.to_string()).await?),
            (200, "accepted"),
            "{:.60}",
            body.to_string()
        );
        assert_eq!(
            said(&signed(&bed, body.to_string()).await?),
            (200, "duplicate"),
            "{:.60}",
            body.to_string()
        );
    }
    let kind = json!({ "kind": long, "event_id": "1", "data": { "call_id": "kind" } });
    assert_eq!(said(&signed(&bed, kind.to_string()).await?), (200, "ignored"));
    let call = bed.call(Provider::Sautikit, "from").await?;
    assert_eq!(
        (call["from"]["raw"].as_str().map(str::len), call["from"]["e164"].is_null()),
        (Some(500_000), true)
    );
    // The link that can't be one is in the record, and there is no job for it.
    let jobs = bed.items_of("RECORDING").await?;
    assert_eq!(jobs.len(), 1, "only the recording with a link that can be fetched has a job");
    Ok(())
}

#[tokio::test]
async fn deep_values_stay_readable_through_later_events() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    for (index, depth) in [60, 64, 65, 100, 120, 126, 200].into_iter().enumerate() {
        let deep = format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        let body = format!(
            r#"{{"kind":"call.completed","event_id":"{index}","data":{{"call_id":"c","deep-{depth}":{deep}}}}}"#
        );
        assert_eq!(said(&signed(&bed, body).await?), (200, "accepted"), "{depth}");
    }
    let call = bed.call(Provider::Sautikit, "c").await?;
    assert!(call["extensions"]["data.deep-64"].is_array() && call["extensions"]["data.deep-65"].is_string());
    assert_eq!(call["revision"], 7);
    Ok(())
}
