//! Telnyx TeXML webhooks: forms, signed with Ed25519.
//!
//! `telnyx-signature-ed25519` is the base64 of a signature over `<telnyx-timestamp>|<body>`. Status
//! callbacks and recording callbacks come to the same URL. Every value is a string. A `CallSid` is
//! one leg; the whole call is the `CallSessionId`. Not answered with exactly 200, a delivery goes to
//! the failover URL as well, so the timestamp header never takes part in a dedupe key.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::SignedDuration;
use serde_json::Value;
use url::Url;

use super::header::{exactly_one, unix_seconds};
use super::reading::{Draft, FROM, TO, call_id, dedupe_key, pinned_account, short_id};
use super::recording;
use super::{Delivery, Freshness, Normalized, Proof, Rejection, Scheme, Unusable};
use crate::payload::{Payload, shallow_json};
use crate::record::{Stamp, field};
use crate::signature::Ed25519Signer;
use crate::source::Source;
use crate::timestamp::rfc3339;

const SIGNATURE_HEADER: &str = "telnyx-signature-ed25519";
const TIMESTAMP_HEADER: &str = "telnyx-timestamp";
const API_HOST: &str = "api.telnyx.com";

pub(super) fn verify(source: &Source, delivery: Delivery<'_>) -> Result<Proof, Rejection> {
    let malformed = |header, problem| Rejection::SignatureMalformed { header, problem };
    let signature = exactly_one(delivery.headers, SIGNATURE_HEADER)?;
    let time = exactly_one(delivery.headers, TIMESTAMP_HEADER)?;
    let signature: [u8; 64] = (BASE64_STANDARD.decode(signature).ok())
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or(malformed(SIGNATURE_HEADER, "is not the base64 of 64 bytes"))?;
    let seconds = unix_seconds(time).ok_or(malformed(TIMESTAMP_HEADER, "is not a number of seconds"))?;
    let message = [time.as_bytes(), b"|", delivery.body].concat();
    let key = source.public_keys.iter().position(|key| key.verify(&message, &signature));
    let key = key.ok_or(Rejection::SignatureMismatch)?;
    let freshness = Freshness::of(seconds, delivery.received_at, source.tolerance);
    Ok(Proof { scheme: Scheme::Ed25519, freshness, key })
}

/// Signs a body as Telnyx does: the names and values of the two headers.
pub fn sign(signer: &Ed25519Signer, body: &[u8], unix_seconds: i64) -> [(&'static str, String); 2] {
    let time = unix_seconds.to_string();
    let signature = signer.sign(&[time.as_bytes(), b"|", body].concat());
    [(SIGNATURE_HEADER, BASE64_STANDARD.encode(signature)), (TIMESTAMP_HEADER, time)]
}

pub(super) fn normalize(source: &Source, body: &[u8]) -> Result<Normalized, Unusable> {
    let mut payload = Payload::from_form(body).ok_or(Unusable::Unreadable)?;
    let mut draft = Draft::default();
    let record = &mut draft.record;
    let account = payload.text("AccountSid", record);
    pinned_account(source, account.as_deref())?;
    let call_id = call_id(&mut payload, "CallSid", record)?;
    let callback_source = payload.text("CallbackSource", record);
    let call_status = payload.text("CallStatus", record);
    let recording_id = short_id(&mut payload, "RecordingSid", record);
    let recording_status = payload.text("RecordingStatus", record);
    let occurred_at = payload.time("OccurredAt", record);
    let sent_at = payload.time("Timestamp", record);
    let sequence = payload.integer("SequenceNumber", record);

    let (kind, key) = match (&call_status, &recording_id, &recording_status) {
        (Some(call_status), _, _) => {
            let sequence = sequence.map_or_else(String::new, |sequence| sequence.to_string());
            let callback_source = callback_source.clone().unwrap_or_default();
            let key = dedupe_key(&[&call_id, &callback_source, call_status, &sequence]);
            (format!("call.{}", call_status.to_ascii_lowercase()), Some(key))
        }
        (None, Some(recording_id), recording_status) => {
            let recording_status = recording_status.as_deref().unwrap_or_default();
            let key = dedupe_key(&[recording_id, recording_status]);
            (format!("recording.{recording_status}"), Some(key))
        }
        (None, None, Some(recording_status)) => (format!("recording.{recording_status}"), None),
        (None, None, None) => {
            let kind = callback_source.unwrap_or_else(|| "unknown".to_owned());
            return Ok(Normalized::Ignored { kind, dedupe_key: None, call_id: Some(call_id) });
        }
    };

    // A status callback has no id of its own; a recording callback is told apart by its recording.
    let event_id = recording_id.clone().filter(|_| call_status.is_none());
    draft.set("account_id", account);
    draft.set("call_id", Some(call_id.as_str()));
    draft.status("status", call_status, "CallStatus");
    ids(&mut draft, &mut payload);
    parties(&mut draft, &mut payload);
    times(&mut draft, &mut payload);
    ending(&mut draft, &mut payload);
    quality(&mut draft, &mut payload);
    recording(&mut draft, &mut payload, recording_id, recording_status);
    draft.event(
        callback_source.as_deref().unwrap_or(&kind),
        event_id.as_deref(),
        occurred_at,
        sent_at,
        sequence,
    );
    payload.leave_rest_in(&mut draft.record);
    let occurred_at = occurred_at.or(sent_at).map(|time| time.as_millisecond());
    Ok(draft.finish(kind, call_id, key, Stamp { rank: 0, sequence, occurred_at }))
}

fn ids(draft: &mut Draft, payload: &mut Payload<'_>) {
    for (set, names) in [
        ("aliases", ["CallSidLegacy", "CallControlId"].as_slice()),
        ("parent_call_aliases", &["ParentCallSidLegacy"]),
        ("dial.aliases", &["DialCallSidLegacy"]),
    ] {
        let mut ids: Vec<String> =
            names.iter().filter_map(|name| payload.text(name, &mut draft.record)).collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            draft.record.add(set, id);
        }
    }
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
        let id = payload.text(name, &mut draft.record);
        draft.set(path, id);
    }
    // There is no direction field; a parent means that a Dial placed this leg.
    if draft.record.get("parent_call_id").is_some() {
        draft.record.derive("direction", Value::from("outbound"));
    }
    let validated = payload.boolean("ShakenStirValidated", &mut draft.record);
    draft.set("stir.validated", validated);
}

