//! Power loss: what was answered 200 is there after SIGKILL.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use jiff::Timestamp;
use local::client::call_path;
use local::sample;
use serde_json::json;
use shared::provider::Provider;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinSet;

use crate::watch::{self, Client};

/// `call-ledger serve` on free ports, and the address it says it is ready on.
async fn serve(data: &Path) -> anyhow::Result<(Child, String)> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_call-ledger"))
        .args(["serve", "--port", "0", "--dynamodb-port", "0", "--s3-port", "0", "--data-dir"])
        .arg(data)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env_remove("RUST_LOG")
        .kill_on_drop(true)
        .spawn()?;
    watch::output("the log of `call-ledger serve`", child.stderr.take().context("no log")?);
    let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
    let ready = lines.next_line().await?.context("it ended at once")?;
    let words: Vec<_> = ready.split(' ').collect();
    let [
        "ready",
        address,
        "dynamodb",
        _,
        "s3",
        _,
        "table",
        "call-ledger",
        "bucket",
        "call-ledger-recordings",
    ] = words[..]
    else {
        anyhow::bail!("not the promised line: {ready}");
    };
    let address = address.to_owned();
    // It prints more hints, and something must read them.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    Ok((child, address))
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_was_answered_200_is_lost_by_sigkill_under_load() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let (mut child, address) = serve(data.path()).await?;
        let client = Client::new(address)?;
        let stop = Arc::new(AtomicBool::new(false));
        let mut senders = JoinSet::new();
        for sender in 0..4 {
            let (client, stop) = (client.clone(), stop.clone());
            senders.spawn(async move {
                let mut acknowledged = Vec::new();
                for index in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let id = format!("{round}-{sender}-{index}");
                    // Every fourth body is large enough for the bucket.
                    let pad: String = if index % 4 == 0 { (0..40_000).map(|_| fastrand::alphanumeric()).collect() } else { String::new() };
                    let body = json!({ "kind": "call.completed", "event_id": id, "data": { "call_id": id, "pad": pad } });
                    let request = sample::request(Provider::Sautikit, "default", body.to_string().into(), Timestamp::now());
                    match client.send(request).await {
                        Ok(answer) if answer.status == 200 => acknowledged.push((id, pad.len())),
                        _ => break,
                    }
                }
                acknowledged
            });
        }
        tokio::time::sleep(Duration::from_millis(700)).await;
        child.kill().await?;
        stop.store(true, Ordering::Relaxed);
        let sent: Vec<_> = senders.join_all().await.into_iter().flatten().collect();
        assert!(sent.len() >= 8, "only {} deliveries before the kill", sent.len());
        acknowledged.extend(sent);
    }
    let (mut child, address) = serve(data.path()).await?;
    let client = Client::new(address)?;
    for (id, pad) in &acknowledged {
        let answer = client.get(&call_path("sautikit", "default", id)).await?;
        assert_eq!(answer.status, 200, "{id} is lost");
        assert_eq!(answer.body["revision"], 1, "{id}");
        assert_eq!(answer.body["deliveries"].as_array().map(Vec::len), Some(1), "{id}");
        if *pad > 0 {
            assert_eq!(answer.body["extensions"]["data.pad"].as_str().map(str::len), Some(*pad), "{id}");
        }
    }
    child.kill().await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sigterm_ends_it_cleanly_within_two_seconds() -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let (mut child, address) = serve(data.path()).await?;
    // A request that never ends must not hold it up.
    let mut half = tokio::net::TcpStream::connect(address.trim_start_matches("http://")).await?;
    tokio::io::AsyncWriteExt::write_all(
        &mut half,
        b"POST /webhooks/sautikit/default HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{",
    )
    .await?;
    let pid = child.id().context("it is gone")?.to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await?.success());
    let status = tokio::time::timeout(Duration::from_secs(2), child.wait())
        .await
        .context("it did not end in time")??;
    assert!(status.success(), "{status}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_who_has_had_enough_is_no_error() -> anyhow::Result<()> {
    for arguments in [&["send", "--list"][..], &["event", "agni-call-completed"]] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_call-ledger"))
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        drop(child.stdout.take());
        let output = child.wait_with_output().await?;
        let log = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && log.is_empty(), "{arguments:?}: {}: {log}", output.status);
    }
    Ok(())
}
