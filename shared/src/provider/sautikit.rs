//! Sautikit: JSON, signed with HMAC-SHA256.
//!
//! Two forms of `X-Sautikit-Signature` are published: the hex of the HMAC over the body, and
//! `t=<unix seconds>,v1=<hex>` with the HMAC over `<body>.<t>`. Both are told apart by their shape;
//! a source may pin one. The secret is used as it is, prefix included. The headers
//! `X-Sautikit-Idempotency-Key` and `X-Sautikit-Event` are not signed and are never relied on.
//!
//! Document: "call.completed" and "call.recording.ready" in Sautikit's webhook documentation.

use jiff::SignedDuration;
use serde_json::Value;

use crate::dictionary::Dictionary;
use crate::draft::{Draft, FROM, TO, call_id, dedupe_key, pinned_account};
use crate::event::{BodyFormat, Normalized, Unusable};
use crate::payload::{Body, Payload};
use crate::proof::{
    Freshness, HmacKey, Proof, ProofError, Scheme, SenderKeys, SenderProof, Unverified, body_hmac,
    exactly_one, unix_seconds,
};
use crate::source::{KeyKind, Needs, SignatureForm, Source};
use crate::timestamp::Timestamp;

const SIGNATURE_HEADER: &str = "x-sautikit-signature";
const IDEMPOTENCY_HEADER: &str = "x-sautikit-idempotency-key";
const EVENT_HEADER: &str = "x-sautikit-event";

/// The needs of a source.
pub(super) const NEEDS: Needs = Needs {
    keys: KeyKind::Secrets,
    min_key_chars: 0,
    time_zone: Some("UTC"),
    names_account: true,
    example: r#"{"secrets":["<the webhook secret>"]}"#,
};

/// The format of its bodies.
pub(super) const BODY_FORMAT: BodyFormat = BodyFormat::Json;

/// The field that links a recording: a dotted path in JSON, a name in a form.
pub(super) const RECORDING_FIELD: &str = "data.download_url";

/// The headers that carry the proof, or say what a delivery is.
pub(super) const EVIDENCE_HEADERS: &[&str] = &[SIGNATURE_HEADER, IDEMPOTENCY_HEADER, EVENT_HEADER];

/// The dictionaries that its text is packed with, the newest last.
pub(super) const DICTIONARIES: &[Dictionary] =
    &[Dictionary { number: 17, content: include_bytes!("sautikit/v1.dict") }];

/// Checks the signature, in the form that the header has.
pub(super) fn verify(source: &Source, delivery: Unverified<'_>) -> Result<Proof, ProofError> {
    let malformed = |problem| ProofError::SignatureMalformed { header: SIGNATURE_HEADER, problem };
    let signature = Signature::parse(exactly_one(delivery.headers, SIGNATURE_HEADER)?).ok_or(malformed(
        "is neither 64 hexadecimal digits nor t=<unix seconds>,v1=<64 hexadecimal digits>",
    ))?;
    if source.scheme.is_some_and(|pinned| pinned != signature.form()) {
        return Err(malformed("does not have the form that this source is pinned to"));
    }
    let (parts, code): (&[&[u8]], _) = match &signature {
        Signature::Plain { code } => (&[delivery.body], code),
        Signature::Timestamped { time, code, .. } => (&[delivery.body, b".", time.as_bytes()], code),
    };
    let key = body_hmac::verify(&source.secrets, parts, code)?;
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
    /// The time is signed as it was written, with leading zeros.
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

    fn form(&self) -> SignatureForm {
        match self {
            Self::Plain { .. } => SignatureForm::Plain,
            Self::Timestamped { .. } => SignatureForm::Timestamped,
        }
    }
}

