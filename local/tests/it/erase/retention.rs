//! Retention: what is older than it is kept is erased by the schedule.

use std::time::Duration;

use anyhow::Context as _;
use jiff::{SignedDuration, Timestamp};
use local::client::call_path;
use serde_json::json;
use shared::ledger::Ledger;
use tokio::time::Instant;
use upkeep::{Retention, Upkeep};

use super::scene::{CALL_ID, Gate, Scene, bucket};
use crate::bed::text;
use crate::proxy::{Call, Decision, Fate};

mod fresh;
mod share;

/// Calls and deliveries in quarantine are kept for thirty days.
const RECORDS: Retention = Retention { record_days: 30, recording_days: 0 };

/// Recordings are kept for ten days.
const RECORDINGS: Retention = Retention { record_days: 0, recording_days: 10 };

async fn run(scene: &Scene, retention: Retention, days: i64) -> anyhow::Result<()> {
    run_for(scene, retention, days, Duration::from_secs(60)).await
}

/// Runs the schedule some days from now, for some time.
async fn run_for(scene: &Scene, retention: Retention, days: i64, time: Duration) -> anyhow::Result<()> {
    let aws = &scene.bed.stack.aws;
    let ledger: Ledger = scene.bed.stack.ledger.clone();
    let upkeep = Upkeep::new(ledger, bucket(aws), scene.sources.clone()).with_retention(retention);
    run_of(&upkeep, days, time).await
}

async fn run_of(upkeep: &Upkeep, days: i64, time: Duration) -> anyhow::Result<()> {
    let at = Timestamp::now() + SignedDuration::from_hours(24 * days);
    let run = upkeep.scheduled(at, Instant::now() + time).await;
    run.map_err(|error| anyhow::anyhow!("the schedule: {error}"))
}

/// Runs the schedule for some time, with requests to the table that a test decides on.
async fn run_past(
    scene: &Scene,
    retention: Retention,
    time: Duration,
    decide: impl Fn(&Call) -> Decision + Send + Sync + 'static,
) -> anyhow::Result<()> {
    let forward = |_: &Call| -> Decision { Box::pin(async { Fate::Forward }) };
    let (aws, ledger) = scene.behind_proxies(decide, forward).await?;
    let upkeep = Upkeep::new(ledger, bucket(&aws), scene.sources.clone()).with_retention(retention);
    run_of(&upkeep, 0, time).await
}

/// Every item of a call: its kind and its state, which a record has only once it is erased.
async fn states(scene: &Scene, call_id: &str) -> anyhow::Result<Vec<String>> {
    let pk = shared::ledger::key::call("telnyx", "default", call_id).pk;
    let items = scene.bed.items().await?;
    let of_call = items.iter().filter(|item| text(item, "pk") == pk);
    let kind = |sk: &str| sk.split('#').next().unwrap_or_default().to_owned();
    let state = |item| format!("{} {}", kind(text(item, "sk")), text(item, "state"));
    let mut states: Vec<_> = of_call.map(state).map(|state| state.trim_end().to_owned()).collect();
    states.sort_unstable();
    Ok(states)
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_kept_for_their_days_and_no_longer() -> anyhow::Result<()> {
    let scene = Scene::copied().await?;
    // Without a record, and without a call.
    scene.deliver(&scene.completed("e9").replace(CALL_ID, "call-2"), -4_000).await?;
    scene.deliver("telltalewords, which is no form", 0).await?;
    for days in [0, 15, 29] {
        run(&scene, RECORDS, days).await?;
        scene.is_there().await?;
    }
    run(&scene, Retention::default(), 3_000).await?;
    scene.is_there().await?;
    run(&scene, RECORDS, 31).await?;
    scene.is_gone().await?;
    let waiting = scene.bed.client.get("/quarantine").await?.body;
    assert_eq!(waiting["deliveries"], json!([]));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_goes_on_where_the_run_before_stopped() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    for index in 0..20 {
        scene.deliver(&scene.completed("e1").replace(CALL_ID, &format!("other-{index}")), 0).await?;
    }
    // No time at all: nothing is done, and nothing is lost.
    run_for(&scene, RECORDS, 31, Duration::ZERO).await?;
    assert_eq!(scene.bed.items_of("CALL").await?.len(), 21);
    run(&scene, RECORDS, 31).await?;
    let calls = scene.bed.items_of("CALL").await?;
    assert!(calls.iter().all(|call| text(call, "state") == "erased"), "{calls:?}");
    // The next pass begins a day later.
    scene.deliver(&scene.completed("e1").replace(CALL_ID, "late"), 0).await?;
    run(&scene, RECORDS, 31).await?;
    let late = call_path("telnyx", "default", "late");
    assert_eq!(scene.bed.client.get(&late).await?.status, 200);
    run(&scene, RECORDS, 33).await?;
    assert_eq!(scene.bed.client.get(&late).await?.status, 404);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn recordings_alone_are_erased_and_never_copied_again() -> anyhow::Result<()> {
    let scene = Scene::copied().await?;
    run(&scene, RECORDINGS, 9).await?;
    assert_eq!(scene.objects("recordings/").await?.len(), 1);
    run(&scene, RECORDINGS, 11).await?;
    assert_eq!(scene.objects("recordings/").await?, []);
    let items = scene.bed.items_of("RECORDING").await?;
    let [tombstone] = &items[..] else { panic!("{items:?}") };
    assert_eq!((text(tombstone, "state"), tombstone.contains_key("url")), ("erased", false));

    // The record is kept, and says what became of the recording.
    let path = call_path("telnyx", "default", CALL_ID);
    let call = scene.bed.client.get(&path).await?;
    assert_eq!((call.status.as_u16(), &call.body["recordings"][0]["state"]), (200, &json!("erased")));
    let recording = format!("{path}/recordings/r1");
    let file = scene.bed.client.get(&recording).await?;
    assert_eq!((file.status.as_u16(), &file.body["error"]), (410, &json!("recording_erased")));
    let retry =
        super::scene::request(http::Method::POST, &format!("{recording}/retry"), local::keys::QUERY_TOKEN)?;
    let retry = scene.bed.client.send(retry).await?;
    assert_eq!((retry.status.as_u16(), &retry.body["error"]), (409, &json!("erased")));

    // A repeated link makes no copy.
    let again = scene.deliver(&format!("{}&Again=1", scene.ready("r1")), 0).await?;
    assert_eq!(again["status"], "revised");
    scene.copy(&Gate::open()).await?;
    assert_eq!(scene.objects("recordings/").await?, []);
    let heads = scene.origin.heads().len();
    assert_eq!(heads, 1, "it was fetched again");
    // And the call can be erased as a whole.
    scene.erase(&Gate::open()).await?.context("nothing")?;
    scene.is_gone().await
}
