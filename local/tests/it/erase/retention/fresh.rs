//! What is fresh is kept: a call that a delivery has just come to, and a delivery beside one that is too old.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use jiff::{SignedDuration, Timestamp};
use local::client::call_path;
use serde_json::Value;

use super::super::scene::{CALL_ID, Gate, Scene, bucket};
use super::{RECORDINGS, RECORDS, run, run_of, states};
use crate::bed::text;
use crate::proxy::{Call, Decision, Fate};

/// Seconds that make a delivery late.
const LATE: i64 = -4_000;

/// What comes to a call while retention looks at it.
#[derive(Clone, Copy, Debug)]
enum Old {
    /// The call has a record, and is too old.
    Record,
    /// The call has no record, only a delivery that has waited in quarantine for too long.
    Quarantine,
}

/// Stops retention, or a delivery to a call, before its request of a number while the other runs. Returns
/// whether there was such a request.
async fn play(old: Old, at: usize, retention_stops: bool) -> anyhow::Result<bool> {
    let scene = Scene::empty().await?;
    let seconds = if matches!(old, Old::Record) { 0 } else { LATE };
    scene.deliver_on(-31, &scene.completed("old"), seconds).await?;
    let (gate, open) = (Gate::at(at), Gate::open());
    let run = async |gate: &Gate| {
        let upkeep = scene.upkeep(gate).await?.with_retention(RECORDS);
        run_of(&upkeep, 0, Duration::from_secs(60)).await
    };
    let answer = std::sync::Mutex::new(Value::Null);
    let deliver = async |gate: &Gate| {
        let said = scene.deliver_past(gate, &scene.completed("new"), 0).await?;
        *answer.lock().expect("the answer") = said;
        anyhow::Ok(())
    };
    let stopped = if retention_stops {
        gate.between(run(&gate), deliver(&open)).await?
    } else {
        gate.between(deliver(&gate), run(&open)).await?
    };
    let answer = answer.into_inner()?;
    let story = scene.bed.client.get(&call_path("telnyx", "default", CALL_ID)).await?;
    match (old, answer["status"].as_str().context("no status")?) {
        (_, "accepted") => {
            ensure!(story.status == 200, "{} {}", story.status, story.body);
            let first = if matches!(old, Old::Record) { "DELIVERY applied" } else { "DELIVERY erased" };
            let states = states(&scene, CALL_ID).await?;
            ensure!(states == ["CALL", "DELIVERY applied", first], "{states:?}");
        }
        (Old::Record, "ignored") => ensure!(states(&scene, CALL_ID).await? == ["CALL erased"]),
        _ => anyhow::bail!("{answer}"),
    }
    Ok(stopped)
}

async fn play_all(old: Old) -> anyhow::Result<()> {
    for retention_stops in [false, true] {
        let mut at = 0;
        while play(old, at, retention_stops)
            .await
            .with_context(|| format!("{old:?}, stopped at {at}, retention stops: {retention_stops}"))?
        {
            at += 1;
        }
        ensure!(at >= 1, "no request");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_erased_as_too_old_or_takes_what_comes_and_never_both() -> anyhow::Result<()> {
    play_all(Old::Record).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_made_while_an_old_delivery_of_its_call_is_erased() -> anyhow::Result<()> {
    play_all(Old::Quarantine).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_changed_before_every_try_is_left_alone() -> anyhow::Result<()> {
    let scene = Arc::new(Scene::new().await?);
    let decide = {
        let scene = scene.clone();
        move |call: &Call| -> Decision {
            let (scene, is_tombstone) = (scene.clone(), call.operation() == "PutItem");
            Box::pin(async move {
                if is_tombstone {
                    let event = format!("e-{}", fastrand::u64(..));
                    scene.deliver(&scene.completed(&event), 0).await.expect("a delivery");
                }
                Fate::Forward
            })
        }
    };
    let forward = |_: &Call| -> Decision { Box::pin(async { Fate::Forward }) };
    let (aws, ledger) = scene.behind_proxies(decide, forward).await?;
    // A time to come, so that what is delivered now is old, too.
    let later = Timestamp::now() + SignedDuration::from_hours(24);
    let erased = ledger.erase_old_call(&bucket(&aws), &scene.pk(), later, later).await?;
    assert_eq!(erased, None);
    scene.is_there().await?;
    // Who asks for it erases it in any case.
    ledger.erase_call(&bucket(&aws), &scene.pk(), later).await?.context("nothing")?;
    scene.is_gone().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_in_quarantine_is_erased_by_itself_and_not_with_its_call() -> anyhow::Result<()> {
    let scene = Scene::empty().await?;
    for (days, event) in [(-31, "old"), (-1, "new")] {
        let answer = scene.deliver_on(days, &scene.completed(event), LATE).await?;
        assert_eq!(answer["status"], "quarantined");
    }
    run(&scene, RECORDS, 0).await?;
    assert_eq!(states(&scene, CALL_ID).await?, ["DELIVERY erased", "DELIVERY quarantined"]);
    // What comes next makes the call's record.
    let next = scene.deliver(&scene.completed("next"), 0).await?;
    assert_eq!(next["status"], "accepted");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_as_old_as_its_last_delivery_also_if_that_one_waits() -> anyhow::Result<()> {
    let scene = Scene::empty().await?;
    scene.deliver_on(-31, &scene.completed("e1"), 0).await?;
    scene.deliver_on(-1, &scene.completed("e2"), LATE).await?;
    run(&scene, RECORDS, 0).await?;
    assert_eq!(states(&scene, CALL_ID).await?, ["CALL", "DELIVERY applied", "DELIVERY quarantined"]);
    run(&scene, RECORDS, 30).await?;
    scene.is_gone().await
}

#[tokio::test(flavor = "multi_thread")]
async fn recordings_are_as_old_as_the_last_delivery_of_their_call_also_if_that_one_waits()
-> anyhow::Result<()> {
    let scene = Scene::empty().await?;
    scene.deliver_on(-11, &scene.ready("r1"), 0).await?;
    scene.deliver_on(-1, &scene.completed("e2"), LATE).await?;
    let recordings = async || -> anyhow::Result<Vec<String>> {
        let items = scene.bed.items_of("RECORDING").await?;
        Ok(items.iter().map(|item| text(item, "state").to_owned()).collect())
    };
    for (days, state) in [(0, "pending"), (1, "pending"), (10, "erased")] {
        run(&scene, RECORDINGS, days).await?;
        assert_eq!(recordings().await?, [state], "after {days} days");
    }
    Ok(())
}
