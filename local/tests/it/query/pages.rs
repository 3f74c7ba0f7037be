//! Lists: pages, numbers and columns.

use std::sync::atomic::{AtomicI64, Ordering};

use anyhow::ensure;
use http::Method;
use jiff::civil::date;
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use shared::ledger::key;
use shared::provider::Provider;

use super::bundle::{Bundle, NOW, ODD_IDS, ORG, authorized, completed, recording_ready};

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
