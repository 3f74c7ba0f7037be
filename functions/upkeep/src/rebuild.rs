//! `POST /calls/…/rebuild`: makes a call's record anew from the evidence of every body that was applied to it.

use std::time::Duration;

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
use shared::source::Source;
use shared::timestamp::Timestamp;
use tokio::time::{Instant, timeout_at};

use crate::Upkeep;
use crate::proof::{RemovedKey, verified};

/// The time that it may take. API Gateway waits thirty seconds.
const DEADLINE: Duration = Duration::from_secs(25);

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
        let (mut noted, deadline) = (false, Instant::now() + DEADLINE);
        for _ in 0..ATTEMPTS {
            let found = self.ledger.remembered(provider, source, &call_id).await;
            let remembered = found.map_err(|error| unreadable(&error))?.ok_or_else(unknown)?;
            if !noted {
                let about = About::Call(provider, source, &call_id);
                api::note(&self.ledger, reader, Action::Rebuilt, about, now).await?;
                noted = true;
            }
            if let Rebuilt::Done(changed) =
                timed(deadline, self.rebuild_once(&remembered, &call_id, now)).await?
            {
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
        let (mut record, mut links) = (None, Vec::new());
        for delivery in remembered.deliveries() {
            let kept = self.ledger.body(delivery).await.map_err(|error| unreadable(&error))?;
            let source = self.source(kept.provider, &kept.source).await?;
            // It was applied once, and keys are not for ever: the hash of the body is proof enough.
            let verified = verified(&kept, source.as_ref(), RemovedKey::Allow)?;
            let source = source.unwrap_or_else(|| kept.provider.source_without_keys(&kept.source));
            // Another account may be pinned by now.
            let source = Source { account: None, ..source };
            match kept.provider.normalize(&source, &verified) {
                Normalized::Event(event) if event.call_id == call_id => {
                    let CallEvent { record: of_body, recording, .. } = *event;
                    record = Some(match record {
                        None => of_body,
                        Some(record) => merge(record, of_body),
                    });
                    links.extend(recording);
                }
                _ => return Err(no_longer_read()),
            }
        }
        let record = record.ok_or_else(no_longer_read)?;
        self.ledger.rebuild(remembered, &record, &links, now).await.map_err(|error| unreadable(&error))
    }
}

async fn timed<T>(
    deadline: Instant,
    rebuilt: impl Future<Output = Result<T, Problem>>,
) -> Result<T, Problem> {
    timeout_at(deadline, rebuilt).await.unwrap_or_else(|_| {
        tracing::error!("a record could not be made anew in time");
        let message =
            "The call has so many bodies that its record can't be made anew in time. Nothing was changed.";
        Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", message))
    })
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
