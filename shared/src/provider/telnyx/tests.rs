//! The meaning of deliveries.

use serde_json::json;

use super::super::Provider::Telnyx;
use super::super::fixture::{event, normalize, said, sample, source, unusable};
use crate::event::{Normalized, Unusable};
use crate::proof::Ed25519Signer;
use crate::source::Source;

mod verify;
mod callbacks;

fn signer(seed: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed(&[seed; 32])
}

fn configured() -> Source {
    source(Telnyx, json!({ "public_keys": [signer(1).public_key()] }))
}

#[test]
fn normalizes_a_completed_call() {
    let event = event(Telnyx, &configured(), sample("telnyx-call-completed"));
    let call_sid = "v3:9X2vxPDFY2RHSJ1EdMS0RHRksMTg7ldNxdjWbVr9zBjbGjGsSe-aiQ";
    assert_eq!(event.dedupe_key, Some(format!("{call_sid}#call-progress-events#completed#3")));
    insta::assert_json_snapshot!(said(&event), @r#"
    {
      "account_id": "f5586561-8ff0-4291-a51b-c7dfe4139ff9",
      "aliases": [
        "v3:9X2vxPDFY2RHSJ1EdMS0RHRksMTg7ldNxdjWbVr9zBjbGjGsSe-aiQ"
      ],
      "answered_at": "2024-01-15T10:30:15.000Z",
      "call_id": "v3:9X2vxPDFY2RHSJ1EdMS0RHRksMTg7ldNxdjWbVr9zBjbGjGsSe-aiQ",
      "channel": "pstn",
      "connection_id": "1234567890",
      "derived": [
        "channel",
        "direction",
        "hangup.q850",
        "quality.jitter_ms",
        "recordings.95399d57273d7a89a379b1ff3da260c3.recording_id"
      ],
      "dial": {
        "aliases": [
          "v3:9X2vxPDFY2RHSJ1EdMS0RHRksMTg7ldNxdjWbVr9zBjbGjGsSe-aiQ"
        ],
        "call_id": "v3:9X2vxPDFY2RHSJ1EdMS0RHRksMTg7ldNxdjWbVr9zBjbGjGsSe-aiQ",
        "duration_seconds": 120,
        "status": "completed"
      },
      "direction": "outbound",
      "duration_basis": "unknown",
      "duration_seconds": 45,
      "ended_at": "2024-01-15T10:31:00.000Z",
      "error": {
        "code": "10001",
        "message": "Call failed"
      },
      "events": [
        {
          "kind": "call-progress-events",
          "occurred_at": "2024-01-15T10:31:00.000Z",
          "provider_event_id": null,
          "sent_at": "2024-01-15T10:30:00.000Z",
          "sequence": 3
        }
      ],
      "from": {
        "e164": "+35319605860",
        "raw": "+35319605860"
      },
      "hangup": {
        "cause": "normal_clearing",
        "party": "caller",
        "q850": 16,
        "raw": "normal_clearing",
        "sip_code": 200
      },
      "initiated_at": "2024-01-15T10:30:26.028Z",
      "leg_id": "abc123-leg1",
      "organization_id": "org-abc123",
      "parent_call_aliases": [
        "v3:MdI91X4lWFEs7IgbBEOT9M4AigoY08M0WWZFISt1Yw2axZ_IiE4pqg"
      ],
      "parent_call_id": "v3:MdI91X4lWFEs7IgbBEOT9M4AigoY08M0WWZFISt1Yw2axZ_IiE4pqg",
      "quality": {
        "jitter_ms": 10,
        "mos": 4.2,
        "packet_loss": 0.5,
        "raw": {
          "jitter": 10,
          "mos": 4.2,
          "packet_loss": 0.5
        }
      },
      "recordings": [
        {
          "duration_seconds": 90,
          "recording_id": "95399d57273d7a89a379b1ff3da260c3",
          "source_host": "api.telnyx.com"
        }
      ],
      "remote_party": {
        "name": "John Doe"
      },
      "session_id": "session-abc123",
      "started_at": "2024-01-15T10:30:00.000Z",
      "status": "completed",
      "stir": {
        "attestation": "A",
        "validated": true
      },
      "to": {
        "e164": "+13129457420",
        "raw": "+13129457420"
      },
      "user_id": "f5586561-8ff0-4291-a51b-c7dfe4139ff9"
    }
    "#);
}

#[test]
fn normalizes_a_recording_callback() {
    let event = event(Telnyx, &configured(), sample("telnyx-recording-completed"));
    assert_eq!(event.dedupe_key.as_deref(), Some("7c1b5d2e-4a76-4a51-9d0b-2f3c8e9a1b44#completed"));
    assert_eq!(event.recording.as_ref().unwrap().url, "https://api.telnyx.com/v2/recordings/abc123.wav");
    insta::assert_json_snapshot!(said(&event), @r#"
    {
      "account_id": "f5586561-8ff0-4291-a51b-c7dfe4139ff9",
      "aliases": [
        "v3:9X2vxPDFY2RHSJ1EdMS0RHRksMTg7ldNxdjWbVr9zBjbGjGsSe-aiQ"
      ],
      "call_id": "v3:9X2vxPDFY2RHSJ1EdMS0RHRksMTg7ldNxdjWbVr9zBjbGjGsSe-aiQ",
      "channel": "unknown",
      "connection_id": "1234567890",
      "direction": "unknown",
      "duration_basis": "unknown",
      "events": [
        {
          "kind": "recording.completed",
          "occurred_at": null,
          "provider_event_id": "7c1b5d2e-4a76-4a51-9d0b-2f3c8e9a1b44",
          "sent_at": null,
          "sequence": null
        }
      ],
      "extensions": {
        "RecordingSource": "DialVerb"
      },
      "recordings": [
        {
          "channels": 2,
          "duration_seconds": 90,
          "provider_status": "completed",
          "recording_id": "7c1b5d2e-4a76-4a51-9d0b-2f3c8e9a1b44",
          "source_host": "api.telnyx.com",
          "started_at": "2024-01-15T10:30:15.000Z"
        }
      ],
      "status": "unknown"
    }
    "#);
}

#[test]
fn normalizes_a_call_that_nobody_answered() {
    let event = event(Telnyx, &configured(), sample("telnyx-call-no-answer"));
    insta::assert_json_snapshot!(said(&event), @r#"
    {
      "account_id": "f5586561-8ff0-4291-a51b-c7dfe4139ff9",
      "aliases": [
        "v3:Qm9yZWRvbQ-no-answer-leg"
      ],
      "call_id": "v3:Qm9yZWRvbQ-no-answer-leg",
      "channel": "pstn",
      "connection_id": "1234567890",
      "derived": [
        "channel",
        "direction"
      ],
      "direction": "outbound",
      "duration_basis": "unknown",
      "events": [
        {
          "kind": "call-progress-events",
          "occurred_at": null,
          "provider_event_id": null,
          "sent_at": "2024-01-15T10:31:28.731Z",
          "sequence": 2
        }
      ],
      "extensions": {
        "SipHangupCause": "ORIGINATOR_CANCEL",
        "Timestamp": "2024-01-15 10:31:28.731479Z"
      },
      "from": {
        "e164": "+35319605860",
        "raw": "+35319605860"
      },
      "hangup": {
        "cause": "timeout",
        "party": "callee",
        "raw": "timeout"
      },
      "initiated_at": "2024-01-15T10:30:26.028Z",
      "parent_call_aliases": [
        "v3:MdI91X4lWFEs7IgbBEOT9M4AigoY08M0WWZFISt1Yw2axZ_IiE4pqg"
      ],
      "parent_call_id": "v3:MdI91X4lWFEs7IgbBEOT9M4AigoY08M0WWZFISt1Yw2axZ_IiE4pqg",
      "status": "no_answer",
      "to": {
        "e164": "+13129457420",
        "raw": "+13129457420"
      }
    }
    "#);
}

#[test]
fn every_documented_status_has_a_word_in_the_record() {
    let status = |raw: &str| {
        let event = event(Telnyx, &configured(), format!("CallSid=c&CallStatus={raw}"));
        event.record.text("status").map(str::to_owned)
    };
    let statuses = [
        "initiated",
        "ringing",
        "in-progress",
        "completed",
        "busy",
        "no-answer",
        "canceled",
        "failed",
        "parked",
    ];
    let words: Vec<_> = statuses.map(status).into();
    let expected =
        ["queued", "ringing", "in_progress", "completed", "busy", "no_answer", "canceled", "failed"];
    assert_eq!(words[..8], expected.map(|word| Some(word.to_owned())));
    assert_eq!(words[8], None);
}

#[test]
fn a_callback_of_neither_kind_is_ignored() {
    let Normalized::Ignored { kind, dedupe_key, call_id } =
        normalize(Telnyx, &configured(), "CallSid=c&CallbackSource=x")
    else {
        panic!("not ignored")
    };
    assert_eq!((kind.as_str(), dedupe_key, call_id.as_deref()), ("x", None, Some("c")));
}

#[test]
fn forms_are_read_as_browsers_write_them() {
    let body =
        "CallSid=a&CallSid=b%20c%2Bd+e&CallStatus=completed&CallerId=%00%zz%&Odd=%F0%9F%93%9E&=nameless&Flag";
    let event = event(Telnyx, &configured(), body);
    assert_eq!(event.call_id, "b c+d e", "of a repeated name the last counts");
    assert_eq!(event.record.text("remote_party.name"), Some("\u{0}%zz%"));
    assert_eq!(event.record.text("extensions.Odd"), Some("📞"));
    assert_eq!(event.record.text("extensions.CallSid"), Some("a"));
    assert_eq!(event.record.text("extensions."), Some("nameless"));
    assert_eq!(event.record.text("extensions.Flag"), Some(""));
}

#[test]
fn what_cannot_be_read_says_why() {
    // A call's id with a character that could not be read may be another call's.
    for body in [&b"\xff"[..], b"CallSid=%FF&CallStatus=completed"] {
        assert_eq!(unusable(Telnyx, &configured(), body), Unusable::Unreadable);
    }
    for body in ["", "&&&", "CallSid=", "{\"CallSid\":\"c\"}", "CallStatus=completed"] {
        assert_eq!(unusable(Telnyx, &configured(), body), Unusable::CallIdMissing, "{body}");
    }
}

#[test]
fn quality_statistics_nested_too_deep_are_kept_as_text() {
    let deep = format!("{}1{}", "[".repeat(125), "]".repeat(125));
    let event =
        event(Telnyx, &configured(), format!("CallSid=c&CallStatus=completed&CallQualityStats={deep}"));
    assert_eq!(event.record.text("quality.raw"), Some(deep.as_str()));
}

#[test]
fn a_link_lasts_ten_minutes_unless_the_accounts_key_opens_it() {
    let lifetime = |url| Telnyx.link_lifetime(url).map(|lifetime| lifetime.as_secs());
    assert_eq!(lifetime("https://s3.amazonaws.com/telephony-recorder-prod/a.mp3"), Some(600));
    assert_eq!(lifetime("https://API.telnyx.com/v2/recordings/a.mp3"), None);
    assert_eq!(lifetime("no link"), None);
}
