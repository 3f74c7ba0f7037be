//! `DELETE /calls/{provider}/{source}/{call_id}` and `DELETE /quarantine/{quarantine_id}`: erase a call, or a delivery
//! in quarantine by itself.

use std::time::Duration;

use http::StatusCode;
use serde_json::{Value, json};
use shared::api::{self, Waiting, not_waiting, unavailable};
use shared::ledger::StoreError;
use shared::ledger::audit::{About, Action};
use shared::ledger::erase::Erasure;
use shared::ledger::key::{self, Key};
use shared::path::{self, CallName};
use shared::reader::{Reader, Right};
use shared::reply::{Problem, Reply};
use shared::timestamp::{Timestamp, rfc3339};
use tokio::time::timeout;

use crate::Upkeep;

/// The time that an erasure may take. API Gateway waits thirty seconds.
const DEADLINE: Duration = Duration::from_secs(25);

impl Upkeep {
    /// Answers the receipt of a call's erasure; the same one if it is asked for again.
    pub(crate) async fn erase_call(
        &self,
        reader: &Reader,
        call: CallName<'_>,
        now: Timestamp,
    ) -> Result<Reply, Problem> {
        reader.may_with(Right::Erase, call.provider(), call.source())?;
        let (provider, source, call_id) = call.parts().ok_or_else(call_unknown)?;
        let pk = key::call(provider.name(), source, &call_id).pk;
        if !self.ledger.has_anything(&pk).await.map_err(|error| unavailable(&error))? {
            return Err(call_unknown());
        }
        let about = About::Call(provider, source, &call_id);
        api::note(&self.ledger, reader, Action::Erased, about, now).await?;
        let erased = timeout(DEADLINE, self.ledger.erase_call(&self.bucket, &pk, now)).await;
        let erasure = in_time(erased)?.ok_or_else(call_unknown)?;
        Ok(receipt(&erasure, "path", &path::call(provider.name(), source, &call_id)))
    }

    /// Answers the receipt of the erasure of a delivery in quarantine; the same one if it is asked for again.
    pub(crate) async fn erase_delivery(
        &self,
        reader: &Reader,
        quarantine_id: &str,
        now: Timestamp,
    ) -> Result<Reply, Problem> {
        let waiting = Waiting::of(quarantine_id, reader, Right::Erase)?;
        let found = self.ledger.erasable(&waiting.key).await.map_err(|error| unavailable(&error))?;
        if let Some(found) = found {
            let call_id = found.call_id;
            api::note(&self.ledger, reader, Action::Erased, waiting.about(call_id.as_deref()), now).await?;
        }
        let erased = timeout(DEADLINE, self.ledger.erase_delivery(&self.bucket, &waiting.key, now)).await;
        let erasure = in_time(erased)?.ok_or_else(not_waiting)?;
        Ok(receipt(&erasure, "quarantine_id", quarantine_id))
    }

    /// Deletes what is left of a delivery that was erased, or whose call was.
    pub(crate) async fn finish_erasure(&self, key: &Key) -> Result<(), Problem> {
        let erased = self.ledger.erase_again_of(&self.bucket, key).await;
        erased.map(|_| ()).map_err(|error| unavailable(&error))
    }
}

/// The answer for what was erased.
pub(crate) fn erased() -> Problem {
    let message =
        "This delivery is of a call that was erased, or was erased by itself. Nothing of it is kept.";
    Problem::new(StatusCode::CONFLICT, "erased", message)
}

fn receipt(erasure: &Erasure, name: &str, of: &str) -> Reply {
    let receipt: Value = json!({
        "status": "erased",
        name: of,
        "erased_at": rfc3339(erasure.erased_at),
        "erased": erasure.erased,
        "traces": erasure.traces(),
    });
    Reply::json(StatusCode::OK, &receipt)
}

fn in_time<T>(erased: Result<Result<T, StoreError>, tokio::time::error::Elapsed>) -> Result<T, Problem> {
    let unfinished = || {
        let message = "The erasure has begun and is not finished. Ask again to finish it now; the schedule finishes it within half an hour.";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message)
    };
    match erased {
        Ok(Ok(erased)) => Ok(erased),
        Ok(Err(error)) => Err(unavailable(&error)),
        Err(_) => {
            tracing::error!("an erasure is not finished in time");
            Err(unfinished())
        }
    }
}

fn call_unknown() -> Problem {
    let message = "The ledger has nothing of a call of this id from this provider and source.";
    Problem::new(StatusCode::NOT_FOUND, "call_unknown", message)
}
