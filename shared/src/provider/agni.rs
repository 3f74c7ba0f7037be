//! Agni: JSON, not signed. The URL's token vouches for it, and `org_id` must be the pinned account.
//!
//! One kind, `call.completed`, once per `call_session_id`.

use serde_json::{Value, json};

use super::reading::{Draft, FROM, TO, call_id, dedupe_key, pinned_account, renamed};
use super::recording;
use super::{Normalized, Unusable};
use crate::payload::Payload;
use crate::record::Stamp;
use crate::source::Source;

pub(super) fn normalize(source: &Source, body: &[u8]) -> Result<Normalized, Unusable> {
    let mut payload = Payload::from_json(body).map_err(|_| Unusable::Unreadable)?;
    let mut draft = Draft::default();
    let kind = payload.text("event", &mut draft.record).ok_or(Unusable::Unreadable)?;
    let account = payload.id("org_id", &mut draft.record);
    pinned_account(source, account.as_deref())?;
    let mut data = payload.object("data", "data.", &mut draft.record);
    let call_id = call_id(&mut data, "call_session_id", &mut draft.record);
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
    let campaign = data.id("campaign_id", &mut draft.record);
    draft.set("campaign.id", campaign);
    let contact = data.id("contact_id", &mut draft.record);
    draft.set("campaign.contact_id", contact);
    let attempt = data.integer("attempt", &mut draft.record);
    draft.set("campaign.attempt", attempt);
    let latency = data.number("call_latency_ms", &mut draft.record);
    draft.set("quality.latency_ms", latency);
    // The unit is not documented; it may be credits.
    let cost = data.decimal("cost_total", &mut draft.record);
    draft.set("cost.amount", cost);
    let summary = data.text("summary", &mut draft.record);
    draft.set("analysis.summary", summary);
    let mut analysis = data.object("post_call_analysis", "data.post_call_analysis.", &mut draft.record);
    let sentiment = analysis.text("sentiment", &mut draft.record);
    draft.set("analysis.sentiment", sentiment);
    let disposition = analysis.text("disposition", &mut draft.record);
    draft.set("analysis.disposition", disposition);
    let goals_met = analysis.boolean("goals_met", &mut draft.record);
    draft.set("analysis.goals_met", goals_met);
    let next_steps = analysis.text("next_steps", &mut draft.record);
    draft.set("analysis.next_steps", next_steps);
    analysis.leave_rest_in(&mut draft.record);
    let turns = data.list("transcripts", &mut draft.record);
    draft.record.add_all("transcript.turns", turns.into_iter().map(turn));
    let url = data.text("recording_url", &mut draft.record);
    (_, draft.recording) = recording::announce(&mut draft.record, None, url, None);
    draft.event(&kind, None, None, None, None);
    data.leave_rest_in(&mut draft.record);
    payload.leave_rest_in(&mut draft.record);
    let key = dedupe_key(&[&kind, &call_id]);
    Ok(draft.finish(kind, call_id, Some(key), Stamp::default()))
}

/// `phone` is the party outside: it called us if it is the caller's number.
fn parties(draft: &mut Draft, data: &mut Payload<'_>) {
    let caller = data.id("caller_number", &mut draft.record);
    let callee = data.id("callee_number", &mut draft.record);
    let phone = data.id("phone", &mut draft.record);
    let direction = match &phone {
        Some(_) if phone == callee && phone != caller => Some("outbound"),
        Some(_) if phone == caller && phone != callee => Some("inbound"),
        _ => None,
    };
    draft.record.derive("direction", direction.map(Value::from));
    draft.set("remote_party.number", phone);
    draft.party(&FROM, caller);
    draft.party(&TO, callee);
    let name = data.text("caller_name", &mut draft.record);
    draft.set("remote_party.name", name);
    let email = data.text("caller_email", &mut draft.record);
    draft.set("remote_party.email", email);
    let agent = data.text("agent_name", &mut draft.record);
    draft.set("agent.name", agent);
    match data.text("channel", &mut draft.record) {
        Some(channel) if channel == "voice" => draft.record.derive("channel", Value::from("pstn")),
        Some(channel) if matches!(channel.as_str(), "web" | "sip") => draft.set("channel", Some(channel)),
        Some(other) => draft.undocumented("data.channel", other, "channel"),
        None => {}
    }
}

/// When the call was, how long, and how it ended.
fn outcome(draft: &mut Draft, data: &mut Payload<'_>) {
    let status = data.text("status", &mut draft.record);
    draft.status("status", status, "data.status");
    let seconds = data.seconds("duration_sec", &mut draft.record);
    draft.set("duration_seconds", seconds);
    draft.record.derive("duration_basis", seconds.map(|_| Value::from("total")));
    let started_at = data.time("started_at", &mut draft.record);
    draft.time("started_at", started_at);
    let ended_at = data.time("ended_at", &mut draft.record);
    draft.time("ended_at", ended_at);
    let created_at = data.time("created_at", &mut draft.record);
    draft.time("record_created_at", created_at);

    let Some(reason) = data.text("disconnect_reason", &mut draft.record) else { return };
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
    let mut turn = renamed(transcript, &[("timestamp_ms", "offset_ms")]);
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

#[cfg(test)]
mod tests;
