//! Copy jobs without their webhooks, for tests and benchmarks of the copier alone.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use shared::ledger::key::{self, Key};
use shared::timestamp::rfc3339;

/// The RECORDING item of a link that was just announced, as a webhook's transaction leaves it.
pub fn pending(call_id: &str, recording_id: &str, url: &str) -> (Key, HashMap<String, AttributeValue>) {
    let pk = key::call("sautikit", "default", call_id).pk;
    let key = Key { pk, sk: key::recording_sk(recording_id) };
    let (now, shard) = (rfc3339(Timestamp::now()), key::work_shard("recording", &key.pk));
    let texts = [
        ("pk", key.pk.as_str()),
        ("sk", &key.sk),
        ("type", "RECORDING"),
        ("provider", "sautikit"),
        ("source", "default"),
        ("call_id", call_id),
        ("recording_id", recording_id),
        ("state", "pending"),
        ("url", url),
        ("object_day", "2026/06/27"),
        ("created_at", &now),
        ("work_shard", &shard),
        ("work_due", &now),
    ];
    let texts = texts.map(|(name, value)| (name, AttributeValue::S(value.to_owned())));
    let numbers = [("attempts", "0"), ("version", "1")];
    let numbers = numbers.map(|(name, value)| (name, AttributeValue::N(value.to_owned())));
    let item = texts.into_iter().chain(numbers).map(|(name, value)| (name.to_owned(), value)).collect();
    (key, item)
}
