use serde_json::json;

use super::super::Provider::Agni;
use super::super::fixture::{event, normalize, said, sample, source, unusable};
use crate::event::{Normalized, Unusable};
use crate::source::Source;

const ORG: &str = "1268c1f0-19f3-47db-aefb-c16a7c3ace6e";

fn configured() -> Source {
    source(Agni, json!({ "tokens": ["a-token-of-more-than-22-characters"], "account": ORG }))
}

fn body(data: &str) -> String {
    format!(r#"{{"event":"call.completed","org_id":"{ORG}","data":{{"call_session_id":"c",{data}}}}}"#)
}

#[test]
fn normalizes_a_completed_call() {
    let event = event(Agni, &configured(), sample("agni-call-completed"));
    assert_eq!(event.dedupe_key.as_deref(), Some("call.completed#019d2b3c-8e9f-7a0b-1c2d-4e5f6a7b8c9d"));
    assert_eq!(event.recording.as_ref().unwrap().url, "https://storage.agniai.com/rec/019d2b3c-8e9f.mp3");
    insta::assert_json_snapshot!(said(&event), @r#"
    {
      "account_id": "1268c1f0-19f3-47db-aefb-c16a7c3ace6e",
      "agent": {
        "name": "Support Agent"
      },
      "analysis": {
        "disposition": "issue_resolved",
        "goals_met": true,
        "next_steps": "No follow-up needed. Customer issue fully resolved.",
        "sentiment": "positive",
        "summary": "Customer called about their order #4521. Agent confirmed the order shipped yesterday and provided the tracking number. Customer was satisfied."
      },
      "call_id": "019d2b3c-8e9f-7a0b-1c2d-4e5f6a7b8c9d",
      "campaign": {
        "attempt": 1,
        "contact_id": "019d2a1b-5d6f-7a8b-9c0d-2e3f4a5b6c7d",
        "id": "019d2a1b-4c5e-7f8a-9b0c-1d2e3f4a5b6c"
      },
      "channel": "pstn",
      "cost": {
        "amount": "0.42"
      },
      "derived": [
        "channel",
        "direction",
        "duration_basis",
        "hangup.actor",
        "hangup.cause",
        "hangup.party",
        "hangup.q850",
        "recordings.9e28b56259450116590e185d8d24577a.recording_id"
      ],
      "direction": "outbound",
      "duration_basis": "total",
      "duration_seconds": 125,
      "ended_at": "2026-03-24T18:32:05.000Z",
      "events": [
        {
          "kind": "call.completed",
          "occurred_at": null,
          "provider_event_id": null,
          "sent_at": null,
          "sequence": null
        }
      ],
      "from": {
        "e164": "+18881234567",
        "raw": "+18881234567"
      },
      "hangup": {
        "actor": "human",
        "cause": "normal_clearing",
        "party": "callee",
        "q850": 16,
        "raw": "customer_hangup"
      },
      "quality": {
        "latency_ms": 150
      },
      "record_created_at": "2026-03-24T18:30:00.000Z",
      "recordings": [
        {
          "recording_id": "9e28b56259450116590e185d8d24577a",
          "source_host": "storage.agniai.com"
        }
      ],
      "remote_party": {
        "email": "john@example.com",
        "name": "John Doe",
        "number": "+14155550100"
      },
      "started_at": "2026-03-24T18:30:00.000Z",
      "status": "completed",
      "to": {
        "e164": "+14155550100",
        "raw": "+14155550100"
      },
      "transcript": {
        "turns": [
          {
            "created_at": "2026-03-24T18:30:00.000Z",
            "format": "text",
            "id": "t-001",
            "offset_ms": 0,
            "role": "agent",
            "text": "Hello! Thanks for calling Acme Support. How can I help you today?"
          },
          {
            "created_at": "2026-03-24T18:30:03.000Z",
            "format": "text",
            "id": "t-002",
            "offset_ms": 3200,
            "role": "user",
            "text": "Hi, I wanted to check on my order number 4521."
          },
          {
            "created_at": "2026-03-24T18:30:05.000Z",
            "format": "text",
            "id": "t-003",
            "offset_ms": 5800,
            "role": "agent",
            "text": "Of course! Let me look that up for you. Order 4521 shipped yesterday and the tracking number is TRK-98765. It should arrive by Friday."
          }
        ]
      }
    }
    "#);
}

#[test]
fn the_party_outside_tells_the_direction() {
    let direction = |data| said(&event(Agni, &configured(), body(data)))["direction"].clone();
    assert_eq!(direction(r#""phone":"+1","caller_number":"+1","callee_number":"+2""#), "inbound");
    assert_eq!(direction(r#""phone":"+2","caller_number":"+1","callee_number":"+2""#), "outbound");
    assert_eq!(direction(r#""phone":"+3","caller_number":"+1","callee_number":"+2""#), "unknown");
    assert_eq!(direction(r#""phone":"+1","caller_number":"+1","callee_number":"+1""#), "unknown");
    assert_eq!(direction(r#""caller_number":"+1""#), "unknown");
    // One number in two spellings, and as a number.
    let spelled = r#""phone":"+1 415-555-0100","caller_number":"+18881234567","callee_number":14155550100"#;
    assert_eq!(direction(spelled), "outbound");
}

#[test]
fn money_keeps_every_digit() {
    let cost = |data| event(Agni, &configured(), body(data)).record.text("cost.amount").map(str::to_owned);
    assert_eq!(cost(r#""cost_total":0.10000000000000000001"#).as_deref(), Some("0.10000000000000000001"));
    assert_eq!(cost(r#""cost_total":"12.50""#).as_deref(), Some("12.50"));
    assert_eq!(cost(r#""cost_total":-3"#).as_deref(), Some("-3"));
    assert_eq!(cost(r#""cost_total":1e3"#).as_deref(), Some("1000"));
    assert_eq!(cost(r#""cost_total":3E-8"#).as_deref(), Some("0.00000003"));
    for no_amount in [r#""cost_total":"free""#, r#""cost_total":"1.2.3""#, r#""cost_total":{}"#] {
        assert_eq!(cost(no_amount), None, "{no_amount}");
    }
}

#[test]
fn every_documented_ending_has_a_cause() {
    let hangup = |reason| {
        let data = format!(
            r#""phone":"+2","caller_number":"+1","callee_number":"+2","disconnect_reason":"{reason}""#
        );
        let said = said(&event(Agni, &configured(), body(&data)));
        json!([said["hangup"]["cause"], said["hangup"]["party"], said["hangup"]["actor"]])
    };
    assert_eq!(hangup("customer_hangup"), json!(["normal_clearing", "callee", "human"]));
    assert_eq!(hangup("agent_hangup"), json!(["normal_clearing", "caller", "ai_agent"]));
    assert_eq!(hangup("error"), json!(["unspecified", "system", "platform"]));
    assert_eq!(hangup("new"), json!(["unspecified", "unknown", "unknown"]));
}

#[test]
fn turns_keep_what_is_not_documented() {
    let data = r#""transcripts":[{"timestamp_ms":5,"role":"tool","message":{"content":"x","format":"json","tool":"crm"},"lang":"hi"},"odd"]"#;
    insta::assert_json_snapshot!(said(&event(Agni, &configured(), body(data)))["transcript"], @r#"
    {
      "turns": [
        {
          "format": "json",
          "lang": "hi",
          "message": {
            "tool": "crm"
          },
          "offset_ms": 5,
          "role": "tool",
          "text": "x"
        },
        {
          "raw": "odd",
          "role": "unknown"
        }
      ]
    }
    "#);
}

#[test]
fn the_account_is_checked_before_anything_else_is_said() {
    for org in [r#","org_id":"other""#, "", r#","org_id":null"#, r#","org_id":["x"]"#] {
        let body = format!(r#"{{"event":"call.completed"{org},"data":{{"call_session_id":"c"}}}}"#);
        assert_eq!(unusable(Agni, &configured(), body), Unusable::AccountMismatch, "{org}");
    }
}

#[test]
fn other_events_are_ignored_and_other_bodies_unreadable() {
    let other = normalize(Agni, &configured(), format!(r#"{{"event":"call.started","org_id":"{ORG}"}}"#));
    assert!(matches!(other, Normalized::Ignored { call_id: None, dedupe_key: None, .. }), "{other:?}");
    for body in ["", "{}", "[1]"] {
        assert_eq!(unusable(Agni, &configured(), body), Unusable::Unreadable, "{body}");
    }
    assert_eq!(
        unusable(Agni, &configured(), format!(r#"{{"event":"call.completed","org_id":"{ORG}"}}"#)),
        Unusable::CallIdMissing
    );
}

#[test]
fn times_of_turns_are_read_like_all_others() {
    let data = r#""started_at":"1970-01-01T00:00:00Z","ended_at":1774377125,"transcripts":[
        {"id":"1","created_at":"0001-01-01T00:00:00Z"},{"id":"2","created_at":1774377003250},{"id":"3","created_at":"soon"}]"#;
    let said = said(&event(Agni, &configured(), body(data)));
    assert_eq!((&said["started_at"], &said["ended_at"]), (&json!(null), &json!("2026-03-24T18:32:05.000Z")));
    assert_eq!(
        said["transcript"]["turns"],
        json!([
            { "id": "1", "created_at": null },
            { "id": "2", "created_at": "2026-03-24T18:30:03.250Z" },
            { "id": "3", "created_at": "soon" },
        ])
    );
}
