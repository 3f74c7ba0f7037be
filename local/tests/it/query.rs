//! The read API over the embedded stores: what webhooks wrote is what readers get.

use std::collections::HashMap;
use std::future::pending;
use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::{Context, ensure};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use local::dynamodb::{self, table_definition};
use local::{Storage, s3};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use query::Query;
use serde_json::{Value, json};
use shared::aws::Aws;
use shared::lambda::Request;
use shared::ledger::{Ledger, key};
use shared::proof::{Ed25519Signer, SenderKeys};
use shared::provider::{Provider, sign_sautikit_timestamped};
use shared::reply::Reply;
use shared::sources::Sources;
use shared::webhook::Webhook;
use tokio::net::TcpListener;

use crate::watch;

const TEMPLATE: &str = include_str!("../../../template.yaml");
const TABLE: &str = "calls";
const BUCKET: &str = "recordings";
const TOKEN: &str = "query-token-0123456789abcdef";
const SECRET: &str = "whsec_test";
const URL_TOKEN: &str = "url-token-0123456789abcdef0123";
const ORG: &str = "1268c1f0-19f3-47db-aefb-c16a7c3ace6e";
const NOW: &str = "2026-06-27T10:06:01.500Z";

/// Ids that a path, a key, a log or a terminal could take for something else.
const ODD_IDS: [&str; 9] =
    ["📞", "a#b", "CALL", "a/../b", "a b+c%2F", "~quote\"'\\", "nul\0line\n", "sha256:ab", "ü\u{202e}é"];

/// The stores, the webhooks in front of them, and the reader.
struct Bundle {
    aws: Aws,
    ledger: Ledger,
    sources: Sources,
    query: Query,
}

