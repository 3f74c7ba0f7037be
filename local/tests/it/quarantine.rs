//! What waits for a person: listed, read, replayed and discarded, and records made anew.

use std::collections::HashMap;

use anyhow::Context as _;
use aws_sdk_dynamodb::types::AttributeValue;
use http::Method;
use jiff::{SignedDuration, Timestamp};
use local::client::Answer;
use local::gateway::HttpRequest;
use local::stack::{Options, TABLE};
use local::{embedded, sample};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared::ledger::applied::EventBody;
use shared::ledger::key::{self, Key};
use shared::provider::Provider;

use crate::bed::{Bed, post, text};

mod lists;
mod replay;
mod keys;
mod pairs;
mod late_writers;

const BEARER: &str = "Bearer local-query-token";

/// The sources of local runs; those of Telnyx put late deliveries into quarantine.
fn sources() -> Value {
    let mut sources: Value = serde_json::from_str(embedded::SOURCES).expect("JSON");
    sources["telnyx"]["default"]["late"] = json!("quarantine");
    sources
}

async fn bed() -> anyhow::Result<Bed> {
    Bed::with(Options { sources: sources().to_string(), schedule: None, ..Options::in_memory()? }).await
}

/// A webhook of Telnyx, signed so many seconds ago.
fn signed(body: &str, seconds_ago: i64) -> HttpRequest {
    let at = Timestamp::now() - SignedDuration::from_secs(seconds_ago);
    sample::request(Provider::Telnyx, "default", body.as_bytes().to_vec(), at)
}

/// Delivers a body of Telnyx; late, it waits in quarantine. Returns the status in the answer.
async fn deliver(bed: &Bed, body: &str, seconds_ago: i64) -> anyhow::Result<String> {
    let answer = bed.client.send(signed(body, seconds_ago)).await?;
    anyhow::ensure!(answer.status == 200, "{} {}", answer.status, answer.body);
    Ok(answer.body["status"].as_str().unwrap_or_default().to_owned())
}

/// Asks for something to be done.
async fn act(bed: &Bed, path: &str) -> anyhow::Result<Answer> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let request = post(path, &[("authorization", BEARER)], "");
    bed.client.send(HttpRequest { method: Method::POST, query: query.to_owned(), ..request }).await
}

/// The status of an answer, and the word in it: its status, or the code of an error.
fn said(answer: &Answer) -> (u16, String) {
    let word = answer.body["status"].as_str().or_else(|| answer.body["error"].as_str());
    (answer.status.as_u16(), word.unwrap_or_default().to_owned())
}

/// The ids of all that waits in quarantine.
async fn waiting(bed: &Bed) -> anyhow::Result<Vec<String>> {
    let list = bed.client.get("/quarantine").await?;
    let deliveries = list.body["deliveries"].as_array().with_context(|| list.body.to_string())?;
    Ok(deliveries.iter().filter_map(|found| found["quarantine_id"].as_str().map(str::to_owned)).collect())
}

/// The id of the only delivery in quarantine.
async fn only(bed: &Bed) -> anyhow::Result<String> {
    let mut ids = waiting(bed).await?;
    anyhow::ensure!(ids.len() == 1, "{ids:?}");
    Ok(ids.remove(0))
}

/// The states of all deliveries in the table, in order.
async fn states(bed: &Bed) -> anyhow::Result<Vec<String>> {
    let deliveries = bed.items_of("DELIVERY").await?;
    let mut states: Vec<_> = deliveries.iter().map(|item| text(item, "state").to_owned()).collect();
    states.sort();
    Ok(states)
}

/// Puts the only delivery in quarantine to where an older version kept it, that could not read which call it is about.
/// Returns its id there.
async fn unread(bed: &Bed) -> anyhow::Result<String> {
    let deliveries = bed.items_of("DELIVERY").await?;
    let [item] = &deliveries[..] else { anyhow::bail!("not one delivery") };
    let mut item: HashMap<String, AttributeValue> = item.clone();
    let old = Key { pk: text(&item, "pk").to_owned(), sk: text(&item, "sk").to_owned() };
    let sha256 = item["body_sha256"].as_b().ok().context("no hash")?.clone().into_inner();
    let event = Sha256::digest(format!("body#{}", hex::encode(&sha256)));
    let body = EventBody { event: event[..16].try_into()?, body: sha256[..16].try_into()? };
    let new = Key { pk: key::event_pk("telnyx", "default", &body), sk: key::delivery_sk(&body) };
    item.extend(new.attributes());
    item.insert("reason".to_owned(), AttributeValue::S("body_unreadable".to_owned()));
    item.insert("work_shard".to_owned(), AttributeValue::S(key::work_shard("quarantined", &new.pk)));
    item.remove("kind");
    let table = bed.stack.aws.dynamodb();
    table.put_item().table_name(TABLE).set_item(Some(item)).send().await?;
    table.delete_item().table_name(TABLE).set_key(Some(old.attributes())).send().await?;
    let s3 = bed.stack.aws.s3();
    let [from, to] = [&old.pk, &new.pk]
        .map(|pk| format!("quarantine/{}{}", key::folder(pk).unwrap_or_default(), hex::encode(&sha256)));
    if let Ok(object) = s3.get_object().bucket(local::stack::BUCKET).key(&from).send().await {
        let content = object.body.collect().await?.into_bytes();
        s3.put_object().bucket(local::stack::BUCKET).key(&to).body(content.into()).send().await?;
        let versions = s3.list_object_versions().bucket(local::stack::BUCKET).prefix(&from).send().await?;
        for version in versions.versions() {
            let delete = s3.delete_object().bucket(local::stack::BUCKET).key(&from);
            delete.set_version_id(version.version_id().map(str::to_owned)).send().await?;
        }
    }
    key::quarantine_id(&new).context("no id")
}

/// The keys of all objects in the bucket.
async fn objects(bed: &Bed) -> anyhow::Result<Vec<String>> {
    let listed = bed.stack.aws.s3().list_objects_v2().bucket(local::stack::BUCKET).send().await?;
    Ok(listed.contents().iter().filter_map(|object| object.key().map(str::to_owned)).collect())
}