fn parties(draft: &mut Draft, payload: &mut Payload<'_>) {
    let from = payload.text("From", &mut draft.record);
    draft.party(&FROM, from);
    let to = payload.text("To", &mut draft.record);
    draft.party(&TO, to);
    let name = payload.text("CallerId", &mut draft.record);
    draft.set("remote_party.name", name);
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
        let time = payload.time(name, &mut draft.record);
        draft.time(path, time);
    }
    let seconds = payload.seconds("CallDuration", &mut draft.record);
    draft.set("duration_seconds", seconds);
    let seconds = payload.seconds("DialCallDuration", &mut draft.record);
    draft.set("dial.duration_seconds", seconds);
}

fn ending(draft: &mut Draft, payload: &mut Payload<'_>) {
    let cause = payload.text("HangupCause", &mut draft.record);
    draft.hangup(cause);
    match payload.text("HangupSource", &mut draft.record) {
        Some(party) if matches!(party.as_str(), "caller" | "callee" | "system" | "unknown") => {
            draft.set("hangup.party", Some(party));
        }
        Some(other) => draft.undocumented("HangupSource", other, "party"),
        None => {}
    }
    if let Some(code) = payload.text("SipHangupCause", &mut draft.record) {
        match code.parse::<u16>() {
            Ok(number) if (100..700).contains(&number) => draft.set("hangup.sip_code", Some(number)),
            // Sometimes it is a word; there is nothing wrong with that.
            _ => draft.record.set(field("extensions", "SipHangupCause"), Value::from(code)),
        }
    }
    let dial_status = payload.text("DialCallStatus", &mut draft.record);
    draft.status("dial.status", dial_status, "DialCallStatus");
}

/// `CallQualityStats` is JSON inside a string, and its shape varies: what we know is taken out, the
/// whole stays in `raw`.
fn quality(draft: &mut Draft, payload: &mut Payload<'_>) {
    let Some(written) = payload.text("CallQualityStats", &mut draft.record) else { return };
    let Some(stats) = shallow_json(&written) else {
        draft.set("quality.raw", Some(written));
        return;
    };
    let number = |name: &str| stats.get(name).filter(|value| value.is_number()).cloned();
    draft.record.set("quality.mos", number("mos"));
    draft.record.set("quality.packet_loss", number("packet_loss"));
    // The unit is not documented; milliseconds is what jitter is given in.
    draft.record.derive("quality.jitter_ms", number("jitter"));
    draft.record.set("quality.raw", stats);
}

/// A link is presigned for ten minutes, unless it leads to the API, where the account's key opens it.
pub(super) fn link_lifetime(url: &str) -> Option<SignedDuration> {
    let url = Url::parse(url).ok()?;
    (url.host_str() != Some(API_HOST)).then(|| SignedDuration::from_mins(10))
}

fn recording(
    draft: &mut Draft,
    payload: &mut Payload<'_>,
    recording_id: Option<String>,
    recording_status: Option<String>,
) {
    let record = &mut draft.record;
    let url = payload.text("RecordingUrl", record);
    let (id, link) = recording::announce(record, recording_id, url, None);
    draft.recording = link;
    let Some(id) = id else {
        if let Some(status) = recording_status {
            record.set(field("extensions", "RecordingStatus"), Value::from(status));
        }
        return;
    };
    record.set(recording::path(&id, "provider_status"), recording_status.map(Value::from));
    let seconds = payload.seconds("RecordingDuration", record);
    record.set(recording::path(&id, "duration_seconds"), seconds.map(Value::from));
    let channels = payload.integer("RecordingChannels", record);
    record.set(recording::path(&id, "channels"), channels.map(Value::from));
    let started_at = payload.time("RecordingStartTime", record);
    record.set(recording::path(&id, "started_at"), started_at.map(|time| Value::from(rfc3339(time))));
}

#[cfg(test)]
mod tests;
