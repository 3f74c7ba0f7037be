//! Erasing again what is back after a table was brought back to an earlier time.

use std::collections::HashSet;
use std::fmt;

use anyhow::{Context as _, anyhow};
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use jiff::Timestamp;
use shared::aws::{Aws, Bucket};
use shared::ledger::Ledger;
use shared::ledger::erase::{ERASURES, hash_of};
use shared::ledger::item::{self, get_text};
use shared::ledger::key::{self, Key};

/// How often progress is told, in items.
const TOLD_EVERY: u64 = 10_000;

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reapplied {
    /// The erasures on the list.
    pub listed: usize,
    /// The items of the table that were looked at.
    pub looked_at: u64,
    /// What was erased again, or is erased already.
    pub erased: usize,
}

impl fmt::Display for Reapplied {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { listed, looked_at, erased } = self;
        write!(
            formatter,
            "{listed} erasures are on the list. {looked_at} items were looked at. {erased} of the erasures are in \
             this table, and all that they are about is erased."
        )
    }
}

/// Reads the list of erasures in a bucket, and erases in a table whatever is on it. `tell` gets lines about the progress.
///
/// The memory is for the hashes of all erasures and one page of the table's keys.
///
/// # Errors
/// A store does not answer, or refuses. Whoever starts it can fix the names, the region and the credentials, and start it
/// again.
pub async fn run(aws: &Aws, table: &str, bucket: &str, tell: impl Fn(&str)) -> anyhow::Result<Reapplied> {
    let bucket = Bucket { client: aws.s3(), name: bucket.to_owned() };
    let erasures = erasures(&bucket).await?;
    let mut told = Reapplied { listed: erasures.len(), ..Reapplied::default() };
    tell(&format!("{} erasures are on the list", erasures.len()));
    if erasures.is_empty() {
        return Ok(told);
    }
    // It writes no deliveries, so the days for which they are kept have no effect.
    let ledger = Ledger::new(aws, table, &bucket.name, 1);
    let client = aws.dynamodb();
    let scan = client.scan().table_name(table).consistent_read(true).projection_expression("pk, sk");
    let mut pages = scan.into_paginator().send();
    let mut done: HashSet<[u8; 32]> = HashSet::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| match error.as_service_error() {
            Some(refusal) => {
                anyhow!("the table {table} can't be read: {}", refusal.code().unwrap_or("no reason"))
            }
            None => anyhow!("no DynamoDB answers"),
        })?;
        for item in page.items() {
            told.looked_at += 1;
            if told.looked_at.is_multiple_of(TOLD_EVERY) {
                tell(&format!("{} items looked at, {} erasures found", told.looked_at, done.len()));
            }
            let of = |name| get_text(item, name).map(str::to_owned);
            let Some((pk, sk)) = of(item::PK).zip(of(item::SK)) else { continue };
            let (own, call) = (Key { pk: pk.clone(), sk }, key::of_record(&pk));
            let now = Timestamp::now();
            if let Some(hash) = listed(&erasures, &call) {
                if done.insert(hash) {
                    ledger.erase_call(&bucket, &pk, now).await.context("a call was not erased")?;
                }
            } else if let Some(hash) = listed(&erasures, &own).filter(|hash| done.insert(*hash)) {
                let erased = if own.sk.starts_with(item::RECORDING_PREFIX) {
                    ledger.erase_recording(&bucket, &own, now).await
                } else {
                    ledger.erase_delivery(&bucket, &own, now).await
                };
                if erased.context("an item was not erased")?.is_none() {
                    done.remove(&hash);
                }
            }
        }
    }
    told.erased = done.len();
    Ok(told)
}

/// The hash of a key, if it is on the list.
fn listed(erasures: &HashSet<[u8; 32]>, key: &Key) -> Option<[u8; 32]> {
    let hash = hash(&hash_of(key))?;
    erasures.contains(&hash).then_some(hash)
}

fn hash(hex: &str) -> Option<[u8; 32]> {
    hex::decode(hex).ok()?.try_into().ok()
}

/// The hashes on the list.
async fn erasures(bucket: &Bucket) -> anyhow::Result<HashSet<[u8; 32]>> {
    let list = bucket.client.list_objects_v2().bucket(&bucket.name).prefix(ERASURES);
    let mut pages = list.into_paginator().send();
    let mut found = HashSet::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| match error.as_service_error() {
            Some(refusal) => {
                anyhow!(
                    "the bucket {} can't be listed: {}",
                    bucket.name,
                    refusal.code().unwrap_or("no reason")
                )
            }
            None => anyhow!("no S3 answers"),
        })?;
        let name = |key: &str| Some(key.rsplit_once('/')?.1.strip_suffix(".json")?.to_owned());
        let names = page.contents().iter().filter_map(|object| name(object.key()?));
        found.extend(names.filter_map(|name| hash(&name)));
    }
    Ok(found)
}
