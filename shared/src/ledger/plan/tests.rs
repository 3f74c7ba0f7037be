//! Plans against a table in memory.
//!
//! The table holds items and checks each write's condition, which is all of a transaction that
//! plans rely on. The same is shown against a real store in the tests of `local`.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};

use super::{Entry, Outcome, Plan, Seen, plan};
use crate::ledger::encode::{Encoded, encode};
use crate::ledger::item::{Item, get_number, get_text};
use crate::proof::Delivery;
use crate::proof::{Ed25519Signer, HmacKey};
use crate::provider::Provider;
use crate::record::Record;
use crate::source::Source;
use crate::sources::Sources;
use crate::timestamp::Timestamp;

mod order;

const TOKEN: &str = "a-token-of-more-than-22-characters";

#[derive(Default)]
struct Table(BTreeMap<(String, String), Item>);

impl Table {
    fn apply(&mut self, entry: &Entry) -> Outcome {
        let mut seen = Seen::default();
        for _ in 0..8 {
            let before = seen.clone();
            let (writes, outcome) = match plan(entry, &before) {
                Plan::Done(outcome) => return outcome,
                Plan::Transact { writes, outcome } => (writes, outcome),
            };
            let encoded: Vec<_> = writes.iter().map(|write| encode(entry, write, 400).unwrap()).collect();
            if encoded.iter().all(|write| self.meets(write)) {
                for write in encoded {
                    if let Encoded::Create(item) | Encoded::Replace { item, .. } = write {
                        self.0.insert(key(&item), item);
                    }
                }
                return outcome;
            }
            for (write, encoded) in writes.iter().zip(&encoded).filter(|(_, encoded)| !self.meets(encoded)) {
                seen.learn(write, self.found(encoded).cloned());
            }
        }
        panic!("the plans do not come to an end")
    }

    fn found(&self, write: &Encoded) -> Option<&Item> {
        match write {
            Encoded::Create(item) | Encoded::Replace { item, .. } => self.0.get(&key(item)),
            Encoded::Absent(key) => self.0.get(&(key.pk.clone(), key.sk.clone())),
        }
    }

    fn meets(&self, write: &Encoded) -> bool {
        let found = self.found(write);
        match write {
            Encoded::Create(_) | Encoded::Absent(_) => found.is_none(),
            Encoded::Replace { counter, seen, .. } => {
                found.and_then(|item| get_number::<u64>(item, counter)) == Some(*seen)
            }
        }
    }

    /// All that is known, without when and in how many steps it came to be known.
    fn known(&self) -> Value {
        let items = self.0.values().map(|item| match get_text(item, "type").unwrap() {
            "CALL" => {
                let record: Record = serde_json::from_str(get_text(item, "record").unwrap()).unwrap();
                json!({
                    "record": record.render(),
                    "status": get_text(item, "status"),
                    "from": get_text(item, "from_number"),
                    "time": get_text(item, "time_key"),
                })
            }
            // Which of several links is followed depends on which came last, where nothing else tells.
            "RECORDING" => json!([get_text(item, "sk"), get_text(item, "state"), item.contains_key("url")]),
            // A revision's sort key tells which body came first.
            _ => {
                json!([get_text(item, "dedupe_key"), get_text(item, "body_sha256"), get_text(item, "state")])
            }
        });
        let mut items: Vec<String> = items.map(|item| item.to_string()).collect();
        items.sort_unstable();
        json!(items)
    }
}

fn key(item: &Item) -> (String, String) {
    (get_text(item, "pk").unwrap().to_owned(), get_text(item, "sk").unwrap().to_owned())
}

fn now() -> Timestamp {
    "2026-06-27T10:06:00Z".parse().unwrap()
}

