//! Copying recordings over the embedded stores, from an origin that misbehaves on request.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use aws_sdk_s3::types::ChecksumMode;
use local::stack::{BUCKET, Options};
use recordings::{Recordings, Summary};
use serde_json::{Value, json};
use shared::provider::Provider;
use tokio::time::{Instant, sleep};

use crate::bed::text;
use crate::copier::{Bed, PLAIN, number, stream_event};
use crate::origin::{Answer, Origin, ok, wav};

mod jobs;
mod links;
mod kinds;

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
