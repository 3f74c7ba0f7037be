use std::future::pending;
use std::time::{Duration, Instant};

use anyhow::Context;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::{AttributeValue, TimeToLiveStatus, TransactWriteItem, Update};
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::{DynamoDb, serve, table_definition};
use crate::{Storage, sdk};

const TEMPLATE: &str = include_str!("calls.yaml");

/// Also for the stream's tests: a fresh table called `calls`, and nothing to stop it.
pub(crate) async fn calls_in_memory() -> anyhow::Result<DynamoDb> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let dynamodb = serve(listener, &Storage::Memory, pending())?;
    dynamodb.create_table("calls", &table_definition(TEMPLATE, "CallsTable")?)?;
    Ok(dynamodb)
}

#[tokio::test]
async fn creates_the_table_of_the_template_once() -> anyhow::Result<()> {
    let dynamodb = calls_in_memory().await?;
    dynamodb.create_table("calls", &table_definition(TEMPLATE, "CallsTable")?)?;

    let client = sdk::dynamodb(dynamodb.address);
    let described = client.describe_table().table_name("calls").send().await?;
    let table = described.table.context("no table")?;
    let mut indexes: Vec<_> =
        table.global_secondary_indexes().iter().filter_map(|index| index.index_name()).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, ["by-from", "by-time", "by-to", "work"]);
    let stream = table.stream_specification().context("no stream")?;
    assert_eq!(stream.stream_view_type().map(|view| view.as_str()), Some("NEW_AND_OLD_IMAGES"));

    let described = client.describe_time_to_live().table_name("calls").send().await?;
    let ttl = described.time_to_live_description.context("no TTL")?;
    assert_eq!(ttl.attribute_name(), Some("expires_at_epoch"));
    assert_eq!(ttl.time_to_live_status(), Some(&TimeToLiveStatus::Enabled));
    Ok(())
}

#[tokio::test]
async fn queries_an_index_with_keys_only() -> anyhow::Result<()> {
    let dynamodb = calls_in_memory().await?;
    let client = sdk::dynamodb(dynamodb.address);
    client
        .put_item()
        .table_name("calls")
        .item("pk", text("CALL#1"))
        .item("sk", text("RECORDING#1"))
        .item("work_shard", text("due#0"))
        .item("work_due", text("2026-01-01T00:00:00Z"))
        .item("state", text("pending"))
        .send()
        .await?;
    let found = client
        .query()
        .table_name("calls")
        .index_name("work")
        .key_condition_expression("work_shard = :shard AND work_due < :now")
        .expression_attribute_values(":shard", text("due#0"))
        .expression_attribute_values(":now", text("2027"))
        .send()
        .await?;
    let item = found.items().first().context("nothing found")?;
    assert_eq!(item.get("pk"), Some(&text("CALL#1")));
    assert_eq!(item.get("state"), None);
    Ok(())
}

#[tokio::test]
async fn a_folder_keeps_items_and_refuses_another_template() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let storage = Storage::Folder(folder.path().to_owned());
    let definition = table_definition(TEMPLATE, "CallsTable")?;

    let (stop, stopping) = oneshot::channel::<()>();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let dynamodb = serve(listener, &storage, async {
        let _ = stopping.await;
    })?;
    dynamodb.create_table("calls", &definition)?;
    let client = sdk::dynamodb(dynamodb.address);
    let put = client.put_item().table_name("calls");
    put.item("pk", text("a")).item("sk", text("b")).send().await?;
    drop(stop);
    dynamodb.stopped().await?;

    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let dynamodb = serve(listener, &storage, pending())?;
    dynamodb.create_table("calls", &definition)?;
    let client = sdk::dynamodb(dynamodb.address);
    let scanned = client.scan().table_name("calls").send().await?;
    assert_eq!(scanned.items().len(), 1);

    let other = TEMPLATE.replace("IndexName: by-to", "IndexName: by-callee");
    let other = table_definition(&other, "CallsTable")?;
    let error = dynamodb.create_table("calls", &other);
    let error = error.err().context("it was accepted")?;
    assert_eq!(error.to_string(), "the table calls here was made from another template; remove its data");
    assert!(format!("{error:#}").contains("by-callee"), "{error:#}");
    Ok(())
}

#[tokio::test]
async fn a_half_sent_request_does_not_hold_the_shutdown() -> anyhow::Result<()> {
    let (stop, stopping) = oneshot::channel::<()>();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let dynamodb = serve(listener, &Storage::Memory, async {
        let _ = stopping.await;
    })?;
    let mut half = TcpStream::connect(dynamodb.address).await?;
    half.write_all(b"POST / HTTP/1.1\r\ncontent-length: 100\r\n\r\n{").await?;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let asked = Instant::now();
    drop(stop);
    dynamodb.stopped().await?;
    assert!(asked.elapsed() < Duration::from_secs(3), "{:?}", asked.elapsed());
    Ok(())
}

#[test]
fn the_stream_has_its_index() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let location = super::database_file(folder.path())?;
    let _database = dynoxide::Database::new(&location)?;
    super::prepare_stream(&location)?;
    super::prepare_stream(&location)?;
    let connection = rusqlite::Connection::open(&location)?;
    let plan: String = connection.query_row(
        "EXPLAIN QUERY PLAN
         SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1
         FROM _stream_records WHERE table_name = 'calls'",
        [],
        |row| row.get("detail"),
    )?;
    assert!(plan.contains("local_seq"), "{plan}");
    Ok(())
}

