//! The stores, the webhooks in front of them, the reader behind them, and requests for it.

use std::collections::HashMap;
use std::future::pending;
use std::net::SocketAddr;

use anyhow::{Context, ensure};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::AttributeValue;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use local::dynamodb::{self, table_definition};
use local::{Storage, s3};
use query::Query;
use serde_json::{Value, json};
use shared::aws::Aws;
use shared::lambda::Request;
use shared::ledger::{Ledger, key};
use shared::proof::{Ed25519Signer, SenderKeys};
use shared::provider::Provider;
use shared::reply::Reply;
use shared::sources::Sources;
use shared::webhook::Webhook;
use tokio::net::TcpListener;

use crate::watch;

pub(super) const TEMPLATE: &str = include_str!("../../../../template.yaml");
pub(super) const TABLE: &str = "calls";
pub(super) const BUCKET: &str = "recordings";
pub(super) const TOKEN: &str = "query-token-0123456789abcdef";
pub(super) const SECRET: &str = "whsec_test";
pub(super) const URL_TOKEN: &str = "url-token-0123456789abcdef0123";
pub(super) const ORG: &str = "1268c1f0-19f3-47db-aefb-c16a7c3ace6e";
pub(super) const NOW: &str = "2026-06-27T10:06:01.500Z";

/// Ids that a path, a key, a log or a terminal could take for something else.
pub(super) const ODD_IDS: [&str; 9] =
    ["📞", "a#b", "CALL", "a/../b", "a b+c%2F", "~quote\"'\\", "nul\0line\n", "sha256:ab", "ü\u{202e}é"];

/// The stores, the webhooks in front of them, and the reader.
pub(super) struct Bundle {
    /// Where the table is, and where the bucket is.
    pub(super) stores: [SocketAddr; 2],
    pub(super) aws: Aws,
    pub(super) ledger: Ledger,
    pub(super) sources: Sources,
    pub(super) query: Query,
}

impl Bundle {
    pub(super) async fn start() -> anyhow::Result<Self> {
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
        sources["sautikit"]["default"]["late"] = json!("quarantine");
        sources["agni"]["default"]["account"] = json!(ORG);
        let sources = Sources::from_json(&sources.to_string())?;
        let (ledger, query) = reader(&aws);
        Ok(Self { stores: [table.address, bucket.address], aws, ledger, sources, query })
    }

