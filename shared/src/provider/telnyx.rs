//! Telnyx TeXML webhooks: forms, signed with Ed25519.
//!
//! `telnyx-signature-ed25519` is the base64 of a signature over `<telnyx-timestamp>|<body>`. Callbacks about
//! the status, recordings, transcriptions and what a caller says come to the same URL. Every value is a string.
//! A `CallSid` is one leg; the whole call is the `CallSessionId`. Not answered with exactly 200, a delivery goes to
//! the failover URL as well, so the timestamp header never takes part in a dedupe key.
//!
//! Document: "TexmlCallCompletedWebhook" in the API reference at <https://developers.telnyx.com>.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::SignedDuration;
use serde_json::{Value, json};
use url::Url;

use crate::dictionary::Dictionary;
use crate::draft::{Draft, FROM, TO, call_id, dedupe_key, pinned_account};
use crate::event::{BodyFormat, Normalized, Unusable};
use crate::payload::{Body, Payload, json_value};
use crate::proof::{
    Ed25519Signer, Freshness, Proof, ProofError, Scheme, SenderKeys, SenderProof, Unverified, ed25519,
    exactly_one, unix_seconds,
};
use crate::record::field;
use crate::source::{KeyKind, Needs, Source};
use crate::timestamp::Timestamp;

const SIGNATURE_HEADER: &str = "telnyx-signature-ed25519";
const TIMESTAMP_HEADER: &str = "telnyx-timestamp";
const API_HOST: &str = "api.telnyx.com";

/// The needs of a source.
pub(super) const NEEDS: Needs = Needs {
    keys: KeyKind::PublicKeys,
    min_key_chars: 0,
    time_zone: Some("UTC"),
    names_account: true,
    example: r#"{"public_keys":["<the account public key>"]}"#,
};

/// The format of its bodies.
pub(super) const BODY_FORMAT: BodyFormat = BodyFormat::Form;

/// The field that links a recording: a dotted path in JSON, a name in a form.
pub(super) const RECORDING_FIELD: &str = "RecordingUrl";

/// The headers that carry the proof, or say what a delivery is.
pub(super) const EVIDENCE_HEADERS: &[&str] = &[SIGNATURE_HEADER, TIMESTAMP_HEADER];

/// The dictionaries that its text is packed with, the newest last.
pub(super) const DICTIONARIES: &[Dictionary] =
    &[Dictionary { number: 49, content: include_bytes!("telnyx/v1.dict") }];

/// Checks the signature over the time and the body.
pub(super) fn verify(source: &Source, delivery: Unverified<'_>) -> Result<Proof, ProofError> {
    let malformed = |header, problem| ProofError::SignatureMalformed { header, problem };
    let signature = exactly_one(delivery.headers, SIGNATURE_HEADER)?;
    let time = exactly_one(delivery.headers, TIMESTAMP_HEADER)?;
    let signature: [u8; 64] = (BASE64_STANDARD.decode(signature).ok())
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(malformed(SIGNATURE_HEADER, "is not the base64 of 64 bytes"))?;
    let seconds = unix_seconds(time).ok_or(malformed(TIMESTAMP_HEADER, "is not a number of seconds"))?;
    let message = [time.as_bytes(), b"|", delivery.body].concat();
    let key = ed25519::verify(&source.public_keys, &message, &signature)?;
    let freshness = Freshness::of(seconds, delivery.received_at, source.tolerance);
    Ok(Proof { scheme: Scheme::Ed25519, freshness, key })
}

