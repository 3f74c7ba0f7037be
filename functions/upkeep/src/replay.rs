//! `POST /quarantine/{quarantine_id}/replay`: reads a delivery again with today's code, and applies it.

use std::time::Duration;

use http::StatusCode;
use serde_json::json;
use shared::api::{self, Waiting, not_waiting, unavailable};
use shared::form;
use shared::ledger::audit::Action;
use shared::ledger::quarantine::Found;
use shared::ledger::{Entry, Kept, KeptError, Outcome};
use shared::provider::Provider;
use shared::reader::{Reader, Right};
use shared::reply::{Problem, Reply};
use shared::source::Source;
use shared::sources::SourceError;
use shared::timestamp::Timestamp;
use tokio::time::Instant;

use crate::Upkeep;
use crate::erase::erased;
use crate::proof::{RemovedKey, verified};

/// The time that a replay may take. API Gateway waits thirty seconds.
const DEADLINE: Duration = Duration::from_secs(15);

impl Upkeep {
    /// Answers `{"status":…,"call_id":…}`; what can't be applied stays in quarantine.
    pub(crate) async fn replay(
        &self,
        reader: &Reader,
        quarantine_id: &str,
        query: &str,
        now: Timestamp,
    ) -> Result<Reply, Problem> {
        let waiting = Waiting::of(quarantine_id, reader, Right::Act)?;
        let removed = force(query)?;
        let kept =
            match self.ledger.kept(&self.bucket, &waiting.key).await.map_err(|error| unreadable(&error))? {
                Found::Waiting(kept) => kept,
                Found::Settled(outcome, call_id) => return Ok(replayed(outcome, call_id.as_deref())),
                Found::Erased => {
                    self.finish_erasure(&waiting.key).await?;
                    return Err(erased());
                }
                Found::Nothing => return Err(not_waiting()),
            };
        let action = match removed {
            RemovedKey::Refuse => Action::Replayed,
            RemovedKey::Allow => Action::ReplayForced,
        };
        api::note(&self.ledger, reader, action, waiting.about(kept.call_id.as_deref()), now).await?;
        let deadline = Instant::now() + DEADLINE;
        let (outcome, call_id) = self.read_again(&kept, removed, now, deadline).await?;
        Ok(replayed(outcome, call_id.as_deref()))
    }

    /// Reads a delivery that waits with today's code, and applies it before a deadline. Returns the result
    /// and the call.
    pub(crate) async fn read_again(
        &self,
        kept: &Kept,
        removed: RemovedKey,
        now: Timestamp,
        deadline: Instant,
    ) -> Result<(Outcome, Option<String>), Problem> {
        let source = self.source(kept.provider, &kept.source).await?;
        let verified = verified(kept, source.as_ref(), removed)?;
        let source = source.unwrap_or_else(|| kept.provider.source_without_keys(&kept.source));
        let normalized = kept.provider.normalize(&source, &verified);
        let entry = Entry::again(kept, &verified, normalized, now);
        // A delivery that others keep from its call does not take all the time of a run.
        let deadline = deadline.min(Instant::now() + DEADLINE);
        let outcome = self.ledger.replay(&self.bucket, &kept.key, &entry, deadline).await;
        let outcome = outcome.map_err(|error| unavailable(&error))?.ok_or_else(not_waiting)?;
        if outcome == Outcome::Erased {
            self.finish_erasure(&kept.key).await?;
            return Err(erased());
        }
        let call_id = entry.call_id().map(str::to_owned).or_else(|| kept.call_id.clone());
        Ok((outcome, call_id))
    }

    /// A source as it is configured now; `None` if it is not.
    pub(crate) async fn source(&self, provider: Provider, name: &str) -> Result<Option<Source>, Problem> {
        let get = || self.sources.current().get(provider, name).cloned();
        let mut source = get();
        if source.is_err() && self.sources.refresh_after_miss().await {
            source = get();
        }
        match source {
            Ok(source) => Ok(Some(source)),
            Err(SourceError::Unknown) => Ok(None),
            Err(SourceError::Unreadable) => {
                let message = "The keys of this delivery's source can't be read just now; try again.";
                Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "source_unreadable", message))
            }
        }
    }
}

fn replayed(outcome: Outcome, call_id: Option<&str>) -> Reply {
    Reply::json(StatusCode::OK, &json!({ "status": outcome.name(), "call_id": call_id }))
}

/// Whether the query string says `force=true`. Nothing else is understood.
fn force(query: &str) -> Result<RemovedKey, Problem> {
    let invalid = |message: String| Problem::new(StatusCode::BAD_REQUEST, "parameter_invalid", message);
    let mut removed = None;
    for (name, value) in form::pairs(query) {
        let value = match (form::decode(name).as_deref(), form::decode(value).as_deref()) {
            (Some("force"), Some("true")) => RemovedKey::Allow,
            (Some("force"), Some("false")) => RemovedKey::Refuse,
            (Some("force"), _) => return Err(invalid("force must be true or false.".to_owned())),
            _ => return Err(invalid("A replay takes the parameter force and no other.".to_owned())),
        };
        if removed.replace(value).is_some() {
            return Err(invalid("force is given more than once; give it once.".to_owned()));
        }
    }
    Ok(removed.unwrap_or(RemovedKey::Refuse))
}

/// The answer for evidence that can't be read.
pub(crate) fn unreadable(error: &KeptError) -> Problem {
    match error {
        KeptError::Store(error) => unavailable(error),
        KeptError::Erased => erased(),
        KeptError::Expired => {
            let message = "The body of this delivery is not in the bucket any more.";
            Problem::new(StatusCode::CONFLICT, "evidence_expired", message)
        }
        KeptError::Damaged(what) => {
            tracing::error!(what, "evidence can't be read");
            Problem::internal()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn force_is_true_or_false_and_nothing_else_is_understood() {
        assert_eq!(force(""), Ok(RemovedKey::Refuse));
        assert_eq!(force("force=true"), Ok(RemovedKey::Allow));
        assert_eq!(force("force=false"), Ok(RemovedKey::Refuse));
        for wrong in ["force", "force=1", "force=true&force=true", "forced=true", "force=true&x=y"] {
            assert_eq!(force(wrong).unwrap_err().code, "parameter_invalid", "{wrong}");
        }
    }
}
