//! The audit trail: what was listened to, read as it came and retried, by whom; and who may read it.

use anyhow::{Context as _, ensure};
use http::Method;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use query::Query;
use serde_json::{Value, json};
use shared::ledger::Ledger;
use shared::ledger::audit::{About, Action, Note};
use shared::provider::Provider;
use shared::reply::Reply;
use shared::timestamp::rfc3339;

use super::bundle::{
    BUCKET, Bundle, NOW, TABLE, bearing, below, completed, number, ok, problem, recording_ready, request,
    text,
};
use crate::proxy::{self, Call, Fate};

const ADA: &str = "token-of-ada-0123456789";
const KENYA: &str = "token-of-kenya-0123456789";
const VIEWER: &str = "token-of-the-viewer-0123456789";

fn readers() -> Value {
    json!({
        "ada": { "tokens": [ADA] },
        "kenya-only": { "tokens": [KENYA], "sources": ["sautikit/kenya"] },
        "viewer": { "tokens": [VIEWER], "may": ["read"] },
    })
}

/// Asks for the trail, as if it were some time.
async fn trail(query: &Query, token: &str, parameters: &str, now: Timestamp) -> Reply {
    let mut asked = request(Method::GET, &[], parameters);
    asked.route = "/audit".to_owned();
    query.respond(bearing(token, asked), now).await
}

async fn entries(query: &Query, token: &str, parameters: &str) -> anyhow::Result<Vec<Value>> {
    let answer = ok(&trail(query, token, parameters, NOW.parse()?).await)?;
    ensure!(answer["cursor"].is_null(), "{answer}");
    Ok(answer["entries"].as_array().context("no entries")?.clone())
}

/// A call with a stored recording, and the id of its first delivery.
async fn stored(bundle: &Bundle, call_id: &str) -> anyhow::Result<String> {
    let ready = recording_ready(call_id, "r", NOW.parse()?);
    bundle.deliver(Provider::Sautikit, "default", &ready, "accepted").await?;
    let key = format!("recordings/sautikit/default/2026/06/27/{call_id}/r.mp3");
    let state = [("state", text("stored")), ("s3_key", text(&key)), ("size_bytes", number(1))];
    bundle.set_recording(call_id, "r", &state).await?;
    let call = ok(&bundle.call(Provider::Sautikit, "default", call_id).await)?;
    Ok(call["deliveries"][0]["delivery_id"].as_str().context("no delivery")?.to_owned())
}

/// Listens to, reads as it came, and retries; returns the answers.
async fn act(query: &Query, token: &str, call_id: &str, delivery_id: &str) -> anyhow::Result<[Reply; 3]> {
    let call = [("provider", "sautikit"), ("source", "default"), ("call_id", call_id)];
    let recording = [call[0], call[1], call[2], ("recording_id", "r")];
    let delivery = [call[0], call[1], call[2], ("delivery_id", delivery_id)];
    let now: Timestamp = NOW.parse()?;
    let at = |seconds| now + SignedDuration::from_secs(seconds);
    let ask = async |request, seconds| query.respond(bearing(token, request), at(seconds)).await;
    Ok([
        ask(request(Method::GET, &recording, ""), 1).await,
        ask(request(Method::GET, &delivery, ""), 2).await,
        ask(below("/retry", request(Method::POST, &recording, "")), 3).await,
    ])
}

#[tokio::test]
async fn what_is_given_out_or_done_is_in_the_trail_with_its_reader_and_nothing_else_is() -> anyhow::Result<()>
{
    let bundle = Bundle::start().await?;
    let query = bundle.read_by(readers())?;
    let delivery_id = stored(&bundle, "c/1").await?;
    let statuses = act(&query, ADA, "c/1", &delivery_id).await?.map(|reply| reply.status.as_u16());
    assert_eq!(statuses, [302, 200, 409]);
    // What is refused, unknown or only read leaves no trace.
    act(&query, KENYA, "c/1", &delivery_id).await?;
    act(&query, ADA, "nowhere", &delivery_id).await?;
    let call = [("provider", "sautikit"), ("source", "default"), ("call_id", "c/1")];
    for asked in [request(Method::GET, &[], "day=2026-06-27"), request(Method::GET, &call, "")] {
        assert_eq!(query.respond(bearing(ADA, asked), NOW.parse()?).await.status, 200);
    }
    let entry = |at: &str, action: &str| json!({ "at": at, "reader": "ada", "action": action, "call_path": "/calls/sautikit/default/c~2F1" });
    assert_eq!(
        entries(&query, ADA, "").await?,
        [
            entry("2026-06-27T10:06:04.500Z", "retried"),
            entry("2026-06-27T10:06:03.500Z", "read_raw"),
            entry("2026-06-27T10:06:02.500Z", "listened"),
        ]
    );
    let kept = bundle.aws.dynamodb().query().table_name(TABLE).key_condition_expression("pk = :pk");
    let kept = kept.expression_attribute_values(":pk", text("AUDIT#2026-06-27")).send().await?;
    let expiry = |item: &std::collections::HashMap<_, _>| item.get("expires_at_epoch").cloned();
    let days = (NOW.parse::<Timestamp>()?.as_second() + 400 * 86_400) as u64;
    assert_eq!(expiry(&kept.items()[0]), Some(number(days + 1)));
    Ok(())
}

