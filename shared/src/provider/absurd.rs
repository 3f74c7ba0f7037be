//! Bodies as large and as odd as they come: each is read or refused, and none makes a reader panic or wait.

use bytes::Bytes;
use serde_json::json;

use super::Provider;
use super::fixture::{normalize, source};
use crate::event::{Normalized, Unusable};
use crate::proof::{Ed25519Signer, SenderKeys};

const MIB: usize = 1 << 20;

fn read(provider: Provider, body: impl Into<Bytes>) -> Normalized {
    let keys = SenderKeys {
        secret: "s".to_owned(),
        key_pair: Ed25519Signer::from_seed(&[1; 32]),
        url_token: "a-token-of-more-than-22-characters".to_owned(),
    };
    normalize(provider, &source(provider, provider.source_keys(&keys)), body)
}

/// A JSON body of a provider, with more fields of its `data`.
fn body(provider: Provider, more: &str) -> String {
    let (kind, call_id) = match provider {
        Provider::Sautikit => (r#""kind":"call.completed""#, "call_id"),
        Provider::Callkaro => (r#""event":"call_ended""#, "callSid"),
        Provider::Agni => (r#""event":"call.completed""#, "call_session_id"),
        Provider::Telnyx => return format!("CallSid=c&CallStatus=completed&{more}"),
    };
    format!(r#"{{{kind},"data":{{"{call_id}":"c",{more}}}}}"#)
}

const JSON: [Provider; 3] = [Provider::Sautikit, Provider::Callkaro, Provider::Agni];

#[test]
fn brackets_without_end_are_unreadable() {
    for provider in Provider::ALL {
        for body in ["[", "{\"a\":", "{\"data\":[", "\\", "\"", "\u{feff}", "-", "%5B"] {
            let body = body.repeat(4 * MIB / body.len());
            let unusable = read(provider, body);
            assert!(
                matches!(unusable, Normalized::Unusable(Unusable::Unreadable | Unusable::CallIdMissing)),
                "{unusable:?}"
            );
        }
    }
}

#[test]
fn deep_long_and_damaged_values_are_no_reason_to_lose_the_fields_beside_them() {
    let fields = [
        format!(r#""x":{}{}"#, "[".repeat(2 * MIB), "]".repeat(2 * MIB)),
        format!(r#""x":[{}1]"#, "1e999,".repeat(MIB / 2)),
        format!(r#""x":"{}""#, r"\ud83d".repeat(MIB / 2)),
        format!(r#""x":[{}1]"#, r#"{"a":92838584930183242888},"#.repeat(MIB / 8)),
        format!(r#""x":{}"#, "7".repeat(10_000)),
        format!(r#""x":{}"#, "7".repeat(3 * MIB)),
        format!(r#""x":"{}""#, "\u{e9}".repeat(MIB)),
    ];
    for provider in JSON {
        for field in &fields {
            let Normalized::Event(event) = read(provider, body(provider, field)) else {
                panic!("{field:.40}")
            };
            assert!(event.record.get("extensions.data.x").is_some(), "{field:.40}");
        }
    }
    for bytes in [vec![0xe9; 3 * MIB], b"%E9".repeat(MIB), b"%".repeat(MIB), b"+".repeat(MIB)] {
        let body = [body(Provider::Telnyx, "x=").as_bytes(), &bytes].concat();
        let Normalized::Event(event) = read(Provider::Telnyx, body) else { panic!("not an event") };
        assert!(event.record.get("extensions.x").is_some());
    }
}

#[test]
fn many_fields_are_kept_and_many_of_one_name_are_a_list() {
    let form = |field: &dyn Fn(usize) -> String| (0..100_000).map(field).collect::<Vec<_>>().join("&");
    let distinct = body(Provider::Telnyx, &form(&|index| format!("k{index}=v")));
    let Normalized::Event(event) = read(Provider::Telnyx, distinct) else { panic!("not an event") };
    assert_eq!(event.record.text("extensions.k99999"), Some("v"));
    for name in ["same", "AnsweredTime", "Tag[]"] {
        let repeated = body(Provider::Telnyx, &form(&|index| format!("{name}={index}")));
        let Normalized::Event(event) = read(Provider::Telnyx, repeated) else { panic!("not an event") };
        let kept = event.record.get(&format!("extensions.{name}"));
        assert_eq!(kept.and_then(|kept| kept.as_array()).map(Vec::len), Some(100_000), "{name}");
    }
    let empty = body(Provider::Telnyx, &form(&|_| "AnsweredTime=".to_owned()));
    let Normalized::Event(event) = read(Provider::Telnyx, empty) else { panic!("not an event") };
    assert_eq!(event.record.get("extensions.AnsweredTime"), None);
    for provider in JSON {
        let field = vec![r#""x":1"#; 100_000].join(",");
        let Normalized::Event(event) = read(provider, body(provider, &field)) else { panic!("not an event") };
        assert_eq!(event.record.get("extensions.data.x"), Some(&json!(vec![1; 100_000])));
    }
}

#[test]
fn long_numbers_are_read_where_a_number_is_expected() {
    let long = "7".repeat(10_000);
    for (provider, name, path) in [
        (Provider::Sautikit, "duration_seconds", "extensions.data.duration_seconds"),
        (Provider::Callkaro, "try_count", "extensions.data.try_count"),
        (Provider::Agni, "call_latency_ms", "extensions.data.call_latency_ms"),
        (Provider::Agni, "cost_total", "cost.amount"),
        (Provider::Callkaro, "time", "extensions.data.time"),
        (Provider::Callkaro, "from", "from.raw"),
    ] {
        let Normalized::Event(event) = read(provider, body(provider, &format!(r#""{name}":{long}"#))) else {
            panic!("not an event")
        };
        assert_eq!(event.record.text(path), Some(long.as_str()), "{name}");
    }
}
