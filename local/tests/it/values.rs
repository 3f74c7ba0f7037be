//! Small inputs that providers were seen to send, with the right values: `values/values.json` says how it is
//! read.

use std::fmt::Write as _;

use anyhow::{Context as _, ensure};
use local::stack::Options;
use serde::Deserialize;
use serde_json::{Map, Value};
use shared::event::BodyFormat;
use shared::provider::Provider;

use crate::bed::Bed;

mod paths;

/// The call that every case is about.
const CALL: &str = "case";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cases {
    #[serde(rename = "about")]
    _about: String,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    provider: String,
    #[serde(default)]
    any_order: bool,
    /// Bodies as JSON objects: of a provider that sends forms, the fields of one.
    #[serde(default)]
    deliveries: Vec<Map<String, Value>>,
    /// Bodies as they are.
    #[serde(default)]
    raw: Vec<String>,
    #[serde(default)]
    expect: Map<String, Value>,
    #[serde(default)]
    contains: Vec<String>,
    listed_on: Option<String>,
    answer: Option<String>,
}

impl Case {
    fn provider(&self) -> anyhow::Result<Provider> {
        Provider::from_name(&self.provider).with_context(|| format!("{} is no provider", self.provider))
    }

    fn bodies(&self) -> anyhow::Result<Vec<String>> {
        let format = self.provider()?.body_format();
        let body = |fields: &Map<String, Value>| match format {
            BodyFormat::Json => Value::Object(fields.clone()).to_string(),
            BodyFormat::Form => {
                let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                let fields = fields.iter().map(|(name, value)| (name, text(value)));
                url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
            }
        };
        Ok(self.deliveries.iter().map(body).chain(self.raw.iter().cloned()).collect())
    }

    /// Delivers the bodies in an order, and compares what came of them.
    async fn check(&self, bodies: &[String]) -> anyhow::Result<()> {
        let provider = self.provider()?;
        // No recording of these is there to copy.
        let bed = Bed::with(Options { schedule: None, ..Options::in_memory()? }).await?;
        for body in bodies {
            let answer = bed.deliver(provider, body.as_bytes()).await?;
            let status = answer.body["status"].as_str().unwrap_or_default();
            let expected = self.answer.as_deref().unwrap_or("accepted");
            let is_expected = status == expected || (self.answer.is_none() && status == "revised");
            ensure!(answer.status == 200 && is_expected, "{} {}", answer.status, answer.body);
        }
        if self.answer.is_none() {
            self.check_record(&bed.call(provider, CALL).await?)?;
        }
        if let Some(day) = &self.listed_on {
            let list = bed.client.get(&format!("/calls?day={day}")).await?.body;
            let calls = list["calls"].as_array().context("no list")?;
            ensure!(calls.iter().any(|call| call["call_id"] == CALL), "not listed on {day}");
        }
        bed.stack.stop().await
    }

    fn check_record(&self, call: &Value) -> anyhow::Result<()> {
        let mut wrong = String::new();
        for (path, expected) in &self.expect {
            let found = paths::find(call, path)?;
            if found != *expected {
                write!(wrong, "{path} is {found} and not {expected}; ")?;
            }
        }
        let texts = paths::texts(call);
        for text in &self.contains {
            if !texts.iter().any(|found| found.contains(text)) {
                write!(wrong, "{text} stands nowhere; ")?;
            }
        }
        ensure!(wrong.is_empty(), "{wrong}");
        Ok(())
    }
}

/// Every order of some things.
fn orders<T: Clone>(things: &[T]) -> Vec<Vec<T>> {
    if things.len() < 2 {
        return vec![things.to_vec()];
    }
    let mut orders = Vec::new();
    for (index, first) in things.iter().enumerate() {
        let mut rest = things.to_vec();
        rest.remove(index);
        let first = || std::iter::once(first.clone());
        orders.extend(self::orders(&rest).into_iter().map(|rest| first().chain(rest).collect()));
    }
    orders
}

#[tokio::test(flavor = "multi_thread")]
async fn every_input_has_its_right_value() -> anyhow::Result<()> {
    let Cases { cases, .. } = serde_json::from_str(include_str!("values/values.json"))?;
    let mut wrong = Vec::new();
    for case in &cases {
        let bodies = case.bodies()?;
        ensure!(!bodies.is_empty(), "{}: nothing is delivered", case.name);
        let orders = if case.any_order { orders(&bodies) } else { vec![bodies] };
        for (index, bodies) in orders.iter().enumerate() {
            if let Err(error) = case.check(bodies).await {
                wrong.push(format!("{}, order {index}: {error}", case.name));
            }
        }
    }
    ensure!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    Ok(())
}

#[test]
fn every_order_is_tried_once() {
    let mut orders = orders(&[1, 2, 3]);
    orders.sort_unstable();
    orders.dedup();
    assert_eq!(orders.len(), 6);
}
