//! Links that give no recording, and the states of their jobs.

use anyhow::ensure;
use jiff::{SignedDuration, Timestamp};
use recordings::{Policy, Summary};
use serde_json::json;
use shared::ledger::key::{self, Key};
use shared::timestamp::rfc3339;

use crate::bed::text;
use crate::copier::{Bed, Item, number, policy};
use crate::origin::{Answer, Origin, wav};

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
        assert_eq!(text(&item, "next_attempt_at"), key::work_time(text(&item, "work_due")));
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
        Ok(key::work_time(text(item, "work_due"))
            .parse::<Timestamp>()?
            .duration_since(Timestamp::now())
            .as_secs())
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
        ensure!(item.contains_key("url") && text(&item, "work_shard").starts_with("ended#"));
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
    let source = json!({ "recording_hosts": ["127.0.0.1"], "recording_authorization": "Bearer canary",
        "recording_authorization_hosts": ["127.0.0.1"] });
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
async fn a_host_that_is_allowed_gets_no_credentials_unless_it_is_named_for_them() -> anyhow::Result<()> {
    let origin = Origin::of(wav(100)).await?;
    for (allowed, trusted, with) in [
        (json!(["127.0.0.1", "localhost"]), "localhost", false),
        (json!(["127.0.0.1", "localhost"]), "127.0.0.1", true),
        // Where every host is allowed, the named one alone gets them.
        (json!([]), "localhost", false),
        (json!([]), "127.0.0.1", true),
    ] {
        let source = json!({ "recording_hosts": allowed, "recording_authorization": "Bearer canary",
            "recording_authorization_hosts": [trusted] });
        let bed = Bed::with(policy(), source).await?;
        let asked = origin.heads().len();
        bed.announce("c", &origin.url("/a")).await?;
        assert_eq!(bed.sweep().await?.stored, 1);
        let heads = origin.heads();
        assert_eq!(heads.len(), asked + 1);
        assert_eq!(heads[asked].contains("authorization: bearer canary"), with, "{allowed} {trusted}");
    }
    Ok(())
}
