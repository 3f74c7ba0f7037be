//! Recordings as copy jobs: their leases, and the results of attempts.
//!
//! The RECORDING item is the job. Every arrow is one conditional update:
//!
//! ```text
//!  webhook ──▶ pending ──lease──▶ copying ──finish──▶ stored
//!                 ▲                │ │ ▲ │
//!                 │ link replaced  │ │ │ └─lease, once lease_until has passed (its copier died)
//!                 ├────finish──────┘ │ │
//!                 │                  │ └──lease, once next_attempt_at has passed──┐
//!                 │                  ├──finish──▶ retry ──────────────────────────┘
//!                 │                  │              │
//!                 │                  │              │
//!                 │                  └──finish──▶ expired, rejected, failed
//!                 │                                 │
//!                 └───newer link, or a person───────┘
//! ```
//!
//! From every state an erasure leads to a tombstone, or to no item at all. Every update has a condition that neither of
//! them meets.
//!
//! A newer link for a job that is being copied leaves its lease alone. A job whose item lacks what a copy
//! needs goes from its lease to `failed` at once. [`recording`](super::item::recording) has the attributes of each state.

use super::change::Changed;
use super::item::get_text;
use super::item::recording::{change as changes, key_of};
use super::item::tombstone::is_tombstone;
use super::key::{self, Key};
use super::{Ledger, StoreError, unavailable};
use crate::provider::Provider;
use crate::timestamp::Timestamp;

pub use super::item::recording::{Copied, End, Job, Link, Reason, State};

/// The result of `lease`.
#[derive(Clone, Debug)]
pub enum Leased {
    /// The caller has the lease.
    Taken(Box<Job>),
    /// The job is not due, or another copier has the lease.
    NotDue,
    /// Its item lacks what a copy needs; it has ended as failed.
    Unreadable,
}

/// The result of `renew`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// The lease is still held, and lasts longer now.
    Held,
    /// Another copier may have the job, or it has ended.
    Lost,
}

/// The result of `finish`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// It is written.
    Written,
    /// The link was replaced while an attempt at the old one failed: the job is pending again.
    Requeued,
    /// The lease was lost; nothing was written.
    Lost,
    /// The recording was erased meanwhile, or its call was; nothing was written.
    Erased,
}

/// The result of `make_due`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MadeDue {
    /// It is due, or is being copied just now.
    Due,
    /// There is no such recording.
    NotFound,
    /// It is stored.
    Stored,
    /// It has no link to copy it from, or a newer version wrote it.
    NoLink,
    /// It was erased.
    Erased,
}

impl Leased {
    /// The job, if the caller has the lease.
    pub fn job(self) -> Option<Job> {
        match self {
            Self::Taken(job) => Some(*job),
            Self::NotDue | Self::Unreadable => None,
        }
    }
}