impl Bundle {
    async fn start() -> anyhow::Result<Self> {
        watch::logs();
        let credentials = local::Credentials {
            access_key_id: "local".to_owned(),
            secret_access_key: "local-secret".to_owned(),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let table = dynamodb::serve(listener, &Storage::Memory, pending())?;
        table.create_table(TABLE, &table_definition(TEMPLATE, "CallsTable")?)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let bucket = s3::serve(listener, &Storage::Memory, &credentials, pending())?;
        let aws = aws(table.address.port(), bucket.address.port());
        aws.s3().create_bucket().bucket(BUCKET).send().await?;
        let mut sources = json!({});
        for provider in Provider::ALL {
            sources[provider.name()]["default"] = provider.source_keys(&keys());
        }
        sources["sautikit"]["kenya"] = sources["sautikit"]["default"].clone();
        sources["agni"]["default"]["account"] = json!(ORG);
        let sources = Sources::from_json(&sources.to_string())?;
        let (ledger, query) = reader(&aws);
        Ok(Self { aws, ledger, sources, query })
    }

    /// Delivers a body as its provider would, and expects to hear what became of it.
    async fn deliver(
        &self,
        provider: Provider,
        source: &str,
        body: &str,
        status: &str,
    ) -> anyhow::Result<()> {
        let now: Timestamp = NOW.parse()?;
        let proof = provider.sign(&keys(), body.as_bytes(), now);
        self.deliver_signed(provider, source, body, proof.headers, status).await
    }

    async fn deliver_signed(
        &self,
        provider: Provider,
        source: &str,
        body: &str,
        signatures: Vec<(&'static str, String)>,
        status: &str,
    ) -> anyhow::Result<()> {
        let mut request = request(Method::POST, &[("source", source), ("token", URL_TOKEN)], "");
        for (name, value) in signatures {
            request.headers.insert(HeaderName::from_static(name), value.parse()?);
        }
        request.body = Some(Bytes::from(body.to_owned()));
        let webhook = Webhook::new(provider, self.sources.clone(), self.ledger.clone());
        let reply = searched(webhook.respond(request, NOW.parse()?).await);
        let answer: Value = serde_json::from_str(&reply.body)?;
        ensure!(answer["status"] == status, "{answer} instead of {status}");
        Ok(())
    }

    async fn list(&self, query: &str) -> anyhow::Result<Value> {
        let answer = self.query.respond(authorized(Method::GET, &[], query), Timestamp::now());
        ok(&searched(on_any_thread(answer).await))
    }

    /// The calls of every page, and how many there are on each.
    async fn pages(&self, query: &str) -> anyhow::Result<(Vec<Value>, Vec<usize>)> {
        let (mut calls, mut sizes, mut cursor) = (Vec::new(), Vec::new(), String::new());
        loop {
            let mut page = self.list(&format!("{query}{cursor}")).await?;
            let found = page["calls"].as_array_mut().context("no calls")?;
            sizes.push(found.len());
            calls.append(found);
            match page["cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return Ok((calls, sizes)),
            }
        }
    }

    async fn call(&self, provider: Provider, source: &str, call_id: &str) -> Reply {
        let path = [("provider", provider.name()), ("source", source), ("call_id", call_id)];
        searched(self.query.respond(authorized(Method::GET, &path, ""), Timestamp::now()).await)
    }

    async fn recording(&self, call_id: &str, recording_id: &str) -> Reply {
        let path = [
            ("provider", "sautikit"),
            ("source", "default"),
            ("call_id", call_id),
            ("recording_id", recording_id),
        ];
        searched(self.query.respond(authorized(Method::GET, &path, ""), Timestamp::now()).await)
    }

    /// Brings a recording's job to a state as the copier does.
    async fn set_recording(
        &self,
        call_id: &str,
        recording_id: &str,
        attributes: &[(&str, AttributeValue)],
    ) -> anyhow::Result<()> {
        let key::Key { pk, .. } = key::call("sautikit", "default", call_id);
        let mut update = self.aws.dynamodb().update_item().table_name(TABLE);
        update = update.key("pk", text(&pk)).key("sk", text(&key::recording_sk(recording_id)));
        let mut changes = Vec::new();
        for (index, (name, value)) in attributes.iter().enumerate() {
            update = update
                .expression_attribute_names(format!("#{index}"), *name)
                .expression_attribute_values(format!(":{index}"), value.clone());
            changes.push(format!("#{index} = :{index}"));
        }
        let change = format!("SET {} REMOVE work_shard, work_due", changes.join(", "));
        update.update_expression(change).send().await?;
        Ok(())
    }
}

fn reader(aws: &Aws) -> (Ledger, Query) {
    let ledger = Ledger::new(aws, TABLE, BUCKET, 400);
    let query = Query::new(ledger.clone(), aws.s3(), BUCKET.to_owned(), reading(TOKEN));
    (ledger, query)
}

/// Sources that let the bearers of a token read.
fn reading(token: &str) -> Sources {
    let sources = json!({ "query": { "default": { "tokens": [token] } } });
    Sources::from_json(&sources.to_string()).expect("sources")
}

fn aws(table_port: u16, bucket_port: u16) -> Aws {
    let endpoint = |port| Some(format!("http://127.0.0.1:{port}"));
    let credentials = Credentials::new("local", "local-secret", None, None, "tests");
    Aws::new("us-east-1".to_owned(), credentials, endpoint(table_port), endpoint(bucket_port))
}

/// A server hands a request to any of its threads.
fn on_any_thread<T: Send>(answer: T) -> T {
    answer
}

/// A reply, after a look for what must not get out.
fn searched(reply: Reply) -> Reply {
    watch::searched(reply.status, &reply.headers, &reply.body);
    reply
}

fn keys() -> SenderKeys {
    let key_pair = Ed25519Signer::from_seed(&[7; 32]);
    SenderKeys { secret: SECRET.to_owned(), key_pair, url_token: URL_TOKEN.to_owned() }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// A request as API Gateway hands it over: with the route that has these parts in its path.
fn request(method: Method, path: &[(&str, &str)], query: &str) -> Request {
    let names: Vec<_> = path.iter().map(|(name, _)| *name).collect();
    let route = match names.as_slice() {
        [] => "/calls",
        ["provider", "source", "call_id"] => "/calls/{provider}/{source}/{call_id}",
        ["provider", "source", "call_id", "recording_id"] => {
            "/calls/{provider}/{source}/{call_id}/recordings/{recording_id}"
        }
        _ => "/other",
    };
    let path: HashMap<_, _> =
        path.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let (query, body) = (query.to_owned(), Some(Bytes::new()));
    Request {
        method,
        headers: HeaderMap::new(),
        route: route.to_owned(),
        raw_path: String::new(),
        path,
        query,
        body,
        request_id: "r1".to_owned(),
    }
}

fn authorized(method: Method, path: &[(&str, &str)], query: &str) -> Request {
    let mut request = request(method, path, query);
    request
        .headers
        .extend(HeaderValue::from_str(&format!("Bearer {TOKEN}")).map(|value| (AUTHORIZATION, value)));
    request
}

fn ok(reply: &Reply) -> anyhow::Result<Value> {
    ensure!(reply.status == 200, "{}: {}", reply.status, reply.body);
    Ok(serde_json::from_str(&reply.body)?)
}

/// Status and code of an answer that is a problem.
fn problem(reply: &Reply) -> (u16, String) {
    let answer: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    let code = answer["error"].as_str().filter(|_| answer["request_id"] == "r1").unwrap_or("none");
    (reply.status.as_u16(), code.to_owned())
}

fn completed(call_id: &str, started_at: Timestamp, status: &str, from: &str) -> String {
    let event = json!({
        "kind": "call.completed", "event_id": format!("e-{call_id}"), "occurred_at": NOW,
        "data": { "call_id": call_id, "started_at": started_at.to_string(), "status": status, "from": from },
    });
    event.to_string()
}

fn recording_ready(call_id: &str, recording_id: &str, occurred_at: Timestamp) -> String {
    let event = json!({
        "kind": "call.recording.ready", "event_id": format!("e-{call_id}-{recording_id}"),
        "occurred_at": occurred_at.to_string(),
        "data": {
            "call_id": call_id, "recording_id": recording_id, "duration_seconds": 295, "size_bytes": 2_457_600,
            "download_url": "https://storage.example.com/r/a.mp3?X-Amz-Signature=canary",
            "expires_at": "2026-06-27T11:06:00.000Z",
        },
    });
    event.to_string()
}

#[derive(Clone, Debug)]
struct Known {
    source: &'static str,
    id: String,
    millisecond: i64,
    /// `None` for a call of which only the recording is known.
    status: Option<&'static str>,
    from: &'static str,
}

#[derive(Clone, Debug)]
struct Case {
    calls: Vec<Known>,
    limit: usize,
    source: Option<&'static str>,
    status: Option<&'static str>,
}

fn case() -> impl Strategy<Value = Case> {
    let source = || prop::sample::select(vec!["default", "kenya"]);
    let status = || prop::sample::select(vec!["completed", "failed", "busy"]);
    // Few times, so that some calls share one.
    let time = prop_oneof![0..86_400_000_i64, prop::sample::select(vec![0, 3_600_000, 86_399_999])];
    let from = prop::sample::select(vec!["+254700000001", "+254700000002"]);
    let odd = prop::sample::select(ODD_IDS.to_vec());
    let call = (source(), odd, time, prop::option::weighted(0.8, status()), from);
    let calls = prop::collection::vec(call, 0..50).prop_map(|calls| {
        let indexed = calls.into_iter().enumerate();
        indexed
            .map(|(index, (source, odd, millisecond, status, from))| Known {
                source,
                id: format!("{odd}{index}"),
                millisecond,
                status,
                from,
            })
            .collect()
    });
    let wanted = prop_oneof![status(), Just("unknown")];
    (calls, 1..30_usize, prop::option::weighted(0.3, source()), prop::option::weighted(0.4, wanted))
        .prop_map(|(calls, limit, source, status)| Case { calls, limit, source, status })
}

#[test]
fn pages_of_a_day_have_every_matching_call_once_newest_first() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let bundle = runtime.block_on(Bundle::start())?;
    let days = AtomicI64::new(0);
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(24) });
    runner.run(&case(), |case| {
        let day = date(2020, 1, 1) + days.fetch_add(2, Ordering::Relaxed).days();
        let checked = runtime.block_on(check(&bundle, &case, day));
        checked.map_err(|error| TestCaseError::fail(format!("{error:#}")))
    })?;
    Ok(())
}