fn source(provider: Provider) -> Source {
    let configured = match provider {
        Provider::Sautikit => json!({ "secrets": ["s"] }),
        Provider::Telnyx => json!({ "public_keys": [Ed25519Signer::from_seed(&[1; 32]).public_key()] }),
        Provider::Callkaro | Provider::Agni => json!({ "tokens": [TOKEN] }),
    };
    let sources =
        Sources::from_json(&json!({ provider.name(): { "default": configured } }).to_string()).unwrap();
    sources.get(provider, "default").unwrap().clone()
}

/// A genuine delivery of a body.
fn entry(provider: Provider, body: &str) -> Entry {
    let body = Bytes::from(body.to_owned());
    let mut headers = HeaderMap::new();
    match provider {
        Provider::Sautikit => {
            let (name, value) = crate::provider::sign_sautikit(&HmacKey::new("s"), &body);
            headers.insert(name, value.parse().unwrap());
        }
        Provider::Telnyx => {
            let signer = Ed25519Signer::from_seed(&[1; 32]);
            for (name, value) in crate::provider::sign_telnyx(&signer, &body, now().as_second()) {
                headers.insert(name, value.parse().unwrap());
            }
        }
        Provider::Callkaro | Provider::Agni => {}
    }
    let source = source(provider);
    let delivery = Delivery { headers: &headers, body: &body, token: Some(TOKEN), received_at: now() };
    let verified = provider.verify(&source, delivery).unwrap();
    let normalized = provider.normalize(&source, &verified);
    Entry::new(provider, "default", now(), &headers, &verified, normalized)
}

