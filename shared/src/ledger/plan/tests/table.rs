//! A table in memory.
//!
//! The table holds items and checks each write's condition, which is all of a transaction that
//! plans rely on. The same is shown against a real store in the tests of `local`.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName};
use serde_json::{Value, json};

use super::super::{Condition, Entry, Kind, Outcome, Plan, Seen, Write, call, delivery, plan};
use crate::ledger::item::tombstone::is_tombstone;
use crate::ledger::item::{self, Item, get_text};
use crate::ledger::values::value_key;
use crate::proof::{Ed25519Signer, SenderKeys, Unverified};
use crate::provider::Provider;
use crate::record::Record;
use crate::source::Source;
use crate::sources::Sources;
use crate::timestamp::Timestamp;

/// Items by key, and the objects in the bucket.
#[derive(Default)]
pub(super) struct Table {
    pub(super) items: BTreeMap<(String, String), Item>,
    pub(super) objects: BTreeMap<String, Bytes>,
}

impl Table {
    pub(super) fn apply(&mut self, entry: &Entry) -> Outcome {
        let mut seen = Seen::default();
        // Every other one has read the call before it tries, as after a conflict.
        if entry.body_sha256[0].is_multiple_of(2) {
            let call = (entry.pk.clone(), item::CALL.to_owned());
            seen.learn_call(self.items.get(&call).cloned());
        }
        for _ in 0..8 {
            let (objects, writes, outcome) = match plan(entry, &seen, 400) {
                Plan::Done(outcome) => return outcome,
                Plan::NotWaiting => panic!("nothing is replayed here"),
                Plan::Look(sks) => {
                    for sk in sks {
                        let job = self.items.get(&(entry.pk.clone(), sk.clone())).cloned();
                        seen.learn_job(sk, job);
                    }
                    continue;
                }
                Plan::Transact { objects, writes, outcome } => (objects, writes, outcome),
            };
            for object in objects {
                self.objects.entry(object.key).or_insert(object.content);
            }
            if writes.iter().all(|write| self.meets(write)) {
                let puts = writes.into_iter().filter(|write| write.kind != Kind::Guard);
                self.items.extend(puts.map(|write| (key(&write.item), write.item)));
                return outcome;
            }
            for write in &writes {
                if self.meets(write) {
                    seen.learn_free(&write.tried());
                } else {
                    seen.learn(&write.tried(), self.items.get(&key(&write.item)).cloned());
                }
            }
        }
        panic!("the plans do not come to an end")
    }

    fn meets(&self, write: &Write) -> bool {
        match (&write.condition, self.items.get(&key(&write.item))) {
            (Condition::New, found) => found.is_none(),
            (Condition::NotErased, found) => found.is_none_or(|item| !is_tombstone(item)),
            (Condition::Seen { attribute, value }, found) => {
                found.and_then(|item| item.get(*attribute)) == value.as_ref()
            }
        }
    }

    pub(super) fn of(&self, prefix: &str) -> Vec<&Item> {
        let is_one = |item: &&Item| get_text(item, "sk").unwrap().starts_with(prefix);
        self.items.values().filter(is_one).collect()
    }

    /// The record of the only call, with what is in the bucket.
    pub(super) fn record(&self) -> Record {
        let [item] = self.of("CALL")[..] else { panic!("not one call") };
        let read = call::read(item);
        assert_eq!(read.unreadable, Vec::<String>::new());
        let mut record = read.record;
        for (path, large) in record.large_values() {
            let object = &self.objects[&value_key(get_text(item, "pk").unwrap(), &large.sha256)];
            record.put_back(&path, &large, serde_json::from_slice(object).unwrap());
        }
        record
    }

    /// The recordings that have a copy job.
    fn copied(&self) -> Vec<String> {
        let has_job =
            |id: &&str| self.of("RECORDING#").iter().any(|job| get_text(job, "sk").unwrap()[10..] == **id);
        let record = self.record();
        let shown = record.shown_recording_ids().into_iter();
        shown.filter(|id| record.ids_of_recording(id).iter().any(&has_job)).map(str::to_owned).collect()
    }

    /// All that is known, without when and in how many steps it came to be known.
    pub(super) fn known(&self) -> Value {
        let items = self.items.values().map(|item| match get_text(item, "sk").unwrap().split('#').next() {
            Some("CALL") => json!({
                "record": self.record().render(),
                "copied": self.copied(),
                "status": get_text(item, "status"),
                "from": get_text(item, "from"),
                "time": get_text(item, "time_key"),
            }),
            // Under which of its ids a recording has its job, and which of several links is followed, depends on
            // which came first or last.
            Some("RECORDING") => json!([get_text(item, "state"), item.contains_key("url")]),
            _ => {
                let delivery = delivery::Delivery::read(item);
                json!([delivery.dedupe_key, delivery.body_sha256, delivery.state])
            }
        });
        let mut items: Vec<String> = items.map(|item| item.to_string()).collect();
        items.sort_unstable();
        items.dedup();
        json!(items)
    }
}

fn key(item: &Item) -> (String, String) {
    (get_text(item, "pk").unwrap().to_owned(), get_text(item, "sk").unwrap().to_owned())
}

fn now() -> Timestamp {
    "2026-06-27T10:06:00Z".parse().unwrap()
}

fn keys() -> SenderKeys {
    let key_pair = Ed25519Signer::from_seed(&[1; 32]);
    SenderKeys {
        secret: "s".to_owned(),
        key_pair,
        url_token: "a-token-of-more-than-22-characters".to_owned(),
    }
}

fn source(provider: Provider) -> Source {
    let configured = json!({ provider.name(): { "default": provider.source_keys(&keys()) } });
    Sources::from_json(&configured.to_string()).unwrap().get(provider, "default").unwrap().clone()
}

/// A genuine delivery of a body.
pub(super) fn entry(provider: Provider, body: &str) -> Entry {
    let body = Bytes::from(body.to_owned());
    let proof = provider.sign(&keys(), &body, now());
    let headers =
        proof.headers.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
    let headers: HeaderMap = headers.collect();
    let source = source(provider);
    let token = proof.url_token.as_deref();
    let delivery = Unverified { headers: &headers, body: &body, token, received_at: now() };
    let verified = provider.verify(&source, delivery).unwrap();
    let normalized = provider.normalize(&source, &verified);
    Entry::new(provider, &source, now(), &headers, &verified, normalized)
}