async fn check(bundle: &Bundle, case: &Case, day: jiff::civil::Date) -> anyhow::Result<()> {
    let midnight = day.to_zoned(jiff::tz::TimeZone::UTC)?.timestamp();
    let mut expected = Vec::new();
    for Known { source, id, millisecond, status, from } in &case.calls {
        // Ids are the same on every day of this test, and a call has one day.
        let id = format!("{id}-{day}");
        let time = midnight + SignedDuration::from_millis(*millisecond);
        let body = match status {
            Some(status) => completed(&id, time, status, from),
            None => recording_ready(&id, "r", time),
        };
        bundle.deliver(Provider::Sautikit, source, &body, "accepted").await?;
        let wanted = case.source.is_none_or(|wanted| wanted == *source)
            && case.status.is_none_or(|wanted| wanted == status.unwrap_or("unknown"));
        if wanted {
            // Calls of one time have a fixed order without meaning.
            let pk = key::call("sautikit", source, &id).pk;
            expected.push((key::time_key(&shared::timestamp::rfc3339(time), &pk), (*source).to_owned(), id));
        }
    }
    expected.sort_by(|one, other| other.cmp(one));
    let expected: Vec<_> = expected.into_iter().map(|(_, source, id)| (source, id)).collect();

    let mut query = format!("day={day}&limit={}&provider=sautikit", case.limit);
    for (name, value) in [("source", case.source), ("status", case.status)] {
        if let Some(value) = value {
            query.push_str(&format!("&{name}={value}"));
        }
    }
    let (calls, sizes) = bundle.pages(&query).await?;
    let name = |call: &Value, name: &str| call[name].as_str().unwrap_or_default().to_owned();
    let found: Vec<_> = calls.iter().map(|call| (name(call, "source"), name(call, "call_id"))).collect();
    ensure!(found == expected, "{query}: {found:?} instead of {expected:?}");
    let full = sizes.split_last().is_some_and(|(_, full)| full.iter().all(|size| *size == case.limit));
    ensure!(full, "{query}: a page before the last is not full: {sizes:?}");
    Ok(())
}

#[tokio::test]
async fn calls_are_found_by_their_numbers() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let first: Timestamp = "2026-06-26T23:59:59Z".parse()?;
    for index in 0..25_i64 {
        let from = if index % 2 == 0 { "+254700000001" } else { "+254700000002" };
        let time = first + SignedDuration::from_secs(index);
        let body = completed(&format!("c{index:02}"), time, "completed", from);
        bundle.deliver(Provider::Sautikit, "default", &body, "accepted").await?;
    }
    let agni = json!({ "event": "call.completed", "org_id": ORG, "data": {
        "call_session_id": "a1", "callee_number": "+254700000001", "started_at": "2026-06-27T00:00:00Z",
    }});
    bundle.deliver(Provider::Agni, "default", &agni.to_string(), "accepted").await?;

    let (calls, sizes) = bundle.pages("from=+254700000001&limit=5").await?;
    let ids: Vec<_> = calls.iter().filter_map(|call| call["call_id"].as_str()).collect();
    assert_eq!(
        ids.join(" "),
        "c24 c22 c20 c18 c16 c14 c12 c10 c08 c06 c04 c02 c00",
        "across the end of a day, and not those to the number"
    );
    assert_eq!(sizes, [5, 5, 3]);
    let (calls, _) = bundle.pages("to=%2B254700000001").await?;
    assert_eq!((calls.len(), &calls[0]["call_id"]), (1, &json!("a1")));
    let (calls, _) = bundle.pages("from=%2B254700000001&provider=agni").await?;
    assert_eq!(calls.len(), 0);
    Ok(())
}

