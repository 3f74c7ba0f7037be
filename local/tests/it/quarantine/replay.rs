//! A replay: in place, and from where a body was kept whose call could not be read.

use anyhow::Context as _;
use aws_sdk_dynamodb::types::AttributeValue;
use http::Method;
use local::gateway::HttpRequest;
use local::stack::{BUCKET, TABLE};
use serde_json::{Value, json};
use shared::provider::Provider;

use super::{act, bed, deliver, objects, only, said, states, unread, waiting};
use crate::bed::{Bed, post, text};

const BODY: &str =
    "CallSid=c&CallStatus=completed&CallbackSource=s&RecordingSid=r&RecordingUrl=https://h.example/r";

#[tokio::test]
async fn a_replayed_delivery_is_applied_with_its_recording_and_is_listed_no_more() -> anyhow::Result<()> {
    let bed = bed().await?;
    assert_eq!(deliver(&bed, BODY, 4_000).await?, "quarantined");
    let id = only(&bed).await?;
    let answer = act(&bed, &format!("/quarantine/{id}/replay")).await?;
    assert_eq!(said(&answer), (200, "accepted".to_owned()));
    assert_eq!(answer.body["call_id"], "c");
    assert_eq!(waiting(&bed).await?, [""; 0]);
    let call = bed.call(Provider::Telnyx, "c").await?;
    assert_eq!((&call["status"], &call["deliveries"][0]["state"]), (&json!("completed"), &json!("applied")));
    assert_eq!(call["deliveries"][0]["note"], "delivered_late");
    assert_eq!(bed.items_of("RECORDING").await?.len(), 1);
    let deliveries = bed.items_of("DELIVERY").await?;
    assert!(deliveries[0].contains_key("expires_at_epoch") && !deliveries[0].contains_key("work_shard"));
    // Asked again, and delivered again.
    assert_eq!(said(&act(&bed, &format!("/quarantine/{id}/replay")).await?), (200, "duplicate".to_owned()));
    assert_eq!(deliver(&bed, BODY, 0).await?, "duplicate");
    let trail = bed.client.get("/audit").await?.body;
    assert_eq!(trail["entries"][0]["action"], "replayed");
    Ok(())
}

#[tokio::test]
async fn a_body_that_finds_its_call_moves_there_with_its_evidence() -> anyhow::Result<()> {
    for noise in [0, 60_000] {
        let bed = bed().await?;
        let noise: String = (0..noise).map(|_| fastrand::alphanumeric()).collect();
        let body = format!("{BODY}&Noise={noise}");
        deliver(&bed, &body, 4_000).await?;
        let id = unread(&bed).await?;
        let before = objects(&bed).await?;
        assert_eq!(before.len(), usize::from(!noise.is_empty()));
        assert!(before.iter().all(|key| key.starts_with("quarantine/telnyx/default/")));
        let answer = act(&bed, &format!("/quarantine/{id}/replay")).await?;
        assert_eq!((said(&answer), &answer.body["call_id"]), ((200, "accepted".to_owned()), &json!("c")));
        let deliveries = bed.items_of("DELIVERY").await?;
        assert_eq!(deliveries.len(), 1, "something of it is left");
        assert_eq!(text(&deliveries[0], "pk"), "CALL#telnyx#default#c");
        let after = objects(&bed).await?;
        assert!(after.iter().all(|key| !key.starts_with("quarantine/")), "{after:?}");
        // It is still what came.
        let call = bed.call(Provider::Telnyx, "c").await?;
        let delivery_id = call["deliveries"][0]["delivery_id"].as_str().context("no id")?;
        let raw = bed.client.get(&format!("/calls/telnyx/default/c/deliveries/{delivery_id}")).await?;
        assert_eq!(raw.body["body"], body);
        let again = act(&bed, &format!("/quarantine/{id}/replay")).await?;
        assert_eq!(said(&again), (404, "delivery_unknown".to_owned()));
    }
    Ok(())
}

