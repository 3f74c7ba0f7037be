//! Copying recordings over the embedded stores, from an origin that misbehaves on request.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_s3::types::ChecksumMode;
use jiff::{SignedDuration, Timestamp};
use local::stack::{BUCKET, Options, TABLE};
use recordings::{Policy, Recordings, Summary};
use serde_json::{Value, json};
use shared::ledger::jobs::{End, Finished, Lease, MadeDue, Reason};
use shared::ledger::key::{self, Key};
use shared::provider::Provider;
use shared::timestamp::rfc3339;
use tokio::time::{Instant, sleep};

use crate::bed::text;
use crate::copier::{Bed, Item, PLAIN, number, policy, stream_event};
use crate::origin::{Answer, Origin, ok, wav};

#[tokio::test]
async fn copies_what_the_stream_says_is_pending() -> anyhow::Result<()> {
    let (bed, origin) = (Bed::start().await?, Origin::of(wav(100_000)).await?);
    let key = bed.announce("c", &origin.url("/a?X-Amz-Signature=canary")).await?;
    let summary = bed.recordings.handle(stream_event(&key), Instant::now() + Duration::from_secs(60)).await?;
    assert_eq!(summary, Summary { stored: 1, ..Summary::default() });
    let item = bed.item(&key).await?;
    assert_eq!((text(&item, "state"), text(&item, "s3_key")), ("stored", PLAIN));
    assert_eq!((number(&item, "size_bytes"), number(&item, "attempts")), (100_000, 1));
    assert_eq!(text(&item, "content_type"), "audio/wav");
    for gone in ["url", "lease", "lease_until", "work_shard", "work_due"] {
        ensure!(!item.contains_key(gone), "{gone}");
    }
    ensure!(!format!("{item:?}").contains("canary"));
    assert_eq!(bed.object(PLAIN).await?, wav(100_000));
    let head = bed.aws.s3().head_object().bucket(BUCKET).key(PLAIN).checksum_mode(ChecksumMode::Enabled);
    let head = head.send().await?;
    assert_eq!(head.content_type(), Some("audio/wav"));
    assert_eq!(head.e_tag(), Some(text(&item, "etag")));
    assert_eq!(head.checksum_crc64_nvme(), Some(text(&item, "crc64nvme")));
    let metadata = head.metadata().context("no metadata")?;
    assert_eq!(metadata["call"], "c");
    assert_eq!(metadata["sha256"], text(&item, "sha256"));
    let tags = bed.aws.s3().get_object_tagging().bucket(BUCKET).key(PLAIN).send().await?;
    let tags: Vec<_> = tags.tag_set().iter().map(|tag| (tag.key(), tag.value())).collect();
    ensure!(tags.contains(&("provider", "sautikit")) && tags.contains(&("recording", "r")), "{tags:?}");
    // Nothing is left to do.
    assert_eq!(bed.sweep().await?, Summary::default());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_sweeps_never_copy_one_recording_twice() -> anyhow::Result<()> {
    let (bed, origin) = (Bed::start().await?, Origin::of(wav(1000)).await?);
    for index in 0..60 {
        bed.announce(&format!("c{index}"), &origin.url("/a")).await?;
    }
    let (one, two, three) = tokio::join!(bed.sweep(), bed.sweep(), bed.sweep());
    assert_eq!(one?.stored + two?.stored + three?.stored, 60);
    assert_eq!(origin.heads().len(), 60);
    Ok(())
}

#[tokio::test]
async fn a_large_recording_goes_up_in_parts() -> anyhow::Result<()> {
    for size in [8 << 20, (8 << 20) + 1, 20_000_000, 24 << 20] {
        let (bed, origin) = (Bed::start().await?, Origin::of(wav(size)).await?);
        let key = bed.announce("c", &origin.url("/a")).await?;
        bed.sweep().await?;
        let item = bed.item(&key).await?;
        assert_eq!(text(&item, "state"), "stored", "{item:?}");
        assert_eq!(usize::try_from(number(&item, "size_bytes"))?, size);
        ensure!(bed.object(PLAIN).await? == wav(size), "{size}");
        let head = bed.aws.s3().head_object().bucket(BUCKET).key(PLAIN).checksum_mode(ChecksumMode::Enabled);
        assert_eq!(head.send().await?.checksum_crc64_nvme(), Some(text(&item, "crc64nvme")));
        assert_eq!(bed.bucket().await?, (vec![PLAIN.to_owned()], 0));
    }
    Ok(())
}

/// Answers the first request with half of the body, and a range with the rest of it.
fn half_then_rest(body: Vec<u8>) -> impl Fn(&str) -> Answer {
    move |head| {
        let headers = "etag: \"1\"\r\n";
        let whole = ok(headers, &body);
        let Some((_, range)) = head.split_once("range: bytes=") else {
            return Answer::Send(whole[..whole.len() - body.len() / 2].to_vec());
        };
        let offset: usize = range.split('-').next().and_then(|text| text.parse().ok()).unwrap_or(0);
        let rest = &body[offset..];
        let mut answer = format!(
            "HTTP/1.1 206 Partial Content\r\n{headers}content-range: bytes {offset}-{}/{}\r\ncontent-length: {}\r\n\r\n",
            body.len() - 1,
            body.len(),
            rest.len()
        )
        .into_bytes();
        answer.extend(rest);
        Answer::Send(answer)
    }
}

#[tokio::test]
async fn a_dropped_connection_is_taken_up_where_it_was_lost() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let origin = Origin::start(half_then_rest(wav(30_000_000))).await?;
    let key = bed.announce("c", &origin.url("/a")).await?;
    bed.sweep().await?;
    assert_eq!(text(&bed.item(&key).await?, "state"), "stored");
    ensure!(bed.object(PLAIN).await? == wav(30_000_000));
    let heads = origin.heads();
    assert_eq!(heads.len(), 2);
    ensure!(heads[1].contains("if-range: \"1\""), "{}", heads[1]);
    Ok(())
}

