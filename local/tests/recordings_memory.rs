//! How much memory a large copy takes. It is a binary of its own, so that no other test uses the process.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use local::stack::{Options, Stack, TABLE};
use local::{Storage, job};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::time::Instant;

/// The most memory that a copy may take, whatever the recording's size.
const MAX_PEAK_BYTES: u64 = 48 << 20;

const RECORDING_BYTES: usize = 400 << 20;

/// The embedded bucket is in this process, too: what it takes counts against the copy.
#[tokio::test]
async fn a_copy_of_any_size_takes_a_bounded_amount_of_memory() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let storage = Storage::Folder(folder.path().to_owned());
    let stack = Stack::start(Options { schedule: None, storage, ..Options::in_memory()? }).await?;

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

    let (_, item) = job::pending("c", "r", &url);
    stack.aws.dynamodb().put_item().table_name(TABLE).set_item(Some(item)).send().await?;

    let before = peak_bytes()?;
    let summary = stack.recordings.handle(json!({}), Instant::now() + Duration::from_secs(300)).await?;
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
