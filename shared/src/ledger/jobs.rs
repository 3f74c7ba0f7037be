//! Recordings as copy jobs: who may copy one, and what came of it.
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
//!                 ├───newer link─────┼──────────────┘
//!                 │                  │
//!                 │                  └──finish──▶ expired, rejected, failed
//!                 │                                  │
//!                 └───newer link, or a person────────┘
//! ```
//!
//! A newer link for a job that is being copied leaves its lease alone. A job whose item lacks what a copy
//! needs goes from its lease to `failed` at once.
//!
//! | state | has |
//! |---|---|
//! | pending | `url`, `work_due`: due at once |
//! | copying | `lease`, `lease_until` = `work_due`, `attempts` |
//! | retry | `next_attempt_at` = `work_due`, `last_error` |
//! | stored | `s3_key`, `size_bytes`, `sha256`, `sha512`, `crc64nvme`, `etag`, `content_type`, `copied_at`; no `url` |
//! | expired, rejected, failed | `reason`, `last_error`, `ended_at`; the `url` stays for a person's retry |
//!
//! `work_shard` and `work_due` put an item in the sparse `work` index; ended jobs have neither. A
//! copier that dies leaves its job due at `lease_until`. `version` is raised by every change, so that
//! a webhook that replaces the link writes over nothing it has not seen.

use aws_sdk_dynamodb::types::AttributeValue;

use self::change::Changed;
use super::item::{self, get_text, number, text};
use super::key::{self, Key};
use super::{Ledger, Unavailable, unavailable};
use crate::provider::Provider;
use crate::timestamp::{Timestamp, rfc3339};

mod change;
mod end;
mod job;

pub use end::{Copied, End, Finished, MadeDue, Problem};
pub use job::{Job, Link};

/// What the `work` index calls due recordings: `recording#<shard>`.
const WORK: &str = "recording";

/// The `work` index.
const WORK_INDEX: &str = "work";

/// A job that is due, as the `work` index has it: where the job is and where the index was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The job's item.
    pub key: Key,
    /// Since when it is due, as text.
    work_due: String,
}

/// What became of the wish to have a job.
#[derive(Clone, Debug)]
pub enum Leased {
    /// It is the caller's now.
    Taken(Box<Job>),
    /// It is not due, or another's.
    NotDue,
    /// Its item lacks what a copy needs; it has ended as failed.
    Unreadable,
}

/// Whether a lease is still one's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    /// It is, and lasts longer now.
    Held,
    /// Somebody else may have the job, or it has ended.
    Lost,
}

impl Leased {
    /// The job, if it is the caller's now.
    pub fn job(self) -> Option<Job> {
        match self {
            Self::Taken(job) => Some(*job),
            Self::NotDue | Self::Unreadable => None,
        }
    }
}

impl Due {
    /// Since when it is due.
    pub fn since(&self) -> Option<Timestamp> {
        self.work_due.parse().ok()
    }
}

impl Ledger {
    /// Takes a job that is due, for some seconds.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn lease(&self, key: &Key, now: Timestamp, lease_seconds: u64) -> Result<Leased, Unavailable> {
        let lease = format!("{:032x}", fastrand::u128(..));
        let update = "SET #state = :copying, #lease = :lease, #lease_until = :until, #work_due = :until, \
                      #work_shard = :shard, #leased_at = :now \
                      REMOVE #next_attempt_at, #reason, #ended_at ADD #attempts :one, #version :one";
        // A pending job is due at once, whatever the clock was that wrote when.
        let condition = "#state = :pending \
                         OR (#state = :retry AND #work_due <= :now) \
                         OR (#state = :copying AND #lease_until <= :now)";
        let values = vec![
            (":copying", text("copying")),
            (":pending", text("pending")),
            (":retry", text("retry")),
            (":lease", text(&lease)),
            (":until", text(rfc3339(later(now, lease_seconds)))),
            (":shard", text(key::work_shard(WORK, &key.pk))),
            (":now", text(rfc3339(now))),
            (":one", number(1)),
        ];
        let item = match self.change(key, update, condition, values).await? {
            Changed::Done(item) => item,
            // Our own request went through and its answer was lost; this is the answer to the repetition.
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
    pub async fn renew(&self, job: &Job, now: Timestamp, lease_seconds: u64) -> Result<Lease, Unavailable> {
        let update = "SET #lease_until = :until, #work_due = :until ADD #version :one";
        let values = vec![
            (":lease", text(&job.lease)),
            (":until", text(rfc3339(later(now, lease_seconds)))),
            (":one", number(1)),
        ];
        match self.change(&job.key, update, "#lease = :lease", values).await? {
            Changed::Done(_) => Ok(Lease::Held),
            Changed::Unmet(_) => Ok(Lease::Lost),
        }
    }

    /// Writes what came of a job, if its lease is still held.
    ///
    /// A job that was not stored and whose link was replaced meanwhile is pending again.
    ///
    /// # Errors
    /// The table did not answer; safe to call again.
    pub async fn finish(&self, job: &Job, end: &End, now: Timestamp) -> Result<Finished, Unavailable> {
        let (fields, removed) = end.change(now);
        let sets: Vec<_> = fields.iter().map(|(name, _)| format!("#{name} = :{name}")).collect();
        let update = format!(
            "SET #last_lease = :lease, {} REMOVE {} ADD #version :one, #attempts :counted",
            sets.join(", "),
            removed.iter().map(|name| format!("#{name}")).collect::<Vec<_>>().join(", "),
        );
        let placeholders: Vec<_> = fields.iter().map(|(name, _)| format!(":{name}")).collect();
        let counted =
            AttributeValue::N(if matches!(end, End::PutBack { .. }) { "-1" } else { "0" }.to_owned());
        let mut values = vec![(":lease", text(&job.lease)), (":one", number(1)), (":counted", counted)];
        values.extend(placeholders.iter().map(String::as_str).zip(fields.iter().map(|(_, v)| v.clone())));
        let condition = match end {
            End::Stored(_) => "#lease = :lease",
            _ => {
                // A newer link has all its attempts before it, even where its text is the same.
                values.push((":url", text(job.link.expose())));
                values.push((":attempt", number(job.attempt)));
                "#lease = :lease AND #url = :url AND #attempts = :attempt"
            }
        };
        let found = match self.change(&job.key, &update, condition, values).await? {
            Changed::Done(_) => return Ok(Finished::Written),
            Changed::Unmet(found) => found.unwrap_or_default(),
        };
        if get_text(&found, "lease") == Some(&job.lease) {
            return self.requeue(job, end, now).await;
        }
        // Our own request went through and its answer was lost.
        let written = get_text(&found, "last_lease") == Some(&job.lease);
        Ok(if written { Finished::Written } else { Finished::Lost })
    }

    /// The jobs of a shard that are due, the longest due first; after the last one of a page, the next.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn due(
        &self,
        shard: u64,
        now: Timestamp,
        after: Option<&Due>,
        limit: i32,
    ) -> Result<Vec<Due>, Unavailable> {
        let work_shard = format!("{WORK}#{shard}");
        let start = after.map(|due| {
            let mut start = due.key.attributes();
            start.insert("work_shard".to_owned(), text(&work_shard));
            start.insert("work_due".to_owned(), text(&due.work_due));
            start
        });
        let page = (self.client.query().table_name(&self.table).index_name(WORK_INDEX))
            .key_condition_expression("work_shard = :shard AND work_due <= :now")
            .expression_attribute_values(":shard", text(&work_shard))
            .expression_attribute_values(":now", text(rfc3339(now)))
            .set_exclusive_start_key(start)
            .limit(limit)
            .send()
            .await
            .map_err(|error| unavailable(&error))?;
        let due = |item: &item::Item| {
            let of = |name| get_text(item, name).map(str::to_owned);
            Some(Due { key: Key { pk: of(item::PK)?, sk: of(item::SK)? }, work_due: of("work_due")? })
        };
        Ok(page.items().iter().filter_map(due).collect())
    }

