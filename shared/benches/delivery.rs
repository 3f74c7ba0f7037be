//! What a delivery costs in computing: verify + normalize + plan, beside the bare cryptography and
//! an untyped parse of the same bytes; merging; reading forms.
//!
//! `cargo bench -p shared`

#![expect(clippy::unwrap_used, reason = "a benchmark that fails should stop")]

use std::hint::black_box;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use ed25519_dalek::{Signature, SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::HeaderMap;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared::event::Normalized;
use shared::ledger::{Entry, Seen, plan};
use shared::proof::{Ed25519Signer, HmacKey, Unverified};
use shared::provider::{Provider, sign_sautikit, sign_telnyx};
use shared::record::{Record, merge};
use shared::source::Source;
use shared::sources::Sources;
use shared::timestamp::Timestamp;

const SECRET: &str = "whsec_of_the_benchmark";
const SEED: [u8; 32] = [1; 32];
const TOKEN: &str = "a-token-of-more-than-22-characters";

struct Case {
    provider: Provider,
    source: Source,
    headers: HeaderMap,
    body: Bytes,
    received_at: Timestamp,
    hmac_key: Hmac<Sha256>,
    ed25519_key: VerifyingKey,
}

impl Case {
    fn new(name: &str) -> Self {
        let path = format!("{}/../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
        let event: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let body = event["body"].as_str().unwrap();
        let body: Bytes = if event["isBase64Encoded"] == true {
            BASE64_STANDARD.decode(body).unwrap().into()
        } else {
            // As providers send it: without the white space that makes the sample readable.
            serde_json::from_str::<Value>(body).unwrap().to_string().into()
        };
        let provider = Provider::from_name(name.split('-').next().unwrap()).unwrap();
        let received_at = Timestamp::now();
        let mut headers = HeaderMap::new();
        let configured = match provider {
            Provider::Sautikit => {
                let (name, value) = sign_sautikit(&HmacKey::new(SECRET), &body);
                headers.insert(name, value.parse().unwrap());
                json!({ "secrets": [SECRET] })
            }
            Provider::Telnyx => {
                let signer = Ed25519Signer::from_seed(&SEED);
                for (name, value) in sign_telnyx(&signer, &body, received_at.as_second()) {
                    headers.insert(name, value.parse().unwrap());
                }
                json!({ "public_keys": [signer.public_key()] })
            }
            Provider::Callkaro | Provider::Agni => json!({ "tokens": [TOKEN] }),
        };
        let sources = json!({ provider.name(): { "default": configured } }).to_string();
        let source = Sources::from_json(&sources).unwrap().get(provider, "default").unwrap().clone();
        let hmac_key = Hmac::new_from_slice(SECRET.as_bytes()).unwrap();
        let ed25519_key = SigningKey::from_bytes(&SEED).verifying_key();
        Self { provider, source, headers, body, received_at, hmac_key, ed25519_key }
    }

    fn normalized(&self) -> (shared::provider::Verified, Normalized) {
        let Self { provider, source, headers, body, received_at, .. } = self;
        let delivery = Unverified { headers, body, token: Some(TOKEN), received_at: *received_at };
        let verified = provider.verify(source, delivery).unwrap();
        let normalized = provider.normalize(source, &verified);
        (verified, normalized)
    }

    fn entry(&self) -> Entry {
        let (verified, normalized) = self.normalized();
        Entry::new(self.provider, "default", self.received_at, &self.headers, &verified, normalized)
    }

    /// Verify, normalize, pack, plan: all of our own computing for a delivery, up to the request's items.
    fn planned(&self) {
        black_box(plan(&self.entry(), &Seen::default(), 400));
    }

    /// The least that anyone must do: the provider's cryptography and a parse into untyped values.
    fn bare(&self) {
        match self.provider {
            Provider::Sautikit => {
                let mut mac = self.hmac_key.clone();
                mac.update(&self.body);
                let mut signature = [0; 32];
                hex::decode_to_slice(&self.headers["x-sautikit-signature"], &mut signature).unwrap();
                mac.verify(&signature.into()).unwrap();
            }
            Provider::Telnyx => {
                let time = self.headers["telnyx-timestamp"].as_bytes();
                let message = [time, b"|", &self.body].concat();
                let signature = BASE64_STANDARD.decode(&self.headers["telnyx-signature-ed25519"]).unwrap();
                let signature = Signature::from_bytes(&signature.try_into().unwrap());
                self.ed25519_key.verify_strict(&message, &signature).unwrap();
                black_box(url::form_urlencoded::parse(&self.body).into_owned().collect::<Vec<_>>());
                return;
            }
            Provider::Callkaro | Provider::Agni => {
                black_box(Sha256::digest(TOKEN));
            }
        }
        black_box(serde_json::from_slice::<Value>(&self.body).unwrap());
    }
}

fn deliveries(criterion: &mut Criterion) {
    for name in
        ["sautikit-call-completed", "callkaro-call-ended", "telnyx-call-completed", "agni-call-completed"]
    {
        let case = Case::new(name);
        let mut group = criterion.benchmark_group(case.provider.name());
        group.bench_function("bare", |bencher| bencher.iter(|| case.bare()));
        group.bench_function("verify", |bencher| {
            let Case { provider, source, headers, body, received_at, .. } = &case;
            let delivery = Unverified { headers, body, token: Some(TOKEN), received_at: *received_at };
            bencher.iter(|| provider.verify(source, delivery).unwrap());
        });
        group.bench_function("verify+normalize", |bencher| bencher.iter(|| case.normalized()));
        group.bench_function("verify+normalize+plan", |bencher| bencher.iter(|| case.planned()));
        group.finish();
    }
}

fn merging(criterion: &mut Criterion) {
    let record = |name: &str| match Case::new(name).normalized().1 {
        Normalized::Event(event) => event.record,
        other => panic!("{name} is no event: {other:?}"),
    };
    let (ringing, completed) = (record("telnyx-call-ringing"), record("telnyx-call-completed"));
    criterion.bench_function("merge", |bencher| {
        bencher.iter_batched(
            || (ringing.clone(), completed.clone()),
            |(ringing, completed)| merge(ringing, completed),
            criterion::BatchSize::SmallInput,
        );
    });
    let stored = completed.store(|_, _| None).unwrap();
    criterion.bench_function("read a stored record", |bencher| {
        bencher.iter(|| Record::restore(&stored.core, Vec::new(), |_| None, serde_json::Map::new()).unwrap());
    });
}

criterion_group!(benches, deliveries, merging);
criterion_main!(benches);
