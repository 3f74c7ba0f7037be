//! An erasure meets a delivery, a copy and a replay: each is stopped between any two of its requests while the other
//! runs.

use anyhow::Context as _;
use http::Method;
use local::client::call_path;
use serde_json::Value;

use super::scene::{CALL_ID, Gate, Scene};

/// Who works on the call while it is erased.
#[derive(Clone, Copy, Debug)]
enum Other {
    /// A receiver, with an event of the call that is new and large.
    Deliver,
    /// A receiver, with a late one, for quarantine.
    DeliverLate,
    /// A receiver, with another recording.
    Announce,
    /// A copier.
    Copy,
    /// Somebody who replays what waits in quarantine.
    Replay,
    /// Somebody who has the record made anew.
    Rebuild,
}

impl Other {
    async fn run(self, scene: &Scene, gate: &Gate, quarantine_id: &str) -> anyhow::Result<()> {
        match self {
            Self::Deliver => known(&scene.deliver_past(gate, &scene.completed("new"), 0).await?),
            Self::DeliverLate => known(&scene.deliver_past(gate, &scene.completed("new"), -4_000).await?),
            Self::Announce => known(&scene.deliver_past(gate, &scene.ready("r2"), 0).await?),
            Self::Copy => scene.copy(gate).await,
            Self::Replay => {
                let path = format!("/quarantine/{quarantine_id}/replay");
                let (status, answer) = scene.act(gate, Method::POST, &path).await?;
                anyhow::ensure!(matches!(status, 200 | 404 | 409), "{status} {answer}");
                Ok(())
            }
            Self::Rebuild => {
                let path = format!("{}/rebuild", call_path("telnyx", "default", CALL_ID));
                let (status, answer) = scene.act(gate, Method::POST, &path).await?;
                anyhow::ensure!(matches!(status, 200 | 409 | 503), "{status} {answer}");
                Ok(())
            }
        }
    }
}

fn known(answer: &Value) -> anyhow::Result<()> {
    let status = answer["status"].as_str().with_context(|| answer.to_string())?;
    anyhow::ensure!(matches!(status, "accepted" | "revised" | "quarantined" | "ignored"), "{answer}");
    Ok(())
}

/// Plays a scene in which one is stopped before its request of a number while the other runs. Returns whether there was
/// such a request.
async fn play(other: Other, at: usize, eraser_stops: bool) -> anyhow::Result<bool> {
    let scene = Scene::new().await?;
    let quarantine_id = scene.quarantine_id().await?;
    let (gate, open) = (Gate::at(at), Gate::open());
    let erase = async |gate: &Gate| scene.erase(gate).await.map(|_| ());
    let stopped = if eraser_stops {
        gate.between(erase(&gate), other.run(&scene, &open, &quarantine_id)).await?
    } else {
        gate.between(other.run(&scene, &gate, &quarantine_id), erase(&open)).await?
    };
    // What was put after the tombstone is deleted when that is due.
    scene.schedule(21).await?;
    scene.is_gone().await?;
    // Nothing brings it back.
    for (body, seconds) in
        [(scene.completed("e1"), 0), (scene.completed("x"), -4_000), (scene.ready("r1"), 0)]
    {
        let answer = scene.deliver(&body, seconds).await?;
        anyhow::ensure!(answer["status"] == "ignored", "{answer}");
    }
    scene.copy(&open).await?;
    scene.is_gone().await?;
    Ok(stopped)
}

async fn play_all(other: Other) -> anyhow::Result<()> {
    for eraser_stops in [false, true] {
        let mut at = 0;
        while play(other, at, eraser_stops)
            .await
            .with_context(|| format!("{other:?}, stopped at {at}, the eraser stops: {eraser_stops}"))?
        {
            at += 1;
        }
        anyhow::ensure!(at >= 1, "{other:?} makes no request");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_erased_while_it_is_delivered() -> anyhow::Result<()> {
    play_all(Other::Deliver).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_erased_while_it_is_quarantined() -> anyhow::Result<()> {
    play_all(Other::DeliverLate).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_erased_while_a_recording_is_announced() -> anyhow::Result<()> {
    play_all(Other::Announce).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_erased_while_its_recording_is_copied() -> anyhow::Result<()> {
    play_all(Other::Copy).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_erased_while_it_is_replayed() -> anyhow::Result<()> {
    play_all(Other::Replay).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_erased_while_its_record_is_made_anew() -> anyhow::Result<()> {
    play_all(Other::Rebuild).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_was_put_after_the_tombstone_is_deleted_by_the_next_run() -> anyhow::Result<()> {
    // Stopped at each of its requests, the copier never leaves an object for longer than a run of the schedule.
    for at in 0.. {
        let scene = Scene::new().await?;
        let gate = Gate::at(at);
        let stopped =
            gate.between(scene.copy(&gate), async { scene.erase(&Gate::open()).await.map(|_| ()) }).await?;
        scene.schedule(0).await?;
        scene.is_gone().await.with_context(|| format!("stopped at {at}"))?;
        if !stopped {
            break;
        }
    }
    Ok(())
}
