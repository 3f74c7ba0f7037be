//! `POST /calls/…/rebuild`: makes a call's record anew from the evidence of every body that was applied to it.

use http::StatusCode;
use serde_json::json;
use shared::api::{self, unavailable};
use shared::event::{CallEvent, Normalized};
use shared::ledger::KeptError;
use shared::ledger::audit::{About, Action};
use shared::ledger::rebuild::{Rebuilt, Remembered};
use shared::path::{self, CallName};
use shared::reader::{Reader, Right};
use shared::record::merge;
use shared::reply::{Problem, Reply};
use shared::timestamp::Timestamp;

use crate::Upkeep;
use crate::proof::{RemovedKey, verified};

/// How often it is tried while other deliveries change the call.
const ATTEMPTS: usize = 3;

impl Upkeep {
    /// Answers `{"call_path":…,"changed":[…]}`: the fields that have another value now.
    pub(crate) async fn rebuild(
        &self,
        reader: &Reader,
        call: CallName<'_>,
        now: Timestamp,
    ) -> Result<Reply, Problem> {
        reader.may_with(Right::Act, call.provider(), call.source())?;
        let (provider, source, call_id) = call.parts().ok_or_else(unknown)?;
        let mut noted = false;
        for _ in 0..ATTEMPTS {
            let found = self.ledger.remembered(provider, source, &call_id).await;
            let remembered = found.map_err(|error| unreadable(&error))?.ok_or_else(unknown)?;
            if !noted {
                let about = About::Call(provider, source, &call_id);
                api::note(&self.ledger, reader, Action::Rebuilt, about, now).await?;
                noted = true;
            }
            if let Rebuilt::Done(changed) = self.rebuild_once(&remembered, &call_id, now).await? {
                let call_path = path::call(provider.name(), source, &call_id);
                return Ok(Reply::json(
                    StatusCode::OK,
                    &json!({ "call_path": call_path, "changed": changed }),
                ));
            }
        }
        Err(Problem::unavailable())
    }

    async fn rebuild_once(
        &self,
        remembered: &Remembered,
        call_id: &str,
        now: Timestamp,
    ) -> Result<Rebuilt, Problem> {
        let (mut records, mut links) = (Vec::new(), Vec::new());
        for kept in &remembered.bodies {
            let source = self.source(kept.provider, &kept.source).await?;
            // It was applied once, and keys are not for ever: the hash of the body is proof enough.
            let verified = verified(kept, source.as_ref(), RemovedKey::Allow)?;
            let source = source.unwrap_or_else(|| kept.provider.source_without_keys(&kept.source));
            match kept.provider.normalize(&source, &verified) {
                Normalized::Event(event) if event.call_id == call_id => {
                    let CallEvent { record, recording, .. } = *event;
                    records.push(record);
                    links.extend(recording);
                }
                _ => return Err(no_longer_read()),
            }
        }
        let record = records.into_iter().reduce(merge).ok_or_else(no_longer_read)?;
        self.ledger.rebuild(remembered, &record, &links, now).await.map_err(|error| unreadable(&error))
    }
}

fn unknown() -> Problem {
    let message = "The ledger has no call of this id from this provider and source.";
    Problem::new(StatusCode::NOT_FOUND, "call_unknown", message)
}

fn unreadable(error: &KeptError) -> Problem {
    match error {
        KeptError::Erased => {
            let message = "This call was erased. Nothing of it is kept.";
            Problem::new(StatusCode::CONFLICT, "erased", message)
        }
        KeptError::Expired => {
            let message = "The evidence of a body of this call has expired, so its record can't be made anew. Nothing was changed.";
            Problem::new(StatusCode::CONFLICT, "evidence_expired", message)
        }
        KeptError::Damaged(what) => {
            tracing::error!(what, "a record can't be made anew");
            Problem::internal()
        }
        KeptError::Store(error) => unavailable(error),
    }
}

/// The answer where today's code reads nothing for this call in a body that was applied to it: the record would lose it.
fn no_longer_read() -> Problem {
    tracing::error!("a body that was applied is not read any more, so the record is not made anew");
    Problem::internal()
}