#[tokio::test]
async fn what_a_crash_has_left_is_removed_by_the_next_replay_or_by_the_schedule() -> anyhow::Result<()> {
    for by_schedule in [false, true] {
        let bed = bed().await?;
        let noise: String = (0..60_000).map(|_| fastrand::alphanumeric()).collect();
        deliver(&bed, &format!("{BODY}&Noise={noise}"), 4_000).await?;
        let id = unread(&bed).await?;
        let deliveries = bed.items_of("DELIVERY").await?;
        let waiting = deliveries.first().context("no delivery")?.clone();
        let [object] = &objects(&bed).await?[..] else { anyhow::bail!("not one object") };
        act(&bed, &format!("/quarantine/{id}/replay")).await?;
        // As it is between the transaction and what follows.
        let mut left = waiting;
        left.remove("reason");
        let shard = text(&left, "work_shard").replace("quarantined#", "spare#");
        left.insert("work_shard".to_owned(), AttributeValue::S(shard));
        left.insert("state".to_owned(), AttributeValue::S("applied".to_owned()));
        left.insert("moved".to_owned(), AttributeValue::Bool(true));
        bed.stack.aws.dynamodb().put_item().table_name(TABLE).set_item(Some(left)).send().await?;
        bed.stack.aws.s3().put_object().bucket(BUCKET).key(object).body(b"x".to_vec().into()).send().await?;
        if by_schedule {
            schedule(&bed).await?;
        } else {
            let again = act(&bed, &format!("/quarantine/{id}/replay")).await?;
            assert_eq!(said(&again), (200, "duplicate".to_owned()));
        }
        assert_eq!((bed.items_of("DELIVERY").await?.len(), versions_in_quarantine(&bed).await?), (1, 0));
    }
    Ok(())
}

#[tokio::test]
async fn what_still_can_not_be_read_stays_and_what_is_discarded_expires() -> anyhow::Result<()> {
    let bed = bed().await?;
    let noise: String = (0..60_000).map(|_| fastrand::alphanumeric()).collect();
    assert_eq!(deliver(&bed, &format!("Nothing={noise}"), 0).await?, "quarantined");
    let id = only(&bed).await?;
    let answer = act(&bed, &format!("/quarantine/{id}/replay")).await?;
    assert_eq!((said(&answer), &answer.body["call_id"]), ((200, "quarantined".to_owned()), &Value::Null));
    assert_eq!(waiting(&bed).await?, [id.as_str()]);
    for _ in 0..2 {
        assert_eq!(
            said(&act(&bed, &format!("/quarantine/{id}/discard")).await?),
            (200, "discarded".to_owned())
        );
    }
    assert_eq!((waiting(&bed).await?, states(&bed).await?), (vec![], vec!["discarded".to_owned()]));
    assert!(bed.items_of("DELIVERY").await?[0].contains_key("expires_at_epoch"));
    let [object] = &objects(&bed).await?[..] else { anyhow::bail!("not one object") };
    assert!(object.starts_with("evidence/telnyx/default/"), "{object}");
    for path in [format!("/quarantine/{id}"), format!("/quarantine/{id}?")] {
        assert_eq!(bed.client.get(&path).await?.status, 404);
    }
    assert_eq!(
        said(&act(&bed, &format!("/quarantine/{id}/replay")).await?),
        (404, "delivery_unknown".to_owned())
    );
    Ok(())
}

/// Runs the schedule once.
async fn schedule(bed: &Bed) -> anyhow::Result<()> {
    let sources = shared::sources::Sources::from_json(&super::sources().to_string())?;
    let bucket = shared::aws::Bucket { client: bed.stack.aws.s3(), name: BUCKET.to_owned() };
    let upkeep = upkeep::Upkeep::new(bed.stack.ledger.clone(), bucket, sources);
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    let run = upkeep.scheduled(jiff::Timestamp::now(), deadline).await;
    run.map_err(|error| anyhow::anyhow!("{error}"))
}

