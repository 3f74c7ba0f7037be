//! Every row of the HTTP contract, and what hostile or broken senders do, over HTTP.

use anyhow::Context as _;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use local::client::Answer;
use local::gateway::HttpRequest;
use local::keys;
use local::sample::{self, Sample};
use local::stack::Options;
use serde_json::{Value, json};
use shared::provider::{self, Provider};

use crate::bed::{Bed, post, text};

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
async fn another_body_for_a_known_event_revises_it_without_changing_a_field() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    bed.sample("callkaro-call-ended").await?;
    let mut richer = Sample::load("callkaro-call-ended")?;
    richer.set("data.call_duration", "999")?;
    richer.set("data.extra", "new")?;
    let answer = bed.deliver(Provider::Callkaro, richer.body.clone()).await?;
    assert_eq!(said(&answer), (200, "revised"));
    assert_eq!(said(&bed.deliver(Provider::Callkaro, richer.body).await?), (200, "duplicate"));
    let call = bed.call(Provider::Callkaro, "2303fa770b666a64ab1694c1e").await?;
    assert_eq!((&call["duration_seconds"], &call["extensions"]["data.extra"]), (&json!(120), &json!("new")));
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

/// A path, headers, and the answer they get.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], (u16, &'a str));

#[tokio::test]
async fn wrong_proofs_are_refused_and_nothing_is_stored() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let sample = Sample::load("sautikit-call-completed")?;
    let (name, good) = provider::sign_sautikit(&keys::sautikit(), sample.body.as_bytes());
    let body = sample.body.clone().into_bytes();
    let rows: [Row<'_>; 9] = [
        (SAUTIKIT, &[], (401, "signature_missing")),
        (SAUTIKIT, &[(name, "")], (401, "signature_missing")),
        (SAUTIKIT, &[(name, "zz")], (401, "signature_malformed")),
        (SAUTIKIT, &[(name, &good), (name, &good)], (401, "signature_malformed")),
        (SAUTIKIT, &[(name, &format!("{good}, {good}"))], (401, "signature_malformed")),
        (SAUTIKIT, &[(name, &"0".repeat(64))], (401, "signature_mismatch")),
        (TELNYX, &[("telnyx-timestamp", "1")], (401, "signature_missing")),
        ("/webhooks/callkaro/default/wrong-token", &[], (401, "token_mismatch")),
        ("/webhooks/agni/default/%00", &[], (401, "token_mismatch")),
    ];
    for (path, headers, expected) in rows {
        let answer = bed.client.send(post(path, headers, body.clone())).await?;
        assert_eq!(code(&answer), expected, "{path} {headers:?}");
        assert!(
            answer.body["message"].is_string() && answer.body["request_id"].is_string(),
            "{}",
            answer.body
        );
    }
    // Another provider's good token is no token.
    let crossed = format!("/webhooks/callkaro/default/{}", keys::AGNI_TOKEN);
    assert_eq!(code(&bed.client.send(post(&crossed, &[], body.clone())).await?), (401, "token_mismatch"));
    // White space around the value and the case of the name are no part of the proof.
    let padded = format!("  {good} ");
    let answer = bed.client.send(post(SAUTIKIT, &[("X-SAUTIKIT-SIGNATURE", &padded)], body)).await?;
    assert_eq!(said(&answer), (200, "accepted"));
    assert_eq!(bed.items_of("DELIVERY").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn another_account_than_the_pinned_one_is_forbidden() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let mut sample = Sample::load("agni-call-completed")?;
    sample.set("org_id", "somebody-else")?;
    let answer = bed.client.send(post(&agni(), &[], sample.body)).await?;
    assert_eq!(code(&answer), (403, "account_mismatch"));
    assert_eq!(bed.items().await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn unknown_sources_methods_and_paths_are_told_apart() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    for path in
        ["/webhooks/sautikit/nobody", "/webhooks/sautikit/de%66ault2", "/webhooks/sautikit/%F0%9F%93%9E"]
    {
        assert_eq!(code(&bed.client.send(post(path, &[], "{}")).await?), (404, "source_unknown"), "{path}");
    }
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let request = HttpRequest { method: method.clone(), ..post(SAUTIKIT, &[], "") };
        let answer = bed.client.send(request).await?;
        assert_eq!(
            (code(&answer), &answer.headers["allow"]),
            ((405, "method_not_allowed"), &"POST".parse()?),
            "{method}"
        );
    }
    assert_eq!(bed.client.send(post("/webhooks/nobody/default", &[], "{}")).await?.status, 404);
    assert_eq!(bed.client.send(post("/webhooks/sautikit/default/extra", &[], "{}")).await?.status, 404);
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
async fn unreadable_bodies_of_providers_that_sign_are_quarantined() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let deep = format!("{{\"kind\":{}", "[".repeat(100_000));
    let bodies: [&[u8]; 7] = [b"", b"not json", b"\xff\xfe", b"\0\0", b"null", b"[]", deep.as_bytes()];
    for body in bodies {
        assert_eq!(said(&signed(&bed, body).await?), (200, "quarantined"), "{body:?}");
        assert_eq!(said(&signed(&bed, body).await?), (200, "quarantined"), "{body:?}");
    }
    let no_call = signed(&bed, r#"{"kind":"call.completed","event_id":"e","data":{}}"#).await?;
    assert_eq!((said(&no_call), &no_call.body["call_id"]), ((200, "quarantined"), &Value::Null));
    for form in [&b""[..], b"\xff", b"CallSid=%ff", b"CallStatus=completed"] {
        assert_eq!(said(&bed.deliver(Provider::Telnyx, form).await?), (200, "quarantined"), "{form:?}");
    }
    let items = bed.items().await?;
    assert_eq!(items.len(), bodies.len() + 1 + 4);
    for item in &items {
        assert!(text(item, "pk").starts_with("EVENT#"), "{item:?}");
        assert!(text(item, "work_shard").starts_with("quarantined#"), "{item:?}");
        assert!(["body_unreadable", "call_id_missing"].contains(&text(item, "reason")), "{item:?}");
    }
    Ok(())
}

#[tokio::test]
async fn unreadable_bodies_of_providers_that_do_not_sign_are_the_senders_mistake() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let deep = "[".repeat(100_000);
    for path in [callkaro(), agni()] {
        for body in [&b""[..], b"not json", b"\xff", b"[]", b"{}", deep.as_bytes()] {
            let answer = bed.client.send(post(&path, &[("content-type", "application/json")], body)).await?;
            assert_eq!(code(&answer), (400, "body_unreadable"), "{path} {body:.20?}");
        }
    }
    assert_eq!(bed.items().await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn stale_and_future_deliveries_are_quarantined_unless_applied_before() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let sample = Sample::load("telnyx-call-completed")?;
    let call_sid = "v3:9X2vxPDFY2RHSJ1EdMS0RHRksMTg7ldNxdjWbVr9zBjbGjGsSe-aiQ";
    let at = |seconds| sample.request("default", Timestamp::now() + SignedDuration::from_secs(seconds));
    let stale = bed.client.send(at(-400)).await?;
    assert_eq!((said(&stale), stale.body["call_id"].as_str()), ((200, "quarantined"), Some(call_sid)));
    assert_eq!(said(&bed.client.send(at(400)).await?), (200, "quarantined"));
    assert_eq!(bed.items_of("CALL").await?.len(), 0, "a stale delivery changes no record");
    assert_eq!(bed.items_of("RECORDING").await?.len(), 0);

    // It does not stand in the way of a sound copy, and is a duplicate after it.
    assert_eq!(said(&bed.client.send(at(0)).await?), (200, "accepted"));
    assert_eq!(said(&bed.client.send(at(-400)).await?), (200, "duplicate"));
    let states: Vec<_> = bed
        .items_of("DELIVERY")
        .await?
        .iter()
        .map(|item| [text(item, "state"), text(item, "reason")].join(" "))
        .collect();
    assert_eq!(states, ["applied "], "the sound copy of the same body resolves the stale one");
    Ok(())
}

#[tokio::test]
async fn a_stale_body_that_differs_from_the_applied_one_is_quarantined() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    bed.sample("telnyx-call-completed").await?;
    let mut other = Sample::load("telnyx-call-completed")?;
    other.set("CallDuration", "9999")?;
    let old = Timestamp::now() - SignedDuration::from_secs(3600);
    assert_eq!(said(&bed.client.send(other.request("default", old)).await?), (200, "quarantined"));
    let call_sid = "v3:9X2vxPDFY2RHSJ1EdMS0RHRksMTg7ldNxdjWbVr9zBjbGjGsSe-aiQ";
    assert_eq!(bed.call(Provider::Telnyx, call_sid).await?["duration_seconds"], 45);
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
