//! `POST /quarantine/{quarantine_id}/discard`: puts a delivery aside.

use http::StatusCode;
use serde_json::json;
use shared::api::{self, Waiting, not_waiting, unavailable};
use shared::aws::Bucket;
use shared::ledger::Ledger;
use shared::ledger::audit::Action;
use shared::ledger::quarantine::Discarded;
use shared::reader::{Reader, Right};
use shared::reply::{Problem, Reply};
use shared::timestamp::Timestamp;

/// Puts a delivery that waits in quarantine aside. Its evidence is kept until it expires.
pub(crate) async fn discard(
    ledger: &Ledger,
    bucket: &Bucket,
    reader: &Reader,
    quarantine_id: &str,
    now: Timestamp,
) -> Result<Reply, Problem> {
    let waiting = Waiting::of(quarantine_id, reader, Right::Act)?;
    let found = ledger.quarantined(&waiting.key).await.map_err(|error| unavailable(&error))?;
    let call_id = found.as_ref().and_then(|found| found.call_id.clone());
    // Asked again for what is put aside already, it has nothing to do.
    if found.is_some() {
        api::note(ledger, reader, Action::Discarded, waiting.about(call_id.as_deref()), now).await?;
    }
    match ledger.discard(bucket, &waiting.key, now).await.map_err(|error| unavailable(&error))? {
        Discarded::Done => {
            Ok(Reply::json(StatusCode::OK, &json!({ "status": "discarded", "call_id": call_id })))
        }
        Discarded::NotWaiting => Err(not_waiting()),
    }
}
