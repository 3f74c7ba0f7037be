//! The test bed: a stack for one test, in memory, on free ports.

use std::collections::HashMap;

use anyhow::Context as _;
use aws_sdk_dynamodb::types::AttributeValue;
use http::{HeaderMap, HeaderName, Method};
use jiff::Timestamp;
use local::client::{Answer, call_path};
use local::gateway::HttpRequest;
use local::sample::{self, Sample};
use local::stack::{Options, Stack, TABLE};
use serde_json::Value;
use shared::provider::Provider;

use crate::watch::{self, Client};

pub(crate) struct Bed {
    pub(crate) stack: Stack,
    pub(crate) client: Client,
}

impl Bed {
    pub(crate) async fn start() -> anyhow::Result<Self> {
        Self::with(Options::in_memory()?).await
    }

    pub(crate) async fn with(options: Options) -> anyhow::Result<Self> {
        watch::logs();
        let stack = Stack::start(options).await?;
        let client = Client::new(format!("http://{}", stack.address))?;
        Ok(Self { stack, client })
    }

    /// Delivers a body as its provider would.
    pub(crate) async fn deliver(
        &self,
        provider: Provider,
        body: impl Into<Vec<u8>>,
    ) -> anyhow::Result<Answer> {
        self.client.send(sample::request(provider, "default", body.into(), Timestamp::now())).await
    }

    /// Delivers a committed sample.
    pub(crate) async fn sample(&self, name: &str) -> anyhow::Result<Answer> {
        let sample = Sample::load(name)?;
        self.deliver(sample.provider, sample.body).await
    }

    /// A call's whole record.
    pub(crate) async fn call(&self, provider: Provider, call_id: &str) -> anyhow::Result<Value> {
        let answer = self.client.get(&call_path(provider.name(), "default", call_id)).await?;
        anyhow::ensure!(answer.status == 200, "{} {}", answer.status, answer.body);
        Ok(answer.body)
    }

    /// Every item of the table.
    pub(crate) async fn items(&self) -> anyhow::Result<Vec<HashMap<String, AttributeValue>>> {
        let pages = self.stack.aws.dynamodb().scan().table_name(TABLE).into_paginator().items().send();
        pages.collect::<Result<_, _>>().await.context("the table can't be scanned")
    }

    /// Every CALL, DELIVERY or RECORDING.
    pub(crate) async fn items_of(&self, kind: &str) -> anyhow::Result<Vec<HashMap<String, AttributeValue>>> {
        let mut items = self.items().await?;
        items.retain(|item| text(item, "sk").split('#').next() == Some(kind));
        Ok(items)
    }
}

/// A text attribute, empty if it is not there.
pub(crate) fn text<'a>(item: &'a HashMap<String, AttributeValue>, name: &str) -> &'a str {
    item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str)
}

/// A POST request that a test makes itself.
pub(crate) fn post(path: &str, headers: &[(&str, &str)], body: impl Into<Vec<u8>>) -> HttpRequest {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(
            HeaderName::from_bytes(name.as_bytes()).expect("a header's name"),
            value.parse().expect("a header's value"),
        );
    }
    HttpRequest {
        method: Method::POST,
        path: path.to_owned(),
        query: String::new(),
        headers: map,
        body: body.into(),
    }
}

/// A call's record without the fields that depend on the times and the number of its deliveries.
pub(crate) fn what_is_said(call: &Value) -> Value {
    local::demo::what_is_said(call)
}
