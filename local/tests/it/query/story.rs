//! One call: its record, its recordings and its deliveries.

use serde_json::{Value, json};
use shared::provider::{Provider, sign_sautikit_timestamped};

use super::bundle::{Bundle, completed, keys, number, ok, recording_ready, text};

#[tokio::test]
async fn one_call_tells_everything_but_the_link_and_the_bodies() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let completed = json!({
        "kind": "call.completed", "event_id": "e1", "workspace_id": "w1", "occurred_at": "2026-06-27T10:05:00.000Z",
        "data": {
            "call_id": "c1", "direction": "inbound", "from": "+254700000001", "to": "+254700000002",
            "number_id": "n1", "status": "completed", "duration_seconds": 295,
            "answered_at": "2026-06-27T10:00:05.000Z", "ended_at": "2026-06-27T10:05:00.000Z",
            "hangup_cause": "normal_clearing",
        },
    })
    .to_string();
    let revised = completed.replace("\"w1\"", "\"w1\",\"region\":\"nbo\"");
    let ready = recording_ready("c1", "r1", "2026-06-27T10:06:00Z".parse()?);
    let stale = completed.replace("\"e1\"", "\"e2\"");
    let sautikit = Provider::Sautikit;
    bundle.deliver(sautikit, "default", &ready, "accepted").await?;
    bundle.deliver(sautikit, "default", &completed, "accepted").await?;
    bundle.deliver(sautikit, "default", &completed, "duplicate").await?;
    bundle.deliver(sautikit, "default", &revised, "revised").await?;
    let signature = sign_sautikit_timestamped(&keys().hmac_key(), stale.as_bytes(), 1_700_000_000);
    bundle.deliver_signed(sautikit, "default", &stale, vec![signature], "quarantined").await?;
    bundle
        .set_recording(
            "c1",
            "r1",
            &[
                ("state", text("stored")),
                ("s3_key", text("recordings/sautikit/default/2026/06/27/c1/r1.mp3")),
                ("size_bytes", number(2_457_601)),
                ("content_type", text("audio/mpeg")),
                ("sha256", text("c0ffee")),
                ("attempts", number(1)),
                ("copied_at", text("2026-06-27T10:06:03.000Z")),
            ],
        )
        .await?;

    let reply = bundle.call(sautikit, "default", "c1").await;
    assert!(!reply.body.contains("canary") && !reply.body.contains("storage.example.com/"));
    assert_eq!(reply.headers["cache-control"], "no-store");
    insta::assert_json_snapshot!(ok(&reply)?, @r#"
    {
      "account_id": "w1",
      "agent": {
        "id": null,
        "name": null,
        "version_id": null
      },
      "aliases": [],
      "analysis": {
        "disposition": null,
        "goals_met": null,
        "next_steps": null,
        "sentiment": null,
        "summary": null,
        "variables": {}
      },
      "answered_at": "2026-06-27T10:00:05.000Z",
      "call_id": "c1",
      "call_type": null,
      "campaign": {
        "attempt": null,
        "contact_id": null,
        "follow_up_scheduled": null,
        "id": null
      },
      "channel": "pstn",
      "connection_id": null,
      "cost": {
        "amount": null,
        "currency": null,
        "unit": null
      },
      "deliveries": [
        {
          "body_sha256": "2e16686aef566d8cc1909cdaa3706374feac1819f8eaf532fdc9491a17dad431",
          "bytes": 365,
          "dedupe_key": "call.completed#e1",
          "delivery_id": "CCxscdERuuuMK0B0JryQqwLhZoau9WbYzBkJzao3BjdA",
          "kind": "call.completed",
          "late_seconds": null,
          "note": null,
          "reason": null,
          "received_at": "2026-06-27T10:06:01.500Z",
          "state": "applied",
          "trust": "signed",
          "verification": "hmac-sha256"
        },
        {
          "body_sha256": "743c1d59996942b5385b7165bce02884c02222d74feaa9cb7466140475ebd417",
          "bytes": 380,
          "dedupe_key": "call.completed#e1",
          "delivery_id": "CCxscdERuuuMK0B0JryQqwdDwdWZlpQrU4W3FlvOAohA",
          "kind": "call.completed",
          "late_seconds": null,
          "note": null,
          "reason": null,
          "received_at": "2026-06-27T10:06:01.500Z",
          "state": "applied",
          "trust": "signed",
          "verification": "hmac-sha256"
        },
        {
          "body_sha256": "1d8465a5f099584798f681a49c37a63bb9e32361eb890f2db44f8313f5ac0e2c",
          "bytes": 365,
          "dedupe_key": "call.completed#e2",
          "delivery_id": "j1duPlboLJ2douD-hx23dQHYRlpfCZWEeY9oGknDemOw",
          "kind": "call.completed",
          "late_seconds": 82554761,
          "note": null,
          "reason": "stale",
          "received_at": "2026-06-27T10:06:01.500Z",
          "state": "quarantined",
          "trust": "signed",
          "verification": "hmac-sha256-timestamped"
        },
        {
          "body_sha256": "477d9aea131aea5a36b0bfed4163866bd8169f933e57349691aca8d2e27d237f",
          "bytes": 293,
          "dedupe_key": "call.recording.ready#e-c1-r1",
          "delivery_id": "RPdMFdpbcmytsUtPKkxhfwR32a6hMa6lo2sL_tQWOGaw",
          "kind": "call.recording.ready",
          "late_seconds": null,
          "note": null,
          "reason": null,
          "received_at": "2026-06-27T10:06:01.500Z",
          "state": "applied",
          "trust": "signed",
          "verification": "hmac-sha256"
        }
      ],
      "derived": [
        "channel",
        "duration_basis",
        "hangup.q850"
      ],
      "dial": {
        "aliases": [],
        "call_id": null,
        "duration_seconds": null,
        "status": null
      },
      "direction": "inbound",
      "duration_basis": "answered",
      "duration_seconds": 295,
      "ended_at": "2026-06-27T10:05:00.000Z",
      "error": {
        "code": null,
        "message": null
      },
      "events": [
        {
          "kind": "call.completed",
          "occurred_at": "2026-06-27T10:05:00.000Z",
          "provider_event_id": "e1",
          "sent_at": null,
          "sequence": null
        },
        {
          "kind": "call.recording.ready",
          "occurred_at": "2026-06-27T10:06:00.000Z",
          "provider_event_id": "e-c1-r1",
          "sent_at": null,
          "sequence": null
        }
      ],
      "extensions": {
        "region": "nbo"
      },
      "first_seen_at": "2026-06-27T10:06:01.500Z",
      "from": {
        "e164": "+254700000001",
        "raw": "+254700000001",
        "sip_uri": null
      },
      "hangup": {
        "actor": null,
        "cause": "normal_clearing",
        "party": null,
        "q850": 16,
        "raw": "normal_clearing",
        "sip_code": null
      },
      "initiated_at": null,
      "leg_id": null,
      "links": {
        "console": null
      },
      "metadata": {},
      "number_id": "n1",
      "organization_id": null,
      "parent_call_aliases": [],
      "parent_call_id": null,
      "path": "/calls/sautikit/default/c1",
      "provider": "sautikit",
      "quality": {
        "jitter_ms": null,
        "latency_ms": null,
        "mos": null,
        "packet_loss": null,
        "raw": null
      },
      "record_created_at": null,
      "recordings": [
        {
          "attempts": 1,
          "channels": null,
          "content_type": "audio/mpeg",
          "copied_at": "2026-06-27T10:06:03.000Z",
          "created_at": "2026-06-27T10:06:01.500Z",
          "duration_seconds": 295,
          "ended_at": null,
          "last_error": null,
          "next_attempt_at": null,
          "reason": null,
          "recording_id": "r1",
          "s3_key": "recordings/sautikit/default/2026/06/27/c1/r1.mp3",
          "sha256": "c0ffee",
          "sha512": null,
          "size_bytes": 2457601,
          "source_expires_at": "2026-06-27T11:06:00.000Z",
          "source_host": "storage.example.com",
          "state": "stored"
        }
      ],
      "remote_party": {
        "email": null,
        "name": null,
        "number": null
      },
      "revision": 3,
      "session_id": null,
      "source": "default",
      "started_at": null,
      "status": "completed",
      "stir": {
        "attestation": null,
        "validated": null
      },
      "to": {
        "e164": "+254700000002",
        "raw": "+254700000002",
        "sip_uri": null
      },
      "tool_calls": [],
      "transcript": {
        "text": null,
        "turns": []
      },
      "updated_at": "2026-06-27T10:06:01.500Z",
      "user_id": null,
      "warnings": []
    }
    "#);
    Ok(())
}