    /// Delivers a body as its provider would, and expects to hear what became of it.
    pub(super) async fn deliver(
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

    pub(super) async fn deliver_signed(
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

    pub(super) async fn list(&self, query: &str) -> anyhow::Result<Value> {
        let answer = self.query.respond(authorized(Method::GET, &[], query), Timestamp::now());
        ok(&searched(on_any_thread(answer).await))
    }

    /// The calls of every page, and how many there are on each.
    pub(super) async fn pages(&self, query: &str) -> anyhow::Result<(Vec<Value>, Vec<usize>)> {
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

    pub(super) async fn call(&self, provider: Provider, source: &str, call_id: &str) -> Reply {
        let path = [("provider", provider.name()), ("source", source), ("call_id", call_id)];
        searched(self.query.respond(authorized(Method::GET, &path, ""), Timestamp::now()).await)
    }

    pub(super) async fn recording(&self, call_id: &str, recording_id: &str) -> Reply {
        let path = [
            ("provider", "sautikit"),
            ("source", "default"),
            ("call_id", call_id),
            ("recording_id", recording_id),
        ];
        searched(self.query.respond(authorized(Method::GET, &path, ""), Timestamp::now()).await)
    }

    /// Brings a recording's job to a state as the copier does.
    pub(super) async fn set_recording(
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

impl Bundle {
    /// A read API with these readers, as they are configured under `query`.
    pub(super) fn read_by(&self, readers: Value) -> anyhow::Result<Query> {
        let sources = Sources::from_json(&json!({ "query": readers }).to_string())?;
        Ok(Query::new(self.ledger.clone(), self.aws.s3(), BUCKET.to_owned(), sources))
    }
}

pub(super) fn reader(aws: &Aws) -> (Ledger, Query) {
    let ledger = Ledger::new(aws, TABLE, BUCKET, 400);
    let query = Query::new(ledger.clone(), aws.s3(), BUCKET.to_owned(), reading(TOKEN));
    (ledger, query)
}

/// Sources that let the bearers of a token read.
pub(super) fn reading(token: &str) -> Sources {
    let sources = json!({ "query": { "default": { "tokens": [token] } } });
    Sources::from_json(&sources.to_string()).expect("sources")
}

pub(super) fn aws(table_port: u16, bucket_port: u16) -> Aws {
    let endpoint = |port| Some(format!("http://127.0.0.1:{port}"));
    let credentials = Credentials::new("local", "local-secret", None, None, "tests");
    Aws::new("us-east-1".to_owned(), credentials, endpoint(table_port), endpoint(bucket_port))
}

/// A server hands a request to any of its threads.
pub(super) fn on_any_thread<T: Send>(answer: T) -> T {
    answer
}

/// A reply, after a look for what must not get out.
pub(super) fn searched(reply: Reply) -> Reply {
    watch::searched(reply.status, &reply.headers, &reply.body);
    reply
}

pub(super) fn keys() -> SenderKeys {
    let key_pair = Ed25519Signer::from_seed(&[7; 32]);
    SenderKeys { secret: SECRET.to_owned(), key_pair, url_token: URL_TOKEN.to_owned() }
}

pub(super) fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(super) fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// A request as API Gateway hands it over: with the route that has these parts in its path.
pub(super) fn request(method: Method, path: &[(&str, &str)], query: &str) -> Request {
    let names: Vec<_> = path.iter().map(|(name, _)| *name).collect();
    let route = match names.as_slice() {
        [] => "/calls",
        ["provider", "source", "call_id"] => "/calls/{provider}/{source}/{call_id}",
        ["provider", "source", "call_id", "recording_id"] => {
            "/calls/{provider}/{source}/{call_id}/recordings/{recording_id}"
        }
        ["provider", "source", "call_id", "delivery_id"] => {
            "/calls/{provider}/{source}/{call_id}/deliveries/{delivery_id}"
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

pub(super) fn authorized(method: Method, path: &[(&str, &str)], query: &str) -> Request {
    bearing(TOKEN, request(method, path, query))
}

/// A request with a reader's token.
pub(super) fn bearing(token: &str, mut request: Request) -> Request {
    request
        .headers
        .extend(HeaderValue::from_str(&format!("Bearer {token}")).map(|value| (AUTHORIZATION, value)));
    request
}

/// The request for another attempt to copy a recording, or for whatever else is below it.
pub(super) fn below(route_end: &str, mut request: Request) -> Request {
    request.route.push_str(route_end);
    request
}

pub(super) fn ok(reply: &Reply) -> anyhow::Result<Value> {
    ensure!(reply.status == 200, "{}: {}", reply.status, reply.body);
    Ok(serde_json::from_str(&reply.body)?)
}

/// Status and code of an answer that is a problem.
pub(super) fn problem(reply: &Reply) -> (u16, String) {
    let answer: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    let code = answer["error"].as_str().filter(|_| answer["request_id"] == "r1").unwrap_or("none");
    (reply.status.as_u16(), code.to_owned())
}

pub(super) fn completed(call_id: &str, started_at: Timestamp, status: &str, from: &str) -> String {
    let event = json!({
        "kind": "call.completed", "event_id": format!("e-{call_id}"), "occurred_at": NOW,
        "data": { "call_id": call_id, "started_at": started_at.to_string(), "status": status, "from": from },
    });
    event.to_string()
}

pub(super) fn recording_ready(call_id: &str, recording_id: &str, occurred_at: Timestamp) -> String {
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
