//! The log: it is searched, the search finds what it must, and finds nothing in the real lines.

use anyhow::{Context as _, ensure};
use http::StatusCode;
use jiff::Timestamp;
use local::sample::{self, Sample};
use local::stack::{self, Options};
use serde_json::json;
use shared::lambda;
use shared::ledger::Ledger;
use shared::provider::Provider;
use shared::reply::Reply;
use shared::sources::Sources;
use shared::webhook::Webhook;

use crate::bed::{Bed, post};
use crate::copier;
use crate::origin::{Origin, wav};
use crate::watch::{self, in_answer, in_log, lines_with};

mod processes;

#[test]
fn every_kind_of_secret_is_found_in_a_line() {
    let rows = [
        ("a canary", r#"{"message":"delivery","call_id":"CANARY-1"}"#),
        ("a secret", "key whsec_local_sautikit is wrong"),
        ("a secret", "path /webhooks/callkaro/default/local-callkaro-0123456789abcdef0123456789abcdef"),
        ("a secret", "presented local-agni-0123456789abcdef0123456789abcdef"),
        ("a secret", "asks with local-query-token"),
        ("a secret", r#"Credentials { secret_access_key: "local-secret-key" }"#),
        ("a link", "fetching https://storage.agniai.com/rec/019d2b3c-8e9f.mp3"),
        ("a link", r#"{"seen":"https:\/\/example.com\/recording.mp3"}"#),
        ("a link", "fetching http://127.0.0.1:1/r.wav"),
        ("a URL's query", "error sending request for url (http://127.0.0.1:1/r?e=1)"),
        ("a URL's query", "to https%3A%2F%2Fh.example%2Fa%3Fe%3D1"),
        ("a URL's query", "GET /calls?day=2026-06-27 HTTP/1.1"),
        ("a signature", "uri: /a&X-Amz-Signature=0123"),
        ("a signature", "signed with sig=0123"),
        ("a telephone number", r#"{"caller":"+254 711 222 333"}"#),
        ("a telephone number", "caller +1 (415) 555-0199"),
        ("a telephone number", "callee=%2B254711222333"),
        ("a telephone number", "caller 254700000001"),
        ("a telephone number", "caller 0700000001"),
        ("a telephone number", "caller 919876543210"),
        ("an e-mail address", "of john@example.com"),
        ("what a body says", "said: Hi, I wanted to check on my order number 4521."),
        ("what a body says", r#"{\"transcription\":\"Full call transcript...\"}"#),
        ("what a body says", "CallerId=John+Doe%20"),
        ("a bearer's token", "header: Bearer 0123"),
        ("an authorization", r#"{"authorization": "Basic 0123"}"#),
        ("a field that no line has", r#"{"message":"copy","url":"h.example"}"#),
        ("a field that no line has", "delivery from=somebody"),
        ("bytes", "body [123, 34, 107, 105, 110, 100, 34, 58, 34, 99, 97, 108, 108, 46, 99, 111, 109]"),
        // `{"from":"+254711222333"}`
        ("a telephone number", "got eyJmcm9tIjoiKzI1NDcxMTIyMjMzMyJ9"),
    ];
    for (what, line) in rows {
        assert_eq!(in_log(line).map(|found| found.what), Some(what), "{line}");
    }
}

#[test]
fn ordinary_lines_and_answers_have_nothing_to_be_found() {
    let lines = [
        r#"{"timestamp":"2026-06-27T10:06:01.500123456+00:00","level":"INFO","message":"delivery","request_id":"JKJaXmPLvHcESHA=","provider":"telnyx","source":"default","status":"accepted","kind":"completed","call_id":"v3:9X2vxPDFY2RHSJ1EdMS0RHRksMTg7ldNxdjWbVr9zBjbGjGsSe-aiQ","duration_ms":12,"target":"shared::webhook"}"#,
        r#"{"level":"WARN","message":"refused","request_id":"local-22224147325037e2","error":"token_mismatch"}"#,
        r#"{"_aws":{"Timestamp":1782554700000,"CloudWatchMetrics":[{"Namespace":"CallLedger","Dimensions":[["provider","outcome"]]}]},"age_at_copy_seconds":1782554700.4470005}"#,
        "2026-06-27T10:06:01.500Z ERROR shared::webhook: a delivery could not be stored request_id=\"r\" error=the store is not available: could not be reached",
        "call 01900000-0000-7000-8000-000000000003 of 2303fa770b666a64ab1694c1e",
    ];
    for line in lines {
        assert_eq!(in_log(line), None, "{line}");
    }
    let answer = r#"{"from":{"e164":"+254700000001"},"transcript":{"text":"Full call transcript..."},"recordings":[{"host":"storage.example.com"}],"message":"Send a token of the query source: Authorization: Bearer <token>."}"#;
    assert_eq!(in_answer(answer), None);
    assert!(in_answer(r#"{"url":"https://storage.example.com/r/a.mp3?X-Amz-Expires=3600"}"#).is_some());
}

/// A name that no other test's lines have.
fn unique(name: &str) -> String {
    format!("{name}-{:012x}", fastrand::u64(..) >> 16)
}

fn is_logged(texts: &[&str]) -> anyhow::Result<()> {
    ensure!(!lines_with(texts).is_empty(), "no line has {texts:?}");
    Ok(())
}

#[tokio::test]
async fn what_becomes_of_a_delivery_is_logged_and_nothing_of_its_body() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let id = unique("call");
    let body = json!({ "kind": "call.completed", "event_id": "e", "data": {
        "call_id": id, "from": "+254700000001", "to": "+254700000002", "transcript": "canary" } });
    assert_eq!(bed.deliver(Provider::Sautikit, body.to_string()).await?.status, 200);
    is_logged(&[r#""message":"delivery""#, r#""level":"INFO""#, &id])?;

    for (path, body, error) in [
        ("/webhooks/agni/default/canary", "{}".to_owned(), "token_mismatch"),
        ("/webhooks/nobody-canary/default", String::new(), "none"),
        ("/webhooks/sautikit/canary", String::new(), "source_unknown"),
        (
            &format!("/webhooks/agni/default/{}", local::keys::AGNI_TOKEN),
            "canary {".to_owned(),
            "body_unreadable",
        ),
    ] {
        let answer = bed.client.send(post(path, &[("content-type", "application/json")], body)).await?;
        if let Some(request_id) = answer.body["request_id"].as_str() {
            is_logged(&[r#""message":"refused""#, r#""level":"WARN""#, error, request_id])?;
        }
    }
    let mut asking = post("/calls", &[("authorization", "Bearer canary")], "");
    asking.query = "from=%2B254700000001".to_owned();
    let answer = bed.client.send(asking).await?;
    is_logged(&[
        r#""message":"query""#,
        "token_mismatch",
        answer.body["request_id"].as_str().context("no id")?,
    ])
}

#[tokio::test]
async fn a_store_that_is_down_is_logged_without_what_could_not_be_stored() -> anyhow::Result<()> {
    watch::logs();
    let nowhere = "127.0.0.1:1".parse()?;
    let aws = stack::aws(nowhere, nowhere);
    let ledger = Ledger::new(&aws, "none", "none", 1);
    let webhook = Webhook::new(Provider::Agni, Sources::from_json(&Options::in_memory()?.sources)?, ledger);
    let event = Sample::load("agni-call-completed")?.event("default", Timestamp::now())?;
    let request_id = event["requestContext"]["requestId"].as_str().context("no id")?.to_owned();
    let event = serde_json::from_value(event)?;
    let answer = lambda::answer(|request| webhook.respond(request, Timestamp::now()), event).await;
    assert_eq!(answer.status_code, 503);
    is_logged(&["a delivery could not be stored", r#""level":"ERROR""#, &request_id])?;
    is_logged(&["a transaction did not go through", r#""level":"WARN""#])
}

#[tokio::test]
async fn what_becomes_of_a_copy_is_logged_and_nothing_of_its_link() -> anyhow::Result<()> {
    let bed = copier::Bed::start().await?;
    let good = Origin::of(wav(1000)).await?;
    let busy = Origin::status("503 Busy", "x-canary: 1\r\n", "canary").await?;
    let gone = Origin::status("403 Forbidden", "", "<Message>Request has expired: canary</Message>").await?;
    let there = Origin::status("302 Found", "location: http://10.0.0.1/a?token=canary\r\n", "").await?;
    let query = "/a?X-Amz-Signature=canary";
    let copies = [
        (good.url(query), "stored", "null"),
        (busy.url(query), "retry", "status: 503"),
        (gone.url(query), "expired", "status: 403"),
        (there.url(query), "rejected", "ip_literal"),
        (format!("http://127.0.0.1:1{query}"), "retry", "connect"),
        ("https://user:canary@h.example/a".to_owned(), "rejected", "userinfo"),
        ("no link at all, but a canary".to_owned(), "rejected", "control_character"),
    ];
    for (link, outcome, error) in copies {
        let id = unique("copy");
        bed.announce(&id, &link).await?;
        bed.sweep().await?;
        let outcome = format!(r#""outcome":"{outcome}""#);
        let lines = lines_with(&[r#""message":"copy""#, &id, &outcome]);
        ensure!(lines.len() == 1 && (error == "null" || lines[0].contains(error)), "{outcome}: {lines:?}");
    }
    is_logged(&["recordings handled"])?;
    is_logged(&["CloudWatchMetrics", r#""level":"DEBUG""#])
}

#[test]
fn what_holds_secrets_shows_none_of_them_in_debug_output() -> anyhow::Result<()> {
    let canary = "canary-canary-canary-canary";
    let sources = json!({
        "sautikit": { "default": { "secrets": [canary], "recording_authorization_hosts": ["media.example"],
            "recording_authorization": format!("Bearer {canary}") } },
        "agni": { "default": { "tokens": [canary] } },
        "query": { "default": { "tokens": [canary] } },
    });
    let options = Options { sources: sources.to_string(), ..Options::in_memory()? };
    let sources = Sources::from_json(&options.sources)?;
    let credentials =
        aws_credential_types::Credentials::new("id", canary, Some(canary.to_owned()), None, "x");
    let endpoint = Some("http://127.0.0.1:1".to_owned());
    let aws = shared::aws::Aws::new("us-east-1".to_owned(), credentials, endpoint.clone(), endpoint);
    let ledger = Ledger::new(&aws, "none", "none", 1);
    let policy = recordings::Policy::local();
    let recordings =
        recordings::Recordings::new(ledger.clone(), aws.s3(), "none".to_owned(), sources.clone(), policy)?;
    let query = query::Query::new(ledger.clone(), aws.s3(), "none".to_owned(), sources.clone());
    let webhook = Webhook::new(Provider::Sautikit, sources.clone(), ledger.clone());

    let body = json!({ "kind": "call.recording.ready", "event_id": "e", "data": { "call_id": "c",
        "recording_id": "r", "from": "canary", "download_url": "https://h.example/a?e=canary" } });
    let mut http = sample::request(Provider::Sautikit, "default", body.to_string().into(), Timestamp::now());
    http.path.push_str("/canary");
    http.query.push_str("token=canary");
    http.headers.insert("authorization", "Bearer canary".parse()?);
    let mut event = Sample { name: String::new(), provider: Provider::Agni, body: body.to_string() }
        .event("default", Timestamp::now())?;
    event["pathParameters"]["token"] = json!("canary");
    event["headers"]["authorization"] = json!("Bearer canary");
    event["rawQueryString"] = json!("token=canary");
    let request = lambda::Request::from(serde_json::from_value::<lambda::ApiGatewayV2httpRequest>(event)?);
    let source = sources.get(Provider::Sautikit, "default").context("no source")?;
    let hmac = shared::proof::HmacKey::new(canary);
    let mut headers = http::HeaderMap::new();
    let (name, value) = shared::provider::sign_sautikit(&hmac, body.to_string().as_bytes());
    headers.insert(name, value.parse()?);
    let (bytes, received_at) = (bytes::Bytes::from(body.to_string()), Timestamp::now());
    let delivery =
        shared::proof::Unverified { headers: &headers, body: &bytes, token: Some(canary), received_at };
    let verified = Provider::Sautikit.verify(source, delivery)?;
    let normalized = Provider::Sautikit.normalize(source, &verified);
    let entry = shared::ledger::Entry::new(
        Provider::Sautikit,
        source,
        received_at,
        &headers,
        &verified,
        normalized.clone(),
    );
    let seen = shared::ledger::Seen::default();
    let plan = shared::ledger::plan(&entry, &seen, 400);
    let reply = Reply::json(StatusCode::OK, &body);

    let reader = sources.readers().next().context("no reader")?;
    let shown: [(&str, &dyn std::fmt::Debug); 17] = [
        ("options", &options),
        ("sources", &sources),
        ("source", source),
        ("reader", reader),
        ("aws", &aws),
        ("ledger", &ledger),
        ("recordings", &recordings),
        ("query", &query),
        ("webhook", &webhook),
        ("http", &http),
        ("request", &request),
        ("delivery", &delivery),
        ("verified", &verified),
        ("normalized", &normalized),
        ("entry", &entry),
        ("plan", &plan),
        ("reply", &reply),
    ];
    for (name, value) in shown {
        let shown = format!("{value:?} {value:#?}");
        assert_eq!(in_answer(&shown), None, "{name}: {shown}");
    }
    Ok(())
}
