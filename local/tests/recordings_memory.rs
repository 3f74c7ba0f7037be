//! How much memory a large copy takes. In a binary of its own, to have the process to itself.

use std::future::pending;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use local::dynamodb::{self, table_definition};
use local::{Storage, s3};
use recordings::{Policy, Recordings};
use serde_json::json;
use shared::aws::Aws;
use shared::ledger::{Claims, Ledger, key};
use shared::source::Sources;
use shared::timestamp::rfc3339;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::Instant;

/// What a copy may take at its peak, whatever the recording's size.
const MAX_PEAK_BYTES: u64 = 48 << 20;

const RECORDING_BYTES: usize = 400 << 20;

/// The embedded bucket is in this process, too: what it takes counts against the copy.
#[tokio::test]
async fn a_copy_of_any_size_takes_a_bounded_amount_of_memory() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let storage = Storage::Folder(folder.path().to_owned());
    let keys = local::Credentials {
        access_key_id: "local".to_owned(),
        secret_access_key: "local-secret".to_owned(),
    };
    let table = dynamodb::serve(TcpListener::bind("127.0.0.1:0").await?, &Storage::Memory, pending())?;
    let template = include_str!("../../template.yaml");
    table.create_table("calls", &table_definition(template, "CallsTable")?)?;
    let bucket = s3::serve(TcpListener::bind("127.0.0.1:0").await?, &storage, &keys, pending())?;
    let credentials = Credentials::new("local", "local-secret", None, None, "test");
    let endpoint = |port: u16| Some(format!("http://127.0.0.1:{port}"));
    let (dynamodb, s3) = (endpoint(table.address.port()), endpoint(bucket.address.port()));
    let aws = Aws::new("us-east-1".to_owned(), credentials, dynamodb, s3);
    aws.s3().create_bucket().bucket("recordings").send().await?;
    let claims = Claims::new(aws.s3(), "recordings".to_owned());
    let ledger = Ledger::new(aws.dynamodb(), "calls".to_owned(), claims, 400);
    let sources = Sources::from_json(r#"{"sautikit":{"default":{"secrets":["whsec_test"]}}}"#)?;
    let recordings = Recordings::new(ledger, aws.s3(), "recordings".to_owned(), sources, Policy::local())?;

    let origin = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://127.0.0.1:{}/a", origin.local_addr()?.port());
    tokio::spawn(async move {
        let (mut stream, _) = origin.accept().await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {RECORDING_BYTES}\r\n\r\nID3");
        stream.write_all(head.as_bytes()).await?;
        let piece = vec![7; 1 << 16];
        let mut left = RECORDING_BYTES - 3;
        while left > 0 {
            let next = left.min(piece.len());
            stream.write_all(&piece[..next]).await?;
            left -= next;
        }
        Ok::<_, std::io::Error>(())
    });

    let pk = key::call("sautikit", "default", "c").pk;
    let (now, shard) = (rfc3339(Timestamp::now()), key::work_shard("recording", &pk));
    let texts = [
        ("pk", pk.as_str()),
        ("sk", "RECORDING#r"),
        ("type", "RECORDING"),
        ("provider", "sautikit"),
        ("source", "default"),
        ("call_id", "c"),
        ("recording_id", "r"),
        ("state", "pending"),
        ("url", &url),
        ("object_day", "2026/06/27"),
        ("created_at", &now),
        ("work_shard", &shard),
        ("work_due", &now),
    ];
    let mut put = aws.dynamodb().put_item().table_name("calls");
    for (name, value) in texts {
        put = put.item(name, AttributeValue::S(value.to_owned()));
    }
    put.item("attempts", AttributeValue::N("0".to_owned())).send().await?;

    let before = peak_bytes()?;
    let summary = recordings.handle(json!({}), Instant::now() + Duration::from_secs(300)).await?;
    let grown = peak_bytes()? - before;
    eprintln!("peak {} MiB before, {} MiB more for the copy", before >> 20, grown >> 20);
    ensure!(summary.stored == 1, "{summary:?}");
    ensure!(grown <= MAX_PEAK_BYTES, "{grown} bytes");
    Ok(())
}

/// The most memory that this process ever had.
fn peak_bytes() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("no peak")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1024)
}
