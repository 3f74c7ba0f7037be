use bytes::Bytes;
use serde_json::json;

use super::super::fixture::{event, normalize, now, said, sample, source, unusable, verify};
use super::super::{Freshness, Normalized, Proof, Provider::Sautikit, Rejection, Scheme, Unusable};
use super::{SIGNATURE_HEADER, sign, sign_timestamped};
use crate::signature::HmacKey;
use crate::source::Source;

const SECRET: &str = "whsec_of_the_tests";

fn configured() -> Source {
    source(Sautikit, json!({ "secrets": [SECRET] }))
}

fn plain(body: &[u8]) -> String {
    sign(&HmacKey::new(SECRET), body).1
}

fn timestamped(body: &[u8], seconds_from_now: i64) -> String {
    sign_timestamped(&HmacKey::new(SECRET), body, now().as_second() + seconds_from_now).1
}

fn proof(signature: &str, body: &Bytes) -> Result<Proof, Rejection> {
    verify(Sautikit, &configured(), &[(SIGNATURE_HEADER, signature)], body).map(|verified| verified.proof())
}

fn malformed(problem: &'static str) -> Result<Proof, Rejection> {
    Err(Rejection::SignatureMalformed { header: SIGNATURE_HEADER, problem })
}

#[test]
fn accepts_both_published_forms() {
    let body = sample("sautikit-call-completed");
    let plain_proof = Proof { scheme: Scheme::HmacSha256, freshness: Freshness::Fresh, key: 0 };
    assert_eq!(proof(&plain(&body), &body), Ok(plain_proof));
    assert_eq!(proof(&plain(&body).to_uppercase(), &body), Ok(plain_proof));
    let timestamped_proof =
        Proof { scheme: Scheme::HmacSha256Timestamped, freshness: Freshness::Fresh, key: 0 };
    assert_eq!(proof(&timestamped(&body, 0), &body), Ok(timestamped_proof));
}

