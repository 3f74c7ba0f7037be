//! CallKaro: JSON, not signed. The token in the URL is the only proof.
//!
//! One kind, `call_ended`. Webhooks of the user and of the agent may both fire for one call, so
//! duplicates are by design and the later one may say more. The values that the documentation leaves open are
//! derived, and listed as derived: the zone of `time`, the direction, the status.
//!
//! Document: "Event Overview: `call_ended`" in CallKaro's documentation.

use jiff::SignedDuration;
use serde_json::{Map, Value, json};

use crate::dictionary::Dictionary;
use crate::draft::{Draft, FROM, TO, call_id, dedupe_key, renamed, with_times};
use crate::event::{BodyFormat, Normalized, Unusable};
use crate::payload::{Body, Payload};
use crate::proof::{Proof, ProofError, SenderKeys, SenderProof, Unverified, url_token};
use crate::record::field;
use crate::source::{KeyKind, Needs, Source};
use crate::timestamp::{self, Timestamp};

/// The needs of a source.
pub(super) const NEEDS: Needs = Needs {
    keys: KeyKind::UrlTokens,
    min_key_chars: url_token::MIN_CHARS,
    // The zone of the provider's country: the document names none.
    time_zone: Some("Asia/Kolkata"),
    names_account: false,
    example: r#"{"tokens":["<at least 128 random bits>"]}"#,
};

/// The format of its bodies.
pub(super) const BODY_FORMAT: BodyFormat = BodyFormat::Json;

/// The field that links a recording: a dotted path in JSON, a name in a form.
pub(super) const RECORDING_FIELD: &str = "data.recordingUrl";

/// No header proves anything.
pub(super) const EVIDENCE_HEADERS: &[&str] = &[];

/// The dictionaries that its text is packed with, the newest last.
pub(super) const DICTIONARIES: &[Dictionary] =
    &[Dictionary { number: 33, content: include_bytes!("callkaro/v1.dict") }];

/// Checks the token in the URL.
pub(super) fn verify(source: &Source, delivery: Unverified<'_>) -> Result<Proof, ProofError> {
    url_token::verify(&source.tokens, delivery.token)
}

/// Reads a body.
pub(super) fn normalize(source: &Source, body: &[u8]) -> Result<Normalized, Unusable> {
    let body = Body::new(BODY_FORMAT, body);
    let mut payload = Payload::read(&body, source.time_zone.as_ref())?;
    let mut draft = Draft::default();
    let kind = payload.text("event").ok_or(Unusable::Unreadable)?;
    let mut data = payload.object("data", "data.");
    let call_id = call_id(&mut data, "callSid");
    if kind != "call_ended" {
        let call_id = call_id.ok();
        let dedupe_key = call_id.as_deref().map(|call_id| dedupe_key(&[&kind, call_id]));
        return Ok(Normalized::Ignored { kind, dedupe_key, call_id });
    }
    let call_id = call_id?;

    draft.set("call_id", Some(call_id.as_str()));
    draft.set("agent.id", data.id("agent"));
    draft.set("agent.version_id", data.id("versionId"));
    draft.record.derive("channel", Value::from("pstn"));
    draft.party(&FROM, data.party("from"));
    draft.party(&TO, data.party("to"));
    draft.set("campaign.id", data.id("batchId"));
    draft.set("campaign.follow_up_scheduled", data.boolean("next_call_scheduled"));
    draft.set("transcript.text", data.text("transcription"));
    draft.set("analysis.disposition", data.text("disposition_reason"));
    draft.set("analysis.goals_met", data.boolean("conversion_status"));
    draft.set("links.console", data.link("call_link"));
    for (name, value) in data.map("call_metadata") {
        draft.record.set(field("metadata", &name), value);
    }

    let direction = direction(&mut draft, &mut data);
    outcome(&mut draft, &mut data, source, direction);
    variables(&mut draft, &mut data);
    draft.record.set_list("tool_calls", data.list("functions_called").into_iter().map(tool_call).collect());
    draft.recording(None, data.link("recordingUrl"), None);
    draft.event(&kind, None, None, None, None);
    draft.leftovers(data);
    draft.leftovers(payload);
    let key = dedupe_key(&[&kind, &call_id]);
    Ok(draft.finish(kind, call_id, Some(key), None, None))
}