#[tokio::test]
async fn the_largest_page_is_small_enough_for_lambda_however_long_what_providers_write() -> anyhow::Result<()>
{
    let bundle = Bundle::start().await?;
    let quotes = "\"".repeat(2_000);
    for index in 0..210 {
        let body = json!({ "event": "call.completed", "org_id": ORG, "data": {
            "call_session_id": format!("{index:03}{quotes}"), "started_at": "2026-06-27T10:00:00Z",
            "caller_number": format!("sip:{quotes}"), "callee_number": quotes, "agent_name": quotes, "status": "completed",
        }});
        bundle.deliver(Provider::Agni, "default", &body.to_string(), "accepted").await?;
    }
    let day = authorized(Method::GET, &[], "day=2026-06-27&limit=200");
    let reply = bundle.query.respond(day, Timestamp::now()).await;
    let as_lambda_sends_it = Value::String(reply.body.clone()).to_string();
    assert!((1_000_000..6_000_000).contains(&as_lambda_sends_it.len()), "{}", as_lambda_sends_it.len());
    let (calls, sizes) = bundle.pages("day=2026-06-27&limit=200").await?;
    let mut ids: Vec<_> = calls.iter().filter_map(|call| call["call_id"].as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!((ids.len(), &sizes[..]), (210, &[200, 10][..]));
    Ok(())
}

#[tokio::test]
async fn a_list_shows_the_columns_of_a_call() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let body = json!({ "event": "call.completed", "org_id": ORG, "data": {
        "call_session_id": "a/1", "status": "completed", "duration_sec": 30, "started_at": "2026-06-27T10:00:00Z",
        "ended_at": "2026-06-27T10:00:30Z", "caller_number": "+254700000001", "callee_number": "sip:A@Example.com",
        "phone": "+254700000001", "agent_name": "Ada", "disconnect_reason": "customer_hangup",
        "recording_url": "https://media.example.com/r.mp3", "transcripts": [{ "id": "t" }],
    }});
    bundle.deliver(Provider::Agni, "default", &body.to_string(), "accepted").await?;
    let (calls, _) = bundle.pages("to=sip:a@example.com").await?;
    assert_eq!(
        calls,
        [json!({
            "path": "/calls/agni/default/a~2F1", "provider": "agni", "source": "default", "call_id": "a/1",
            "status": "completed", "direction": "inbound", "from": "+254700000001", "to": "sip:a@example.com",
            "started_at": "2026-06-27T10:00:00.000Z", "answered_at": null, "ended_at": "2026-06-27T10:00:30.000Z",
            "duration_seconds": 30, "duration_basis": "total", "hangup_cause": "normal_clearing", "agent_name": "Ada",
            "has_recording": true, "has_transcript": true, "revision": 1, "updated_at": NOW,
        })]
    );
    Ok(())
}

