//! Every row of the HTTP contract, and what hostile or broken senders do, over HTTP.

use anyhow::Context as _;
use local::client::Answer;
use local::keys;
use local::sample::Sample;
use local::stack::Options;
use serde_json::{Value, json};
use shared::provider::{self, Provider};

use crate::bed::{Bed, post, text};

mod late;
mod oddities;
mod refusals;

const SAUTIKIT: &str = "/webhooks/sautikit/default";
const TELNYX: &str = "/webhooks/telnyx/default";

fn callkaro() -> String {
    format!("/webhooks/callkaro/default/{}", keys::CALLKARO_TOKEN)
}

fn agni() -> String {
    format!("/webhooks/agni/default/{}", keys::AGNI_TOKEN)
}

fn code(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.body["error"].as_str().unwrap_or("none"))
}

fn said(answer: &Answer) -> (u16, &str) {
    (answer.status.as_u16(), answer.body["status"].as_str().unwrap_or("none"))
}

async fn signed(bed: &Bed, body: impl Into<Vec<u8>>) -> anyhow::Result<Answer> {
    bed.deliver(Provider::Sautikit, body).await
}

#[tokio::test]
async fn a_delivery_is_accepted_once_and_then_a_duplicate() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    for name in
        ["sautikit-call-completed", "callkaro-call-ended", "telnyx-call-completed", "agni-call-completed"]
    {
        let first = bed.sample(name).await?;
        assert_eq!(said(&first), (200, "accepted"), "{name}");
        assert!(first.body["call_id"].is_string(), "{name}");
        assert_eq!(first.headers["content-type"], "application/json");
        let second = bed.sample(name).await?;
        assert_eq!(
            (said(&second), &second.body["call_id"]),
            ((200, "duplicate"), &first.body["call_id"]),
            "{name}"
        );
    }
    assert_eq!(bed.items_of("CALL").await?.len(), 4);
    assert_eq!(bed.items_of("DELIVERY").await?.len(), 4);
    assert_eq!(bed.items_of("RECORDING").await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn of_two_bodies_of_one_event_the_one_that_says_more_counts() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    bed.sample("callkaro-call-ended").await?;
    let mut richer = Sample::load("callkaro-call-ended")?;
    richer.set("data.call_duration", "999")?;
    richer.set("data.extra", "new")?;
    let answer = bed.deliver(Provider::Callkaro, richer.body.clone()).await?;
    assert_eq!(said(&answer), (200, "revised"));
    assert_eq!(said(&bed.deliver(Provider::Callkaro, richer.body).await?), (200, "duplicate"));
    let call = bed.call(Provider::Callkaro, "2303fa770b666a64ab1694c1e").await?;
    assert_eq!((&call["duration_seconds"], &call["extensions"]["data.extra"]), (&json!(999), &json!("new")));
    assert_eq!(call["revision"], 2);
    let deliveries = bed.items_of("DELIVERY").await?;
    let keys: Vec<Vec<_>> = deliveries.iter().map(|item| text(item, "sk").split('#').collect()).collect();
    let [first, revision] = &keys[..] else { anyhow::bail!("{keys:?}") };
    assert_eq!((first[..2].to_vec(), first.len()), (revision[..2].to_vec(), 3), "one event");
    assert_ne!(first[2], revision[2], "two bodies");
    Ok(())
}

