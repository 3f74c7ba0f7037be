//! Readers: what one may do, and which sources' calls it may see.

use anyhow::Context as _;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use query::Query;
use serde_json::{Value, json};
use shared::lambda::Request;
use shared::provider::Provider;
use shared::reply::Reply;

use super::bundle::{
    Bundle, NOW, ORG, bearing, below, completed, ok, problem, recording_ready, request, searched,
};
use crate::watch::lines_with;

const ALL: &str = "token-of-all-0123456789";
const KENYA: &str = "token-of-kenya-0123456789";
const VIEWER: &str = "token-of-the-viewer-0123456789";
const ACTOR: &str = "token-of-the-actor-0123456789";

fn readers() -> Value {
    json!({
        "all": { "tokens": [ALL] },
        "kenya-only": { "tokens": [KENYA], "sources": ["sautikit/kenya"] },
        "viewer": { "tokens": [VIEWER], "may": ["read"] },
        "actor": { "tokens": [ACTOR], "may": ["act"] },
    })
}

async fn answer(query: &Query, token: &str, request: Request) -> Reply {
    searched(query.respond(bearing(token, request), Timestamp::now()).await)
}

async fn calls(query: &Query, token: &str, parameters: &str) -> anyhow::Result<Vec<String>> {
    let (mut found, mut sizes, mut cursor) = (Vec::new(), Vec::new(), String::new());
    loop {
        let page = request(Method::GET, &[], &format!("{parameters}{cursor}"));
        let page = ok(&answer(query, token, page).await)?;
        let calls = page["calls"].as_array().context("no calls")?;
        sizes.push(calls.len());
        found.extend(calls.iter().filter_map(|call| call["path"].as_str().map(str::to_owned)));
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let full = sizes.iter().rev().skip(1).all(|size| *size == sizes[0]);
    anyhow::ensure!(full, "a page before the last is not full: {sizes:?}");
    Ok(found)
}

#[tokio::test]
async fn lists_leave_out_the_calls_of_other_sources() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let query = bundle.read_by(readers())?;
    let first: Timestamp = "2026-06-27T10:00:00Z".parse()?;
    let mut expected = Vec::new();
    // One call of seven is Kenya's, so that no page is filled by what is read first.
    for index in 0..70_i64 {
        let source = if index % 7 == 0 { "kenya" } else { "default" };
        let id = format!("c{index:02}");
        let body = completed(&id, first + SignedDuration::from_secs(index), "completed", "+254700000001");
        bundle.deliver(Provider::Sautikit, source, &body, "accepted").await?;
        if source == "kenya" {
            expected.insert(0, format!("/calls/sautikit/kenya/{id}"));
        }
    }
    let agni = json!({ "event": "call.completed", "org_id": ORG, "data": {
        "call_session_id": "a1", "caller_number": "+254700000001", "started_at": "2026-06-27T10:00:00Z" } });
    bundle.deliver(Provider::Agni, "default", &agni.to_string(), "accepted").await?;

    for parameters in
        ["day=2026-06-27&limit=3", "from=%2B254700000001&limit=4", "day=2026-06-27&source=kenya&limit=10"]
    {
        assert_eq!(calls(&query, KENYA, parameters).await?, expected, "{parameters}");
    }
    for parameters in ["day=2026-06-27&provider=agni", "from=%2B254700000001&source=default"] {
        assert_eq!(calls(&query, KENYA, parameters).await?, [""; 0], "{parameters}");
    }
    for token in [ALL, VIEWER] {
        assert_eq!(calls(&query, token, "day=2026-06-27").await?.len(), 71);
    }
    Ok(())
}

/// Every request about one call.
fn about(source: &str, call_id: &str) -> [Request; 4] {
    let path = [("provider", "sautikit"), ("source", source), ("call_id", call_id), ("recording_id", "r")];
    let delivery = [path[0], path[1], path[2], ("delivery_id", "d")];
    [
        request(Method::GET, &path[..3], ""),
        request(Method::GET, &path, ""),
        below("/retry", request(Method::POST, &path, "")),
        request(Method::GET, &delivery, ""),
    ]
}