#[tokio::test]
async fn one_call_tells_everything_but_the_link_and_the_bodies() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let completed = json!({
        "kind": "call.completed", "event_id": "e1", "workspace_id": "w1", "occurred_at": "2026-06-27T10:05:00.000Z",
        "data": {
            "call_id": "c1", "direction": "inbound", "from": "+254700000001", "to": "+254700000002",
            "number_id": "n1", "status": "completed", "duration_seconds": 295,
            "answered_at": "2026-06-27T10:00:05.000Z", "ended_at": "2026-06-27T10:05:00.000Z",
            "hangup_cause": "normal_clearing",
        },
    })
    .to_string();
    let revised = completed.replace("\"w1\"", "\"w1\",\"region\":\"nbo\"");
    let ready = recording_ready("c1", "r1", "2026-06-27T10:06:00Z".parse()?);
    let stale = completed.replace("\"e1\"", "\"e2\"");
    let sautikit = Provider::Sautikit;
    bundle.deliver(sautikit, "default", &ready, "accepted").await?;
    bundle.deliver(sautikit, "default", &completed, "accepted").await?;
    bundle.deliver(sautikit, "default", &completed, "duplicate").await?;
    bundle.deliver(sautikit, "default", &revised, "revised").await?;
    let signature = sign_sautikit_timestamped(&keys().hmac_key(), stale.as_bytes(), 1_700_000_000);
    bundle.deliver_signed(sautikit, "default", &stale, vec![signature], "quarantined").await?;
    bundle
        .set_recording(
            "c1",
            "r1",
            &[
                ("state", text("stored")),
                ("s3_key", text("recordings/sautikit/default/2026/06/27/c1/r1.mp3")),
                ("size_bytes", number(2_457_601)),
                ("content_type", text("audio/mpeg")),
                ("sha256", text("c0ffee")),
                ("attempts", number(1)),
                ("copied_at", text("2026-06-27T10:06:03.000Z")),
            ],
        )
        .await?;

    let reply = bundle.call(sautikit, "default", "c1").await;
    assert!(!reply.body.contains("canary") && !reply.body.contains("storage.example.com/"));
    assert_eq!(reply.headers["cache-control"], "no-store");
    insta::assert_json_snapshot!(ok(&reply)?, @r#"
    {
      "account_id": "w1",
      "agent": {
        "id": null,
        "name": null,
        "version_id": null
      },
      "aliases": [],
      "analysis": {
        "disposition": null,
        "goals_met": null,
        "next_steps": null,
        "sentiment": null,
        "summary": null,
        "variables": {}
      },
      "answered_at": "2026-06-27T10:00:05.000Z",
      "call_id": "c1",
      "call_type": null,
      "campaign": {
        "attempt": null,
        "contact_id": null,
        "follow_up_scheduled": null,
        "id": null
      },
      "channel": "pstn",
      "connection_id": null,
      "cost": {
        "amount": null,
        "currency": null,
        "unit": null
      },
      "deliveries": [
        {
          "body_sha256": "2e16686aef566d8cc1909cdaa3706374feac1819f8eaf532fdc9491a17dad431",
          "bytes": 365,
          "dedupe_key": "call.completed#e1",
          "delivery_id": "CCxscdERuuuMK0B0JryQqwLhZoau9WbYzBkJzao3BjdA",
          "kind": "call.completed",
          "reason": null,
          "received_at": "2026-06-27T10:06:01.500Z",
          "state": "applied",
          "trust": "signed",
          "verification": "hmac-sha256"
        },
        {
          "body_sha256": "743c1d59996942b5385b7165bce02884c02222d74feaa9cb7466140475ebd417",
          "bytes": 380,
          "dedupe_key": "call.completed#e1",
          "delivery_id": "CCxscdERuuuMK0B0JryQqwdDwdWZlpQrU4W3FlvOAohA",
          "kind": "call.completed",
          "reason": null,
          "received_at": "2026-06-27T10:06:01.500Z",
          "state": "applied",
          "trust": "signed",
          "verification": "hmac-sha256"
        },
        {
          "body_sha256": "1d8465a5f099584798f681a49c37a63bb9e32361eb890f2db44f8313f5ac0e2c",
          "bytes": 365,
          "dedupe_key": "call.completed#e2",
          "delivery_id": "j1duPlboLJ2douD-hx23dQHYRlpfCZWEeY9oGknDemOw",
          "kind": "call.completed",
          "reason": "stale",
          "received_at": "2026-06-27T10:06:01.500Z",
          "state": "quarantined",
          "trust": "signed",
          "verification": "hmac-sha256-timestamped"
        },
        {
          "body_sha256": "477d9aea131aea5a36b0bfed4163866bd8169f933e57349691aca8d2e27d237f",
          "bytes": 293,
          "dedupe_key": "call.recording.ready#e-c1-r1",
          "delivery_id": "RPdMFdpbcmytsUtPKkxhfwR32a6hMa6lo2sL_tQWOGaw",
          "kind": "call.recording.ready",
          "reason": null,
          "received_at": "2026-06-27T10:06:01.500Z",
          "state": "applied",
          "trust": "signed",
          "verification": "hmac-sha256"
        }
      ],
      "derived": [
        "channel",
        "duration_basis",
        "hangup.q850"
      ],
      "dial": {
        "aliases": [],
        "call_id": null,
        "duration_seconds": null,
        "status": null
      },
      "direction": "inbound",
      "duration_basis": "answered",
      "duration_seconds": 295,
      "ended_at": "2026-06-27T10:05:00.000Z",
      "error": {
        "code": null,
        "message": null
      },
      "events": [
        {
          "kind": "call.completed",
          "occurred_at": "2026-06-27T10:05:00.000Z",
          "provider_event_id": "e1",
          "sent_at": null,
          "sequence": null
        },
        {
          "kind": "call.recording.ready",
          "occurred_at": "2026-06-27T10:06:00.000Z",
          "provider_event_id": "e-c1-r1",
          "sent_at": null,
          "sequence": null
        }
      ],
      "extensions": {
        "region": "nbo"
      },
      "first_seen_at": "2026-06-27T10:06:01.500Z",
      "from": {
        "e164": "+254700000001",
        "raw": "+254700000001",
        "sip_uri": null
      },
      "hangup": {
        "actor": null,
        "cause": "normal_clearing",
        "party": null,
        "q850": 16,
        "raw": "normal_clearing",
        "sip_code": null
      },
      "initiated_at": null,
      "leg_id": null,
      "links": {
        "console": null
      },
      "metadata": {},
      "number_id": "n1",
      "organization_id": null,
      "parent_call_aliases": [],
      "parent_call_id": null,
      "path": "/calls/sautikit/default/c1",
      "provider": "sautikit",
      "quality": {
        "jitter_ms": null,
        "latency_ms": null,
        "mos": null,
        "packet_loss": null,
        "raw": null
      },
      "record_created_at": null,
      "recordings": [
        {
          "attempts": 1,
          "channels": null,
          "content_type": "audio/mpeg",
          "copied_at": "2026-06-27T10:06:03.000Z",
          "created_at": "2026-06-27T10:06:01.500Z",
          "duration_seconds": 295,
          "ended_at": null,
          "last_error": null,
          "next_attempt_at": null,
          "reason": null,
          "recording_id": "r1",
          "s3_key": "recordings/sautikit/default/2026/06/27/c1/r1.mp3",
          "sha256": "c0ffee",
          "sha512": null,
          "size_bytes": 2457601,
          "source_expires_at": "2026-06-27T11:06:00.000Z",
          "source_host": "storage.example.com",
          "state": "stored"
        }
      ],
      "remote_party": {
        "email": null,
        "name": null,
        "number": null
      },
      "revision": 3,
      "session_id": null,
      "source": "default",
      "started_at": null,
      "status": "completed",
      "stir": {
        "attestation": null,
        "validated": null
      },
      "to": {
        "e164": "+254700000002",
        "raw": "+254700000002",
        "sip_uri": null
      },
      "tool_calls": [],
      "transcript": {
        "text": null,
        "turns": []
      },
      "updated_at": "2026-06-27T10:06:01.500Z",
      "user_id": null,
      "warnings": []
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn deliveries_without_room_are_counted_in_the_warnings() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let body = completed("c1", "2026-06-27T10:00:00Z".parse()?, "completed", "anonymous");
    bundle.deliver(Provider::Sautikit, "default", &body, "accepted").await?;
    let quotes = "\"".repeat(250);
    for index in 0..2_800 {
        let (kind, event_id) = (format!("other{quotes}{quotes}"), format!("{index}{quotes}"));
        let body = json!({ "kind": kind, "event_id": event_id, "data": { "call_id": "c1" } });
        bundle.deliver(Provider::Sautikit, "default", &body.to_string(), "ignored").await?;
    }
    let reply = bundle.call(Provider::Sautikit, "default", "c1").await;
    let call = ok(&reply)?;
    let shown = call["deliveries"].as_array().map_or(0, Vec::len);
    assert!((1_000..2_800).contains(&shown), "{shown}");
    assert_eq!(
        call["warnings"],
        json!([format!("{} of 2801 deliveries have no room in this answer", 2_801 - shown)])
    );
    assert!(Value::String(reply.body).to_string().len() < 6_000_000);
    Ok(())
}

#[tokio::test]
async fn large_values_come_back_from_the_bucket() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let turns: Vec<_> = (0..2_000)
        .map(|index| {
            json!({ "id": format!("t-{index}"), "role": "agent", "timestamp_ms": index * 10,
            "message": { "content": "say \"hello\" 📞", "format": "text" } })
        })
        .collect();
    let agni = json!({ "event": "call.completed", "org_id": ORG, "data": {
        "call_session_id": "c1", "summary": "s".repeat(20_000), "transcripts": turns,
    }});
    bundle.deliver(Provider::Agni, "default", &agni.to_string(), "accepted").await?;
    let call = ok(&bundle.call(Provider::Agni, "default", "c1").await)?;
    assert_eq!(call["analysis"]["summary"].as_str().map(str::len), Some(20_000));
    let turns = call["transcript"]["turns"].as_array().context("no turns")?;
    assert_eq!(turns.len(), 2_000);
    assert_eq!(turns[1_999]["id"], "t-1999");
    assert_eq!(turns[1_999]["text"], "say \"hello\" 📞");

    // A revision with other turns: the ones that both have are there once.
    let revised = agni.to_string().replace("\"t-1500\"", "\"t-new\"");
    bundle.deliver(Provider::Agni, "default", &revised, "revised").await?;
    let call = ok(&bundle.call(Provider::Agni, "default", "c1").await)?;
    let turns = call["transcript"]["turns"].as_array().context("no turns")?;
    let ids: Vec<_> = turns.iter().filter_map(|turn| turn["id"].as_str()).collect();
    assert_eq!((turns.len(), &ids[1_499..1_503]), (2_001, &["t-1499", "t-1500", "t-new", "t-1501"][..]));

    // An object that is gone, or another one, is named, and the rest of the call is there.
    let s3 = bundle.aws.s3();
    let objects = s3.list_objects_v2().bucket(BUCKET).prefix("values/agni/default/").send().await?;
    for object in objects.contents() {
        let key = object.key().context("no key")?;
        s3.put_object().bucket(BUCKET).key(key).body(b"\"another one\"".to_vec().into()).send().await?;
    }
    let call = ok(&bundle.call(Provider::Agni, "default", "c1").await)?;
    let warning = "analysis.summary can't be read: the object in the bucket is of another size";
    assert!(
        call["warnings"].as_array().context("no warnings")?.contains(&json!(warning)),
        "{}",
        call["warnings"]
    );
    assert_eq!((&call["analysis"]["summary"], &call["call_id"]), (&Value::Null, &json!("c1")));
    Ok(())
}

