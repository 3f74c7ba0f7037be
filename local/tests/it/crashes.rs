//! Copiers that die and stores that fail, at each call: in the end there is one object, and the item is right.

use std::future::ready;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures_util::{StreamExt as _, TryStreamExt as _};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use shared::ledger::key::Key;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::bed::text;
use crate::copier::{Bed, PLAIN, stream_event};
use crate::origin::{Answer, Origin, ok, wav};
use crate::proxy::{Call, Fate};

/// The size of a recording that goes up as a whole, and of one that goes up in three parts.
const SIZES: [usize; 2] = [WHOLE, 17_000_000];
const WHOLE: usize = 100_000;

/// How many scenes are played at a time.
const SIDE_BY_SIDE: usize = 6;

/// A bed with one job, and the calls of the copier to its stores.
struct Scene {
    bed: Bed,
    key: Key,
    body: Vec<u8>,
    calls: Arc<Mutex<Vec<String>>>,
}

impl Scene {
    async fn new(size: usize, origin: &Origin) -> anyhow::Result<Self> {
        let bed = Bed::start().await?;
        let key = bed.announce("c", &origin.url("/a?signature=canary")).await?;
        Ok(Self { bed, key, body: wav(size), calls: Arc::default() })
    }

    /// Lets a copier work until it ends or dies. `fate` decides by a call's number.
    async fn act(
        &self,
        died: Arc<Notify>,
        fate: impl Fn(usize) -> Fate + Clone + Send + Sync + 'static,
    ) -> anyhow::Result<Vec<String>> {
        let calls = self.calls.clone();
        let decide = move |call: &Call| {
            let mut calls = calls.lock().expect("no test panics with the lock");
            calls.push(call.operation().to_owned());
            Box::pin(ready(fate(calls.len() - 1))) as _
        };
        let copier = self.bed.copier_behind(decide).await?;
        tokio::select! {
            _ = copier.handle(stream_event(&self.key), Instant::now() + Duration::from_secs(60)) => {}
            // Dropping the copier ends it between two instructions: it undoes nothing and writes nothing.
            () = died.notified() => {}
        }
        Ok(self.calls.lock().expect("the lock").clone())
    }

    /// Dies before or after a call; with a number out of reach, it lives.
    async fn die_at(&self, number: usize, after: bool) -> anyhow::Result<Vec<String>> {
        let died = Arc::new(Notify::new());
        let told = died.clone();
        let fate = move |call: usize| match call.cmp(&number) {
            std::cmp::Ordering::Less => Fate::Forward,
            std::cmp::Ordering::Equal if after => Fate::Stop(told.clone()).late(),
            _ => Fate::Stop(told.clone()),
        };
        self.act(died, fate).await
    }

    /// Runs the schedule until nothing is due. The copier may not list the bucket, as in Lambda.
    async fn schedule(&self) -> anyhow::Result<String> {
        let copier = self.bed.copier_behind(|_| Box::pin(ready(Fate::ForwardUnlisted))).await?;
        for _ in 0..5 {
            self.bed.make_due(&self.key).await?;
            copier.handle(json!({}), Instant::now() + Duration::from_secs(60)).await?;
            let state = text(&self.bed.item(&self.key).await?, "state").to_owned();
            if !["pending", "copying", "retry"].contains(&state.as_str()) {
                return Ok(state);
            }
        }
        anyhow::bail!("it never ends: {:?}", self.bed.item(&self.key).await?)
    }

    /// One object with the right bytes, and an item that says so.
    async fn is_stored_once(&self) -> anyhow::Result<()> {
        let (keys, _) = self.bed.bucket().await?;
        ensure!(keys == [PLAIN], "{keys:?}");
        ensure!(self.bed.object(PLAIN).await? == self.body, "other bytes");
        let item = self.bed.item(&self.key).await?;
        let sha256 = hex::encode(Sha256::digest(&self.body));
        ensure!((text(&item, "s3_key"), text(&item, "sha256")) == (PLAIN, &sha256), "{item:?}");
        ensure!(!item.contains_key("work_due") && !item.contains_key("url"), "{item:?}");
        Ok(())
    }
}