#[tokio::test]
async fn what_is_outside_the_scope_is_refused_whether_it_exists_or_not() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let query = bundle.read_by(readers())?;
    let now = NOW.parse()?;
    for source in ["default", "kenya"] {
        bundle.deliver(Provider::Sautikit, source, &recording_ready("there", "r", now), "accepted").await?;
    }
    for (there, nowhere) in about("default", "there").into_iter().zip(about("default", "nowhere")) {
        let method = there.method.clone();
        let (there, nowhere) = (answer(&query, KENYA, there).await, answer(&query, KENYA, nowhere).await);
        assert_eq!(problem(&there), (403, "not_allowed".to_owned()), "{method}");
        assert_eq!((there.status, &there.body), (nowhere.status, &nowhere.body), "{method}");
    }
    for (provider, source) in
        [("nobody", "kenya"), ("sautikit", "ke~6eya"), ("agni", "kenya"), ("Sautikit", "kenya")]
    {
        let path = [("provider", provider), ("source", source), ("call_id", "there")];
        let reply = answer(&query, KENYA, request(Method::GET, &path, "")).await;
        assert_eq!(problem(&reply), (403, "not_allowed".to_owned()), "{provider}/{source}");
    }
    let [call, recording, retry, delivery] = about("kenya", "there");
    assert_eq!(answer(&query, KENYA, call).await.status, 200);
    // Not stored yet, and due.
    assert_eq!(answer(&query, KENYA, recording).await.status, 409);
    assert_eq!(answer(&query, KENYA, retry).await.status, 202);
    assert_eq!(problem(&answer(&query, KENYA, delivery).await), (404, "delivery_unknown".to_owned()));
    let [nowhere, ..] = about("kenya", "nowhere");
    assert_eq!(problem(&answer(&query, KENYA, nowhere).await), (404, "call_unknown".to_owned()));
    Ok(())
}

#[tokio::test]
async fn a_right_that_a_reader_lacks_is_refused_before_anything_is_looked_up() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let query = bundle.read_by(readers())?;
    bundle
        .deliver(Provider::Sautikit, "default", &recording_ready("there", "r", NOW.parse()?), "accepted")
        .await?;
    for call_id in ["there", "nowhere"] {
        let [call, recording, retry, delivery] = about("default", call_id);
        let not_allowed = (403, "not_allowed".to_owned());
        assert_eq!(problem(&answer(&query, VIEWER, retry).await), not_allowed, "{call_id}");
        assert_eq!(problem(&answer(&query, ACTOR, call).await), not_allowed, "{call_id}");
        assert_eq!(problem(&answer(&query, ACTOR, recording).await), not_allowed, "{call_id}");
        assert_eq!(problem(&answer(&query, ACTOR, delivery).await), not_allowed, "{call_id}");
    }
    let list = request(Method::GET, &[], "day=2026-06-27");
    assert_eq!(problem(&answer(&query, ACTOR, list).await), (403, "not_allowed".to_owned()));
    let [call, _, retry, _] = about("default", "there");
    assert_eq!(answer(&query, VIEWER, call).await.status, 200);
    assert_eq!(answer(&query, ACTOR, retry).await.status, 202);
    Ok(())
}

#[tokio::test]
async fn each_answer_is_logged_with_the_name_of_its_reader() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let query = bundle.read_by(readers())?;
    for (token, reader, status) in [
        (KENYA, r#""reader":"kenya-only""#, 403),
        (VIEWER, r#""reader":"viewer""#, 404),
        ("guessed-0123456789", r#""message":"query""#, 401),
    ] {
        let request_id = format!("answered-{status}");
        let [mut call, ..] = about("default", "nowhere");
        call.request_id.clone_from(&request_id);
        assert_eq!(answer(&query, token, call).await.status, status);
        let lines = lines_with(&[r#""message":"query""#, &request_id]);
        assert_eq!(lines.len(), 1, "{reader}");
        assert!(lines[0].contains(reader), "{}", lines[0]);
        assert_eq!(lines[0].contains(r#""reader""#), status != 401, "{}", lines[0]);
    }
    Ok(())
}