#[tokio::test]
async fn where_the_trail_can_not_be_written_nothing_is_given_out_or_done() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let delivery_id = stored(&bundle, "c").await?;
    bundle.set_recording("c", "r", &[("state", text("failed"))]).await?;
    let decide = |call: &Call| -> proxy::Decision {
        let refused = call.operation() == "PutItem";
        let fate = if refused { Fate::error(400, "AccessDeniedException") } else { Fate::Forward };
        Box::pin(std::future::ready(fate))
    };
    let table = proxy::start(bundle.stores[0], decide).await?;
    let aws = super::bundle::aws(table.port(), bundle.stores[1].port());
    let sources = shared::sources::Sources::from_json(&json!({ "query": readers() }).to_string())?;
    let query = Query::new(Ledger::new(&aws, TABLE, BUCKET, 400), aws.s3(), BUCKET.to_owned(), sources);
    let [_, delivery, retry] = act(&query, ADA, "c", &delivery_id).await?;
    for reply in [&delivery, &retry] {
        assert_eq!(problem(reply), (503, "unavailable".to_owned()));
        assert_eq!(reply.headers["retry-after"], "1");
        assert!(!reply.body.contains("download_url"));
    }
    let call = ok(&bundle.call(Provider::Sautikit, "default", "c").await)?;
    assert_eq!(call["recordings"][0]["state"], "failed", "it was retried all the same");
    bundle.set_recording("c", "r", &[("state", text("stored"))]).await?;
    let [listened, ..] = act(&query, ADA, "c", &delivery_id).await?;
    assert_eq!(problem(&listened), (503, "unavailable".to_owned()));
    assert!(!listened.headers.contains_key("location"));
    assert_eq!(entries(&bundle.read_by(readers())?, ADA, "").await?, [Value::Null; 0]);
    Ok(())
}

#[tokio::test]
async fn pages_of_the_trail_have_every_entry_of_the_range_and_the_scope_once() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let query = bundle.read_by(readers())?;
    let midnight: Timestamp = "2026-06-20T00:00:00Z".parse()?;
    // Two a day at the same time, at midnight and later, with days in between that have none.
    let times: Vec<_> = [0, 0, 1, 24 * 3, 24 * 3, 24 * 3 + 5, 24 * 7, 24 * 7 + 10, 24 * 7 + 10]
        .map(|hours: i64| midnight + hours.hours())
        .into();
    let mut expected = Vec::new();
    for (index, at) in times.iter().enumerate() {
        let (call_id, source) = (format!("c{index}"), if index % 2 == 0 { "kenya" } else { "default" });
        let about = About::Call(Provider::Sautikit, source, &call_id);
        let note = Note { at: *at, reader: "ada", action: Action::Listened, about };
        bundle.ledger.note(&note).await?;
        expected.push((rfc3339(*at), format!("/calls/sautikit/{source}/{call_id}")));
    }
    // Of several sources: only a reader of all of them is shown it.
    let of_all =
        Note { at: midnight + 30.hours(), reader: "ada", action: Action::Exported, about: About::Several };
    bundle.ledger.note(&of_all).await?;
    let body = About::Source(Provider::Sautikit, "kenya");
    let of_body = Note { at: midnight + 31.hours(), reader: "ada", action: Action::Discarded, about: body };
    bundle.ledger.note(&of_body).await?;

    for limit in 1..=5 {
        for (token, range, from, to, more) in [
            (ADA, "", 0, 9, 2),
            (KENYA, "", 0, 9, 1),
            (ADA, "&since=2026-06-20&until=2026-06-23", 0, 3, 2),
            (ADA, "&since=2026-06-20T01:00:00Z&until=2026-06-27T10:00:00Z", 2, 7, 2),
            (KENYA, "&since=2026-06-23", 3, 9, 0),
        ] {
            let (mut found, mut cursor, mut nameless) = (Vec::new(), String::new(), 0);
            loop {
                let page = trail(&query, token, &format!("limit={limit}{range}{cursor}"), NOW.parse()?).await;
                let page = ok(&page)?;
                let members = page["entries"].as_array().context("no entries")?;
                ensure!(members.len() <= limit, "{members:?}");
                for entry in members {
                    let text = |name: &str| entry[name].as_str().map(str::to_owned);
                    match text("call_path") {
                        Some(path) => found.push((text("at").unwrap_or_default(), path)),
                        None => nameless += 1,
                    }
                }
                match page["cursor"].as_str() {
                    Some(next) => {
                        ensure!(members.len() == limit, "a page before the last is not full: {members:?}");
                        cursor = format!("&cursor={next}");
                    }
                    None => break,
                }
            }
            let mut expected: Vec<_> = expected[from..to].to_vec();
            expected.retain(|(_, path)| token == ADA || path.contains("/kenya/"));
            // Entries of one time stand in no order.
            expected.sort_unstable();
            let newest_first = found.windows(2).all(|pair| pair[0].0 >= pair[1].0);
            found.sort_unstable();
            ensure!(newest_first && found == expected, "{limit} {range}: {found:?}");
            assert_eq!(nameless, more, "{limit} {range}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_trail_is_for_readers_who_may_act() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let query = bundle.read_by(readers())?;
    let body = completed("c", NOW.parse()?, "completed", "+254700000001");
    bundle.deliver(Provider::Sautikit, "default", &body, "accepted").await?;
    let now = NOW.parse()?;
    assert_eq!(problem(&trail(&query, VIEWER, "", now).await), (403, "not_allowed".to_owned()));
    assert_eq!(problem(&trail(&query, "guessed", "", now).await), (401, "token_mismatch".to_owned()));
    assert_eq!(entries(&query, KENYA, "").await?, [Value::Null; 0]);
    let wrong = trail(&query, ADA, "since=yesterday", now).await;
    assert_eq!(problem(&wrong), (400, "parameter_invalid".to_owned()));
    // Years are no reason to look at every day of them.
    let began = std::time::Instant::now();
    assert_eq!(entries(&query, ADA, "since=0001-01-01&until=9999-01-01").await?, [Value::Null; 0]);
    ensure!(began.elapsed() < std::time::Duration::from_secs(3), "{:?}", began.elapsed());
    Ok(())
}