#[tokio::test]
async fn an_upload_that_can_not_go_on_is_aborted() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let whole = ok("", &wav(30_000_000));
    let origin = Origin::start(move |_| Answer::Send(whole[..20_000_000].to_vec())).await?;
    let key = bed.announce("c", &origin.url("/a")).await?;
    assert_eq!(bed.sweep().await?.retry, 1);
    let item = bed.item(&key).await?;
    assert_eq!((text(&item, "state"), text(&item, "last_error")), ("retry", "connection_lost"));
    assert_eq!(bed.bucket().await?, (vec![], 0));
    Ok(())
}

#[tokio::test]
async fn a_stalled_or_endless_answer_holds_nobody_up() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let stalled = Origin::start(|_| Answer::Hang(ok("", &wav(1000))[..500].to_vec())).await?;
    let silent = Origin::start(|_| Answer::Hang(Vec::new())).await?;
    let good = Origin::of(wav(1000)).await?;
    let stalled = bed.announce("stalled", &stalled.url("/a")).await?;
    let silent = bed.announce("silent", &silent.url("/a")).await?;
    for index in 0..20 {
        bed.announce(&format!("c{index}"), &good.url("/a")).await?;
    }
    let summary = bed.sweep().await?;
    assert_eq!((summary.stored, summary.retry), (20, 2));
    assert_eq!(text(&bed.item(&stalled).await?, "last_error"), "idle");
    assert_eq!(text(&bed.item(&silent).await?, "last_error"), "timeout");
    Ok(())
}

