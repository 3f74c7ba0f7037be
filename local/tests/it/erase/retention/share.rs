//! The time of a run is shared, and what goes wrong with one thing does not hold up the others.

use std::collections::BTreeSet;
use std::future::pending;
use std::time::Duration;

use anyhow::ensure;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use local::client::call_path;
use local::stack::TABLE;
use serde_json::json;
use shared::ledger::key;
use shared::ledger::retention::Progress;
use tokio::time::Instant;

use super::super::scene::{CALL_ID, Scene, bucket};
use super::{RECORDINGS, RECORDS, run, run_for, run_past, states};
use crate::bed::text;
use crate::proxy::{Call, Decision, Fate};

/// Decides on the requests of an operation that name something: such a request is never answered.
fn hang(operation: &'static str, named: &'static str) -> impl Fn(&Call) -> Decision + Send + Sync + 'static {
    decide(operation, named, true)
}

/// Such a request fails.
fn fail(operation: &'static str, named: &'static str) -> impl Fn(&Call) -> Decision + Send + Sync + 'static {
    decide(operation, named, false)
}

fn decide(
    operation: &'static str,
    named: &'static str,
    hangs: bool,
) -> impl Fn(&Call) -> Decision + Send + Sync + 'static {
    move |call: &Call| -> Decision {
        let is_named = String::from_utf8_lossy(&call.body).contains(named) && call.operation() == operation;
        Box::pin(async move {
            match (is_named, hangs) {
                (true, true) => pending().await,
                (true, false) => Fate::error(400, "ValidationException"),
                (false, _) => Fate::Forward,
            }
        })
    }
}

/// A small body of a call.
fn body(call_id: &str, event: &str) -> String {
    format!("CallSid={call_id}&CallStatus=completed&CallbackSource={event}")
}

/// The calls that are not erased.
async fn left(scene: &Scene) -> anyhow::Result<Vec<String>> {
    let calls = scene.bed.items_of("CALL").await?;
    let left = calls.iter().filter(|call| text(call, "state") != "erased");
    Ok(left.map(|call| text(call, "pk").rsplit('#').next().unwrap_or_default().to_owned()).collect())
}

