//! Deliveries that are genuine and late: by more than the tolerance, in either direction.

use jiff::{SignedDuration, Timestamp};
use local::client::Answer;
use local::embedded;
use local::sample::Sample;
use local::stack::Options;
use serde_json::{Value, json};
use shared::provider::Provider;

use super::said;
use crate::bed::{Bed, text};

const CALL_SID: &str = "v3:9X2vxPDFY2RHSJ1EdMS0RHRksMTg7ldNxdjWbVr9zBjbGjGsSe-aiQ";

async fn send(bed: &Bed, sample: &Sample, seconds: i64) -> anyhow::Result<Answer> {
    bed.client.send(sample.request("default", Timestamp::now() + SignedDuration::from_secs(seconds))).await
}

#[tokio::test]
async fn a_late_delivery_is_applied_with_a_note_and_its_recording_is_copied() -> anyhow::Result<()> {
    let bed = Bed::with(Options { schedule: None, ..Options::in_memory()? }).await?;
    let mut sample = Sample::load("telnyx-call-completed")?;
    sample.set("RecordingUrl", "https://media.example/r.mp3")?;
    let answer = send(&bed, &sample, -4_000).await?;
    assert_eq!((said(&answer), answer.body["call_id"].as_str()), ((200, "accepted"), Some(CALL_SID)));
    assert_eq!(bed.items_of("RECORDING").await?.len(), 1);
    // A replay changes nothing, whenever it comes.
    for seconds in [-4_000, 0, 4_000] {
        assert_eq!(said(&send(&bed, &sample, seconds).await?), (200, "duplicate"));
    }
    let call = bed.call(Provider::Telnyx, CALL_SID).await?;
    let delivery = &call["deliveries"][0];
    assert_eq!((&delivery["state"], &delivery["note"]), (&json!("applied"), &json!("delivered_late")));
    assert!((3_999..=4_002).contains(&delivery["late_seconds"].as_i64().unwrap()), "{delivery}");
    Ok(())
}

#[tokio::test]
async fn a_delivery_from_the_future_is_late_by_less_than_nothing() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let sample = Sample::load("telnyx-call-completed")?;
    assert_eq!(said(&send(&bed, &sample, 4_000).await?), (200, "accepted"));
    let call = bed.call(Provider::Telnyx, CALL_SID).await?;
    assert!((-4_001..=-3_998).contains(&call["deliveries"][0]["late_seconds"].as_i64().unwrap()));
    // Within the tolerance, nothing is said of it.
    let bed = Bed::start().await?;
    send(&bed, &sample, 200).await?;
    let call = bed.call(Provider::Telnyx, CALL_SID).await?;
    assert_eq!(
        (&call["deliveries"][0]["late_seconds"], &call["deliveries"][0]["note"]),
        (&Value::Null, &Value::Null)
    );
    Ok(())
}

#[tokio::test]
async fn a_wary_source_keeps_late_deliveries_in_quarantine() -> anyhow::Result<()> {
    let mut sources: Value = serde_json::from_str(embedded::SOURCES)?;
    sources["telnyx"]["default"]["late"] = json!("quarantine");
    let bed = Bed::with(Options { sources: sources.to_string(), ..Options::in_memory()? }).await?;
    let sample = Sample::load("telnyx-call-completed")?;
    let answer = send(&bed, &sample, -400).await?;
    assert_eq!((said(&answer), answer.body["call_id"].as_str()), ((200, "quarantined"), Some(CALL_SID)));
    assert_eq!(said(&send(&bed, &sample, 400).await?), (200, "quarantined"));
    assert_eq!(bed.items_of("CALL").await?.len(), 0, "it changes no record");
    assert_eq!(bed.items_of("RECORDING").await?.len(), 0);

    // It does not stand in the way of a copy in time, and is a duplicate after it.
    assert_eq!(said(&send(&bed, &sample, 0).await?), (200, "accepted"));
    assert_eq!(said(&send(&bed, &sample, -400).await?), (200, "duplicate"));
    let deliveries = bed.items_of("DELIVERY").await?;
    let states: Vec<_> = deliveries.iter().map(|item| [text(item, "state"), text(item, "reason")]).collect();
    assert_eq!(states, [["applied", ""]], "the copy in time resolves the late one");

    // Another body of the same event, late, changes no record either.
    let mut other = sample.clone();
    other.set("CallDuration", "9999")?;
    assert_eq!(said(&send(&bed, &other, -3_600).await?), (200, "quarantined"));
    assert_eq!(bed.call(Provider::Telnyx, CALL_SID).await?["duration_seconds"], 45);
    Ok(())
}
