//! Leases that are renewed, lost and stolen while a copy goes on.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::ensure;
use recordings::{Leasing, Recordings, Summary};
use shared::ledger::key::Key;
use tokio::time::{Instant, sleep};

use crate::bed::text;
use crate::copier::{Bed, number, stream_event};
use crate::origin::{Answer, Origin};
use crate::proxy::{Call, Fate};

/// A lease that ends soon, for copies that take twice as long.
const SHORT: Leasing = Leasing {
    seconds: 2,
    renewal: Duration::from_millis(400),
    pause: Duration::from_millis(100),
    margin: Duration::from_millis(500),
};

/// An origin whose one recording takes four seconds.
async fn slow() -> anyhow::Result<Origin> {
    let start = b"HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n".to_vec();
    let mut piece = b"RIFF\0\0\0\0WAVEfmt ".to_vec();
    piece.resize(10_000, 7);
    Origin::start(move |_| Answer::Flow {
        start: start.clone(),
        piece: piece.clone(),
        pause: Duration::from_millis(200),
    })
    .await
}

async fn copy(copier: &Recordings, key: &Key) -> anyhow::Result<Summary> {
    Ok(copier.handle(stream_event(key), Instant::now() + Duration::from_secs(60)).await?)
}

/// A copier in front of a bed's stores; `fate` decides about the updates of its jobs, by their number.
async fn copier(bed: &Bed, fate: fn(usize) -> Fate) -> anyhow::Result<Recordings> {
    let updates = Arc::new(AtomicUsize::new(0));
    let decide = move |call: &Call| {
        let is_update = call.operation() == "UpdateItem";
        let fate = if is_update { fate(updates.fetch_add(1, Ordering::SeqCst)) } else { Fate::Forward };
        Box::pin(ready(fate)) as _
    };
    Ok(bed.copier_behind(decide).await?.with_leasing(SHORT))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_outlasts_its_lease_keeps_it() -> anyhow::Result<()> {
    let (bed, origin) = (Bed::start().await?, slow().await?);
    let key = bed.announce("c", &origin.url("/a")).await?;
    let copier = copier(&bed, |_| Fate::Forward).await?;
    let others = async {
        for _ in 0..9 {
            sleep(Duration::from_millis(400)).await;
            assert_eq!(bed.sweep().await?.stored, 0, "taken by another");
        }
        anyhow::Ok(())
    };
    let (summary, others) = tokio::join!(copy(&copier, &key), others);
    others?;
    assert_eq!(summary?.stored, 1);
    assert_eq!((origin.heads().len(), number(&bed.item(&key).await?, "attempts")), (1, 1));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copier_whose_lease_was_taken_stops_and_writes_nothing() -> anyhow::Result<()> {
    let (bed, origin) = (Bed::start().await?, slow().await?);
    let key = bed.announce("c", &origin.url("/a")).await?;
    let copier = copier(&bed, |_| Fate::Forward).await?;
    let thief = async {
        sleep(Duration::from_secs(1)).await;
        bed.set(&key, &[("lease", "the thief's")]).await
    };
    let started = Instant::now();
    let (summary, stolen) = tokio::join!(copy(&copier, &key), thief);
    stolen?;
    assert_eq!(summary?, Summary { skipped: 1, ..Summary::default() });
    ensure!(started.elapsed() < Duration::from_secs(3), "it went on all the same");
    let item = bed.item(&key).await?;
    assert_eq!((text(&item, "state"), text(&item, "lease")), ("copying", "the thief's"));
    assert_eq!(bed.bucket().await?, (vec![], 0));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_can_not_be_renewed_is_given_up_before_it_ends() -> anyhow::Result<()> {
    let (bed, origin) = (Bed::start().await?, slow().await?);
    let key = bed.announce("c", &origin.url("/a")).await?;
    // The first update takes the lease; no other one gets through.
    let copier = copier(&bed, |update| if update == 0 { Fate::Forward } else { Fate::Drop }).await?;
    let started = Instant::now();
    assert_eq!(copy(&copier, &key).await?, Summary { skipped: 1, ..Summary::default() });
    ensure!(started.elapsed() < Duration::from_secs(2), "it outlasted its lease");
    assert_eq!(bed.bucket().await?, (vec![], 0));
    Ok(())
}
