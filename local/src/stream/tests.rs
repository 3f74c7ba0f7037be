use std::collections::BTreeMap;
use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::{Position, Reading, follow};
use crate::dynamodb::tests::calls_in_memory;
use crate::sdk;

const READING: Reading =
    Reading { from: Position::TrimHorizon, poll: Duration::from_millis(50), batch_size: 10 };

#[tokio::test]
async fn records_arrive_once_and_in_order_with_images() -> anyhow::Result<()> {
    let dynamodb = calls_in_memory().await?;
    let client = sdk::dynamodb(dynamodb.address);
    let (seen, mut events) = mpsc::unbounded_channel();
    let handler = move |event: Value| {
        let sent = seen.send(event);
        async move { Ok(sent?) }
    };
    let (stop, stopping) = oneshot::channel::<()>();
    let shutdown = async {
        let _ = stopping.await;
    };
    let following = follow(dynamodb.database.clone(), "calls", READING, handler, shutdown)?;
    let following = tokio::spawn(following);

    for version in 0..4 {
        for call in 0..10 {
            put(&client, &format!("CALL#{call}"), version).await?;
        }
    }
    client.delete_item().table_name("calls").key("pk", text("CALL#0")).key("sk", text("CALL")).send().await?;

    let mut records = Vec::new();
    while records.len() < 41 {
        let event = tokio::time::timeout(Duration::from_secs(5), events.recv()).await?;
        let event = event.context("the handler is gone")?;
        let batch = event["Records"].as_array().context("no Records")?;
        assert!((1..=10).contains(&batch.len()));
        records.extend(batch.clone());
    }
    drop(stop);
    following.await??;
    assert!(events.recv().await.is_none(), "a record came twice");

    let mut versions: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for record in &records {
        let pk = record["dynamodb"]["Keys"]["pk"]["S"].as_str();
        let versions = versions.entry(pk.context("no key")?.to_owned()).or_default();
        versions.push(record["dynamodb"]["NewImage"]["version"]["N"].clone());
    }
    assert_eq!(versions["CALL#0"], [json!("0"), json!("1"), json!("2"), json!("3"), Value::Null]);
    assert_eq!(versions["CALL#9"], [json!("0"), json!("1"), json!("2"), json!("3")]);

    let (first, second, last) = (&records[0], &records[10], &records[40]);
    assert_eq!(first["eventName"], "INSERT");
    assert_eq!(first["eventSource"], "aws:dynamodb");
    assert!(first["eventID"].is_string() && first["awsRegion"].is_string());
    assert!(first["eventSourceARN"].as_str().is_some_and(|arn| arn.contains("table/calls/stream/")));
    assert_eq!(first["dynamodb"]["StreamViewType"], "NEW_AND_OLD_IMAGES");
    assert!(first["dynamodb"]["SequenceNumber"].is_string());
    assert_eq!(first["dynamodb"].get("OldImage"), None);
    assert_eq!(second["eventName"], "MODIFY");
    assert_eq!(second["dynamodb"]["OldImage"]["version"], json!({"N": "0"}));
    assert_eq!(last["eventName"], "REMOVE");
    assert_eq!(last["dynamodb"].get("NewImage"), None);
    Ok(())
}

#[tokio::test]
async fn latest_begins_where_follow_was_called_and_is_quick() -> anyhow::Result<()> {
    let dynamodb = calls_in_memory().await?;
    let client = sdk::dynamodb(dynamodb.address);
    put(&client, "before", 0).await?;
    let (seen, mut events) = mpsc::unbounded_channel();
    let handler = move |event: Value| {
        let sent = seen.send(event);
        async move { Ok(sent?) }
    };
    let reading = Reading { from: Position::Latest, ..READING };
    let following = follow(dynamodb.database.clone(), "calls", reading, handler, pending())?;
    put(&client, "after", 0).await?;
    let _following = tokio::spawn(following);
    let event = events.recv().await.context("no event")?;
    assert_eq!(event["Records"][0]["dynamodb"]["Keys"]["pk"]["S"], "after");

    let written = Instant::now();
    put(&client, "later", 0).await?;
    let event = events.recv().await.context("no event")?;
    assert_eq!(event["Records"][0]["dynamodb"]["Keys"]["pk"]["S"], "later");
    assert!(written.elapsed() < Duration::from_millis(900));
    Ok(())
}

#[tokio::test]
async fn a_failing_batch_is_tried_again_and_then_left_behind() -> anyhow::Result<()> {
    static ATTEMPTS: AtomicU32 = AtomicU32::new(0);
    let dynamodb = calls_in_memory().await?;
    let client = sdk::dynamodb(dynamodb.address);
    put(&client, "poison", 0).await?;
    put(&client, "good", 0).await?;
    let (seen, mut events) = mpsc::unbounded_channel();
    let handler = move |event: Value| {
        let seen = seen.clone();
        async move {
            if event["Records"][0]["dynamodb"]["Keys"]["pk"]["S"] == "poison" {
                ATTEMPTS.fetch_add(1, Ordering::Relaxed);
                bail!("not this one");
            }
            Ok(seen.send(event)?)
        }
    };
    let reading = Reading { batch_size: 1, ..READING };
    let following = follow(dynamodb.database.clone(), "calls", reading, handler, pending())?;
    let _following = tokio::spawn(following);
    let event = events.recv().await.context("no event")?;
    assert_eq!(event["Records"][0]["dynamodb"]["Keys"]["pk"]["S"], "good");
    assert_eq!(ATTEMPTS.load(Ordering::Relaxed), 4);
    Ok(())
}

#[tokio::test]
async fn a_table_that_is_not_there_is_an_error_at_once() -> anyhow::Result<()> {
    let dynamodb = calls_in_memory().await?;
    let handler = |_| async { Ok(()) };
    let result = follow(dynamodb.database.clone(), "other", READING, handler, pending());
    let error = result.err().context("it followed")?;
    assert_eq!(error.to_string(), "there is no table other");
    Ok(())
}

async fn put(client: &aws_sdk_dynamodb::Client, pk: &str, version: u32) -> anyhow::Result<()> {
    client
        .put_item()
        .table_name("calls")
        .item("pk", text(pk))
        .item("sk", text("CALL"))
        .item("version", AttributeValue::N(version.to_string()))
        .send()
        .await?;
    Ok(())
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}