async fn set_format(scene: &Scene, call_id: &str, format: u32) -> anyhow::Result<()> {
    let call = key::call("telnyx", "default", call_id);
    let update = scene.bed.stack.aws.dynamodb().update_item().table_name(TABLE);
    let update = update.set_key(Some(call.attributes())).update_expression("SET #f = :f");
    let update = update.expression_attribute_names("#f", "format");
    update.expression_attribute_values(":f", AttributeValue::N(format.to_string())).send().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_part_of_a_run_takes_the_time_of_the_others() -> anyhow::Result<()> {
    let scene = Scene::empty().await?;
    let (ledger, bucket) = (&scene.bed.stack.ledger, bucket(&scene.bed.stack.aws));
    let earlier = Timestamp::now() - SignedDuration::from_mins(25);
    for index in 0..20 {
        let id = format!("due-{index}");
        scene.deliver(&body(&id, "e1"), 0).await?;
        ledger.erase_call(&bucket, &key::call("telnyx", "default", &id).pk, earlier).await?;
    }
    scene.deliver_on(-31, &body("old", "e1"), 0).await?;
    scene.deliver(&body("newer", "e1"), 0).await?;
    set_format(&scene, "newer", 999).await?;
    scene.deliver(&body("newer", "e2"), 0).await?;
    assert_eq!(states(&scene, "newer").await?, ["CALL", "DELIVERY applied", "DELIVERY quarantined"]);
    set_format(&scene, "newer", 1).await?;

    let (begin, time) = (Instant::now(), Duration::from_secs(8));
    run_past(&scene, RECORDS, time, hang("Query", "#due-")).await?;
    assert!(begin.elapsed() < time, "{:?}", begin.elapsed());
    assert_eq!(states(&scene, "newer").await?, ["CALL", "DELIVERY applied", "DELIVERY applied"]);
    assert_eq!(states(&scene, "old").await?, ["CALL erased"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_ends_in_time_and_the_next_one_looks_at_what_was_not_reached() -> anyhow::Result<()> {
    let scene = Scene::empty().await?;
    for index in 10..30 {
        scene.deliver_on(-31, &body(&format!("c-{index}"), "e1"), 0).await?;
    }
    let (begin, time) = (Instant::now(), Duration::from_secs(4));
    run_past(&scene, RECORDS, time, hang("Query", "#c-15")).await?;
    assert!(begin.elapsed() < time, "{:?}", begin.elapsed());
    assert_eq!(left(&scene).await?, ["c-15"]);
    // The pass is not over, so the next run goes on.
    run(&scene, RECORDS, 0).await?;
    assert_eq!(left(&scene).await?, [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_comes_by_every_call_wherever_its_runs_stop() -> anyhow::Result<()> {
    let scene = Scene::empty().await?;
    let (ledger, bucket) = (&scene.bed.stack.ledger, bucket(&scene.bed.stack.aws));
    for index in 0..20 {
        scene.deliver(&body(&format!("c-{index}"), "e1"), 0).await?;
    }
    let later = Timestamp::now() + SignedDuration::from_hours(24);
    let mut progress = Progress::begin(later, None);
    let mut seen = BTreeSet::new();
    for reached in [3, 0, 2, 9, 1, 1, 0].into_iter().cycle().take(100) {
        let page = ledger.old_calls(later, &progress, 5).await?;
        for call in page.calls.iter().take(reached) {
            ensure!(seen.insert(call.pk.clone()), "twice");
            // Where the next run begins, there may be nothing any more.
            if seen.len() % 2 == 0 {
                ledger.erase_old_call(&bucket, &call.pk, later, later).await?;
            }
        }
        progress.move_behind(&page, reached);
        ledger.note_progress(&progress).await?;
        progress = ledger.progress().await?.expect("a progress");
        if progress.is_finished {
            break;
        }
    }
    assert_eq!((seen.len(), progress.is_finished), (20, true));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cant_be_erased_does_not_hold_up_the_rest() -> anyhow::Result<()> {
    let scene = Scene::empty().await?;
    for index in 10..30 {
        scene.deliver_on(-31, &body(&format!("c-{index}"), "e1"), 0).await?;
    }
    let time = Duration::from_secs(60);
    let failed = run_past(&scene, RECORDS, time, fail("Query", "#c-15")).await;
    assert!(failed.unwrap_err().to_string().contains("ValidationException"));
    assert_eq!(left(&scene).await?, ["c-15"]);
    // The next pass finds it.
    run(&scene, RECORDS, 0).await?;
    assert_eq!(left(&scene).await?, ["c-15"]);
    run(&scene, RECORDS, 1).await?;
    assert_eq!(left(&scene).await?, [""; 0]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_cant_be_erased_is_erased_by_the_next_pass() -> anyhow::Result<()> {
    let scene = Scene::empty().await?;
    scene.deliver_on(-12, &scene.ready("r1").replace(CALL_ID, "other"), 0).await?;
    scene.deliver_on(-11, &scene.ready("r1"), 0).await?;
    let failed = run_past(&scene, RECORDINGS, Duration::from_secs(60), fail("GetItem", "#other")).await;
    assert!(failed.unwrap_err().to_string().contains("ValidationException"));
    let recording = async |call_id| anyhow::Ok(states(&scene, call_id).await?.pop().unwrap_or_default());
    assert_eq!(recording(CALL_ID).await?, "RECORDING erased");
    assert_eq!(recording("other").await?, "RECORDING pending");
    run(&scene, RECORDINGS, 1).await?;
    assert_eq!(recording("other").await?, "RECORDING erased");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_in_quarantine_that_stays_does_not_hold_up_the_rest() -> anyhow::Result<()> {
    let scene = Scene::empty().await?;
    // The index may still have one that does not wait any more.
    scene.deliver_on(-41, &body("many", "settled"), -4_000).await?;
    let items = scene.bed.items_of("DELIVERY").await?;
    let key = key::Key { pk: text(&items[0], "pk").to_owned(), sk: text(&items[0], "sk").to_owned() };
    let update = scene.bed.stack.aws.dynamodb().update_item().table_name(TABLE);
    let update = update.set_key(Some(key.attributes())).update_expression("SET #state = :applied");
    let update = update.expression_attribute_names("#state", "state");
    update.expression_attribute_values(":applied", AttributeValue::S("applied".to_owned())).send().await?;
    // More than are listed at a time, and one that can't be erased.
    for index in 0..210 {
        scene.deliver_on(-31, &body("many", &format!("e{index}")), -4_000).await?;
    }
    scene.deliver_on(-35, &body("stuck", "e1"), -4_000).await?;
    scene.deliver_on(-31, &body("call", "e1"), 0).await?;

    let (begin, time) = (Instant::now(), Duration::from_secs(120));
    let failed = run_past(&scene, RECORDS, time, fail("GetItem", "#stuck")).await;
    assert!(failed.unwrap_err().to_string().contains("ValidationException"));
    assert!(begin.elapsed() < time / 2, "{:?}", begin.elapsed());
    let many = states(&scene, "many").await?;
    assert_eq!((many.len(), many.iter().filter(|state| *state == "DELIVERY erased").count()), (211, 210));
    assert_eq!(states(&scene, "stuck").await?, ["DELIVERY quarantined"]);
    assert_eq!(states(&scene, "call").await?, ["CALL erased"]);
    run_for(&scene, RECORDS, 0, time).await?;
    assert_eq!(states(&scene, "stuck").await?, ["DELIVERY erased"]);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_ends_with_its_share_of_the_run() -> anyhow::Result<()> {
    let scene = Scene::empty().await?;
    scene.deliver(&body("newer", "e1"), 0).await?;
    set_format(&scene, "newer", 999).await?;
    scene.deliver(&body("newer", "e2"), 0).await?;
    set_format(&scene, "newer", 1).await?;
    scene.deliver_on(-31, &body("old", "e1"), 0).await?;
    let (begin, time) = (Instant::now(), Duration::from_secs(8));
    run_past(&scene, RECORDS, time, hang("TransactWriteItems", "#newer")).await?;
    assert!(begin.elapsed() < time / 2, "{:?}", begin.elapsed());
    assert_eq!(states(&scene, "old").await?, ["CALL erased"]);
    let newer = scene.bed.client.get(&call_path("telnyx", "default", "newer")).await?;
    assert_eq!(newer.body["deliveries"][1]["state"], json!("quarantined"));
    // The next run goes on.
    scene.schedule(0).await?;
    assert_eq!(states(&scene, "newer").await?, ["CALL", "DELIVERY applied", "DELIVERY applied"]);
    Ok(())
}