#[test]
fn the_signature_of_the_documented_example_is_hmac_sha256_of_the_body() {
    // printf '%s' '{"kind":"call.completed"}' | openssl dgst -sha256 -hmac whsec_of_the_tests
    let body = Bytes::from_static(br#"{"kind":"call.completed"}"#);
    assert_eq!(plain(&body), "6493dcc2ac815784fb21297874fa93c35cb7909bab4083246251c130db6a7413");
}

#[test]
fn rejects_a_body_changed_after_signing() {
    let body = sample("sautikit-call-completed");
    let mut changed = body.to_vec();
    changed[20] ^= 1;
    assert_eq!(proof(&plain(&body), &changed.clone().into()), Err(Rejection::SignatureMismatch));
    assert_eq!(proof(&timestamped(&body, 0), &changed.into()), Err(Rejection::SignatureMismatch));
}

#[test]
fn rejects_a_time_changed_after_signing() {
    let body = sample("sautikit-call-completed");
    let signature = timestamped(&body, -1000);
    let moved = signature.replace(&(now().as_second() - 1000).to_string(), &now().as_second().to_string());
    assert_eq!(proof(&moved, &body), Err(Rejection::SignatureMismatch));
}

#[test]
fn rejects_another_key() {
    let body = sample("sautikit-call-completed");
    let (_, signature) = sign(&HmacKey::new("whsec_of_somebody"), &body);
    assert_eq!(proof(&signature, &body), Err(Rejection::SignatureMismatch));
}

#[test]
fn accepts_either_key_during_rotation() {
    let rotating = source(Sautikit, json!({ "secrets": ["whsec_new", "whsec_old"] }));
    let body = sample("sautikit-call-completed");
    for (place, key) in ["whsec_new", "whsec_old"].into_iter().enumerate() {
        let (name, signature) = sign(&HmacKey::new(key), &body);
        let verified = verify(Sautikit, &rotating, &[(name, &signature)], &body).unwrap();
        assert_eq!(verified.proof().key, place);
    }
}

#[test]
fn a_signed_time_outside_the_tolerance_is_not_fresh() {
    let body = sample("sautikit-call-completed");
    let freshness = |seconds| proof(&timestamped(&body, seconds), &body).unwrap().freshness;
    assert_eq!(freshness(-300), Freshness::Fresh);
    assert_eq!(freshness(-301), Freshness::Stale);
    assert_eq!(freshness(300), Freshness::Fresh);
    assert_eq!(freshness(301), Freshness::Future);
    let far = |time: &str| {
        let code = hex::encode(HmacKey::new(SECRET).sign(&[&body, b".", time.as_bytes()]));
        proof(&format!("t={time},v1={code}"), &body).map(|proof| proof.freshness)
    };
    assert_eq!(far("0"), Ok(Freshness::Stale));
    assert_eq!(far("18446744073709551615"), Ok(Freshness::Future));
}

#[test]
fn a_missing_header_is_told_from_a_malformed_one() {
    let body = sample("sautikit-call-completed");
    let missing = Rejection::SignatureMissing { header: SIGNATURE_HEADER };
    assert_eq!(verify(Sautikit, &configured(), &[], &body).unwrap_err(), missing);
    assert_eq!(proof("  ", &body), Err(missing));

    let neither =
        malformed("is neither 64 hexadecimal digits nor t=<unix seconds>,v1=<64 hexadecimal digits>");
    let good = plain(&body);
    for value in [
        "no hex",
        &good[..62],
        &format!("{good}00"),
        &format!("{good},{good}"),
        &format!("t=,v1={good}"),
        &format!("t=-1,v1={good}"),
        &format!("t=+1,v1={good}"),
        &format!("t=1e9,v1={good}"),
        &format!("t=18446744073709551616,v1={good}"),
        &format!("v1={good},t=1"),
        &format!("t=1,v0={good}"),
        &format!("t=1,v1={good},v1={good}"),
    ] {
        assert_eq!(proof(value, &body), neither, "{value}");
    }
    let twice = [(SIGNATURE_HEADER, good.as_str()), (SIGNATURE_HEADER, good.as_str())];
    let doubled = verify(Sautikit, &configured(), &twice, &body).map(|verified| verified.proof());
    assert_eq!(doubled, malformed("was sent more than once"));
}

#[test]
fn white_space_and_case_of_the_header_do_not_matter() {
    let body = sample("sautikit-call-completed");
    let signature = format!("  {}  ", plain(&body));
    assert!(verify(Sautikit, &configured(), &[("X-SautiKit-SIGNATURE", &signature)], &body).is_ok());
}

#[test]
fn a_source_can_pin_one_form() {
    let pinned = source(Sautikit, json!({ "secrets": [SECRET], "scheme": "timestamped" }));
    let body = sample("sautikit-call-completed");
    let refused = verify(Sautikit, &pinned, &[(SIGNATURE_HEADER, &plain(&body))], &body).unwrap_err();
    let problem = "has not the form that this source is pinned to";
    assert_eq!(refused, Rejection::SignatureMalformed { header: SIGNATURE_HEADER, problem });
    assert!(verify(Sautikit, &pinned, &[(SIGNATURE_HEADER, &timestamped(&body, 0))], &body).is_ok());
}

#[test]
fn normalizes_a_completed_call() {
    let event = event(Sautikit, &configured(), sample("sautikit-call-completed"));
    assert_eq!(event.dedupe_key.as_deref(), Some("call.completed#01900000-0000-7000-8000-000000000001"));
    insta::assert_json_snapshot!(said(&event), @r#"
    {
      "account_id": "01900000-0000-7000-8000-000000000002",
      "answered_at": "2026-06-27T10:00:05.000Z",
      "call_id": "01900000-0000-7000-8000-000000000003",
      "channel": "pstn",
      "derived": [
        "channel",
        "duration_basis",
        "hangup.q850"
      ],
      "direction": "inbound",
      "duration_basis": "answered",
      "duration_seconds": 295,
      "ended_at": "2026-06-27T10:05:00.000Z",
      "events": [
        {
          "kind": "call.completed",
          "occurred_at": "2026-06-27T10:05:00.000Z",
          "provider_event_id": "01900000-0000-7000-8000-000000000001",
          "sent_at": null,
          "sequence": null
        }
      ],
      "from": {
        "e164": "+254700000001",
        "raw": "+254700000001"
      },
      "hangup": {
        "cause": "normal_clearing",
        "q850": 16,
        "raw": "normal_clearing"
      },
      "number_id": "01900000-0000-7000-8000-000000000004",
      "status": "completed",
      "to": {
        "e164": "+254700000002",
        "raw": "+254700000002"
      }
    }
    "#);
}

#[test]
fn normalizes_a_recording_that_is_ready() {
    let event = event(Sautikit, &configured(), sample("sautikit-call-recording-ready"));
    assert_eq!(
        event.dedupe_key.as_deref(),
        Some("call.recording.ready#01900000-0000-7000-8000-000000000001")
    );
    let link = event.recording.as_ref().unwrap();
    assert_eq!(link.url, "https://storage.example.com/recordings/...?X-Amz-Expires=3600");
    insta::assert_json_snapshot!(said(&event), @r#"
    {
      "account_id": "01900000-0000-7000-8000-000000000002",
      "call_id": "01900000-0000-7000-8000-000000000003",
      "channel": "pstn",
      "derived": [
        "channel"
      ],
      "direction": "unknown",
      "duration_basis": "unknown",
      "events": [
        {
          "kind": "call.recording.ready",
          "occurred_at": "2026-06-27T10:06:00.000Z",
          "provider_event_id": "01900000-0000-7000-8000-000000000001",
          "sent_at": null,
          "sequence": null
        }
      ],
      "number_id": "01900000-0000-7000-8000-000000000004",
      "recordings": [
        {
          "duration_seconds": 295,
          "recording_id": "01900000-0000-7000-8000-000000000005",
          "size_bytes": 2457600,
          "source_expires_at": "2026-06-27T11:06:00.000Z",
          "source_host": "storage.example.com"
        }
      ],
      "status": "unknown"
    }
    "#);
}

#[test]
fn normalizes_the_sibling_kinds() {
    let status = |name| {
        let event = event(Sautikit, &configured(), sample(name));
        (
            event.record.text("status").map(str::to_owned),
            event.record.text("error.message").map(str::to_owned),
        )
    };
    assert_eq!(status("sautikit-call-started"), (Some("ringing".into()), None));
    assert_eq!(status("sautikit-call-answered"), (Some("in_progress".into()), None));
    assert_eq!(status("sautikit-call-failed"), (Some("failed".into()), Some("no_answer".into())));
}

#[test]
fn unknown_kinds_are_ignored_and_keep_their_key() {
    let body = r#"{"kind":"message.received","event_id":"e#1","data":{"call_id":"c"}}"#;
    let Normalized::Ignored { kind, dedupe_key, call_id } = normalize(Sautikit, &configured(), body) else {
        panic!("not ignored")
    };
    assert_eq!(
        (kind.as_str(), dedupe_key.as_deref(), call_id.as_deref()),
        ("message.received", Some("message.received#e%231"), Some("c"))
    );
}

#[test]
fn what_cannot_be_read_says_why() {
    let deep = format!(r#"{{"kind":"call.completed","data":{}"#, "[".repeat(100_000));
    for body in ["", "null", "[]", "{", "\u{0}", r#"{"event_id":"1"}"#, r#"{"kind":7}"#, &deep] {
        assert_eq!(unusable(Sautikit, &configured(), body.to_owned()), Unusable::Unreadable, "{body:.40}");
    }
    assert_eq!(unusable(Sautikit, &configured(), &b"\xff\xfe"[..]), Unusable::Unreadable);
    let no_call = r#"{"kind":"call.completed","event_id":"1","data":{}}"#;
    assert_eq!(unusable(Sautikit, &configured(), no_call), Unusable::CallIdMissing);
    let long = format!(r#"{{"kind":"call.completed","data":{{"call_id":"{}"}}}}"#, "x".repeat(2049));
    assert_eq!(unusable(Sautikit, &configured(), long), Unusable::CallIdTooLong);
}

#[test]
fn fields_of_unexpected_types_are_kept_beside_those_that_can_be_read() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let body = format!(
        r#"{{"kind":"call.completed","event_id":17,"occurred_at":"yesterday","future":{{"a":[1]}},"data":
        {{"call_id":"c","from":["+254700000001"],"duration_seconds":1e400,"direction":"sideways","status":"resting",
          "answered_at":5,"ended_at":"2026-06-27T10:05:00.123456Z","hangup_cause":"\ud800","deep":{deep},"call_id":"d"}}}}"#
    );
    let event = event(Sautikit, &configured(), body);
    assert_eq!(event.call_id, "d", "of a doubled key the last counts");
    let mut said = said(&event);
    assert_eq!(said["extensions"]["data.deep"].as_str().map(str::len), Some(200_000));
    said["extensions"]["data.deep"] = json!("…");
    insta::assert_json_snapshot!(said, @r#"
    {
      "call_id": "d",
      "channel": "pstn",
      "derived": [
        "channel",
        "status"
      ],
      "direction": "unknown",
      "duration_basis": "unknown",
      "ended_at": "2026-06-27T10:05:00.123Z",
      "events": [
        {
          "kind": "call.completed",
          "occurred_at": null,
          "provider_event_id": "17",
          "sent_at": null,
          "sequence": null
        }
      ],
      "extensions": {
        "data.answered_at": 5,
        "data.call_id": "c",
        "data.deep": "…",
        "data.direction": "sideways",
        "data.duration_seconds": "1e400",
        "data.ended_at": "2026-06-27T10:05:00.123456Z",
        "data.from": [
          "+254700000001"
        ],
        "data.hangup_cause": "\"\\ud800\"",
        "data.status": "resting",
        "future": {
          "a": [
            1
          ]
        },
        "occurred_at": "yesterday"
      },
      "status": "completed",
      "warnings": [
        "data.answered_at is not a time; see extensions",
        "data.direction is not a documented direction; see extensions",
        "data.duration_seconds is not a number of seconds; see extensions",
        "data.from is not text; see extensions",
        "data.hangup_cause is not text; see extensions",
        "data.status is not a documented status; see extensions",
        "occurred_at is not a time; see extensions"
      ]
    }
    "#);
}

#[test]
fn a_pinned_account_must_be_named() {
    let pinned = source(Sautikit, json!({ "secrets": [SECRET], "account": "w1" }));
    let body = |account: &str| format!(r#"{{"kind":"call.completed","data":{{"call_id":"c"}}{account}}}"#);
    assert_eq!(unusable(Sautikit, &pinned, body("")), Unusable::AccountMismatch);
    assert_eq!(unusable(Sautikit, &pinned, body(r#","workspace_id":"w2""#)), Unusable::AccountMismatch);
    assert_eq!(event(Sautikit, &pinned, body(r#","workspace_id":"w1""#)).call_id, "c");
}