/// Every call of a copy that is left alone, before and after.
async fn deaths(size: usize, origin: &Origin) -> anyhow::Result<(Vec<String>, Vec<(usize, bool)>)> {
    let calls = Scene::new(size, origin).await?.die_at(usize::MAX, false).await?;
    let deaths = (0..calls.len()).flat_map(|call| [(call, false), (call, true)]).collect();
    Ok((calls, deaths))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copier_may_die_before_and_after_every_call() -> anyhow::Result<()> {
    for size in SIZES {
        let origin = &Origin::of(wav(size)).await?;
        let (calls, deaths) = deaths(size, origin).await?;
        let parts: &[_] = match size {
            WHOLE => &["GetItem", "PutObject"],
            _ => &[
                "CreateMultipartUpload",
                "UploadPart",
                "UploadPart",
                "UploadPart",
                "GetItem",
                "CompleteMultipartUpload",
            ],
        };
        assert_eq!(calls, [&["UpdateItem"], parts, &["UpdateItem"]].concat());
        let scenes = futures_util::stream::iter(deaths).map(async |(call, after)| {
            let scene = Scene::new(size, origin).await?;
            scene.die_at(call, after).await?;
            let state = scene.schedule().await?;
            ensure!(state == "stored", "{state}");
            scene
                .is_stored_once()
                .await
                .with_context(|| format!("died at {call} {}, after: {after}", calls[call]))
        });
        scenes.buffer_unordered(SIDE_BY_SIDE).try_collect::<()>().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_whose_copier_died_counts_even_when_its_link_is_dead_by_then() -> anyhow::Result<()> {
    for size in SIZES {
        let (_, deaths) = deaths(size, &Origin::of(wav(size)).await?).await?;
        let scenes = futures_util::stream::iter(deaths).map(async |(call, after)| {
            let first = std::sync::atomic::AtomicBool::new(true);
            let whole = ok("", &wav(size));
            let origin = Origin::start(move |_| {
                if first.swap(false, std::sync::atomic::Ordering::Relaxed) {
                    Answer::Send(whole.clone())
                } else {
                    Answer::Send(b"HTTP/1.1 410 Gone\r\ncontent-length: 0\r\n\r\n".to_vec())
                }
            })
            .await?;
            let scene = Scene::new(size, &origin).await?;
            scene.die_at(call, after).await?;
            // Where the copier died before it fetched anything, the one answer is spent here.
            if origin.heads().is_empty() {
                let _ = local::client::http()?.get(origin.url("/a")).send().await?;
            }
            let state = scene.schedule().await?;
            match scene.bed.bucket().await?.0.as_slice() {
                [] => ensure!(state == "expired", "{state} without an object"),
                _ => {
                    ensure!(state == "stored", "{state} with an object");
                    scene.is_stored_once().await?;
                }
            }
            anyhow::Ok(state)
        });
        let states: Vec<_> = scenes.buffer_unordered(SIDE_BY_SIDE).try_collect().await?;
        ensure!(
            states.iter().any(|state| state == "stored") && states.iter().any(|state| state == "expired")
        );
    }
    Ok(())
}

/// The faults between a copier and its stores.
const FAULTS: [fn() -> Fate; 4] = [
    || Fate::error(500, "InternalServerError"),
    || Fate::error(500, "InternalServerError").late(),
    || Fate::Drop,
    || Fate::Drop.late(),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_store_may_fail_once_or_from_then_on_at_every_call() -> anyhow::Result<()> {
    for size in SIZES {
        let origin = &Origin::of(wav(size)).await?;
        let (calls, _) = deaths(size, origin).await?;
        let once_or_not = (0..calls.len()).flat_map(|call| [(call, call), (call, usize::MAX)]);
        let faults = once_or_not.flat_map(|(from, to)| FAULTS.map(|fault| (from, to, fault)));
        let scenes = futures_util::stream::iter(faults).map(async |(from, to, fault)| {
            let scene = Scene::new(size, origin).await?;
            let fate = move |call| if (from..=to).contains(&call) { fault() } else { Fate::Forward };
            scene.act(Arc::default(), fate).await?;
            let state = scene.schedule().await?;
            ensure!(state == "stored", "{state}");
            scene.is_stored_once().await.with_context(|| format!("failed at {from} {}, to {to}", calls[from]))
        });
        scenes.buffer_unordered(2 * SIDE_BY_SIDE).try_collect::<()>().await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_is_due_in_a_shard_that_can_not_be_read_waits_alone() -> anyhow::Result<()> {
    let (bed, origin) = (Bed::start().await?, Origin::of(wav(100)).await?);
    for index in 0..50 {
        bed.announce(&format!("c{index}"), &origin.url("/a")).await?;
    }
    let poisoned = |call: &Call| call.body.windows(13).any(|part| part == b"\"recording#3\"");
    let copier = bed
        .copier_behind(move |call| {
            let fails = call.operation() == "Query" && poisoned(call);
            Box::pin(ready(if fails { Fate::error(500, "InternalServerError") } else { Fate::Forward }))
        })
        .await?;
    ensure!(copier.handle(json!({}), Instant::now() + Duration::from_secs(60)).await.is_err());
    let first = bed.bucket().await?.0.len();
    ensure!((25..50).contains(&first), "{first} of 50");
    bed.sweep().await?;
    assert_eq!(bed.bucket().await?.0.len(), 50);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conditional_write_that_meets_another_one_is_repeated() -> anyhow::Result<()> {
    let conflict = || Fate::Answer(409, "<Error><Code>ConditionalRequestConflict</Code></Error>".to_owned());
    for late in [false, true] {
        for (size, writes) in [(SIZES[0], 2..=3), (SIZES[1], 6..=6)] {
            let origin = Origin::of(wav(size)).await?;
            let scene = Scene::new(size, &origin).await?;
            let fate = move |call| match (writes.contains(&call), late) {
                (true, true) => conflict().late(),
                (true, false) => conflict(),
                (false, _) => Fate::Forward,
            };
            let calls = scene.act(Arc::default(), fate).await?;
            let state = scene.schedule().await?;
            ensure!(state == "stored", "{size}, late: {late}: {state} after {calls:?}");
            scene.is_stored_once().await?;
            // A recording that is in memory as a whole is not downloaded again.
            ensure!(size != WHOLE || origin.heads().len() == 1, "{:?}", origin.heads());
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_is_given_up_too_when_an_earlier_copy_is_found() -> anyhow::Result<()> {
    let whole = ok("", &wav(SIZES[1]));
    let cut = whole[..whole.len() - 1000].to_vec();
    let origin = Origin::in_turn(vec![Answer::Send(whole), Answer::Send(cut)]).await?;
    let scene = Scene::new(SIZES[1], &origin).await?;
    // It dies before it writes that the copy is there.
    scene.die_at(7, false).await?;
    scene.bed.exhaust(&scene.key).await?;
    assert_eq!(scene.schedule().await?, "stored");
    scene.is_stored_once().await?;
    assert_eq!(scene.bed.bucket().await?.1, 0, "uploads are left");
    Ok(())
}