#[tokio::test]
async fn what_may_still_come_is_waited_for() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    for (id, status) in
        [("a", "404 Not Found"), ("b", "403 Forbidden"), ("c", "202 Accepted"), ("d", "503 Busy")]
    {
        let origin = Origin::status(status, "", "<Error><Code>AccessDenied</Code></Error>").await?;
        let key = bed.announce(id, &origin.url("/a")).await?;
        bed.sweep().await?;
        let item = bed.item(&key).await?;
        assert_eq!(text(&item, "state"), "retry", "{status}");
        assert_eq!(text(&item, "last_error"), format!("status: {}", &status[..3]));
        assert_eq!(text(&item, "next_attempt_at"), text(&item, "work_due"));
        ensure!(text(&item, "work_due") > rfc3339(Timestamp::now()).as_str());
    }
    // Not due yet, then due.
    assert_eq!(bed.sweep().await?, Summary::default());
    let (good, key) = (
        Origin::of(wav(100)).await?,
        Key { pk: key::call("sautikit", "default", "a").pk, sk: key::recording_sk("r") },
    );
    bed.set(&key, &[("url", &good.url("/a")), ("work_due", "2026-01-01T00:00:00.000Z")]).await?;
    assert_eq!(bed.sweep().await?.stored, 1);
    let item = bed.item(&key).await?;
    assert_eq!(number(&item, "attempts"), 2);
    ensure!(!item.contains_key("last_error") && !item.contains_key("next_attempt_at"));
    Ok(())
}

#[tokio::test]
async fn retry_after_is_heeded_and_the_expiry_before_it() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let origin = Origin::status("429 Too Many Requests", "retry-after: 600\r\n", "").await?;
    let open = bed.announce("open", &origin.url("/a")).await?;
    let expiry = Timestamp::now() + SignedDuration::from_secs(300);
    let closing =
        bed.announce_with("closing", &origin.url("/a"), &[("source_expires_at", &rfc3339(expiry))]).await?;
    bed.sweep().await?;
    // A stream record that comes again must not cut the wait short.
    ensure!(bed.ledger.lease(&open, Timestamp::now(), 90).await?.job().is_none(), "leased before it was due");
    let wait = |item: &Item| -> anyhow::Result<i64> {
        Ok(text(item, "work_due").parse::<Timestamp>()?.duration_since(Timestamp::now()).as_secs())
    };
    let (open, closing) = (wait(&bed.item(&open).await?)?, wait(&bed.item(&closing).await?)?);
    ensure!((590..=600).contains(&open) && (200..=210).contains(&closing), "{open} {closing}");
    Ok(())
}

#[tokio::test]
async fn links_that_no_longer_work_are_expired() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let past = rfc3339(Timestamp::now() - SignedDuration::from_secs(60));
    let expired = "<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>";
    let cases = [
        ("a", "410 Gone", "", None),
        ("b", "403 Forbidden", expired, None),
        ("c", "400 Bad Request", "<Error><Code>ExpiredToken</Code></Error>", None),
        ("d", "404 Not Found", "", Some(past.as_str())),
    ];
    for (id, status, body, expires_at) in cases {
        let origin = Origin::status(status, "", body).await?;
        let more: Vec<_> = expires_at.map(|at| ("source_expires_at", at)).into_iter().collect();
        let key = bed.announce_with(id, &origin.url("/a"), &more).await?;
        assert_eq!(bed.sweep().await?.ended, 1);
        let item = bed.item(&key).await?;
        assert_eq!((text(&item, "state"), text(&item, "reason")), ("expired", "status"), "{status}");
        ensure!(item.contains_key("url") && !item.contains_key("work_due"));
    }
    Ok(())
}

#[tokio::test]
async fn a_page_is_never_stored() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let bodies = ["<!DOCTYPE html><p>Please wait", "<?xml version=\"1.0\"?><Error/>", "{\"error\":1}", ""];
    for (index, body) in bodies.into_iter().enumerate() {
        let origin = Origin::status("200 OK", "content-type: audio/mpeg\r\n", body).await?;
        let key = bed.announce(&index.to_string(), &origin.url("/a")).await?;
        bed.sweep().await?;
        let item = bed.item(&key).await?;
        let code = if body.is_empty() { "empty" } else { "not_audio" };
        ensure!(text(&item, "state") == "retry" && text(&item, "last_error").starts_with(code), "{item:?}");
    }
    assert_eq!(bed.bucket().await?, (vec![], 0));
    Ok(())
}

