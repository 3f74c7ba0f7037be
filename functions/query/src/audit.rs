//! `GET /audit`: a page of the audit trail.

use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::StatusCode;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _};
use serde_json::{Value, json};
use shared::api::unavailable;
use shared::ledger::audit::{Noted, Trail};
use shared::ledger::{Ledger, key};
use shared::path;
use shared::reader::Reader;
use shared::reply::{Problem, Reply};
use shared::timestamp::Timestamp;
use tokio::time::Instant;

use crate::parameters::{DEFAULT_LIMIT, Given, invalid, limit, start, time};

const NAMES: [&str; 4] = ["since", "until", "limit", "cursor"];

/// How long a page is filled.
const FILLING: Duration = Duration::from_secs(3);

/// The days that a list covers if it names no range, up to the end of tomorrow.
const DEFAULT_DAYS: i64 = 31;

/// No entry is older: it is kept for 400 days, and DynamoDB may take two more to remove it.
const OLDEST: SignedDuration = SignedDuration::from_hours(24 * 403);

/// No entry is younger than our clock says, whatever another clock said.
const YOUNGEST: SignedDuration = SignedDuration::from_hours(24);

/// The first line of a cursor; another one when what follows changes.
const CURSOR: &str = "1\naudit\n";

/// Answers `{"entries":[…],"cursor":…}`, newest first; the cursor is null on the last page. Entries about sources
/// that are not in the reader's scope are left out.
pub(crate) async fn answer(
    ledger: &Ledger,
    reader: &Reader,
    query: &str,
    now: Timestamp,
) -> Result<Reply, Problem> {
    let trail = Trail { scope: reader.scope.clone(), ..trail(query, now)? };
    let page = ledger.notes(&trail, Instant::now() + FILLING).await.map_err(|error| unavailable(&error))?;
    let entries: Vec<Value> = page.entries.iter().map(listed).collect();
    let cursor = page.next.map(|place| BASE64_URL_SAFE_NO_PAD.encode(format!("{CURSOR}{place}")));
    Ok(Reply::json(StatusCode::OK, &json!({ "entries": entries, "cursor": cursor })))
}

fn listed(Noted { at, reader, action, source, call_id }: &Noted) -> Value {
    let call = source.as_ref().zip(call_id.as_deref());
    let call_path = call.map(|((provider, source), call_id)| path::call(provider, source, call_id));
    json!({ "at": at, "reader": reader, "action": action, "call_path": call_path })
}

/// Reads the parameters. A range is cut to the days of which there can be entries.
fn trail(query: &str, now: Timestamp) -> Result<Trail, Problem> {
    let given = Given::read(query, &NAMES)?;
    let tomorrow = now.to_zoned(TimeZone::UTC).date().checked_add(2.days()).ok().and_then(start);
    let until = given.get("until").map(|text| time("until", text)).transpose()?;
    let until = until.or(tomorrow).unwrap_or(Timestamp::MAX);
    let since = given.get("since").map(|text| time("since", text)).transpose()?;
    let default =
        || until.checked_sub(SignedDuration::from_hours(24 * DEFAULT_DAYS)).unwrap_or(Timestamp::MIN);
    let since = since.unwrap_or_else(default);
    if since >= until {
        return Err(invalid("since must be before until."));
    }
    let before = given.get("cursor").map(|text| {
        let problem =
            "cursor is not one of this list; take it from the answer before, or leave it out to start again.";
        place(text).ok_or_else(|| invalid(problem))
    });
    Ok(Trail {
        since: since.max(now.checked_sub(OLDEST).unwrap_or(Timestamp::MIN)),
        until: until.min(now.checked_add(YOUNGEST).unwrap_or(Timestamp::MAX)),
        scope: shared::reader::Scope::All,
        limit: given.get("limit").map_or(Ok(DEFAULT_LIMIT), limit)?,
        before: before.transpose()?,
    })
}

/// The place in a cursor; `None` if it is not one of this list.
fn place(cursor: &str) -> Option<String> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let place = text.strip_prefix(CURSOR)?;
    (place.len() <= 100 && key::audit_day(place).is_some()).then(|| place.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(query: &str) -> (String, String) {
        let trail = trail(query, "2026-06-27T10:05:00Z".parse().unwrap()).unwrap();
        (trail.since.to_string(), trail.until.to_string())
    }

    fn times(since: &str, until: &str) -> (String, String) {
        (since.to_owned(), until.to_owned())
    }

    #[test]
    fn a_range_is_half_open_and_cut_to_what_there_can_be() {
        let now_and_a_day = "2026-06-28T10:05:00Z";
        assert_eq!(range(""), times("2026-05-29T00:00:00Z", now_and_a_day));
        assert_eq!(range("since=2026-06-01"), times("2026-06-01T00:00:00Z", now_and_a_day));
        assert_eq!(range("until=2026-06-01"), times("2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z"));
        assert_eq!(
            range("since=2026-06-01T03:00:00%2B03:00&until=2026-06-02T03:00:00+03:00"),
            times("2026-06-01T00:00:00Z", "2026-06-02T00:00:00Z")
        );
        assert_eq!(range("since=0001-01-01"), times("2025-05-20T10:05:00Z", now_and_a_day));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for (query, parameter) in [
            ("since=yesterday", "since"),
            ("since=20260627", "since"),
            ("until=2026-06-27T10:00:00", "until"),
            ("since=2026-06-02&until=2026-06-02", "since must be before until"),
            ("limit=201", "limit"),
            ("cursor=AAAA", "cursor"),
            ("cursor=MQphdWRpdAphbnl0aGluZw", "cursor"),
            ("reader=ada", "reader"),
            ("since=2026-06-01&since=2026-06-02", "since"),
        ] {
            let problem = trail(query, Timestamp::UNIX_EPOCH).unwrap_err();
            assert_eq!(
                (problem.status, problem.code),
                (StatusCode::BAD_REQUEST, "parameter_invalid"),
                "{query}"
            );
            assert!(problem.message.starts_with(parameter), "{query}: {}", problem.message);
        }
    }
}
