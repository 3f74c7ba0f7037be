//! `GET /calls`: a page of the calls of a day or of a party.

use http::StatusCode;
use serde_json::{Value, json};
use shared::api::unavailable;
use shared::ledger::Ledger;
use shared::ledger::read::Columns;
use shared::path;
use shared::reader::Reader;
use shared::reply::{Problem, Reply};

use crate::{cursor, parameters};

/// Answers `{"calls":[…],"cursor":…}`; the cursor is null on the last page. Calls of sources that are not in the
/// reader's scope are left out.
pub(crate) async fn answer(ledger: &Ledger, reader: &Reader, query: &str) -> Result<Reply, Problem> {
    let mut listing = parameters::listing(query)?;
    listing.filter.scope = reader.scope.clone();
    let page = ledger.calls(&listing).await.map_err(|error| unavailable(&error))?;
    let calls: Vec<Value> = page.calls.iter().map(listed).collect();
    let cursor = page.next.map(|before| cursor::encode(&listing.by, &before));
    Ok(Reply::json(StatusCode::OK, &json!({ "calls": calls, "cursor": cursor })))
}

/// A call's columns. A page of them is far smaller than what Lambda answers.
fn listed(call: &Columns) -> Value {
    let or_unknown = |value: &Option<String>| json!(value.as_deref().unwrap_or("unknown"));
    json!({
        "path": path::of(call),
        "provider": call.provider,
        "source": call.source,
        "call_id": call.call_id,
        "status": or_unknown(&call.status),
        "direction": or_unknown(&call.direction),
        "from": call.from,
        "to": call.to,
        "started_at": call.started_at,
        "answered_at": call.answered_at,
        "ended_at": call.ended_at,
        "duration_seconds": call.duration_seconds,
        "duration_basis": or_unknown(&call.duration_basis),
        "hangup_cause": call.hangup_cause,
        "agent_name": call.agent_name,
        "has_recording": call.has_recording,
        "has_transcript": call.has_transcript,
        "revision": call.revision,
        "updated_at": call.updated_at,
    })
}
