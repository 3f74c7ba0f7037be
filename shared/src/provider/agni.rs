//! Agni: JSON, not signed. The token in the URL is the proof, and `org_id` must be the pinned account.
//!
//! One kind, `call.completed`, once per `call_session_id`.
//!
//! Document: "`call.completed` webhook" in Agni's documentation.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::dictionary::Dictionary;
use crate::draft::{Draft, FROM, TO, call_id, dedupe_key, pinned_account, renamed, with_times};
use crate::event::{BodyFormat, Normalized, Unusable};
use crate::party;
use crate::payload::{Body, Payload};
use crate::proof::{Proof, ProofError, SenderKeys, SenderProof, Unverified, url_token};
use crate::source::{KeyKind, Needs, Source};
use crate::timestamp::Timestamp;

/// The needs of a source.
pub(super) const NEEDS: Needs = Needs {
    keys: KeyKind::UrlTokens,
    min_key_chars: url_token::MIN_CHARS,
    time_zone: Some("UTC"),
    names_account: true,
    example: r#"{"tokens":["<at least 128 random bits>"]}"#,
};

/// The format of its bodies.
pub(super) const BODY_FORMAT: BodyFormat = BodyFormat::Json;

/// The field that links a recording: a dotted path in JSON, a name in a form.
pub(super) const RECORDING_FIELD: &str = "data.recording_url";

/// No header proves anything.
pub(super) const EVIDENCE_HEADERS: &[&str] = &[];

/// The dictionaries that its text is packed with, the newest last.
pub(super) const DICTIONARIES: &[Dictionary] =
    &[Dictionary { number: 65, content: include_bytes!("agni/v1.dict") }];

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
    let account = payload.id("org_id");
    pinned_account(source, account.as_deref())?;
    let mut data = payload.object("data", "data.");
    let call_id = call_id(&mut data, "call_session_id");
    if kind != "call.completed" {
        let call_id = call_id.ok();
        let dedupe_key = call_id.as_deref().map(|call_id| dedupe_key(&[&kind, call_id]));
        return Ok(Normalized::Ignored { kind, dedupe_key, call_id });
    }
    let call_id = call_id?;

    draft.set("account_id", account);
    draft.set("call_id", Some(call_id.as_str()));
    parties(&mut draft, &mut data);
    outcome(&mut draft, &mut data);
    draft.set("campaign.id", data.id("campaign_id"));
    draft.set("campaign.contact_id", data.id("contact_id"));
    draft.set("campaign.attempt", data.count("attempt"));
    draft.set("quality.latency_ms", data.milliseconds("call_latency_ms"));
    // The unit is not documented; it may be credits.
    draft.set("cost.amount", data.decimal("cost_total"));
    draft.set("analysis.summary", data.text("summary"));
    let mut analysis = data.object("post_call_analysis", "data.post_call_analysis.");
    draft.set("analysis.sentiment", analysis.text("sentiment"));
    draft.set("analysis.disposition", analysis.text("disposition"));
    draft.set("analysis.goals_met", analysis.boolean("goals_met"));
    draft.set("analysis.next_steps", analysis.text("next_steps"));
    draft.leftovers(analysis);
    draft.record.set_list("transcript.turns", data.list("transcripts").into_iter().map(turn).collect());
    draft.recording(None, data.link("recording_url"), None);
    draft.event(&kind, None, None, None, None);
    draft.leftovers(data);
    draft.leftovers(payload);
    let key = dedupe_key(&[&kind, &call_id]);
    Ok(draft.finish(kind, call_id, Some(key), None, None))
}

/// `phone` is the party outside: it called us if it is the caller's number.
fn parties(draft: &mut Draft, data: &mut Payload<'_>) {
    let caller = data.party("caller_number");
    let callee = data.party("callee_number");
    let phone = data.party("phone");
    let is_phone = |party: &Option<String>| {
        party.as_ref().zip(phone.as_ref()).is_some_and(|(party, phone)| party::is_same(party, phone))
    };
    let direction = match (is_phone(&caller), is_phone(&callee)) {
        (false, true) => Some("outbound"),
        (true, false) => Some("inbound"),
        _ => None,
    };
    draft.record.derive("direction", direction.map(Value::from));
    draft.set("remote_party.number", phone);
    draft.party(&FROM, caller);
    draft.party(&TO, callee);
    draft.set("remote_party.name", data.text("caller_name"));
    draft.set("remote_party.email", data.text("caller_email"));
    draft.set("agent.name", data.text("agent_name"));
    match data.text("channel") {
        Some(channel) if channel == "voice" => draft.record.derive("channel", Value::from("pstn")),
        Some(channel) if matches!(channel.as_str(), "web" | "sip") => draft.set("channel", Some(channel)),
        Some(other) => draft.undocumented("data.channel", other, "channel"),
        None => {}
    }
}

/// When the call was, how long, and how it ended.
fn outcome(draft: &mut Draft, data: &mut Payload<'_>) {
    draft.status("status", data.text("status"), "data.status");
    let seconds = data.seconds("duration_sec");
    draft.set("duration_seconds", seconds);
    draft.record.derive("duration_basis", seconds.map(|_| Value::from("total")));
    draft.time("started_at", data.time("started_at"));
    draft.time("ended_at", data.time("ended_at"));
    draft.time("record_created_at", data.time("created_at"));

    let Some(reason) = data.text("disconnect_reason") else { return };
    let outbound = draft.record.text("direction") == Some("outbound");
    let inbound = draft.record.text("direction") == Some("inbound");
    let (cause, party, actor) = match reason.as_str() {
        "customer_hangup" => (
            Some(("normal_clearing", 16)),
            if outbound {
                "callee"
            } else if inbound {
                "caller"
            } else {
                "unknown"
            },
            "human",
        ),
        "agent_hangup" => (
            Some(("normal_clearing", 16)),
            if outbound {
                "caller"
            } else if inbound {
                "callee"
            } else {
                "unknown"
            },
            "ai_agent",
        ),
        "error" => (None, "system", "platform"),
        _ => (None, "unknown", "unknown"),
    };
    draft.record.derive("hangup.cause", json!(cause.map_or("unspecified", |(name, _)| name)));
    draft.record.derive("hangup.q850", cause.map(|(_, value)| Value::from(value)));
    draft.record.derive("hangup.party", Value::from(party));
    draft.record.derive("hangup.actor", Value::from(actor));
    draft.set("hangup.raw", Some(reason));
}

/// One turn of the transcript: `message.content` and `message.format` move up, `timestamp_ms` is
/// the offset from the start.
fn turn(transcript: Value) -> Value {
    let Value::Object(transcript) = transcript else {
        return json!({ "role": "unknown", "raw": transcript });
    };
    let mut turn = with_times(renamed(transcript, &[("timestamp_ms", "offset_ms")]));
    if let Some(Value::Object(message)) = turn.get_mut("message") {
        let mut message = std::mem::take(message);
        let moved = [("text", message.remove("content")), ("format", message.remove("format"))];
        turn.remove("message");
        turn.extend(moved.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        if !message.is_empty() {
            turn.insert("message".to_owned(), Value::Object(message));
        }
    }
    Value::Object(turn)
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
