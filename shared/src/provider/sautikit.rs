//! Sautikit: JSON, signed with HMAC-SHA256.
//!
//! Two forms of `X-Sautikit-Signature` are published: the hex of the HMAC over the body, and
//! `t=<unix seconds>,v1=<hex>` with the HMAC over `<body>.<t>`. Both are told apart by their shape;
//! a source may pin one. The secret is used as it is, prefix included. The headers
//! `X-Sautikit-Idempotency-Key` and `X-Sautikit-Event` are not signed and are never relied on.

use serde_json::Value;

use super::header::{exactly_one, unix_seconds};
use super::reading::{Draft, FROM, TO, call_id, dedupe_key, pinned_account, short_id};
use super::recording;
use super::{Delivery, Freshness, Normalized, Proof, RecordingLink, Rejection, Scheme, Unusable};
use crate::payload::Payload;
use crate::record::Stamp;
use crate::signature::HmacKey;
use crate::source::{SautikitScheme, Source};

const SIGNATURE_HEADER: &str = "x-sautikit-signature";

pub(super) fn verify(source: &Source, delivery: Delivery<'_>) -> Result<Proof, Rejection> {
    let malformed = |problem| Rejection::SignatureMalformed { header: SIGNATURE_HEADER, problem };
    let signature = Signature::parse(exactly_one(delivery.headers, SIGNATURE_HEADER)?).ok_or(malformed(
        "is neither 64 hexadecimal digits nor t=<unix seconds>,v1=<64 hexadecimal digits>",
    ))?;
    if source.scheme.is_some_and(|pinned| pinned != signature.scheme()) {
        return Err(malformed("has not the form that this source is pinned to"));
    }
    let (parts, code): (&[&[u8]], _) = match &signature {
        Signature::Plain { code } => (&[delivery.body], code),
        Signature::Timestamped { time, code, .. } => (&[delivery.body, b".", time.as_bytes()], code),
    };
    // Every key is tried, so that how long it takes does not tell which one is in use.
    let fitting = source.secrets.iter().enumerate().fold(None, |found, (place, key)| {
        let fits = key.verify(parts, code);
        found.or(fits.then_some(place))
    });
    let key = fitting.ok_or(Rejection::SignatureMismatch)?;
    Ok(match signature {
        Signature::Plain { .. } => Proof { scheme: Scheme::HmacSha256, freshness: Freshness::Fresh, key },
        Signature::Timestamped { seconds, .. } => Proof {
            scheme: Scheme::HmacSha256Timestamped,
            freshness: Freshness::of(seconds, delivery.received_at, source.tolerance),
            key,
        },
    })
}

enum Signature<'a> {
    Plain {
        code: [u8; 32],
    },
    /// The time is signed as it was written, leading zeros and all.
    Timestamped {
        time: &'a str,
        seconds: u64,
        code: [u8; 32],
    },
}

impl<'a> Signature<'a> {
    fn parse(value: &'a str) -> Option<Self> {
        let code = |hex: &str| {
            let mut code = [0; 32];
            hex::decode_to_slice(hex, &mut code).ok().map(|()| code)
        };
        if !value.contains('=') {
            return Some(Self::Plain { code: code(value)? });
        }
        let (time, hex) = value.split_once(',')?;
        let time = time.trim().strip_prefix("t=")?;
        let hex = hex.trim().strip_prefix("v1=")?;
        Some(Self::Timestamped { time, seconds: unix_seconds(time)?, code: code(hex)? })
    }

    fn scheme(&self) -> SautikitScheme {
        match self {
            Self::Plain { .. } => SautikitScheme::Plain,
            Self::Timestamped { .. } => SautikitScheme::Timestamped,
        }
    }
}

/// Signs a body as Sautikit does: the header's name and value.
pub fn sign(key: &HmacKey, body: &[u8]) -> (&'static str, String) {
    (SIGNATURE_HEADER, hex::encode(key.sign(&[body])))
}

/// Signs a body in the form that carries the time: the header's name and value.
pub fn sign_timestamped(key: &HmacKey, body: &[u8], unix_seconds: i64) -> (&'static str, String) {
    let time = unix_seconds.to_string();
    let code = hex::encode(key.sign(&[body, b".", time.as_bytes()]));
    (SIGNATURE_HEADER, format!("t={time},v1={code}"))
}