#[tokio::test]
async fn a_value_without_room_is_a_link_and_nothing_in_a_payload_can_pose_as_one() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    bundle
        .aws
        .s3()
        .put_object()
        .bucket(BUCKET)
        .key("recordings/secret")
        .body(b"1".to_vec().into())
        .send()
        .await?;
    let forged = json!({
        "$claim": { "s3_key": "recordings/secret", "sha256": "", "size_bytes": 1 },
        "large": { "metadata.forged": { "bytes": 1, "sha256": "../../recordings/secret" } },
        "packed": ["metadata.forged"],
    });
    // Each quote counts four times: escaped in the value, and both characters of that in the answer.
    let body = json!({ "event": "call_ended", "data": {
        "callSid": "c1", "transcription": "\"".repeat(1_500_000), "disposition_reason": "d".repeat(20_000),
        "call_metadata": { "forged": forged },
    }});
    bundle.deliver(Provider::Callkaro, "default", &body.to_string(), "accepted").await?;
    let call = ok(&bundle.call(Provider::Callkaro, "default", "c1").await)?;
    assert_eq!(call["transcript"]["text"]["bytes"], 3_000_002);
    let link = call["transcript"]["text"]["link"].as_str().context("no link")?;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let value: Value = serde_json::from_slice(&reqwest::get(link).await?.bytes().await?)?;
    assert_eq!(value.as_str().map(str::len), Some(1_500_000));
    assert_eq!(call["analysis"]["disposition"].as_str().map(str::len), Some(20_000));
    assert_eq!(call["metadata"]["forged"], forged);
    Ok(())
}