/// The call's type says the direction (`inbound`, `outbound-api`, …), else the trial count does:
/// it is -1 for inbound calls.
fn direction(draft: &mut Draft, data: &mut Payload<'_>) -> Option<&'static str> {
    let call_type = data.text("name");
    let trials = data.integer("try_count");
    let by_type = call_type.as_deref().and_then(|call_type| match call_type.split('-').next() {
        Some("inbound") => Some("inbound"),
        Some("outbound") => Some("outbound"),
        _ => None,
    });
    let direction = by_type.or(trials.map(|trials| if trials < 0 { "inbound" } else { "outbound" }));
    draft.set("call_type", call_type);
    draft.record.derive("direction", direction.map(Value::from));
    match trials.filter(|trials| *trials >= 0).and_then(|trials| trials.checked_add(1)) {
        Some(attempt) => draft.record.derive("campaign.attempt", Value::from(attempt)),
        None => draft.record.set(field("extensions", "data.try_count"), trials.map(Value::from)),
    }
    direction
}

/// When the call was, how long, and how it ended.
fn outcome(draft: &mut Draft, data: &mut Payload<'_>, source: &Source, direction: Option<&str>) {
    let seconds = data.seconds("call_duration");
    draft.set("duration_seconds", seconds);
    if let Some(written) = data.written("time") {
        match timestamp::read(&written, source.time_zone.as_ref()) {
            Some(time) if time.is_unset() => {}
            Some(time) => {
                draft.time("started_at", Some(time));
                let ended_at =
                    seconds.and_then(|seconds| time.at.checked_add(SignedDuration::from_secs(seconds)).ok());
                draft.record.derive("ended_at", ended_at.map(|time| Value::from(timestamp::rfc3339(time))));
                draft.record.set(field("extensions", "data.time"), Value::from(written));
            }
            None => draft.undocumented("data.time", written, "time"),
        }
    }

    let reason = data.text("hangup_reason");
    let status = match reason.as_deref() {
        Some("USER_UNAVAILABLE") => Some("no_answer"),
        Some("USER_REJECTED") => Some("busy"),
        Some("SIP_TRUNK_FAILURE" | "JOIN_FAILURE" | "CONNECTION_TIMEOUT" | "MEDIA_FAILURE") => Some("failed"),
        _ if seconds.is_some_and(|seconds| seconds > 0) => Some("completed"),
        Some("CLIENT_INITIATED" | "PARTICIPANT_REMOVED" | "ROOM_DELETED" | "ROOM_CLOSED") => {
            Some("completed")
        }
        _ => None,
    };
    draft.record.derive("status", status.map(Value::from));
    let (party, actor) = match reason.as_deref() {
        // The participant on the telephone hung up.
        Some("CLIENT_INITIATED") => match direction {
            Some("inbound") => ("caller", "human"),
            Some("outbound") => ("callee", "human"),
            _ => ("unknown", "human"),
        },
        Some("USER_REJECTED" | "USER_UNAVAILABLE") => ("callee", "human"),
        Some("PARTICIPANT_REMOVED" | "ROOM_DELETED" | "ROOM_CLOSED") => ("system", "ai_agent"),
        Some("SIP_TRUNK_FAILURE" | "SERVER_SHUTDOWN" | "CONNECTION_TIMEOUT" | "MEDIA_FAILURE") => {
            ("system", "platform")
        }
        _ => ("unknown", "unknown"),
    };
    if reason.is_some() {
        draft.record.derive("hangup.party", Value::from(party));
        draft.record.derive("hangup.actor", Value::from(actor));
    }
    draft.hangup(reason);
}

/// `post_call` has the values, `post_call_detail` the same with the reasoning.
fn variables(draft: &mut Draft, data: &mut Payload<'_>) {
    let mut details = data.map("post_call_detail");
    for (name, value) in data.map("post_call") {
        let mut detail = match details.remove(&name) {
            Some(Value::Object(detail)) => detail,
            Some(other) => Map::from_iter([("detail".to_owned(), other)]),
            None => Map::new(),
        };
        match detail.get("value") {
            Some(same) if *same == value => {}
            // The two disagree: neither is dropped.
            Some(_) => draft.record.set(field("extensions", &format!("data.post_call.{name}")), value),
            None => {
                detail.insert("value".to_owned(), value);
            }
        }
        draft.record.set(field("analysis.variables", &name), Value::Object(detail));
    }
    for (name, detail) in details {
        let detail = if detail.is_object() { detail } else { json!({ "detail": detail }) };
        draft.record.set(field("analysis.variables", &name), detail);
    }
}

fn tool_call(call: Value) -> Value {
    match call {
        Value::Object(call) => Value::Object(with_times(renamed(call, &[("timestamp", "at")]))),
        other => json!({ "name": null, "raw": other }),
    }
}

/// The lifetime of links is not documented.
pub(super) fn link_lifetime(_url: &str) -> Option<SignedDuration> {
    None
}

/// Proves a body as the sender does: by the URL alone.
pub(super) fn sign(keys: &SenderKeys, _body: &[u8], _at: Timestamp) -> SenderProof {
    keys.prove_by_url()
}

#[cfg(test)]
mod tests;
