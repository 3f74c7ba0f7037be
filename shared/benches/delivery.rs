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
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{HeaderMap, HeaderName};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use shared::event::{BodyFormat, Normalized};
use shared::ledger::{Entry, Seen, plan};
use shared::proof::{Ed25519Signer, Scheme, SenderKeys, Unverified};
use shared::provider::{Provider, Verified};
use shared::record::{Beside, Record, merge};
use shared::source::Source;
use shared::sources::Sources;
use shared::timestamp::Timestamp;

const SEED: [u8; 32] = [1; 32];

fn keys() -> SenderKeys {
    SenderKeys {
        secret: "whsec_of_the_benchmark".to_owned(),
        key_pair: Ed25519Signer::from_seed(&SEED),
        url_token: "a-token-of-more-than-22-characters".to_owned(),
    }
}

struct Case {
    provider: Provider,
    source: Source,
    headers: HeaderMap,
    token: Option<String>,
    body: Bytes,
    received_at: Timestamp,
    cryptography: Cryptography,
}

/// The provider's cryptography by itself: the key, and what it must fit.
enum Cryptography {
    Hmac { key: Hmac<Sha256>, code: [u8; 32] },
    Ed25519 { key: VerifyingKey, time: String, signature: Signature },
    Token(String),
}

impl Cryptography {
    fn of(scheme: Scheme, body: &[u8]) -> Self {
        let SenderKeys { secret, url_token, .. } = keys();
        match scheme {
            Scheme::HmacSha256 | Scheme::HmacSha256Timestamped => {
                let key = Hmac::new_from_slice(secret.as_bytes()).unwrap();
                Self::Hmac { code: Hmac::chain_update(key.clone(), body).finalize().into_bytes().into(), key }
            }
            Scheme::Ed25519 => {
                let (pair, time) = (SigningKey::from_bytes(&SEED), Timestamp::now().as_second().to_string());
                let signature = pair.sign(&[time.as_bytes(), b"|", body].concat());
                Self::Ed25519 { key: pair.verifying_key(), time, signature }
            }
            Scheme::UrlToken => Self::Token(url_token),
        }
    }

    fn check(&self, body: &[u8]) {
        match self {
            Self::Hmac { key, code } => key.clone().chain_update(body).verify(code.into()).unwrap(),
            Self::Ed25519 { key, time, signature } => {
                key.verify_strict(&[time.as_bytes(), b"|", body].concat(), signature).unwrap();
            }
            Self::Token(token) => drop(black_box(Sha256::digest(token))),
        }
    }
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
        let proof = provider.sign(&keys(), &body, received_at);
        let headers = proof.headers.iter();
        let headers = headers.map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
        let (headers, token) = (headers.collect(), proof.url_token);
        let sources = json!({ provider.name(): { "default": provider.source_keys(&keys()) } }).to_string();
        let source = Sources::from_json(&sources).unwrap().get(provider, "default").unwrap().clone();
        let delivery = Unverified { headers: &headers, body: &body, token: token.as_deref(), received_at };
        let scheme = provider.verify(&source, delivery).unwrap().proof().scheme;
        let cryptography = Cryptography::of(scheme, &body);
        Self { provider, source, headers, token, body, received_at, cryptography }
    }

    fn verified(&self) -> Verified {
        let Self { provider, source, headers, token, body, received_at, .. } = self;
        let token = token.as_deref();
        let delivery = Unverified { headers, body, token, received_at: *received_at };
        provider.verify(source, delivery).unwrap()
    }

    fn normalized(&self) -> (Verified, Normalized) {
        let verified = self.verified();
        let normalized = self.provider.normalize(&self.source, &verified);
        (verified, normalized)
    }

    fn entry(&self) -> Entry {
        let (verified, normalized) = self.normalized();
        Entry::new(self.provider, &self.source, self.received_at, &self.headers, &verified, normalized)
    }

    /// Verify, normalize, pack, plan: all of our own computing for a delivery, up to the request's items.
    fn planned(&self) {
        black_box(plan(&self.entry(), &Seen::default(), 400));
    }

    /// The least that anyone must do: the provider's cryptography and a parse into untyped values.
    fn bare(&self) {
        self.cryptography.check(&self.body);
        match self.provider.body_format() {
            BodyFormat::Json => drop(black_box(serde_json::from_slice::<Value>(&self.body).unwrap())),
            BodyFormat::Form => {
                black_box(url::form_urlencoded::parse(&self.body).into_owned().collect::<Vec<_>>());
            }
        }
    }
}

fn deliveries(criterion: &mut Criterion) {
    for name in
        ["sautikit-call-completed", "callkaro-call-ended", "telnyx-call-completed", "agni-call-completed"]
    {
        let case = Case::new(name);
        let mut group = criterion.benchmark_group(case.provider.name());
        group.bench_function("bare", |bencher| bencher.iter(|| case.bare()));
        group.bench_function("verify", |bencher| bencher.iter(|| case.verified()));
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
    let stored = completed.store(|_, _| None, |_| 0).unwrap();
    criterion.bench_function("read a stored record", |bencher| {
        bencher.iter(|| {
            let transcript = serde_json::Map::new();
            let (column, body) = (|_: &str| None, |_| Some([0; 16]));
            Record::restore(&stored.core, Beside { columns: Vec::new(), column, transcript, body }).unwrap()
        });
    });
}

criterion_group!(benches, deliveries, merging);
criterion_main!(benches);