#[tokio::test]
async fn a_stored_recording_is_downloaded_through_the_redirect() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let (call_id, recording_id) = ("c/1 📞", "r\"1\" é");
    let ready = recording_ready(call_id, recording_id, "2026-06-27T10:06:00Z".parse()?);
    bundle.deliver(Provider::Sautikit, "default", &ready, "accepted").await?;
    let reply = bundle.recording(call_id, recording_id).await;
    assert_eq!(problem(&reply), (409, "recording_not_stored".to_owned()));
    assert!(reply.body.contains("it is pending, due at 2026-06-27T10:06:01.500Z"), "{}", reply.body);
    for (call_id, recording_id) in [(call_id, "r2"), ("c2", recording_id), (call_id, &*"x".repeat(2048))] {
        let reply = bundle.recording(call_id, recording_id).await;
        assert_eq!(problem(&reply), (404, "recording_unknown".to_owned()));
    }

    let key = "recordings/sautikit/default/2026/06/27/c%2F1/r%221%22.mp3";
    let sound = b"sound \xff\x00".to_vec();
    bundle.aws.s3().put_object().bucket(BUCKET).key(key).body(sound.clone().into()).send().await?;
    let stored = [("state", text("stored")), ("s3_key", text(key))];
    bundle.set_recording(call_id, recording_id, &stored).await?;
    let reply = bundle.recording(call_id, recording_id).await;
    assert_eq!(reply.status, 302, "{}", reply.body);
    let location = reply.headers["location"].to_str()?;
    assert!(location.contains("X-Amz-Expires=900") && !reply.body.contains("X-Amz"), "{location}");

    let _ = rustls::crypto::ring::default_provider().install_default();
    let download = reqwest::get(location).await?;
    assert_eq!(download.status(), 200);
    assert_eq!(download.headers()["content-disposition"], "attachment; filename=\"r_1___.mp3\"");
    assert_eq!(download.bytes().await?, sound);

    let failed = [("state", text("expired")), ("reason", text("link_expired"))];
    bundle.set_recording(call_id, recording_id, &failed).await?;
    let reply = bundle.recording(call_id, recording_id).await;
    assert_eq!(problem(&reply), (409, "recording_not_stored".to_owned()));
    assert!(reply.body.contains("it is expired (link_expired)"), "{}", reply.body);

    // With a newer link there is something to try, and nothing of the end is left.
    let newer = ready.replace("e-c/1", "e2-c/1").replace("11:06:00.000Z", "12:06:00.000Z");
    bundle.deliver(Provider::Sautikit, "default", &newer, "accepted").await?;
    let call = ok(&bundle.call(Provider::Sautikit, "default", call_id).await)?;
    let recording = &call["recordings"][0];
    assert_eq!((&recording["state"], &recording["reason"]), (&json!("pending"), &Value::Null));
    assert_eq!(recording["next_attempt_at"], NOW);
    Ok(())
}

#[tokio::test]
async fn only_bearers_of_a_token_are_answered() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let answer = async |authorization: Option<&[u8]>, method: Method, path: &[(&str, &str)]| {
        let mut request = request(method, path, "day=2026-06-27");
        if let Some(value) = authorization.and_then(|value| value.try_into().ok()) {
            request.headers.insert("authorization", value);
        }
        bundle.query.respond(request, Timestamp::now()).await
    };
    for accepted in [format!("Bearer {TOKEN}"), format!("bEARER   {TOKEN}")] {
        assert_eq!(answer(Some(accepted.as_bytes()), Method::GET, &[]).await.status, 200, "{accepted}");
    }
    let twice = format!("Bearer {TOKEN}, Bearer {TOKEN}");
    for (authorization, code) in [
        (None, "token_missing"),
        (Some(""), "token_missing"),
        (Some("Bearer"), "token_missing"),
        (Some("Bearer "), "token_missing"),
        (Some(TOKEN), "token_missing"),
        (Some("Basic cXVlcnk6dG9rZW4="), "token_missing"),
        (Some("Bearer x"), "token_mismatch"),
        (Some("Bearer query-token-0123456789abcde"), "token_mismatch"),
        (Some("Bearer query-token-0123456789abcdef0"), "token_mismatch"),
        (Some(twice.as_str()), "token_mismatch"),
    ] {
        for path in [&[][..], &[("provider", "agni"), ("source", "default"), ("call_id", "c")], &[("x", "y")]]
        {
            let reply = answer(authorization.map(str::as_bytes), Method::GET, path).await;
            assert_eq!(problem(&reply), (401, code.to_owned()), "{authorization:?}");
            assert_eq!(reply.headers["www-authenticate"], "Bearer");
        }
    }
    assert_eq!(answer(Some(b"Bearer \xff\xfe"), Method::GET, &[]).await.status, 401);

    let (_, nobody) =
        (&bundle, Query::new(bundle.ledger.clone(), bundle.aws.s3(), BUCKET.to_owned(), Sources::default()));
    let reply = nobody.respond(authorized(Method::GET, &[], "day=2026-06-27"), Timestamp::now()).await;
    assert_eq!(problem(&reply), (401, "token_mismatch".to_owned()));
    Ok(())
}

