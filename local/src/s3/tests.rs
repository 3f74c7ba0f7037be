use std::future::pending;
use std::path::Path;

use anyhow::Context;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::{S3, serve};
use crate::{Storage, sdk};

mod durability;
mod multipart;
mod objects;
mod presigned;
mod versions;

const BUCKET: &str = "recordings";

/// A client of an empty bucket in memory.
async fn in_memory() -> anyhow::Result<Client> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let s3 = serve(listener, &Storage::Memory, &sdk::credentials(), pending())?;
    with_bucket(&s3).await
}

/// A client of a folder, and what stops its endpoint when dropped.
async fn in_folder(folder: &Path) -> anyhow::Result<(S3, Client, oneshot::Sender<()>)> {
    let (stop, stopping) = oneshot::channel();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let storage = Storage::Folder(folder.to_owned());
    let s3 = serve(listener, &storage, &sdk::credentials(), async {
        let _ = stopping.await;
    })?;
    let client = sdk::s3(s3.address);
    Ok((s3, client, stop))
}

async fn with_bucket(s3: &S3) -> anyhow::Result<Client> {
    let client = sdk::s3(s3.address);
    client.create_bucket().bucket(BUCKET).send().await?;
    client.head_bucket().bucket(BUCKET).send().await?;
    Ok(client)
}

async fn put(client: &Client, key: &str, body: impl Into<Vec<u8>>) -> anyhow::Result<()> {
    let body = ByteStream::from(body.into());
    let put = client.put_object().bucket(BUCKET).key(key).body(body);
    put.send().await.context("put failed")?;
    Ok(())
}

async fn get(client: &Client, key: &str) -> anyhow::Result<Vec<u8>> {
    let get = client.get_object().bucket(BUCKET).key(key);
    let object = get.send().await.context("get failed")?;
    Ok(object.body.collect().await?.to_vec())
}

/// Status and S3's error code of a request that must fail.
fn refused<T, E: ProvideErrorMetadata>(result: Result<T, SdkError<E>>) -> anyhow::Result<(u16, String)> {
    let Err(error) = result else {
        anyhow::bail!("the request was not refused");
    };
    let status = error.raw_response().context("no response")?.status().as_u16();
    Ok((status, error.code().unwrap_or_default().to_owned()))
}

fn refusal(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}
