use serde_json::json;

use super::super::Provider::Callkaro;
use super::super::fixture::{event, normalize, said, sample, source, unusable};
use crate::event::{Normalized, Unusable};
use crate::source::Source;

fn configured() -> Source {
    source(Callkaro, json!({ "tokens": ["a-token-of-more-than-22-characters"] }))
}

#[test]
fn normalizes_an_ended_call() {
    let event = event(Callkaro, &configured(), sample("callkaro-call-ended"));
    assert_eq!(event.dedupe_key.as_deref(), Some("call_ended#2303fa770b666a64ab1694c1e"));
    assert_eq!(event.recording.as_ref().unwrap().url, "https://example.com/recording.mp3");
    insta::assert_json_snapshot!(said(&event), @r#"
    {
      "agent": {
        "id": "6803fa770b666a64ab1694c1e",
        "version_id": "1203fa770b666a64ab1694c1e"
      },
      "analysis": {
        "disposition": "Customer requested callback",
        "goals_met": true,
        "variables": {
          "lead_status": {
            "comment": "Customer showed interest",
            "value": "interested"
          }
        }
      },
      "call_id": "2303fa770b666a64ab1694c1e",
      "call_type": "outbound",
      "campaign": {
        "attempt": 1,
        "follow_up_scheduled": false,
        "id": "0303fa770b666a64ab1694c1e"
      },
      "channel": "pstn",
      "derived": [
        "campaign.attempt",
        "channel",
        "direction",
        "ended_at",
        "from.e164",
        "hangup.actor",
        "hangup.cause",
        "hangup.party",
        "hangup.q850",
        "recordings.0c0ebc2df1910519c75c3eadbc0e3548.recording_id",
        "started_at",
        "status",
        "to.e164"
      ],
      "direction": "outbound",
      "duration_basis": "unknown",
      "duration_seconds": 120,
      "ended_at": "2025-12-19T10:33:07.000Z",
      "events": [
        {
          "kind": "call_ended",
          "occurred_at": null,
          "provider_event_id": null,
          "sent_at": null,
          "sequence": null
        }
      ],
      "extensions": {
        "data.time": "2025-12-19 16:01:07"
      },
      "from": {
        "e164": "+919876543210",
        "raw": "919876543210"
      },
      "hangup": {
        "actor": "human",
        "cause": "normal_clearing",
        "party": "callee",
        "q850": 16,
        "raw": "CLIENT_INITIATED"
      },
      "links": {
        "console": "https://callkaro.ai/dashboard/call-history?call_id=abc123"
      },
      "metadata": {
        "age": 25,
        "name": "Jatin"
      },
      "recordings": [
        {
          "recording_id": "0c0ebc2df1910519c75c3eadbc0e3548",
          "source_host": "example.com"
        }
      ],
      "started_at": "2025-12-19T10:31:07.000Z",
      "status": "completed",
      "to": {
        "e164": "+918765432109",
        "raw": "918765432109"
      },
      "tool_calls": [
        {
          "at": "2025-12-19T15:25:00.000Z",
          "name": "update_crm",
          "success": true
        }
      ],
      "transcript": {
        "text": "Full call transcript..."
      }
    }
    "#);
}

#[test]
fn the_time_zone_is_the_source_s() {
    let nairobi = source(
        Callkaro,
        json!({ "tokens": ["a-token-of-more-than-22-characters"], "time_zone": "Africa/Nairobi" }),
    );
    let body = r#"{"event":"call_ended","data":{"callSid":"c","time":"2025-12-19 16:01:07"}}"#;
    let started_at = |source| event(Callkaro, source, body).record.text("started_at").map(str::to_owned);
    assert_eq!(started_at(&nairobi).as_deref(), Some("2025-12-19T13:01:07.000Z"));
    assert_eq!(started_at(&configured()).as_deref(), Some("2025-12-19T10:31:07.000Z"));
}

#[test]
fn direction_attempt_and_ending_are_derived() {
    let derived = |data: &str| {
        let body = format!(r#"{{"event":"call_ended","data":{{"callSid":"c",{data}}}}}"#);
        let said = said(&event(Callkaro, &configured(), body));
        json!([
            said["direction"],
            said["campaign"]["attempt"],
            said["status"],
            said["hangup"]["cause"],
            said["hangup"]["party"]
        ])
    };
    let expected = [
        (
            r#""name":"inbound","try_count":-1,"hangup_reason":"CLIENT_INITIATED","call_duration":3"#,
            json!(["inbound", null, "completed", "normal_clearing", "caller"]),
        ),
        (
            r#""name":"outbound-scheduled","try_count":2,"hangup_reason":"USER_UNAVAILABLE","call_duration":0"#,
            json!(["outbound", 3, "no_answer", "no_answer", "callee"]),
        ),
        (
            r#""name":"agent-test","try_count":0,"hangup_reason":"USER_REJECTED""#,
            json!(["outbound", 1, "busy", "call_rejected", "callee"]),
        ),
        (
            r#""try_count":-1,"hangup_reason":"SIP_TRUNK_FAILURE""#,
            json!(["inbound", null, "failed", "network_out_of_order", "system"]),
        ),
        (
            r#""hangup_reason":"NEW_REASON","call_duration":5"#,
            json!(["unknown", null, "completed", "unspecified", "unknown"]),
        ),
        (r#""call_duration":0"#, json!(["unknown", null, "unknown", null, null])),
    ];
    for (data, expected) in expected {
        assert_eq!(derived(data), expected, "{data}");
    }
}

#[test]
fn values_and_reasons_of_variables_come_together() {
    let body = r#"{"event":"call_ended","data":{"callSid":"c",
        "post_call":{"same":1,"differs":2,"alone":3,"odd":4},
        "post_call_detail":{"same":{"value":1,"comment":"a"},"differs":{"value":9,"comment":"b"},"reasoned":{"value":5},"odd":"text"}}}"#;
    let said = said(&event(Callkaro, &configured(), body));
    assert_eq!(
        said["analysis"]["variables"],
        json!({
            "same": { "value": 1, "comment": "a" },
            "differs": { "value": 9, "comment": "b" },
            "alone": { "value": 3 },
            "reasoned": { "value": 5 },
            "odd": { "value": 4, "detail": "text" },
        })
    );
    assert_eq!(said["extensions"]["data.post_call.differs"], json!(2));
}

#[test]
fn fractions_and_wrong_types_are_kept() {
    let body = r#"{"event":"call_ended","data":{"callSid":12345,"call_duration":12.75,"conversion_status":"maybe",
        "functions_called":[{"name":"f","timestamp":"soon","response":{"id":1}},"odd"],"call_metadata":[1],"time":"later"}}"#;
    let event = event(Callkaro, &configured(), body);
    assert_eq!(event.call_id, "12345");
    insta::assert_json_snapshot!(said(&event), @r#"
    {
      "call_id": "12345",
      "channel": "pstn",
      "derived": [
        "channel",
        "status"
      ],
      "direction": "unknown",
      "duration_basis": "unknown",
      "duration_seconds": 12,
      "events": [
        {
          "kind": "call_ended",
          "occurred_at": null,
          "provider_event_id": null,
          "sent_at": null,
          "sequence": null
        }
      ],
      "extensions": {
        "data.call_duration": 12.75,
        "data.call_metadata": [
          1
        ],
        "data.conversion_status": "maybe",
        "data.time": "later"
      },
      "status": "completed",
      "tool_calls": [
        {
          "at": "soon",
          "name": "f",
          "response": {
            "id": 1
          }
        },
        {
          "name": null,
          "raw": "odd"
        }
      ],
      "warnings": [
        "data.call_metadata is not an object; see extensions",
        "data.conversion_status is not true or false; see extensions",
        "data.time is not a documented time; see extensions"
      ]
    }
    "#);
}

#[test]
fn other_events_are_ignored_and_other_bodies_unreadable() {
    let other = normalize(Callkaro, &configured(), r#"{"event":"call_started","data":{"callSid":"c"}}"#);
    assert!(matches!(other, Normalized::Ignored { .. }), "{other:?}");
    for body in ["", "{}", "[]", "hello", r#"{"event":null}"#] {
        assert_eq!(unusable(Callkaro, &configured(), body), Unusable::Unreadable, "{body}");
    }
    for body in [
        r#"{"event":"call_ended"}"#,
        r#"{"event":"call_ended","data":[]}"#,
        r#"{"event":"call_ended","data":{"callSid":""}}"#,
    ] {
        assert_eq!(unusable(Callkaro, &configured(), body), Unusable::CallIdMissing, "{body}");
    }
}
