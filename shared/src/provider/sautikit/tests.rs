use serde_json::json;

use super::super::Provider::Sautikit;
use super::super::fixture::{event, normalize, said, sample, source, unusable};
use crate::event::{Normalized, Unusable};
use crate::source::Source;

mod verify;

const SECRET: &str = "whsec_of_the_tests";

fn configured() -> Source {
    source(Sautikit, json!({ "secrets": [SECRET] }))
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
        "hangup.cause",
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
        "data.status": "resting",
        "future": {
          "a": [
            1
          ]
        },
        "occurred_at": "yesterday"
      },
      "hangup": {
        "cause": "unspecified",
        "raw": "�"
      },
      "status": "completed",
      "warnings": [
        "a character could not be read; it is shown as U+FFFD",
        "data.answered_at is not a time; see extensions",
        "data.direction is not a documented direction; see extensions",
        "data.duration_seconds is not a number of seconds; see extensions",
        "data.from is not text; see extensions",
        "data.status is not a documented status; see extensions",
        "occurred_at is not a time; see extensions"
      ]
    }
    "#);
}

#[test]
fn json_that_breaks_the_rules_is_read_as_it_was_meant() {
    let body = "{\"kind\":\"call.completed\",\"data\":{\"call_id\":\"c\",\"failure_reason\":\"one\ntwo It\\'s\",\"duration_seconds\":Infinity}}";
    let said = said(&event(Sautikit, &configured(), body));
    assert_eq!(said["error"]["message"], "one\ntwo It\\'s");
    assert_eq!(
        (&said["duration_seconds"], &said["extensions"]["data.duration_seconds"]),
        (&json!(null), &json!("Infinity"))
    );
    assert_eq!(said["warnings"], json!(["data.duration_seconds is not a number of seconds; see extensions"]));
}

#[test]
fn a_pinned_account_must_be_named() {
    let pinned = source(Sautikit, json!({ "secrets": [SECRET], "account": "w1" }));
    let body = |account: &str| format!(r#"{{"kind":"call.completed","data":{{"call_id":"c"}}{account}}}"#);
    assert_eq!(unusable(Sautikit, &pinned, body("")), Unusable::AccountMismatch);
    assert_eq!(unusable(Sautikit, &pinned, body(r#","workspace_id":"w2""#)), Unusable::AccountMismatch);
    assert_eq!(event(Sautikit, &pinned, body(r#","workspace_id":"w1""#)).call_id, "c");
}