impl Ledger {
    /// Takes a job that is due, for some seconds.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn lease(&self, key: &Key, now: Timestamp, lease_seconds: u64) -> Result<Leased, StoreError> {
        let lease = format!("{:032x}", fastrand::u128(..));
        let change = changes::lease(key, &lease, now, later(now, lease_seconds));
        let item = match self.change(key, change).await? {
            Changed::Done(item) => item,
            // Our first request succeeded and its answer was lost. This is the answer to the repeated request.
            Changed::Unmet(Some(item)) if get_text(&item, "lease") == Some(&lease) => item,
            Changed::Unmet(_) => return Ok(Leased::NotDue),
        };
        if let Some(job) = Job::read(key, &item) {
            return Ok(Leased::Taken(Box::new(job)));
        }
        self.end_unreadable(key, &lease, now).await?;
        Ok(Leased::Unreadable)
    }

    /// Keeps a lease for some seconds from now.
    ///
    /// # Errors
    /// The table did not answer; the lease is what it was, or longer.
    pub async fn renew(&self, job: &Job, now: Timestamp, lease_seconds: u64) -> Result<Lease, StoreError> {
        match self.change(&job.key, changes::renew(job, later(now, lease_seconds))).await? {
            Changed::Done(_) => Ok(Lease::Held),
            Changed::Unmet(_) => Ok(Lease::Lost),
        }
    }

    /// Returns whether a lease is still held: nobody else has the job, and the recording was not erased.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn look(&self, job: &Job) -> Result<Lease, StoreError> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(job.key.attributes()));
        let get = get.projection_expression("#lease").expression_attribute_names("#lease", "lease");
        let found = get.consistent_read(true).send().await.map_err(|error| unavailable(&error))?;
        let lease = found.item().and_then(|found| get_text(found, "lease"));
        Ok(if lease == Some(&job.lease) { Lease::Held } else { Lease::Lost })
    }

    /// Makes the tombstone of a recording, or of its call, due at once: an object was put after it was written.
    ///
    /// # Errors
    /// The table did not answer. The tombstone is due twenty minutes after the erasure in any case.
    pub async fn erase_soon(&self, job: &Job, now: Timestamp) -> Result<(), StoreError> {
        for key in [job.key.clone(), key::of_record(&job.key.pk)] {
            self.change(&key, changes::erase_soon(&key, now)).await?;
        }
        Ok(())
    }

    /// Writes the result of an attempt, if the lease is still held.
    ///
    /// If the attempt failed and the link was replaced meanwhile, the job is pending again.
    ///
    /// # Errors
    /// The table did not answer; safe to call again.
    pub async fn finish(&self, job: &Job, end: &End, now: Timestamp) -> Result<Finished, StoreError> {
        let found = match self.change(&job.key, changes::finish(job, end, now)).await? {
            Changed::Done(_) => return Ok(Finished::Written),
            // No item of a recording is ever deleted, except with all of its call.
            Changed::Unmet(found) => match found.filter(|found| !is_tombstone(found)) {
                Some(found) => found,
                None => return Ok(Finished::Erased),
            },
        };
        if get_text(&found, "lease") == Some(&job.lease) {
            return self.requeue(job, end, now).await;
        }
        // Our own request succeeded and its answer was lost.
        let written = get_text(&found, "last_lease") == Some(&job.lease);
        Ok(if written { Finished::Written } else { Finished::Lost })
    }

    /// Makes a job that is due later, or ended without a copy, due at once, when a person asks for it.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn make_due(
        &self,
        provider: Provider,
        source: &str,
        call_id: &str,
        recording_id: &str,
        now: Timestamp,
    ) -> Result<MadeDue, StoreError> {
        let key = key_of(&key::call(provider.name(), source, call_id).pk, recording_id);
        Ok(match self.change(&key, changes::make_due(&key, now)).await? {
            Changed::Done(_) => MadeDue::Due,
            Changed::Unmet(None) => MadeDue::NotFound,
            Changed::Unmet(Some(found)) => match State::of(&found) {
                Some(State::Pending | State::Copying) => MadeDue::Due,
                Some(State::Stored) => MadeDue::Stored,
                Some(State::Erased) => MadeDue::Erased,
                _ => MadeDue::NoLink,
            },
        })
    }

    /// Makes a job pending again whose link was replaced while an attempt at the old one failed.
    async fn requeue(&self, job: &Job, end: &End, now: Timestamp) -> Result<Finished, StoreError> {
        Ok(match self.change(&job.key, changes::requeue(job, end, now)).await? {
            Changed::Done(_) => Finished::Requeued,
            Changed::Unmet(found) => {
                let ours = found.as_ref().and_then(|item| get_text(item, "last_lease")) == Some(&job.lease);
                if ours { Finished::Requeued } else { Finished::Lost }
            }
        })
    }

    /// Ends a job whose item lacks what a copy needs. Nothing else would ever take it off the index.
    async fn end_unreadable(&self, key: &Key, lease: &str, now: Timestamp) -> Result<(), StoreError> {
        self.change(key, changes::end_unreadable(key, lease, now)).await.map(|_| ())
    }
}

/// Returns the time some seconds later, or the last time there is.
fn later(now: Timestamp, seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}