#[tokio::test]
async fn a_refused_link_is_rejected_with_the_rules_name_and_never_fetched() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let there = Origin::status("302 Found", "location: http://169.254.169.254/latest\r\n", "").await?;
    let looping = Origin::status("302 Found", "location: /again\r\n", "").await?;
    let cases = [
        ("a", "file:///etc/passwd".to_owned(), "scheme"),
        ("b", "http://10.0.0.1/a?token=canary".to_owned(), "ip_literal"),
        ("c", there.url("/a"), "ip_literal"),
        ("d", looping.url("/a"), "too_many_redirects"),
    ];
    for (id, url, rule) in &cases {
        let key = bed.announce(id, url).await?;
        assert_eq!(bed.sweep().await?.ended, 1);
        let item = bed.item(&key).await?;
        assert_eq!((text(&item, "state"), text(&item, "reason")), ("rejected", *rule));
        ensure!(!text(&item, "last_error").contains("canary"));
        assert_eq!(bed.sweep().await?, Summary::default());
    }
    assert_eq!(looping.heads().len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_name_for_this_machine_is_refused_in_production() -> anyhow::Result<()> {
    // `localhost` is refused by name; the resolver is asked only for names that could be public.
    let bed = Bed::with(Policy::production(1 << 30), json!({})).await?;
    let key = bed.announce("c", "https://localhost/a").await?;
    bed.sweep().await?;
    assert_eq!(text(&bed.item(&key).await?, "reason"), "host_not_public");
    Ok(())
}

#[tokio::test]
async fn what_is_too_large_is_rejected_told_or_not() -> anyhow::Result<()> {
    let mut policy = policy();
    policy.max_bytes = 10_000_000;
    let bed = Bed::with(policy, json!({})).await?;
    let told = Origin::of(wav(10_000_001)).await?;
    let untold = Origin::start(|_| {
        let mut answer = b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n".to_vec();
        answer.extend(wav(12_000_000));
        Answer::Send(answer)
    })
    .await?;
    for (id, origin) in [("told", told), ("untold", untold)] {
        let key = bed.announce(id, &origin.url("/a")).await?;
        bed.sweep().await?;
        let item = bed.item(&key).await?;
        assert_eq!((text(&item, "state"), text(&item, "reason")), ("rejected", "too_large"), "{id}");
    }
    assert_eq!(bed.bucket().await?, (vec![], 0));
    Ok(())
}

#[tokio::test]
async fn credentials_go_to_their_hosts_and_not_across_origins() -> anyhow::Result<()> {
    let far = Origin::of(wav(100)).await?;
    let location = format!("location: {}\r\n", far.url("/b"));
    let near = Origin::status("302 Found", &location, "").await?;
    let source = json!({ "recording_hosts": ["127.0.0.1"], "recording_authorization": "Bearer canary" });
    let bed = Bed::with(policy(), source).await?;
    bed.announce("c", &near.url("/a")).await?;
    assert_eq!(bed.sweep().await?.stored, 1);
    ensure!(near.heads()[0].contains("authorization: bearer canary"));
    ensure!(!far.heads()[0].contains("authorization"), "{}", far.heads()[0]);
    ensure!(near.heads()[0].contains("accept-encoding: identity"));
    // Another host is not even asked.
    let key = bed.announce("d", &near.url("/a").replace("127.0.0.1", "localhost")).await?;
    bed.sweep().await?;
    assert_eq!(text(&bed.item(&key).await?, "reason"), "host_not_listed");
    Ok(())
}

#[tokio::test]
async fn an_object_that_is_there_already_is_told_apart_by_its_bytes() -> anyhow::Result<()> {
    for size in [1000, 20_000_000] {
        let (bed, origin) = (Bed::start().await?, Origin::of(wav(size)).await?);
        let key = bed.announce("c", &origin.url("/a")).await?;
        bed.sweep().await?;
        // As if the copier had died before it wrote so down.
        let again = bed.announce("c", &origin.url("/a")).await?;
        assert_eq!(bed.sweep().await?.stored, 1, "{size}");
        assert_eq!(text(&bed.item(&again).await?, "s3_key"), PLAIN);
        assert_eq!(bed.bucket().await?, (vec![PLAIN.to_owned()], 0));
        // Other bytes get another name.
        let mut other = wav(size);
        other[500] ^= 1;
        let other = Origin::of(other).await?;
        bed.announce("c", &other.url("/a")).await?;
        while bed.sweep().await?.stored == 0 {}
        let item = bed.item(&key).await?;
        let expected =
            format!("recordings/sautikit/default/2026/06/27/c/r-{}.wav", &text(&item, "sha256")[..12]);
        assert_eq!(text(&item, "s3_key"), expected);
        let (keys, uploads) = bed.bucket().await?;
        assert_eq!((keys.len(), uploads), (2, 0), "{keys:?}");
        ensure!(bed.object(PLAIN).await? == wav(size));
    }
    Ok(())
}

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
    // Whoever lost the lease can neither keep it nor end the job.
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
async fn a_person_can_have_an_ended_recording_tried_again() -> anyhow::Result<()> {
    let (bed, origin) = (Bed::start().await?, Origin::of(wav(100)).await?);
    let now = Timestamp::now();
    let due = async |call: &str| bed.ledger.make_due(Provider::Sautikit, "default", call, "r", now).await;
    assert_eq!(due("c").await?, MadeDue::NotFound);
    let key = bed.announce("c", "ftp://h.example/").await?;
    assert_eq!(due("c").await?, MadeDue::NotEnded { state: "pending".to_owned() });
    bed.sweep().await?;
    assert_eq!(text(&bed.item(&key).await?, "state"), "rejected");
    bed.set(&key, &[("url", &origin.url("/a"))]).await?;
    assert_eq!(due("c").await?, MadeDue::Due);
    let item = bed.item(&key).await?;
    assert_eq!((text(&item, "state"), number(&item, "attempts")), ("pending", 0));
    ensure!(!item.contains_key("reason"));
    assert_eq!(bed.sweep().await?.stored, 1);
    assert_eq!(due("c").await?, MadeDue::NotEnded { state: "stored".to_owned() });
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
async fn a_job_that_is_put_back_has_all_its_attempts() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let key = bed.announce("c", "https://h.example/").await?;
    let now = Timestamp::now();
    let job = bed.ledger.lease(&key, now, 90).await?.job().context("not leased")?;
    let end = End::PutBack { at: now, reason: Reason::new("busy") };
    assert_eq!(bed.ledger.finish(&job, &end, now).await?, Finished::Written);
    let item = bed.item(&key).await?;
    assert_eq!((text(&item, "state"), number(&item, "attempts")), ("retry", 0));
    assert_eq!(bed.ledger.lease(&key, now, 90).await?.job().context("not leased")?.attempt, 1);
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

#[test]
fn handling_an_event_may_run_as_a_task() {
    fn is_send<T: Send>(_: impl Fn(Arc<Recordings>, Value) -> T) {}
    is_send(|recordings, event| async move { recordings.handle(event, Instant::now()).await.map(|_| ()) });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_alone_starts_copies_and_none_waits_for_a_slow_one() -> anyhow::Result<()> {
    // The schedule runs once, at the start, when there is nothing to do.
    let hours = Duration::from_secs(36_000);
    let stack = crate::bed::Bed::with(Options { schedule: Some(hours), ..Options::in_memory()? }).await?;
    let silent = Origin::start(|_| Answer::Hang(Vec::new())).await?;
    let good = Origin::of(wav(1000)).await?;
    for (id, origin) in [("slow", &silent), ("quick", &good)] {
        let data = json!({ "call_id": id, "recording_id": "r", "download_url": origin.url("/a") });
        let body = json!({ "kind": "call.recording.ready", "event_id": id, "data": data });
        stack.deliver(Provider::Sautikit, body.to_string()).await?;
        // A copy has begun before the next delivery comes.
        while origin.heads().is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
    }
    // The slow one is given up after twenty seconds.
    let stored = async || {
        anyhow::Ok(stack.items_of("RECORDING").await?.iter().any(|item| text(item, "state") == "stored"))
    };
    for _ in 0..100 {
        if stored().await? {
            return Ok(());
        }
        sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the quick one waits for the slow one")
}
