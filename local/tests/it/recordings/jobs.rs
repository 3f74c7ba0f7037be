//! Jobs: leases, attempts, and the ways in which they are tried again.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::{SignedDuration, Timestamp};
use local::stack::TABLE;
use recordings::{Policy, Summary};
use serde_json::json;
use shared::ledger::jobs::{End, Finished, Lease, MadeDue, Reason};
use shared::provider::Provider;
use shared::timestamp::rfc3339;
use tokio::time::Instant;

use crate::bed::text;
use crate::copier::{Bed, number};
use crate::origin::{Answer, Origin, ok, wav};

#[tokio::test]
async fn a_dead_copiers_job_is_due_when_its_lease_ends() -> anyhow::Result<()> {
    let (bed, origin) = (Bed::start().await?, Origin::of(wav(100)).await?);
    let key = bed.announce("c", &origin.url("/a")).await?;
    let now = Timestamp::now();
    let dead = bed.ledger.lease(&key, now, 90).await?.job().context("not leased")?;
    ensure!(bed.ledger.lease(&key, now, 90).await?.job().is_none(), "leased twice");
    assert_eq!(bed.sweep().await?, Summary::default());
    let later = now + SignedDuration::from_secs(91);
    assert_eq!(bed.ledger.renew(&dead, now, 60).await?, Lease::Held);
    let job = bed.ledger.lease(&key, later, 90).await?.job().context("not leased")?;
    assert_eq!(job.attempt, 2);
    // A copier that lost the lease can neither renew it nor end the job.
    assert_eq!(bed.ledger.renew(&dead, later, 90).await?, Lease::Lost);
    let end = End::Failed(Reason::new("late"));
    assert_eq!(bed.ledger.finish(&dead, &end, later).await?, Finished::Lost);
    assert_eq!(text(&bed.item(&key).await?, "state"), "copying");
    assert_eq!(bed.ledger.finish(&job, &end, later).await?, Finished::Written);
    assert_eq!(bed.ledger.finish(&job, &end, later).await?, Finished::Written, "told again");
    assert_eq!(text(&bed.item(&key).await?, "state"), "failed");
    Ok(())
}

#[tokio::test]
async fn a_link_that_is_replaced_while_the_old_one_fails_is_tried_next() -> anyhow::Result<()> {
    let (bed, origin) = (Bed::start().await?, Origin::of(wav(100)).await?);
    let key = bed.announce("c", "https://old.example/").await?;
    let now = Timestamp::now();
    for end in [
        End::Expired(Reason::new("status")),
        End::Retry {
            at: now + SignedDuration::from_hours(1),
            reason: Reason::new("status"),
            key_suffix: None,
        },
    ] {
        bed.set(&key, &[("url", "https://old.example/"), ("work_due", &rfc3339(now))]).await?;
        let job = bed.ledger.lease(&key, now, 90).await?.job().context("not leased")?;
        bed.set(&key, &[("url", &origin.url("/a"))]).await?;
        assert_eq!(bed.ledger.finish(&job, &end, now).await?, Finished::Requeued);
        assert_eq!(text(&bed.item(&key).await?, "state"), "pending");
    }
    assert_eq!(bed.sweep().await?.stored, 1);
    Ok(())
}

#[tokio::test]
async fn a_person_can_have_any_recording_tried_at_once_that_is_not_stored() -> anyhow::Result<()> {
    let (bed, origin) = (Bed::start().await?, Origin::of(wav(100)).await?);
    let now = Timestamp::now();
    let due = async |call: &str| bed.ledger.make_due(Provider::Sautikit, "default", call, "r", now).await;
    assert_eq!(due("c").await?, MadeDue::NotFound);
    let key = bed.announce("c", "ftp://h.example/").await?;
    assert_eq!(due("c").await?, MadeDue::Due);
    // One that waits for its next attempt does not wait any longer.
    bed.set(&key, &[("state", "retry"), ("work_due", "2999-01-01T00:00:00.000Z"), ("last_error", "dns")])
        .await?;
    assert_eq!(bed.sweep().await?, Summary::default());
    assert_eq!(due("c").await?, MadeDue::Due);
    let item = bed.item(&key).await?;
    assert_eq!((text(&item, "state"), number(&item, "attempts")), ("pending", 0));
    ensure!(text(&item, "work_due").starts_with(&rfc3339(now)));
    bed.sweep().await?;
    assert_eq!(text(&bed.item(&key).await?, "state"), "rejected");
    bed.set(&key, &[("url", &origin.url("/a"))]).await?;
    assert_eq!(due("c").await?, MadeDue::Due);
    let item = bed.item(&key).await?;
    assert_eq!((text(&item, "state"), number(&item, "attempts")), ("pending", 0));
    ensure!(!item.contains_key("reason"));
    assert_eq!(bed.sweep().await?.stored, 1);
    assert_eq!(due("c").await?, MadeDue::Stored);
    Ok(())
}