#[tokio::test]
async fn a_repeated_transaction_is_answered_and_not_written_again() -> anyhow::Result<()> {
    let dynamodb = calls_in_memory().await?;
    let client = sdk::dynamodb(dynamodb.address);
    let transact = async |token: &str, step: &str| {
        let update = Update::builder()
            .table_name("calls")
            .key("pk", text("a"))
            .key("sk", text("b"))
            .update_expression("ADD steps :step")
            .expression_attribute_values(":step", AttributeValue::N(step.to_owned()))
            .build()?;
        let item = TransactWriteItem::builder().update(update).build();
        let sent =
            client.transact_write_items().client_request_token(token).transact_items(item).send().await;
        anyhow::Ok(sent.map_err(|error| error.code().unwrap_or_default().to_owned()).map(|_| ()))
    };
    assert_eq!(transact("one", "1").await?, Ok(()));
    assert_eq!(transact("one", "1").await?, Ok(()));
    assert_eq!(transact("one", "2").await?, Err("IdempotentParameterMismatchException".to_owned()));
    assert_eq!(transact("two", "1").await?, Ok(()));
    // A transaction that was refused may be repeated.
    assert_eq!(transact("three", "x").await?, Err("ValidationException".to_owned()));
    assert_eq!(transact("three", "1").await?, Ok(()));
    assert_eq!(transact(&"long".repeat(10), "1").await?, Err("ValidationException".to_owned()));
    let scanned = client.scan().table_name("calls").send().await?;
    assert_eq!(scanned.items()[0].get("steps"), Some(&AttributeValue::N("3".to_owned())));
    Ok(())
}

#[tokio::test]
async fn requests_that_can_not_be_read_get_the_errors_of_dynamodb() -> anyhow::Result<()> {
    let dynamodb = calls_in_memory().await?;
    let http = crate::client::http()?;
    let post = async |target: &str, body: &str| {
        let request = http.post(format!("http://{}", dynamodb.address)).header("x-amz-target", target);
        let signature = "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/dynamodb/aws4_request, \
                         SignedHeaders=host, Signature=a";
        let request = request.header("authorization", signature).header("x-amz-date", "20260101T000000Z");
        let answer = request.body(body.to_owned()).send().await?;
        let status = answer.status().as_u16();
        let body: serde_json::Value = serde_json::from_slice(&answer.bytes().await?)?;
        let kind = body["__type"].as_str().unwrap_or_default();
        anyhow::Ok((status, kind.rsplit('#').next().unwrap_or_default().to_owned()))
    };
    let deep = format!(
        r#"{{"TableName":"calls","Item":{}{{"S":"x"}}{}}}"#,
        r#"{"L":["#.repeat(100),
        "]}".repeat(100)
    );
    for (target, body, status, kind) in [
        ("DynamoDB_20120810.ListTables", "{}", 200, ""),
        ("DynamoDB_20120810.PutItem", "not JSON", 400, "SerializationException"),
        ("DynamoDB_20120810.PutItem", "{}", 400, "ValidationException"),
        ("DynamoDB_20120810.PutItem", &deep, 400, "ValidationException"),
        ("DynamoDB_20120810.Other", "{}", 400, "UnknownOperationException"),
        ("ListTables", "{}", 400, "UnknownOperationException"),
    ] {
        assert_eq!(post(target, body).await?, (status, kind.to_owned()), "{target} {body}");
    }
    Ok(())
}

#[test]
fn the_stream_keeps_the_newest_records() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let location = super::database_file(folder.path())?;
    let _database = dynoxide::Database::new(&location)?;
    super::prepare_stream(&location)?;
    let connection = rusqlite::Connection::open(&location)?;
    connection.execute(
        "INSERT INTO _stream_records
         (table_name, event_name, keys_json, sequence_number, shard_id, created_at)
         WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < ?1 + 7)
         SELECT 'calls', 'INSERT', '{}', n, 'shard', unixepoch() FROM counted",
        [super::STREAM_RECORDS],
    )?;
    let (count, oldest): (u32, String) = connection.query_row(
        "SELECT COUNT(*), MIN(CAST(sequence_number AS INTEGER)) || '' FROM _stream_records",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    assert_eq!((count, oldest.as_str()), (super::STREAM_RECORDS, "8"));
    Ok(())
}

#[test]
fn a_missing_piece_is_named() {
    let message = |template: &str, id: &str| {
        table_definition(template, id).map_or_else(|error| error.to_string(), |_| String::new())
    };
    assert_eq!(message(TEMPLATE, "OtherTable"), "Resources.OtherTable is missing in the template");
    assert_eq!(
        message(TEMPLATE, "RecordingsBucket"),
        "Resources.RecordingsBucket.Type is \"AWS::S3::Bucket\" instead of AWS::DynamoDB::Table"
    );
    let without = TEMPLATE.replace("Projection: { ProjectionType: KEYS_ONLY }", "Other: x");
    assert_eq!(
        message(&without, "CallsTable"),
        "Resources.CallsTable.Properties.GlobalSecondaryIndexes[3].Projection is missing in the template"
    );
    let without = TEMPLATE.replace(
        "      KeySchema:\n        - { AttributeName: pk",
        "      Keys:\n        - { AttributeName: pk",
    );
    assert_eq!(
        message(&without, "CallsTable"),
        "Resources.CallsTable.Properties.KeySchema is missing in the template"
    );
    let computed = TEMPLATE.replace("IndexName: work", "IndexName: !Ref Stage");
    assert_eq!(
        message(&computed, "CallsTable"),
        "Resources.CallsTable.Properties.GlobalSecondaryIndexes[3].IndexName is !Ref, which only CloudFormation can work out"
    );
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}
