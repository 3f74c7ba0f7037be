use super::*;

use std::time::{Duration, SystemTime};

use aws_sdk_s3::presigning::PresigningConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::test]
async fn a_presigned_url_works_until_it_expires() -> anyhow::Result<()> {
    let client = in_memory().await?;
    put(&client, "a b/ü.wav", "sound").await?;
    let presign = |started: SystemTime| {
        let hour = Duration::from_secs(3600);
        let config = PresigningConfig::builder().start_time(started).expires_in(hour).build();
        let get = client.get_object().bucket(BUCKET).key("a b/ü.wav");
        let get = get.response_content_disposition("attachment");
        async { anyhow::Ok(get.presigned(config?).await?.uri().to_owned()) }
    };
    let now = SystemTime::now();
    let url = presign(now).await?;
    let (status, answer) = fetch(&url).await?;
    assert_eq!(status, 200, "{answer}");
    assert!(answer.ends_with("\r\n\r\nsound"), "{answer}");
    assert!(answer.contains("content-disposition: attachment\r\n"), "{answer}");

    let (status, answer) = fetch(&presign(now - Duration::from_secs(3601)).await?).await?;
    assert_eq!(status, 403);
    assert!(answer.contains("Request has expired"), "{answer}");
    let (status, _) = fetch(&url.replace("a%20b", "a%20c")).await?;
    assert_eq!(status, 403);
    Ok(())
}

/// Status and whole answer of a plain GET.
pub(super) async fn fetch(url: &str) -> anyhow::Result<(u16, String)> {
    let rest = url.strip_prefix("http://").context("not http")?;
    let (host, path) = rest.split_once('/').context("no path")?;
    let mut connection = TcpStream::connect(host).await?;
    let request = format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await?;
    let status = answer.split(' ').nth(1).context("no status")?.parse()?;
    Ok((status, answer))
}