#[tokio::test]
async fn deliveries_without_room_are_counted_in_the_warnings() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let body = completed("c1", "2026-06-27T10:00:00Z".parse()?, "completed", "anonymous");
    bundle.deliver(Provider::Sautikit, "default", &body, "accepted").await?;
    let quotes = "\"".repeat(250);
    for index in 0..2_800 {
        let (kind, event_id) = (format!("other{quotes}{quotes}"), format!("{index}{quotes}"));
        let body = json!({ "kind": kind, "event_id": event_id, "data": { "call_id": "c1" } });
        bundle.deliver(Provider::Sautikit, "default", &body.to_string(), "ignored").await?;
    }
    let reply = bundle.call(Provider::Sautikit, "default", "c1").await;
    let call = ok(&reply)?;
    let shown = call["deliveries"].as_array().map_or(0, Vec::len);
    assert!((1_000..2_800).contains(&shown), "{shown}");
    assert_eq!(
        call["warnings"],
        json!([format!("{} of 2801 deliveries have no room in this answer", 2_801 - shown)])
    );
    assert!(Value::String(reply.body).to_string().len() < 6_000_000);
    Ok(())
}

#[tokio::test]
async fn a_telnyx_call_has_one_story_from_both_kinds_of_callbacks() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let status = "CallSid=v3%3Aa-Q&CallStatus=completed&CallbackSource=call-progress-events&SequenceNumber=3\
        &From=%2B35319605860&To=%2B13129457420&StartTime=2024-01-15T10%3A30%3A00Z";
    let started = "CallSid=v3%3Aa-Q&RecordingSid=RE1&RecordingStatus=in-progress";
    bundle.deliver(Provider::Telnyx, "default", status, "accepted").await?;
    bundle.deliver(Provider::Telnyx, "default", started, "accepted").await?;
    let call = ok(&bundle.call(Provider::Telnyx, "default", "v3:a-Q").await)?;
    assert_eq!(call["deliveries"].as_array().map(Vec::len), Some(2));
    let recording = &call["recordings"][0];
    assert_eq!((&recording["recording_id"], &recording["state"]), (&json!("RE1"), &Value::Null));
    assert_eq!(recording["provider_status"], "in-progress");
    let (calls, _) = bundle.pages("day=2024-01-15&provider=telnyx&status=completed").await?;
    assert_eq!(calls.len(), 1);
    Ok(())
}
