//! A delivery in quarantine, as a path names it.

use crate::ledger::audit::About;
use crate::ledger::key::{self, Key, Names};
use crate::provider::Provider;
use crate::reader::{Reader, Right};
use crate::reply::Problem;
use http::StatusCode;

/// The key of a delivery in quarantine, and what it is of.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// The key of its item.
    pub key: Key,
    /// Its provider.
    pub provider: Provider,
    /// Its source.
    pub source: String,
}

impl Waiting {
    /// Reads an id from a path, for a reader who has a right on its source. Nothing is looked up.
    ///
    /// # Errors
    /// `not_allowed`, or `delivery_unknown` for what is no id.
    pub fn of(quarantine_id: &str, reader: &Reader, right: Right) -> Result<Self, Problem> {
        reader.may(right)?;
        let key = key::of_quarantine_id(quarantine_id).ok_or_else(not_waiting)?;
        let Names { provider, source, .. } = Names::of(&key.pk).ok_or_else(not_waiting)?;
        reader.may_with(right, provider, source)?;
        let (provider, source) = (Provider::from_name(provider).ok_or_else(not_waiting)?, source.to_owned());
        Ok(Self { key, provider, source })
    }

    /// What an entry of the audit trail is about. `call_id` is the call's, where one is named.
    pub fn about<'a>(&'a self, call_id: Option<&'a str>) -> About<'a> {
        match call_id {
            Some(call_id) => About::Call(self.provider, &self.source, call_id),
            None => About::Source(self.provider, &self.source),
        }
    }
}

/// The answer for a delivery that does not wait in quarantine.
pub fn not_waiting() -> Problem {
    let message = "No delivery of this id waits in quarantine. It may have been replayed or discarded; GET /quarantine lists those that wait.";
    Problem::new(StatusCode::NOT_FOUND, "delivery_unknown", message)
}