    /// Makes a job due that ended without a copy: a person's wish to try again.
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
    ) -> Result<MadeDue, Unavailable> {
        let key =
            Key { pk: key::call(provider.name(), source, call_id).pk, sk: key::recording_sk(recording_id) };
        let update = "SET #state = :pending, #work_shard = :shard, #work_due = :now, #due_since = :now, \
                      #attempts = :none REMOVE #reason, #ended_at ADD #version :one";
        let condition = "#state IN (:expired, :rejected, :failed) AND attribute_exists(#url)";
        let values = vec![
            (":pending", text("pending")),
            (":expired", text("expired")),
            (":rejected", text("rejected")),
            (":failed", text("failed")),
            (":shard", text(key::work_shard(WORK, &key.pk))),
            (":now", text(rfc3339(now))),
            (":none", number(0)),
            (":one", number(1)),
        ];
        Ok(match self.change(&key, update, condition, values).await? {
            Changed::Done(_) => MadeDue::Due,
            Changed::Unmet(None) => MadeDue::NotFound,
            Changed::Unmet(Some(found)) => match get_text(&found, "state").unwrap_or_default() {
                // Our own request went through and its answer was lost.
                "pending" if get_text(&found, "due_since") == Some(&rfc3339(now)) => MadeDue::Due,
                "expired" | "rejected" | "failed" => MadeDue::NoLink,
                state => MadeDue::NotEnded { state: state.to_owned() },
            },
        })
    }

    /// Puts a job back whose link was replaced while the old one was tried in vain.
    async fn requeue(&self, job: &Job, end: &End, now: Timestamp) -> Result<Finished, Unavailable> {
        let update = "SET #last_lease = :lease, #state = :pending, #work_due = :now, \
                      #last_error = :last_error REMOVE #lease, #lease_until ADD #version :one";
        let last_error = end.problem().map(Problem::to_string).unwrap_or_default();
        let values: Vec<(&str, AttributeValue)> = vec![
            (":lease", text(&job.lease)),
            (":pending", text("pending")),
            (":now", text(rfc3339(now))),
            (":last_error", text(last_error)),
            (":one", number(1)),
        ];
        Ok(match self.change(&job.key, update, "#lease = :lease", values).await? {
            Changed::Done(_) => Finished::Requeued,
            Changed::Unmet(found) => {
                let ours = found.as_ref().and_then(|item| get_text(item, "last_lease")) == Some(&job.lease);
                if ours { Finished::Requeued } else { Finished::Lost }
            }
        })
    }

    /// Ends a job whose item lacks what a copy needs. Nothing else would ever take it off the index.
    async fn end_unreadable(&self, key: &Key, lease: &str, now: Timestamp) -> Result<(), Unavailable> {
        let update = "SET #state = :failed, #reason = :reason, #last_error = :reason, #ended_at = :now \
                      REMOVE #lease, #lease_until, #work_shard, #work_due ADD #version :one";
        let values = vec![
            (":failed", text("failed")),
            (":reason", text("job_unreadable")),
            (":now", text(rfc3339(now))),
            (":lease", text(lease)),
            (":one", number(1)),
        ];
        self.change(key, update, "#lease = :lease", values).await.map(|_| ())
    }
}

/// Some seconds later; the end of time where there is no such time.
fn later(now: Timestamp, seconds: u64) -> Timestamp {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    now.checked_add(jiff::SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}