/// Reads a body.
pub(super) fn normalize(source: &Source, body: &[u8]) -> Result<Normalized, Unusable> {
    let body = Body::new(BODY_FORMAT, body);
    let mut payload = Payload::read(&body, source.time_zone.as_ref())?;
    let mut draft = Draft::default();
    let account = payload.text("AccountSid");
    pinned_account(source, account.as_deref())?;
    let call_id = call_id(&mut payload, "CallSid")?;
    let callback_source = payload.text("CallbackSource");
    let call_status = payload.text("CallStatus");
    let recording_id = draft.short_id("RecordingSid", payload.id("RecordingSid"));
    let recording_status = payload.text("RecordingStatus");
    let transcription_id = draft.short_id("TranscriptionSid", payload.id("TranscriptionSid"));
    let occurred_at = payload.time("OccurredAt").map(|time| time.at);
    let sent_at = payload.time("Timestamp").map(|time| time.at);
    let sequence = payload.integer("SequenceNumber");

    let (kind, key, event_id) = match (&transcription_id, &recording_id, &call_status, &recording_status) {
        (Some(transcription_id), ..) => {
            let key = dedupe_key(&[transcription_id]);
            ("transcription".to_owned(), Some(key), Some(transcription_id.clone()))
        }
        // A status callback may name the recording, too; a recording callback tells its status.
        (None, Some(recording_id), None, recording_status)
        | (None, Some(recording_id), Some(_), recording_status @ Some(_)) => {
            let recording_status = recording_status.as_deref().unwrap_or_default();
            let key = dedupe_key(&[recording_id, recording_status]);
            (format!("recording.{recording_status}"), Some(key), Some(recording_id.clone()))
        }
        (None, _, Some(call_status), _) => {
            // Without a sequence, as in what a Gather sends, nothing but the body tells two of them apart.
            let key = sequence.map(|sequence| {
                let callback_source = callback_source.as_deref().unwrap_or_default();
                dedupe_key(&[&call_id, callback_source, call_status, &sequence.to_string()])
            });
            (format!("call.{}", call_status.to_ascii_lowercase()), key, None)
        }
        (None, None, None, Some(recording_status)) => (format!("recording.{recording_status}"), None, None),
        (None, None, None, None) => {
            let kind = callback_source.unwrap_or_else(|| "unknown".to_owned());
            return Ok(Normalized::Ignored { kind, dedupe_key: None, call_id: Some(call_id) });
        }
    };

    draft.set("account_id", account);
    draft.set("call_id", Some(call_id.as_str()));
    draft.status("status", call_status, "CallStatus");
    ids(&mut draft, &mut payload);
    parties(&mut draft, &mut payload);
    times(&mut draft, &mut payload);
    ending(&mut draft, &mut payload);
    quality(&mut draft, &mut payload);
    recording(&mut draft, &mut payload, recording_id, recording_status);
    if let Some((id, text)) = transcription_id.zip(payload.text("TranscriptionText")) {
        draft.record.set_list("transcript.turns", vec![json!({ "id": id, "text": text })]);
    }
    draft.event(
        callback_source.as_deref().unwrap_or(&kind),
        event_id.as_deref(),
        occurred_at,
        sent_at,
        sequence,
    );
    draft.leftovers(payload);
    Ok(draft.finish(kind, call_id, key, occurred_at.or(sent_at), sequence))
}

fn ids(draft: &mut Draft, payload: &mut Payload<'_>) {
    for (set, names) in [
        ("aliases", ["CallSidLegacy", "CallControlId"].as_slice()),
        ("parent_call_aliases", &["ParentCallSidLegacy"]),
    ] {
        let mut ids: Vec<String> = names.iter().filter_map(|name| payload.text(name)).collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            draft.record.add(set, id);
        }
    }
    draft.set("dial.aliases", payload.text("DialCallSidLegacy").map(|id| vec![id]));
    for (path, name) in [
        ("leg_id", "CallLegId"),
        ("session_id", "CallSessionId"),
        ("parent_call_id", "ParentCallSid"),
        ("connection_id", "ConnectionId"),
        ("organization_id", "OrganizationId"),
        ("user_id", "UserId"),
        ("dial.call_id", "DialCallSid"),
        ("error.code", "ErrorCode"),
        ("error.message", "ErrorMessage"),
        ("stir.attestation", "ShakenStirAttestation"),
    ] {
        draft.set(path, payload.text(name));
    }
    // There is no direction field; a parent means that a Dial placed this leg.
    if draft.record.get("parent_call_id").is_some() {
        draft.record.derive("direction", Value::from("outbound"));
    }
    draft.set("stir.validated", payload.boolean("ShakenStirValidated"));
}

fn parties(draft: &mut Draft, payload: &mut Payload<'_>) {
    draft.party(&FROM, payload.party("From"));
    draft.party(&TO, payload.party("To"));
    draft.set("remote_party.name", payload.text("CallerId"));
    let has = |path| draft.record.get(path).is_some();
    let channel = if has("from.sip_uri") || has("to.sip_uri") {
        Some("sip")
    } else if has("from.e164") && has("to.e164") {
        Some("pstn")
    } else {
        None
    };
    draft.record.derive("channel", channel.map(Value::from));
}