/// Reads a body.
pub(super) fn normalize(source: &Source, body: &[u8]) -> Result<Normalized, Unusable> {
    let body = Body::new(BODY_FORMAT, body);
    let mut payload = Payload::read(&body, source.time_zone.as_ref())?;
    let mut draft = Draft::default();
    let kind = payload.text("kind").ok_or(Unusable::Unreadable)?;
    let event_id = draft.short_id("event_id", payload.id("event_id"));
    let account = payload.id("workspace_id");
    pinned_account(source, account.as_deref())?;
    let occurred_at = payload.time("occurred_at").map(|time| time.at);
    let mut data = payload.object("data", "data.");
    let key = event_id.as_deref().map(|event_id| dedupe_key(&[&kind, event_id]));
    let call_id = call_id(&mut data, "call_id");
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
    draft.set("number_id", data.id("number_id"));
    draft.status("status", data.text("status"), "data.status");
    if draft.record.get("status").is_none() {
        draft.record.derive("status", implied_status.map(Value::from));
    }
    match data.text("direction") {
        Some(direction) if matches!(direction.as_str(), "inbound" | "outbound" | "internal") => {
            draft.set("direction", Some(direction));
        }
        Some(other) => draft.undocumented("data.direction", other, "direction"),
        None => {}
    }
    draft.record.derive("channel", Value::from("pstn"));
    draft.party(&FROM, data.party("from"));
    draft.party(&TO, data.party("to"));
    draft.time("answered_at", data.time("answered_at"));
    draft.time("started_at", data.time("started_at"));
    draft.time("ended_at", data.time("ended_at"));
    draft.hangup(data.text("hangup_cause"));
    draft.set("error.message", data.text("failure_reason"));

    if kind == "call.recording.ready" {
        recording_ready(&mut draft, &mut data);
    } else if let Some(seconds) = data.seconds("duration_seconds") {
        draft.set("duration_seconds", Some(seconds));
        // Documented: the duration is the one that is billed, from the answer on.
        draft.record.derive("duration_basis", Value::from("answered"));
    }
    draft.event(&kind, event_id.as_deref(), occurred_at, None, None);
    draft.leftovers(data);
    draft.leftovers(payload);
    Ok(draft.finish(kind, call_id, key, occurred_at, None))
}

fn recording_ready(draft: &mut Draft, data: &mut Payload<'_>) {
    if !data.has("recording_id") && !data.has("download_url") {
        // There is no recording to describe: all fields go to the extensions.
        return;
    }
    let id = draft.short_id("recording_id", data.id("recording_id"));
    let expires_at = data.time("expires_at").map(|time| time.at);
    let size_bytes = data.count("size_bytes");
    let Some(id) = draft.recording(id, data.link("download_url"), expires_at) else { return };
    draft.recording_size(size_bytes);
    draft.set_recording(&id, "duration_seconds", data.seconds("duration_seconds"));
    draft.set_recording(&id, "size_bytes", size_bytes);
}

/// The payload says how long a link works.
pub(super) fn link_lifetime(_url: &str) -> Option<SignedDuration> {
    None
}

/// Signs a body as Sautikit does, and adds the headers that are not signed.
pub(super) fn sign(keys: &SenderKeys, body: &[u8], at: Timestamp) -> SenderProof {
    let mut headers = vec![
        sign_plain(&keys.hmac_key(), body),
        // A new value for each delivery: nothing may depend on it.
        (IDEMPOTENCY_HEADER, format!("local-{:016x}", at.as_nanosecond())),
    ];
    let body = Body::new(BODY_FORMAT, body);
    let kind = Payload::read(&body, None).ok().and_then(|mut payload| payload.text("kind"));
    headers.extend(kind.filter(|kind| kind.len() < 100).map(|kind| (EVENT_HEADER, kind)));
    SenderProof { headers, url_token: None }
}

/// Signs a body in the form without a time: the header's name and value.
pub fn sign_plain(key: &HmacKey, body: &[u8]) -> (&'static str, String) {
    (SIGNATURE_HEADER, hex::encode(key.sign(&[body])))
}

/// Signs a body in the form that carries the time: the header's name and value.
pub fn sign_timestamped(key: &HmacKey, body: &[u8], unix_seconds: i64) -> (&'static str, String) {
    let time = unix_seconds.to_string();
    let code = hex::encode(key.sign(&[body, b".", time.as_bytes()]));
    (SIGNATURE_HEADER, format!("t={time},v1={code}"))
}

#[cfg(test)]
mod tests;
