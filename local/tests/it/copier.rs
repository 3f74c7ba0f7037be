//! A copier with its own stores in memory. It runs when the test calls it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use aws_sdk_dynamodb::types::AttributeValue;
use local::job;
use local::stack::{self, BUCKET, Options, Stack, TABLE};
use recordings::guard::Limits;
use recordings::{Policy, Recordings, Summary};
use serde_json::{Value, json};
use shared::aws::Aws;
use shared::ledger::Ledger;
use shared::ledger::key::Key;
use shared::sources::Sources;
use tokio::time::Instant;

use crate::proxy::{self, Call, Decision};

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The key of the object that the first copy of call `c` becomes.
pub(crate) const PLAIN: &str = "recordings/sautikit/default/2026/06/27/c/r.wav";

/// The stores, and a copier in front of them.
pub(crate) struct Bed {
    pub(crate) stack: Stack,
    pub(crate) sources: Sources,
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
        crate::watch::logs();
        let stack = Stack::start(options).await?;
        let (aws, ledger) = (stack.aws.clone(), stack.ledger.clone());
        let sources = Sources::from_json(&sources.to_string())?;
        Ok(Self { aws, ledger, recordings: stack.recordings.clone(), stack, sources })
    }

    /// A copier of its own in front of the same stores, by way of two proxies.
    pub(crate) async fn copier_behind(
        &self,
        decide: impl Fn(&Call) -> Decision + Clone + Send + Sync + 'static,
    ) -> anyhow::Result<Recordings> {
        let dynamodb = proxy::start(self.stack.dynamodb, decide.clone()).await?;
        let aws = stack::aws(dynamodb, proxy::start(self.stack.s3, decide).await?);
        let ledger = Ledger::new(&aws, TABLE, BUCKET, 400);
        Ok(Recordings::new(ledger, aws.s3(), BUCKET.to_owned(), self.sources.clone(), policy())?)
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
        self.announce_one_of(id, "r", url, more).await
    }

    /// One of a call's recordings.
    pub(crate) async fn announce_one_of(
        &self,
        id: &str,
        recording_id: &str,
        url: &str,
        more: &[(&str, &str)],
    ) -> anyhow::Result<Key> {
        let (key, mut item) = job::pending(id, recording_id, url);
        let more =
            more.iter().map(|(name, value)| ((*name).to_owned(), AttributeValue::S((*value).to_owned())));
        item.extend(more);
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

    /// Changes text attributes without a condition.
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

    /// Announces a recording's size, as some payloads do.
    pub(crate) async fn announce_size(&self, key: &Key, size_bytes: u64) -> anyhow::Result<()> {
        let update = self.aws.dynamodb().update_item().table_name(TABLE);
        (update.set_key(Some(key.attributes())).update_expression("SET announced_size_bytes = :size"))
            .expression_attribute_values(":size", AttributeValue::N(size_bytes.to_string()))
            .send()
            .await?;
        Ok(())
    }

    pub(crate) async fn object(&self, key: &str) -> anyhow::Result<Vec<u8>> {
        let object = self.aws.s3().get_object().bucket(BUCKET).key(key).send().await?;
        Ok(object.body.collect().await?.to_vec())
    }

    /// Leaves a job its last attempt.
    pub(crate) async fn exhaust(&self, key: &Key) -> anyhow::Result<()> {
        let update = self.aws.dynamodb().update_item().table_name(TABLE).set_key(Some(key.attributes()));
        (update.update_expression("SET attempts = :n"))
            .expression_attribute_values(":n", AttributeValue::N("29".to_owned()))
            .send()
            .await?;
        Ok(())
    }

    /// As if the waiting time of a job were over: a lease, or the pause before a retry.
    pub(crate) async fn make_due(&self, key: &Key) -> anyhow::Result<()> {
        let past = "2026-01-01T00:00:00.000Z";
        let item = self.item(key).await?;
        for name in ["lease_until", "work_due"].into_iter().filter(|name| item.contains_key(*name)) {
            self.set(key, &[(name, past)]).await?;
        }
        Ok(())
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

/// The event of the table's stream for a recording that is pending.
pub(crate) fn stream_event(key: &Key) -> Value {
    json!({ "Records": [{ "eventName": "INSERT", "dynamodb": {
        "Keys": { "pk": { "S": key.pk }, "sk": { "S": key.sk } },
        "NewImage": { "state": { "S": "pending" } },
    }}]})
}