pub(super) fn normalize(source: &Source, body: &[u8]) -> Result<Normalized, Unusable> {
    let mut payload = Payload::from_json(body).map_err(|_| Unusable::Unreadable)?;
    let mut draft = Draft::default();
    let record = &mut draft.record;
    let kind = payload.text("kind", record).ok_or(Unusable::Unreadable)?;
    let event_id = short_id(&mut payload, "event_id", record);
    let account = payload.id("workspace_id", record);
    pinned_account(source, account.as_deref())?;
    let occurred_at = payload.time("occurred_at", record);
    let mut data = payload.object("data", "data.", record);
    let key = event_id.as_deref().map(|event_id| dedupe_key(&[&kind, event_id]));
    let call_id = call_id(&mut data, "call_id", record);
    let implied_status = match kind.as_str() {
        "call.started" => Some("ringing"),
        "call.answered" => Some("in_progress"),
        "call.completed" => Some("completed"),
        "call.failed" => Some("failed"),
        "call.recording.ready" => None,
        _ => return Ok(Normalized::Ignored { kind, dedupe_key: key, call_id: call_id.ok() }),
    };
    let call_id = call_id?;

    draft.set("account_id", account);
    draft.set("call_id", Some(call_id.as_str()));
    let number_id = data.id("number_id", &mut draft.record);
    draft.set("number_id", number_id);
    let status = data.text("status", &mut draft.record);
    draft.status("status", status, "data.status");
    if draft.record.get("status").is_none() {
        draft.record.derive("status", implied_status.map(Value::from));
    }
    match data.text("direction", &mut draft.record) {
        Some(direction) if matches!(direction.as_str(), "inbound" | "outbound" | "internal") => {
            draft.set("direction", Some(direction));
        }
        Some(other) => draft.undocumented("data.direction", other, "direction"),
        None => {}
    }
    draft.record.derive("channel", Value::from("pstn"));
    let from = data.text("from", &mut draft.record);
    draft.party(&FROM, from);
    let to = data.text("to", &mut draft.record);
    draft.party(&TO, to);
    let answered_at = data.time("answered_at", &mut draft.record);
    draft.time("answered_at", answered_at);
    let started_at = data.time("started_at", &mut draft.record);
    draft.time("started_at", started_at);
    let ended_at = data.time("ended_at", &mut draft.record);
    draft.time("ended_at", ended_at);
    let hangup = data.text("hangup_cause", &mut draft.record);
    draft.hangup(hangup);
    let failure = data.text("failure_reason", &mut draft.record);
    draft.set("error.message", failure);

    if kind == "call.recording.ready" {
        recording_ready(&mut draft, &mut data);
    } else if let Some(seconds) = data.seconds("duration_seconds", &mut draft.record) {
        draft.set("duration_seconds", Some(seconds));
        // Documented: the duration is the one that is billed, from the answer on.
        draft.record.derive("duration_basis", Value::from("answered"));
    }
    draft.event(&kind, event_id.as_deref(), occurred_at, None, None);
    data.leave_rest_in(&mut draft.record);
    payload.leave_rest_in(&mut draft.record);
    let stamp = Stamp { occurred_at: occurred_at.map(|time| time.as_millisecond()), ..Stamp::default() };
    Ok(draft.finish(kind, call_id, key, stamp))
}

fn recording_ready(draft: &mut Draft, data: &mut Payload<'_>) {
    if !data.has("recording_id") && !data.has("download_url") {
        // There is nothing to say it of; it all goes to the extensions.
        return;
    }
    let record = &mut draft.record;
    let id = short_id(data, "recording_id", record);
    let expires_at = data.time("expires_at", record);
    let size_bytes = data.integer("size_bytes", record);
    let url = data.text("download_url", record);
    let (id, link) = recording::announce(record, id, url, expires_at);
    draft.recording = link
        .map(|link| RecordingLink { size_bytes: size_bytes.and_then(|size| size.try_into().ok()), ..link });
    let Some(id) = id else { return };
    let seconds = data.seconds("duration_seconds", record);
    record.set(recording::path(&id, "duration_seconds"), seconds.map(Value::from));
    record.set(recording::path(&id, "size_bytes"), size_bytes.map(Value::from));
}

#[cfg(test)]
mod tests;
