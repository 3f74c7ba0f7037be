//! `GET /recordings` and `GET /quarantine`: what waits for a copier or for a person, newest first.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use shared::api::unavailable;
use shared::ledger::Ledger;
use shared::ledger::jobs::State;
use shared::ledger::read::{Quarantined, Recording, Unstored, Waiting};
use shared::path;
use shared::reader::Reader;
use shared::reply::{Problem, Reply};
use tokio::time::Instant;

use crate::parameters::{DEFAULT_LIMIT, Given, invalid, limit, source, time};
use crate::{cursor, words};

/// How long a page is filled.
const FILLING: Duration = Duration::from_secs(3);

const RECORDINGS: &str = "recordings";
const QUARANTINE: &str = "quarantine";

/// The states of recordings that are not stored.
const UNSTORED: [State; 6] =
    [State::Pending, State::Copying, State::Retry, State::Expired, State::Rejected, State::Failed];

/// Answers `{"recordings":[…],"cursor":…}`; the cursor is null on the last page.
pub(crate) async fn recordings(ledger: &Ledger, reader: &Reader, query: &str) -> Result<Reply, Problem> {
    let states = UNSTORED.map(State::name);
    let waiting = waiting(query, RECORDINGS, "state", &states, reader)?;
    let page = ledger.unstored(&waiting, Instant::now() + FILLING).await;
    let page = page.map_err(|error| unavailable(&error))?;
    Ok(listed(RECORDINGS, page.found.iter().map(recording).collect(), page.next))
}

/// Answers `{"deliveries":[…],"cursor":…}`; the cursor is null on the last page.
pub(crate) async fn quarantine(ledger: &Ledger, reader: &Reader, query: &str) -> Result<Reply, Problem> {
    let waiting = waiting(query, QUARANTINE, "reason", &words::QUARANTINE, reader)?;
    let page = ledger.quarantine(&waiting, Instant::now() + FILLING).await;
    let page = page.map_err(|error| unavailable(&error))?;
    Ok(listed("deliveries", page.found.iter().map(delivery).collect(), page.next))
}

fn listed(name: &str, members: Vec<Value>, next: Option<String>) -> Reply {
    let list = if name == RECORDINGS { RECORDINGS } else { QUARANTINE };
    let cursor = next.map(|place| cursor::of_list(list, &place));
    Reply::json(StatusCode::OK, &json!({ name: members, "cursor": cursor }))
}

fn recording(Unstored { provider, source, call_id, recording }: &Unstored) -> Value {
    let Recording { recording_id, state, reason, last_error, next_attempt_at, .. } = recording;
    let reason = reason.as_deref().or_else(|| last_error.as_deref()?.split(':').next());
    json!({
        "recording_id": recording_id,
        "call_path": path::call(provider, source, call_id),
        "state": state,
        "reason": reason,
        "message": words::of_recording(*state, reason, last_error.as_deref()),
        "next_attempt_at": next_attempt_at,
    })
}

fn delivery(waiting: &Quarantined) -> Value {
    let Quarantined { quarantine_id, provider, source, call_id, delivery } = waiting;
    json!({
        "quarantine_id": quarantine_id,
        "provider": provider,
        "source": source,
        "kind": delivery.kind,
        "call_id": call_id,
        "path": call_id.as_deref().map(|call_id| path::call(provider, source, call_id)),
        "reason": delivery.reason,
        "message": words::of_quarantined(delivery.reason.as_deref()),
        "received_at": delivery.received_at,
        "bytes": delivery.bytes,
    })
}

/// Reads the parameters of a list. `name` is the one that takes several words of these, with commas.
fn waiting(
    query: &str,
    list: &str,
    name: &'static str,
    words: &[&str],
    reader: &Reader,
) -> Result<Waiting, Problem> {
    let given = Given::read(query, &[name, "provider", "source", "since", "until", "limit", "cursor"])?;
    let known = |word: &str| {
        let problem = || invalid(format!("{name} must be one or more of {}, with commas.", words.join(", ")));
        words.iter().find(|known| **known == word).map(|word| (*word).to_owned()).ok_or_else(problem)
    };
    let time = |name| given.get(name).map(|text| time(name, text)).transpose();
    let (since, until) = (time("since")?, time("until")?);
    if since.zip(until).is_some_and(|(since, until)| since >= until) {
        return Err(invalid("since must be before until."));
    }
    let before = given.get("cursor").map(|text| {
        let problem =
            "cursor is not one of this list; take it from the answer before, or leave it out to start again.";
        cursor::in_list(list, text).ok_or_else(|| invalid(problem))
    });
    Ok(Waiting {
        provider: given.provider()?,
        source: given.get("source").map(source).transpose()?,
        words: given.get(name).map_or(Ok(Vec::new()), |text| text.split(',').map(known).collect())?,
        since,
        until,
        scope: reader.scope.clone(),
        limit: given.get("limit").map_or(Ok(DEFAULT_LIMIT), limit)?,
        before: before.transpose()?,
    })
}