#[tokio::test]
async fn methods_and_paths_that_are_not_there_say_what_is() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let call = [("provider", "agni"), ("source", "default"), ("call_id", "c")];
    for method in [Method::POST, Method::HEAD, Method::DELETE, Method::OPTIONS] {
        for path in [&[][..], &call] {
            let reply = bundle.query.respond(authorized(method.clone(), path, ""), Timestamp::now()).await;
            assert_eq!(problem(&reply), (405, "method_not_allowed".to_owned()));
            assert_eq!(reply.headers["allow"], "GET");
        }
    }
    for path in [&[("proxy", "calls/x")][..], &call[..2], &[call[0], call[1], call[2], ("x", "y")]] {
        let reply = bundle.query.respond(authorized(Method::GET, path, ""), Timestamp::now()).await;
        assert_eq!(problem(&reply), (404, "path_unknown".to_owned()));
    }
    for query in ["", "day=2026-06-27&limit=0", "day=2026-06-27&cursor=bm9uZQ", "day=2026-06-27&%F0%9F=%00"] {
        let reply = bundle.query.respond(authorized(Method::GET, &[], query), Timestamp::now()).await;
        assert_eq!(problem(&reply), (400, "parameter_invalid".to_owned()), "{query}");
    }
    Ok(())
}

#[tokio::test]
async fn calls_with_odd_ids_are_read_by_their_ids_and_others_are_unknown() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let long = ["x".repeat(2048), "é".repeat(1024), "📞".repeat(512), format!("sha256:{}", "0".repeat(64))];
    let ids = ODD_IDS.into_iter().chain(long.iter().map(String::as_str));
    for id in ids {
        assert_eq!(
            problem(&bundle.call(Provider::Sautikit, "default", id).await),
            (404, "call_unknown".to_owned())
        );
        let body = completed(id, "2026-06-27T10:00:00Z".parse()?, "completed", "anonymous");
        bundle.deliver(Provider::Sautikit, "default", &body, "accepted").await?;
        let call = ok(&bundle.call(Provider::Sautikit, "default", id).await)?;
        assert_eq!((&call["call_id"], &call["revision"]), (&json!(id), &json!(1)));
        assert_eq!(bundle.call(Provider::Sautikit, "kenya", id).await.status, 404);
    }
    // `a#b` of the source `default` is not `b` of a source `default#a`.
    let far = "y".repeat(5000);
    for (source, id) in [("default#a", "b"), ("", "📞"), ("DEFAULT", "📞"), (far.as_str(), far.as_str())]
    {
        let reply = bundle.call(Provider::Sautikit, source, id).await;
        assert_eq!(problem(&reply), (404, "call_unknown".to_owned()), "{source}");
    }
    let (calls, _) = bundle.pages("day=2026-06-27&limit=2").await?;
    assert_eq!(calls.len(), ODD_IDS.len() + long.len());
    // Each is read by the path that the list shows, which no gateway changes.
    for call in &calls {
        let part = call["path"].as_str().and_then(|path| path.rsplit('/').next()).context("no path")?;
        assert!(part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:~".contains(&byte)), "{part}");
        let read = ok(&bundle.call(Provider::Sautikit, "default", part).await)?;
        assert_eq!((&read["call_id"], &read["path"]), (&call["call_id"], &call["path"]));
    }
    Ok(())
}

#[tokio::test]
async fn a_call_that_was_never_applied_is_unknown() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let body = completed("c1", "2026-06-27T10:00:00Z".parse()?, "completed", "");
    let signature = sign_sautikit_timestamped(&keys().hmac_key(), body.as_bytes(), 1_700_000_000);
    bundle.deliver_signed(Provider::Sautikit, "default", &body, vec![signature], "quarantined").await?;
    let reply = bundle.call(Provider::Sautikit, "default", "c1").await;
    assert_eq!(problem(&reply), (404, "call_unknown".to_owned()));
    assert_eq!(bundle.list("day=2026-06-27").await?, json!({ "calls": [], "cursor": null }));
    Ok(())
}

#[tokio::test]
async fn a_telnyx_call_has_one_story_from_both_kinds_of_callbacks() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let status = "CallSid=v3%3Aa-Q&CallStatus=completed&CallbackSource=call-progress-events&SequenceNumber=3\
        &From=%2B35319605860&To=%2B13129457420&StartTime=2024-01-15T10%3A30%3A00Z";
    let started = "CallSid=v3%3Aa-Q&RecordingSid=RE1&RecordingStatus=in-progress";
    bundle.deliver(Provider::Telnyx, "default", status, "accepted").await?;
    bundle.deliver(Provider::Telnyx, "default", started, "accepted").await?;
    let call = ok(&bundle.call(Provider::Telnyx, "default", "v3:a-Q").await)?;
    assert_eq!(call["deliveries"].as_array().map(Vec::len), Some(2));
    let recording = &call["recordings"][0];
    assert_eq!((&recording["recording_id"], &recording["state"]), (&json!("RE1"), &Value::Null));
    assert_eq!(recording["provider_status"], "in-progress");
    let (calls, _) = bundle.pages("day=2024-01-15&provider=telnyx&status=completed").await?;
    assert_eq!(calls.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_store_that_is_down_is_not_the_readers_mistake() -> anyhow::Result<()> {
    let unused = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    let (_, query) = reader(&aws(unused, unused));
    let call = [("provider", "agni"), ("source", "default"), ("call_id", "c"), ("recording_id", "r")];
    for (path, parameters) in [(&call[..0], "day=2026-06-27"), (&call[..3], ""), (&call, "")] {
        let reply = query.respond(authorized(Method::GET, path, parameters), Timestamp::now()).await;
        assert_eq!(problem(&reply), (503, "unavailable".to_owned()));
        assert_eq!(reply.headers["retry-after"], "1");
    }
    Ok(())
}