fn times(draft: &mut Draft, payload: &mut Payload<'_>) {
    for (path, name) in [
        ("initiated_at", "CallInitiatedAt"),
        ("started_at", "StartTime"),
        ("answered_at", "AnsweredTime"),
        ("ended_at", "EndTime"),
    ] {
        draft.time(path, payload.time(name));
    }
    draft.set("duration_seconds", payload.seconds("CallDuration"));
    draft.set("dial.duration_seconds", payload.seconds("DialCallDuration"));
}

fn ending(draft: &mut Draft, payload: &mut Payload<'_>) {
    draft.hangup(payload.text("HangupCause"));
    match payload.text("HangupSource") {
        Some(party) if matches!(party.as_str(), "caller" | "callee" | "system" | "unknown") => {
            draft.set("hangup.party", Some(party));
        }
        Some(other) => draft.undocumented("HangupSource", other, "party"),
        None => {}
    }
    if let Some(code) = payload.text("SipHangupCause") {
        match code.parse::<u16>() {
            Ok(number) if (100..700).contains(&number) => draft.set("hangup.sip_code", Some(number)),
            // Sometimes it is a word, which is no error.
            _ => draft.record.set(field("extensions", "SipHangupCause"), Value::from(code)),
        }
    }
    draft.status("dial.status", payload.text("DialCallStatus"), "DialCallStatus");
}

/// `CallQualityStats` is JSON inside a string, and its shape varies: what we know is taken out, the
/// whole stays in `raw`.
fn quality(draft: &mut Draft, payload: &mut Payload<'_>) {
    let Some(written) = payload.text("CallQualityStats") else { return };
    let Some(stats) = json_value(&written) else {
        draft.set("quality.raw", Some(written));
        return;
    };
    // Some write their numbers as text.
    let number = |name: &str| match stats.get(name) {
        Some(Value::String(text)) => json_value(text.trim()).filter(Value::is_number),
        other => other.filter(|value| value.is_number()).cloned(),
    };
    draft.record.set("quality.mos", number("mos"));
    draft.record.set("quality.packet_loss", number("packet_loss"));
    // The unit is not documented; jitter is usually given in milliseconds.
    draft.record.derive("quality.jitter_ms", number("jitter"));
    draft.record.set("quality.raw", stats);
}

fn recording(
    draft: &mut Draft,
    payload: &mut Payload<'_>,
    recording_id: Option<String>,
    recording_status: Option<String>,
) {
    let Some(id) = draft.recording(recording_id, payload.link("RecordingUrl"), None) else {
        draft.set(field("extensions", "RecordingStatus"), recording_status);
        return;
    };
    draft.set_recording(&id, "provider_status", recording_status);
    draft.set_recording(&id, "duration_seconds", payload.seconds("RecordingDuration"));
    draft.set_recording(&id, "channels", payload.count("RecordingChannels"));
    draft.recording_started(&id, payload.time("RecordingStartTime"));
}

/// A link is presigned for ten minutes, unless it leads to the API, where the account's key opens it.
pub(super) fn link_lifetime(url: &str) -> Option<SignedDuration> {
    let url = Url::parse(url).ok()?;
    (url.host_str() != Some(API_HOST)).then(|| SignedDuration::from_mins(10))
}

/// Signs a body as Telnyx does.
pub(super) fn sign(keys: &SenderKeys, body: &[u8], at: Timestamp) -> SenderProof {
    SenderProof { headers: signed(&keys.key_pair, body, at.as_second()).into(), url_token: None }
}

/// The names and values of the two headers.
fn signed(signer: &Ed25519Signer, body: &[u8], unix_seconds: i64) -> [(&'static str, String); 2] {
    let time = unix_seconds.to_string();
    let signature = signer.sign(&[time.as_bytes(), b"|", body].concat());
    [(SIGNATURE_HEADER, BASE64_STANDARD.encode(signature)), (TIMESTAMP_HEADER, time)]
}

#[cfg(test)]
mod tests;