#[tokio::test]
async fn unknown_kinds_are_kept_and_ignored() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let body = r#"{"kind":"message.received","event_id":"e1","data":{"call_id":"c"}}"#;
    let answer = signed(&bed, body).await?;
    assert_eq!((said(&answer), &answer.body["call_id"]), ((200, "ignored"), &json!("c")));
    assert_eq!(said(&signed(&bed, body).await?), (200, "duplicate"));
    assert_eq!(said(&signed(&bed, r#"{"kind":"system.ping"}"#).await?), (200, "ignored"));
    let deliveries = bed.items_of("DELIVERY").await?;
    assert_eq!(deliveries.iter().map(|item| text(item, "state")).collect::<Vec<_>>(), ["ignored", "ignored"]);
    assert_eq!(bed.items().await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn four_mebibytes_are_taken_and_one_byte_more_is_not() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let body = |size: usize| {
        let frame = r#"{"kind":"call.completed","event_id":"e","data":{"call_id":"c","pad":""}}"#.len();
        format!(
            r#"{{"kind":"call.completed","event_id":"e","data":{{"call_id":"c","pad":"{}"}}}}"#,
            "x".repeat(size - frame)
        )
    };
    let limit = 4 * 1024 * 1024;
    let answer = signed(&bed, body(limit)).await?;
    assert_eq!(said(&answer), (200, "accepted"));
    let answer = signed(&bed, body(limit + 1)).await?;
    assert_eq!(code(&answer), (413, "body_too_large"));
    // The large value is in the bucket, and the record has a link to it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let call = bed.call(Provider::Sautikit, "c").await?;
    let pad = &call["extensions"]["data.pad"];
    assert_eq!(pad["bytes"], limit - 72 + 2);
    let value: Value = reqwest::get(pad["link"].as_str().context("no link")?)
        .await?
        .bytes()
        .await
        .map(|json| serde_json::from_slice(&json))??;
    assert_eq!(value.as_str().map(str::len), Some(limit - 72));
    assert_eq!(bed.items_of("DELIVERY").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn one_source_never_touches_another_s_calls() -> anyhow::Result<()> {
    let mut options = Options::in_memory()?;
    let mut sources: Value = serde_json::from_str(&options.sources)?;
    sources["sautikit"]["kenya-prod"] = json!({ "secrets": ["whsec_of_kenya"] });
    options.sources = sources.to_string();
    let bed = Bed::with(options).await?;
    let sample = Sample::load("sautikit-call-completed")?;
    let (name, of_default) = provider::sign_sautikit(&keys::sautikit(), sample.body.as_bytes());
    let kenya = "/webhooks/sautikit/kenya-prod";
    let answer = bed.client.send(post(kenya, &[(name, &of_default)], sample.body.clone())).await?;
    assert_eq!(code(&answer), (401, "signature_mismatch"));
    let (name, own) =
        provider::sign_sautikit(&shared::proof::HmacKey::new("whsec_of_kenya"), sample.body.as_bytes());
    for _ in 0..2 {
        bed.client.send(post(kenya, &[(name, &own)], sample.body.clone())).await?;
    }
    assert_eq!(said(&bed.sample("sautikit-call-completed").await?), (200, "accepted"));
    let mut keys: Vec<_> =
        bed.items_of("CALL").await?.iter().map(|item| text(item, "pk").to_owned()).collect();
    keys.sort_unstable();
    let id = "01900000-0000-7000-8000-000000000003";
    assert_eq!(keys, [format!("CALL#sautikit#default#{id}"), format!("CALL#sautikit#kenya-prod#{id}")]);
    Ok(())
}

#[tokio::test]
async fn another_event_about_a_copied_recording_leaves_the_copy_alone() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let media = local::origin::serve().await?;
    let ready = |event_id: &str, expires_at: &str| {
        json!({ "kind": "call.recording.ready", "event_id": event_id, "data": { "call_id": "c", "recording_id": "r",
            "download_url": format!("http://{media}/a.wav"), "expires_at": expires_at } }).to_string()
    };
    signed(&bed, ready("1", "2096-06-27T11:00:00Z")).await?;
    let stored = async || {
        for _ in 0..100 {
            let call = bed.call(Provider::Sautikit, "c").await?;
            if call["recordings"][0]["state"] == "stored" {
                return Ok(call["recordings"][0].clone());
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        anyhow::bail!("the recording was not copied");
    };
    let before = stored().await?;
    assert_eq!(said(&signed(&bed, ready("2", "2096-06-27T10:00:00Z")).await?), (200, "accepted"));
    assert_eq!(said(&signed(&bed, ready("3", "2096-06-27T12:00:00Z")).await?), (200, "accepted"));
    let job = bed.items_of("RECORDING").await?;
    assert_eq!((text(&job[0], "state"), job[0]["attempts"].as_n()), ("stored", Ok(&"1".to_owned())));
    assert_eq!(stored().await?["copied_at"], before["copied_at"]);
    Ok(())
}
