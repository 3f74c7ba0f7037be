//! Copy jobs without their webhooks, for tests and benchmarks of the copier alone.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use shared::event::RecordingLink;
use shared::ledger::item::recording;
use shared::ledger::key::{self, Key};

/// The RECORDING item of a link that was just announced, as a webhook's transaction writes it, but with a
/// fixed day in the object's key.
pub fn pending(call_id: &str, recording_id: &str, url: &str) -> (Key, HashMap<String, AttributeValue>) {
    let pk = key::call("sautikit", "default", call_id).pk;
    let link = RecordingLink {
        recording_id: recording_id.to_owned(),
        url: url.to_owned(),
        expires_at: None,
        size_bytes: None,
    };
    let mut item = recording::write(&pk, call_id, &link.recording_id, &link, Timestamp::now());
    item.insert("object_day".to_owned(), AttributeValue::S("2026/06/27".to_owned()));
    (recording::key_of(&pk, recording_id), item)
}