#[test]
fn a_revision_adds_fields_and_changes_none() {
    let body = |data: &str| format!(r#"{{"event":"call_ended","data":{{"callSid":"c",{data}}}}}"#);
    let mut table = Table::default();
    let first = entry(Provider::Callkaro, &body(r#""call_duration":120,"disposition_reason":"first""#));
    let second =
        entry(Provider::Callkaro, &body(r#""call_duration":999,"transcription":"second","batchId":"b2""#));
    let third = entry(
        Provider::Callkaro,
        &body(r#""call_duration":5,"batchId":"b3","call_link":"https://third.example""#),
    );
    assert_eq!(
        [&first, &second, &third, &second, &first].map(|entry| table.apply(entry)),
        [Outcome::Accepted, Outcome::Revised, Outcome::Revised, Outcome::Duplicate, Outcome::Duplicate,]
    );
    let call = table.0.values().find(|item| get_text(item, "type") == Some("CALL")).unwrap();
    let record: Record = serde_json::from_str(get_text(call, "record").unwrap()).unwrap();
    assert_eq!(record.get("duration_seconds"), Some(&json!(120)));
    assert_eq!(record.text("analysis.disposition"), Some("first"));
    assert_eq!(record.text("transcript.text"), Some("second"));
    assert_eq!(record.text("campaign.id"), Some("b2"));
    assert_eq!(record.text("links.console"), Some("https://third.example"));
    assert_eq!(get_number::<u64>(call, "revision"), Some(3));
}

#[test]
fn a_record_that_outgrows_its_item_goes_to_quarantine_with_its_recording() {
    let mut data = json!({ "callSid": "c", "recordingUrl": "https://media.example/r.mp3" });
    for index in 0..100 {
        data[format!("field-{index}")] = json!("x".repeat(10_000));
    }
    let entry = entry(Provider::Callkaro, &json!({ "event": "call_ended", "data": data }).to_string());
    let mut table = Table::default();
    assert_eq!(table.apply(&entry), Outcome::Quarantined);
    assert_eq!(table.apply(&entry), Outcome::Quarantined);
    let of =
        |kind: &str| table.0.values().filter(|item| get_text(item, "type") == Some(kind)).collect::<Vec<_>>();
    assert_eq!(get_text(of("DELIVERY")[0], "reason"), Some("record_too_large"));
    assert_eq!((of("CALL").len(), of("DELIVERY").len(), of("RECORDING").len()), (0, 1, 1));
}

#[test]
fn large_values_are_claimed_and_stay_out_of_the_item() {
    let transcription = "word ".repeat(10_000);
    let body = json!({ "event": "call_ended", "data": { "callSid": "c", "transcription": transcription } })
        .to_string();
    let entry = entry(Provider::Callkaro, &body);
    let (key, content) = &entry.objects[0];
    assert_eq!(serde_json::from_slice::<Value>(content).unwrap(), json!(transcription));
    let mut table = Table::default();
    assert_eq!(table.apply(&entry), Outcome::Accepted);
    let call = table.0.values().find(|item| get_text(item, "type") == Some("CALL")).unwrap();
    let record: Record = serde_json::from_str(get_text(call, "record").unwrap()).unwrap();
    assert_eq!(record.get("transcript.text").unwrap()["$claim"]["s3_key"], json!(key));
    assert!(get_text(call, "record").unwrap().len() < 1_000);
}

fn record_of(bodies: &[&str]) -> Value {
    let mut table = Table::default();
    for body in bodies {
        table.apply(&entry(Provider::Telnyx, body));
    }
    let call = table.0.values().find(|item| get_text(item, "type") == Some("CALL")).unwrap();
    let record: Record = serde_json::from_str(get_text(call, "record").unwrap()).unwrap();
    Value::Object(record.render())
}

#[test]
fn a_finished_recording_does_not_go_back_to_being_recorded() {
    let started = "CallSid=c&RecordingSid=r&RecordingStatus=in-progress";
    let completed = "CallSid=c&RecordingSid=r&RecordingStatus=completed";
    for order in [[started, completed], [completed, started]] {
        assert_eq!(record_of(&order)["recordings"][0]["provider_status"], "completed");
    }
}

#[test]
fn forms_of_an_older_value_do_not_stand_beside_a_newer_one() {
    let older = "CallSid=c&CallStatus=ringing&SequenceNumber=1&From=%2B35319605860&HangupCause=user_busy";
    let newer = "CallSid=c&CallStatus=completed&SequenceNumber=2&From=sip:a@example.com&HangupCause=odd";
    for order in [[older, newer], [newer, older]] {
        let record = record_of(&order);
        assert_eq!(
            record["from"],
            json!({ "raw": "sip:a@example.com", "e164": null, "sip_uri": "sip:a@example.com" })
        );
        assert_eq!(
            (&record["hangup"]["cause"], &record["hangup"]["q850"]),
            (&json!("unspecified"), &Value::Null)
        );
    }
}

#[test]
fn another_link_takes_over_while_the_recording_is_not_copied() {
    let body = |token: &str, extra: &str| {
        format!(
            r#"{{"event":"call_ended","data":{{"callSid":"c","recordingUrl":"https://m.example/r.mp3?token={token}"{extra}}}}}"#
        )
    };
    for (state, then) in
        [("pending", "pending"), ("retry", "pending"), ("copying", "copying"), ("expired", "pending")]
    {
        let mut table = Table::default();
        table.apply(&entry(Provider::Callkaro, &body("zzz", "")));
        let is_job = |item: &Item| get_text(item, "type") == Some("RECORDING");
        let key = table.0.iter().find(|(_, item)| is_job(item)).unwrap().0.clone();
        table.0.get_mut(&key).unwrap().insert("state".to_owned(), crate::ledger::item::text(state));
        table.apply(&entry(Provider::Callkaro, &body("aaa", r#","batchId":"b""#)));
        let job = &table.0[&key];
        let expected = (Some(then), Some("https://m.example/r.mp3?token=aaa"));
        assert_eq!((get_text(job, "state"), get_text(job, "url")), expected, "{state}");
    }
}

#[test]
fn a_body_of_a_hundred_thousand_fields_is_planned_like_any_other() {
    let fields: Vec<_> = (0..100_000).map(|index| format!(r#""f{index}":1"#)).collect();
    let body = format!(
        r#"{{"kind":"call.completed","event_id":"e","data":{{"call_id":"c",{}}}}}"#,
        fields.join(",")
    );
    assert_eq!(Table::default().apply(&entry(Provider::Sautikit, &body)), Outcome::Quarantined);
}
