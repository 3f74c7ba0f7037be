//! An eraser that dies at any of its requests, and stores that fail: asking again finishes it, and so does the schedule.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use anyhow::Context as _;
use jiff::Timestamp;
use tokio::sync::Notify;

use super::scene::{Gate, Scene, bucket};
use crate::bed::text;
use crate::proxy::{Call, Fate};

/// Lets an eraser die before or after its request of a number. Returns whether it died.
async fn die_at(scene: &Scene, number: usize, after: bool) -> anyhow::Result<bool> {
    let (asked, died) = (Arc::<AtomicUsize>::default(), Arc::new(Notify::new()));
    let decide = {
        let died = died.clone();
        move |_: &Call| {
            let now = asked.fetch_add(1, Ordering::SeqCst);
            let stop = || Fate::Stop(died.clone());
            let fate = match now.cmp(&number) {
                std::cmp::Ordering::Less => Fate::Forward,
                std::cmp::Ordering::Equal if after => stop().late(),
                _ => stop(),
            };
            Box::pin(ready(fate)) as _
        }
    };
    let (aws, ledger) = scene.behind_proxies(decide.clone(), decide).await?;
    let (bucket, pk) = (bucket(&aws), scene.pk());
    tokio::select! {
        erased = ledger.erase_call(&bucket, &pk, Timestamp::now()) => { erased?; Ok(false) }
        () = died.notified() => Ok(true),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_eraser_may_die_at_every_request() -> anyhow::Result<()> {
    for after in [false, true] {
        for number in 0.. {
            let scene = Scene::copied().await?;
            scene.is_there().await?;
            let died = die_at(&scene, number, after).await?;
            let begun = scene.bed.items().await?.iter().any(|item| {
                text(item, "pk") == scene.pk()
                    && text(item, "state") == "erased"
                    && text(item, "sk") == "CALL"
            });
            // Either the schedule finishes it, or whoever asks again.
            let told = format!("died at {number}, after: {after}");
            if begun && number % 2 == 0 {
                scene.schedule(21).await?;
                scene.is_gone().await.with_context(|| told.clone())?;
            }
            let first = scene.erase(&Gate::open()).await?.context("nothing to erase")?;
            scene.is_gone().await.with_context(|| told.clone())?;
            let again = scene.erase(&Gate::open()).await?.context("nothing to erase")?;
            assert_eq!(first, again, "{told}");
            let count = |kind: &str| first.erased.0.get(kind).map_or(0, |amount| amount.count);
            assert_eq!((count("records"), count("deliveries"), count("recordings")), (1, 3, 1), "{told}");
            assert_eq!(count("copies"), 1, "{told}");
            if !died {
                break;
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_once_at_any_request_is_asked_again() -> anyhow::Result<()> {
    for number in 0.. {
        let scene = Scene::copied().await?;
        let asked = Arc::<AtomicUsize>::default();
        let decide = {
            let asked = asked.clone();
            move |_: &Call| {
                let fails = asked.fetch_add(1, Ordering::SeqCst) == number;
                let fate = if fails { Fate::error(500, "InternalServerError").late() } else { Fate::Forward };
                Box::pin(ready(fate)) as _
            }
        };
        let (aws, ledger) = scene.behind_proxies(decide.clone(), decide).await?;
        let erased = ledger.erase_call(&bucket(&aws), &scene.pk(), Timestamp::now()).await;
        let first = erased.with_context(|| format!("failed at {number}"))?.context("nothing to erase")?;
        scene.is_gone().await.with_context(|| format!("failed at {number}"))?;
        assert_eq!(Some(first), scene.erase(&Gate::open()).await?);
        if asked.load(Ordering::SeqCst) <= number {
            break;
        }
    }
    Ok(())
}