/// The number of versions of objects in quarantine, markers of a deletion among them.
async fn versions_in_quarantine(bed: &Bed) -> anyhow::Result<usize> {
    let list = bed.stack.aws.s3().list_object_versions().bucket(BUCKET).prefix("quarantine/").send().await?;
    Ok(list.versions().len() + list.delete_markers().len())
}

#[tokio::test]
async fn the_schedule_deletes_what_quarantine_has_left_in_the_bucket() -> anyhow::Result<()> {
    let noise: String = (0..60_000).map(|_| fastrand::alphanumeric()).collect();
    let body = format!("{BODY}&Noise={noise}");
    // Whoever receives a delivery may not delete.
    let bed = bed().await?;
    assert_eq!(deliver(&bed, &body, 4_000).await?, "quarantined");
    assert_eq!(deliver(&bed, &body, 0).await?, "accepted");
    assert_eq!((waiting(&bed).await?, versions_in_quarantine(&bed).await?), (vec![], 1));
    schedule(&bed).await?;
    assert_eq!(versions_in_quarantine(&bed).await?, 0);
    assert!(!bed.items_of("DELIVERY").await?[0].contains_key("work_shard"));
    let call = bed.call(Provider::Telnyx, "c").await?;
    let delivery_id = call["deliveries"][0]["delivery_id"].as_str().context("no id")?;
    let raw = bed.client.get(&format!("/calls/telnyx/default/c/deliveries/{delivery_id}")).await?;
    assert_eq!(raw.body["body"], body);
    Ok(())
}

async fn set_format(bed: &Bed, format: u32) -> anyhow::Result<()> {
    let call = shared::ledger::key::call("telnyx", "default", "c");
    let update = bed.stack.aws.dynamodb().update_item().table_name(TABLE).set_key(Some(call.attributes()));
    let value = AttributeValue::N(format.to_string());
    let update = update.update_expression("SET #f = :f").expression_attribute_names("#f", "format");
    update.expression_attribute_values(":f", value).send().await?;
    Ok(())
}

#[tokio::test]
async fn the_schedule_replays_what_a_newer_version_wrote_once_it_can_be_read() -> anyhow::Result<()> {
    let bed = bed().await?;
    deliver(&bed, "CallSid=c&CallStatus=ringing&CallbackSource=s", 0).await?;
    set_format(&bed, 999).await?;
    assert_eq!(deliver(&bed, BODY, 0).await?, "quarantined");
    // One that waits for another reason is left alone.
    deliver(&bed, "CallSid=d&CallStatus=completed&CallbackSource=s", 4_000).await?;
    schedule(&bed).await?;
    assert_eq!(states(&bed).await?, ["applied", "quarantined", "quarantined"]);
    set_format(&bed, 1).await?;
    schedule(&bed).await?;
    assert_eq!(states(&bed).await?, ["applied", "applied", "quarantined"]);
    assert_eq!(bed.call(Provider::Telnyx, "c").await?["status"], "completed");
    Ok(())
}

#[tokio::test]
async fn acting_takes_its_method_its_right_and_its_parameters() -> anyhow::Result<()> {
    let bed = bed().await?;
    deliver(&bed, BODY, 4_000).await?;
    let id = only(&bed).await?;
    let path = format!("/quarantine/{id}/replay");
    let get = bed.client.get(&path).await?;
    assert_eq!((get.status.as_u16(), get.headers["allow"].to_str()?), (405, "POST"));
    let request = post(&path, &[], "");
    let answer = bed.client.send(HttpRequest { method: Method::POST, ..request }).await?;
    assert_eq!(said(&answer), (401, "token_missing".to_owned()));
    for wrong in ["force=yes", "forced=true"] {
        let answer = act(&bed, &format!("{path}?{wrong}")).await?;
        assert_eq!(said(&answer), (400, "parameter_invalid".to_owned()), "{wrong}");
    }
    assert_eq!(states(&bed).await?, ["quarantined"]);
    Ok(())
}
