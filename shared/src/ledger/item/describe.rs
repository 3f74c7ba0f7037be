//! Any item as JSON for a person to read: packed values are unpacked, secrets are left out.

use serde_json::{Map, Value, json};

use aws_sdk_dynamodb::types::AttributeValue;

use super::tombstone::is_tombstone;
use super::{Item, SK, call, delivery, get_bytes, get_text, is_newer};
use crate::ledger::applied::Applied;
use crate::ledger::key;
use crate::record::Record;

/// The text in place of a link's query, which may hold credentials.
const REDACTED: &str = "?(left out)";

/// The item with every attribute readable.
///
/// A CALL has its whole record, a DELIVERY its headers and body, a RECORDING its link without the query.
pub fn describe(item: &Item) -> Value {
    let mut described: Map<String, Value> =
        item.iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
    let sk = get_text(item, SK).unwrap_or_default();
    if is_tombstone(item) {
        described.extend(get_bytes(item, "applied").and_then(|applied| {
            Some(("applied".to_owned(), json!(Applied::from_bytes(applied).ok()?.hashes())))
        }));
    } else if sk == super::CALL {
        describe_call(item, &mut described);
    } else if sk.starts_with(super::DELIVERY_PREFIX) {
        describe_delivery(item, &mut described);
    } else if let Some(Value::String(url)) = described.get_mut("url")
        && let Some(query) = url.find(['?', '#'])
    {
        url.replace_range(query.., REDACTED);
    }
    if is_newer(item) {
        described.insert("unreadable".to_owned(), json!("a newer version wrote this item"));
    }
    Value::Object(described)
}

fn describe_call(item: &Item, described: &mut Map<String, Value>) {
    let call = call::read(item);
    described.remove("transcript");
    if let Some(core) = get_text(item, "record") {
        described.insert("record".to_owned(), serde_json::from_str(core).unwrap_or_else(|_| json!(core)));
    }
    described.insert("rendered".to_owned(), Value::Object(Record::render(&call.record)));
    if let Some(applied) = &call.applied {
        described.insert("applied".to_owned(), json!(applied.hashes()));
    }
    let large = call
        .record
        .large_values()
        .into_iter()
        .map(|(path, large)| json!({ "path": path, "bytes": large.bytes, "sha256": large.sha256 }));
    let large: Vec<_> = large.collect();
    if !large.is_empty() {
        described.insert("in_the_bucket".to_owned(), json!(large));
    }
    if !call.unreadable.is_empty() {
        described.insert("unreadable".to_owned(), json!(call.unreadable));
    }
}

fn describe_delivery(item: &Item, described: &mut Map<String, Value>) {
    match delivery::request(item) {
        None => {
            let pk = get_text(item, super::PK).unwrap_or_default();
            let sha256 = item.get("body_sha256").map(attribute).unwrap_or_default();
            let state = delivery::State::of(item).unwrap_or(delivery::State::Applied);
            let object = delivery::evidence_key(state, pk, sha256.as_str().unwrap_or_default());
            described.insert("evidence".to_owned(), json!({ "in_the_bucket": object }));
        }
        Some(Ok(request)) => {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            let body = serde_json::from_str(&body).unwrap_or(Value::String(body));
            described.insert("evidence".to_owned(), json!({ "headers": request.headers, "body": body }));
        }
        Some(Err(error)) => {
            described.insert("unreadable".to_owned(), json!(format!("evidence: {error}")));
        }
    }
    if let Some(id) = get_text(item, SK).and_then(key::delivery_id) {
        described.insert("delivery_id".to_owned(), json!(id));
    }
}

/// An attribute as JSON; bytes are hex.
fn attribute(value: &AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => json!(text),
        AttributeValue::N(number) => serde_json::from_str(number).unwrap_or_else(|_| json!(number)),
        AttributeValue::Bool(value) => json!(value),
        AttributeValue::B(bytes) => json!(hex::encode(bytes)),
        AttributeValue::L(list) => list.iter().map(attribute).collect(),
        AttributeValue::M(map) => map.iter().map(|(name, value)| (name.clone(), attribute(value))).collect(),
        _ => Value::Null,
    }
}
