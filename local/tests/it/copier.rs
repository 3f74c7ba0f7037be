//! A copier in front of stores of its own, in memory, that runs when a test says so.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use local::stack::{BUCKET, Options, Stack, TABLE};
use recordings::guard::Limits;
use recordings::{Policy, Recordings, Summary};
use serde_json::{Value, json};
use shared::aws::Aws;
use shared::ledger::Ledger;
use shared::ledger::key::{self, Key};
use shared::timestamp::rfc3339;
use tokio::time::Instant;

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The key of the object that the first copy of call `c` becomes.
pub(crate) const PLAIN: &str = "recordings/sautikit/default/2026/06/27/c/r.wav";

/// The stores, and a copier in front of them.
pub(crate) struct Bed {
    pub(crate) stack: Stack,
    pub(crate) aws: Aws,
    pub(crate) ledger: Ledger,
    pub(crate) recordings: Arc<Recordings>,
}

impl Bed {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        Self::with(policy(), json!({})).await
    }

    /// With a policy, and with more in the source's configuration.
    pub(crate) async fn with(policy: Policy, source: Value) -> anyhow::Result<Self> {
        let mut options = Options { schedule: None, policy, ..Options::in_memory()? };
        let mut sources: Value = serde_json::from_str(&options.sources)?;
        for (name, value) in source.as_object().into_iter().flatten() {
            sources["sautikit"]["default"][name] = value.clone();
        }
        options.sources = sources.to_string();
        let stack = Stack::start(options).await?;
        let (aws, ledger) = (stack.aws.clone(), stack.ledger.clone());
        Ok(Self { aws, ledger, recordings: stack.recordings.clone(), stack })
    }

    /// Puts a job as the webhook's transaction does.
    pub(crate) async fn announce(&self, id: &str, url: &str) -> anyhow::Result<Key> {
        self.announce_with(id, url, &[]).await
    }

    pub(crate) async fn announce_with(
        &self,
        id: &str,
        url: &str,
        more: &[(&str, &str)],
    ) -> anyhow::Result<Key> {
        let key = Key { pk: key::call("sautikit", "default", id).pk, sk: key::recording_sk("r") };
        let now = rfc3339(Timestamp::now());
        let shard = key::work_shard("recording", &key.pk);
        let texts = [
            ("pk", key.pk.as_str()),
            ("sk", &key.sk),
            ("type", "RECORDING"),
            ("provider", "sautikit"),
            ("source", "default"),
            ("call_id", id),
            ("recording_id", "r"),
            ("state", "pending"),
            ("url", url),
            ("object_day", "2026/06/27"),
            ("created_at", &now),
            ("work_shard", &shard),
            ("work_due", &now),
        ];
        let mut item: Item = HashMap::new();
        for (name, value) in texts.iter().chain(more) {
            item.insert((*name).to_owned(), AttributeValue::S((*value).to_owned()));
        }
        for (name, value) in [("attempts", "0"), ("version", "1")] {
            item.insert(name.to_owned(), AttributeValue::N(value.to_owned()));
        }
        self.aws.dynamodb().put_item().table_name(TABLE).set_item(Some(item)).send().await?;
        Ok(key)
    }

    pub(crate) async fn sweep(&self) -> anyhow::Result<Summary> {
        let event = json!({ "source": "aws.events" });
        Ok(self.recordings.handle(event, Instant::now() + Duration::from_secs(120)).await?)
    }

    pub(crate) async fn item(&self, key: &Key) -> anyhow::Result<Item> {
        let get = self.aws.dynamodb().get_item().table_name(TABLE).set_key(Some(key.attributes()));
        get.consistent_read(true).send().await?.item.context("no item")
    }

    /// Changes text attributes behind everybody's back.
    pub(crate) async fn set(&self, key: &Key, attributes: &[(&str, &str)]) -> anyhow::Result<()> {
        for (name, value) in attributes {
            let update = self.aws.dynamodb().update_item().table_name(TABLE);
            (update.set_key(Some(key.attributes())).update_expression("SET #n = :v"))
                .expression_attribute_names("#n", *name)
                .expression_attribute_values(":v", AttributeValue::S((*value).to_owned()))
                .send()
                .await?;
        }
        Ok(())
    }

    pub(crate) async fn object(&self, key: &str) -> anyhow::Result<Vec<u8>> {
        let object = self.aws.s3().get_object().bucket(BUCKET).key(key).send().await?;
        Ok(object.body.collect().await?.to_vec())
    }

    /// The keys in the bucket, and how many uploads in parts are unfinished.
    pub(crate) async fn bucket(&self) -> anyhow::Result<(Vec<String>, usize)> {
        let objects = self.aws.s3().list_objects_v2().bucket(BUCKET).send().await?;
        let keys = objects.contents().iter().filter_map(|object| object.key().map(str::to_owned));
        let uploads = self.aws.s3().list_multipart_uploads().bucket(BUCKET).send().await?;
        Ok((keys.collect(), uploads.uploads().len()))
    }
}

/// The local policy, less patient.
pub(crate) fn policy() -> Policy {
    let mut policy = Policy::local();
    policy.limits = Limits {
        head: Duration::from_secs(5),
        idle: Duration::from_millis(400),
        window: Duration::from_secs(2),
        ..Limits::default()
    };
    policy
}

pub(crate) fn number(item: &Item, name: &str) -> i64 {
    item.get(name).and_then(|value| value.as_n().ok()?.parse().ok()).unwrap_or(-1)
}