#[tokio::test]
async fn a_poisoned_item_holds_up_nothing_behind_it() -> anyhow::Result<()> {
    let (bed, origin) = (Bed::start().await?, Origin::of(wav(100)).await?);
    for index in 0..120 {
        // Most stand before all others in their shards, and none can be leased or read.
        let key = bed.announce(&format!("p{index}"), "https://h.example/").await?;
        bed.set(&key, &[("work_due", "2020-01-01T00:00:00.000Z")]).await?;
        match index % 3 {
            0 => bed.set(&key, &[("attempts", "poison")]).await?,
            1 => bed.set(&key, &[("provider", "nobody")]).await?,
            _ => bed.set(&key, &[("state", "nowhere")]).await?,
        }
    }
    for index in 0..100 {
        bed.announce(&format!("c{index}"), &origin.url("/a")).await?;
    }
    ensure!(bed.sweep().await.is_err(), "what can't be leased is told");
    assert_eq!(origin.heads().len(), 100);
    assert_eq!(bed.bucket().await?.0.len(), 100);
    Ok(())
}

#[tokio::test]
async fn a_shard_is_read_to_its_end_page_by_page() -> anyhow::Result<()> {
    let (bed, origin) = (Bed::start().await?, Origin::of(wav(100)).await?);
    for index in 0..120 {
        // All are of one call, and so of one shard; the first pages of it can't be leased.
        let key = bed.announce_one_of("c", &index.to_string(), &origin.url("/a"), &[]).await?;
        if index < 110 {
            bed.set(&key, &[("state", "nowhere"), ("work_due", "2020-01-01T00:00:00.000Z")]).await?;
        }
    }
    assert_eq!(bed.sweep().await?, Summary { stored: 10, skipped: 110, ..Summary::default() });
    Ok(())
}

#[tokio::test]
async fn no_job_is_taken_and_no_link_is_opened_before_there_is_room_for_the_copy() -> anyhow::Result<()> {
    let (bed, origin) = (Bed::start().await?, Origin::of(wav(9 << 20)).await?);
    // Larger than a part, and of unknown size before they are opened.
    for index in 0..12 {
        bed.announce(&format!("c{index}"), &origin.url(&format!("/{index}"))).await?;
    }
    assert_eq!(bed.sweep().await?, Summary { stored: 12, ..Summary::default() });
    assert_eq!(origin.heads().len(), 12, "a link was opened more than once");
    Ok(())
}

#[tokio::test]
async fn the_same_link_with_more_time_is_tried_again_when_the_old_time_is_over() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let key = bed.announce("c", "https://h.example/").await?;
    let now = Timestamp::now();
    let job = bed.ledger.lease(&key, now, 90).await?.job().context("not leased")?;
    // As a webhook does that announces it anew while it is copied.
    let update = bed.aws.dynamodb().update_item().table_name(TABLE).set_key(Some(key.attributes()));
    let none = AttributeValue::N("0".to_owned());
    update.update_expression("SET attempts = :n").expression_attribute_values(":n", none).send().await?;
    let end = End::Expired(Reason::new("status"));
    assert_eq!(bed.ledger.finish(&job, &end, now).await?, Finished::Requeued);
    assert_eq!(text(&bed.item(&key).await?, "state"), "pending");
    Ok(())
}

#[tokio::test]
async fn attempts_are_bounded_even_when_copiers_die() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let key = bed.announce("c", "http://127.0.0.1:9/").await?;
    let now = Timestamp::now();
    for attempt in 0..30 {
        let at = now - SignedDuration::from_secs(10_000 - attempt * 100);
        bed.ledger.lease(&key, at, 1).await?.job().context("not leased")?;
    }
    bed.sweep().await?;
    let item = bed.item(&key).await?;
    assert_eq!((text(&item, "state"), text(&item, "reason")), ("failed", "too_many_attempts"));
    Ok(())
}

#[tokio::test]
async fn a_copy_that_is_cut_off_by_the_deadline_is_tried_again() -> anyhow::Result<()> {
    let bed = Bed::with(Policy::local(), json!({})).await?;
    let stalled = Origin::start(|_| Answer::Hang(ok("", &wav(30_000_000))[..20_000_000].to_vec())).await?;
    let key = bed.announce("c", &stalled.url("/a")).await?;
    let started = Instant::now();
    let summary = bed.recordings.handle(json!({}), started + Duration::from_secs(4)).await?;
    ensure!(started.elapsed() < Duration::from_secs(4));
    assert_eq!(summary.retry, 1);
    assert_eq!(text(&bed.item(&key).await?, "last_error"), "out_of_time");
    assert_eq!(bed.bucket().await?, (vec![], 0));
    Ok(())
}
