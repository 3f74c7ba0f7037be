//! Callbacks of other kinds, and values as they are really sent.

use serde_json::{Value, json};

use super::super::super::Provider::Telnyx;
use super::super::super::fixture::{event, said};
use super::configured;

#[test]
fn a_character_that_can_not_be_read_costs_one_character() {
    let event =
        event(Telnyx, &configured(), &b"CallSid=c&CallStatus=completed&CallerId=Jos%E9&%C3=x&Odd=\xe9"[..]);
    assert_eq!(event.record.text("remote_party.name"), Some("Jos\u{fffd}"));
    assert_eq!(event.record.text("extensions.\u{fffd}"), Some("x"));
    let warnings = said(&event)["warnings"].clone();
    assert_eq!(warnings, json!(["3 characters could not be read; each is shown as U+FFFD"]));
}

#[test]
fn a_transcription_is_an_event_and_a_turn_of_its_own() {
    let body = "AccountSid=a&CallSid=c&CallStatus=in-progress&RecordingSid=r&RecordingUrl=https%3A%2F%2Fh.example%2Fr&\
                TranscriptionSid=t&TranscriptionStatus=completed&TranscriptionText=first+words";
    let event = event(Telnyx, &configured(), body);
    assert_eq!((event.kind.as_str(), event.dedupe_key.as_deref()), ("transcription", Some("t")));
    let said = said(&event);
    assert_eq!(said["transcript"]["turns"], json!([{ "id": "t", "text": "first words" }]));
    assert_eq!(said["events"][0]["provider_event_id"], "t");
    assert_eq!(
        (&said["status"], &said["recordings"][0]["recording_id"]),
        (&json!("in_progress"), &json!("r"))
    );
    assert_eq!(said["extensions"], json!({ "TranscriptionStatus": "completed" }));
}

#[test]
fn a_callback_has_its_own_id_in_its_key_or_else_its_body() {
    let key = |body: &str| event(Telnyx, &configured(), format!("CallSid=c&{body}")).dedupe_key;
    assert_eq!(key("CallStatus=completed&SequenceNumber=3").as_deref(), Some("c##completed#3"));
    assert_eq!(
        key("CallStatus=in-progress&RecordingSid=r&RecordingStatus=completed").as_deref(),
        Some("r#completed")
    );
    assert_eq!(
        key("CallStatus=completed&SequenceNumber=3&RecordingSid=r").as_deref(),
        Some("c##completed#3")
    );
    // The ledger takes the body's hash.
    for nothing in [
        "CallStatus=in-progress&SpeechResult=one",
        "CallStatus=completed&CallbackSource=call-cost-events&CallCost=1",
        "CallStatus=in-progress&RecordingSid=r",
        "RecordingStatus=absent",
    ] {
        assert_eq!(key(nothing), None, "{nothing}");
    }
}

#[test]
fn repeated_and_empty_fields_are_kept_and_absent() {
    let body = "CallSid=c&CallStatus=in-progress&SpeechResult=one&SpeechResult=two&Tag%5B%5D=1&Tag%5B%5D=2&\
                AnsweredTime=&DialCallDuration=&ShakenStirValidated=&CallDuration=4.5e1&RecordingUrl=N%2FA";
    let said = said(&event(Telnyx, &configured(), body));
    assert_eq!(said["extensions"], json!({ "SpeechResult": ["one", "two"], "Tag[]": ["1", "2"] }));
    assert_eq!(
        (&said["duration_seconds"], &said["warnings"], &said["recordings"]),
        (&json!(45), &Value::Null, &Value::Null)
    );
}

#[test]
fn rfc_2822_times_order_events() {
    let event = event(
        Telnyx,
        &configured(),
        "CallSid=c&CallStatus=completed&Timestamp=Wed%2C+28+Apr+2021+21%3A51%3A18+%2B0000&StartTime=2021-04-28+21:50:00",
    );
    assert_eq!(event.stamp.occurred_at, Some(1_619_646_678_000));
    let said = said(&event);
    assert_eq!(said["events"][0]["sent_at"], "2021-04-28T21:51:18.000Z");
    // Without a zone it is the source's, and that is said.
    assert_eq!(
        (&said["started_at"], &said["derived"]),
        (&json!("2021-04-28T21:50:00.000Z"), &json!(["started_at"]))
    );
    assert_eq!(said["extensions"]["StartTime"], "2021-04-28 21:50:00");
}

#[test]
fn anonymous_is_no_number_and_no_address() {
    for nobody in ["%2B266696687", "anonymous", "sip:anonymous%40anonymous.invalid", "Restricted"] {
        let said = said(&event(
            Telnyx,
            &configured(),
            format!("CallSid=c&CallStatus=ringing&From={nobody}&To=%2B254700000001"),
        ));
        assert_eq!(
            said["from"].as_object().map(|from| from.keys().collect::<Vec<_>>()),
            Some(vec![&"raw".to_owned()])
        );
        assert_eq!(said["channel"], "unknown");
    }
}
