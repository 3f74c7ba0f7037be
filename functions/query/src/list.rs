//! `GET /calls`: a page of the calls of a day or of a number.

use http::StatusCode;
use serde_json::{Value, json};
use shared::ledger::Ledger;
use shared::reply::{Problem, Reply};

use crate::answer::{MAX_WEIGHT, weight};
use crate::{cursor, parameters, unavailable};

/// Answers `{"calls":[…],"cursor":…}`; the cursor is null on the last page.
pub(crate) async fn answer(ledger: &Ledger, query: &str) -> Result<Reply, Problem> {
    let listing = parameters::listing(query)?;
    let page = ledger.calls(&listing).await.map_err(|error| unavailable(&error))?;
    let mut next = page.next;
    let mut calls: Vec<Value> = Vec::with_capacity(page.calls.len());
    let mut total = 0;
    let mut last_key = None;
    for call in &page.calls {
        let rendered = Value::Object(call.render());
        total += weight(&rendered) + 1;
        // Records are small enough that one always fits.
        if total > MAX_WEIGHT && last_key.is_some() {
            next = last_key;
            break;
        }
        last_key = Some(call.time_key.clone());
        calls.push(rendered);
    }
    let cursor = next.map(|before| cursor::encode(&listing.by, &before));
    Ok(Reply::json(StatusCode::OK, &json!({ "calls": calls, "cursor": cursor })))
}
