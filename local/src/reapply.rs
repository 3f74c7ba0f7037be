//! Erasing again what is back after a table was brought back to an earlier time.

use std::fmt;

use anyhow::{Context as _, anyhow};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use futures_util::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use shared::aws::{Aws, Bucket};
use shared::ledger::Ledger;
use shared::ledger::erase::{self, ERASURES, Listed};

/// How often progress is told, in erasures.
const TOLD_EVERY: usize = 1_000;

/// How many erasures are worked on at a time.
const AT_ONCE: usize = 8;

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reapplied {
    /// The erasures on the list.
    pub listed: usize,
    /// Those of which anything was in the table. It is erased again, or was erased already.
    pub erased: usize,
}

impl fmt::Display for Reapplied {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { listed, erased } = self;
        write!(
            formatter,
            "{listed} erasures are on the list. {erased} of them are of something in this table, and it is erased. None \
             of them comes back."
        )
    }
}

/// Reads the list of erasures in a bucket, and erases in a table whatever is on it. `tell` gets lines about the progress.
///
/// The memory is for one page of the list.
///
/// # Errors
/// A store does not answer, or refuses. Whoever starts it can fix the names, the region and the credentials, and start it
/// again.
pub async fn run(aws: &Aws, table: &str, bucket: &str, tell: impl Fn(&str)) -> anyhow::Result<Reapplied> {
    let bucket = Bucket { client: aws.s3(), name: bucket.to_owned() };
    // It writes no deliveries, so the days for which they are kept have no effect.
    let ledger = Ledger::new(aws, table, &bucket.name, 1);
    let mut told = Reapplied::default();
    let list = bucket.client.list_objects_v2().bucket(&bucket.name).prefix(ERASURES);
    let mut pages = list.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| refused(&bucket, "listed", &error))?;
        let keys: Vec<String> =
            page.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect();
        let mut done = futures_util::stream::iter(keys.into_iter().map(|key| reapply(&ledger, &bucket, key)))
            .buffer_unordered(AT_ONCE);
        while let Some(reapplied) = done.try_next().await? {
            told.listed += 1;
            told.erased += usize::from(reapplied == erase::Reapplied::Erased);
            if told.listed.is_multiple_of(TOLD_EVERY) {
                tell(&format!("{} erasures of the list are done", told.listed));
            }
        }
    }
    Ok(told)
}

async fn reapply(ledger: &Ledger, bucket: &Bucket, key: String) -> anyhow::Result<erase::Reapplied> {
    let object = bucket.client.get_object().bucket(&bucket.name).key(&key).send().await;
    let object = object.map_err(|error| refused(bucket, "read", &error))?;
    let content = object.body.collect().await.context("an erasure on the list can't be read")?.into_bytes();
    let listed: Listed =
        serde_json::from_slice(&content).with_context(|| format!("{key} is not an erasure"))?;
    ledger.reapply(bucket, &listed, Timestamp::now()).await.context("not everything was erased")
}

fn refused<E: ProvideErrorMetadata, R>(bucket: &Bucket, what: &str, error: &SdkError<E, R>) -> anyhow::Error {
    match error.as_service_error() {
        Some(refusal) => {
            anyhow!("the bucket {} can't be {what}: {}", bucket.name, refusal.code().unwrap_or("no reason"))
        }
        None => anyhow!("no S3 answers"),
    }
}
