//! Every conditional update of a RECORDING item, as a value. In expressions `#name` is the attribute `name`.

use aws_sdk_dynamodb::types::AttributeValue;

use super::{ENDED, End, Job, Reason, State, WORK};
use crate::ledger::item::change::Change;
use crate::ledger::item::{FORMAT, number, text, tombstone};
use crate::ledger::key::{self, Key, work_due, work_until};
use crate::timestamp::{Timestamp, rfc3339};

/// Takes a due job for some time.
pub(in crate::ledger) fn lease(key: &Key, lease: &str, now: Timestamp, until: Timestamp) -> Change {
    Change::new(
        "SET #state = :copying, #lease = :lease, #lease_until = :until, #work_due = :due, \
         #work_shard = :shard, #leased_at = :now \
         REMOVE #next_attempt_at, #reason, #ended_at ADD #attempts :one, #version :one",
        // A pending job is due at once, even if the clock that wrote `work_due` was ahead.
        "#format <= :format AND (#state = :pending \
         OR (#state = :retry AND #work_due < :until_now) \
         OR (#state = :copying AND #lease_until <= :now))",
        [
            ("format", number(FORMAT)),
            ("copying", state(State::Copying)),
            ("pending", state(State::Pending)),
            ("retry", state(State::Retry)),
            ("lease", text(lease)),
            ("until", text(rfc3339(until))),
            ("due", text(work_due(&rfc3339(until), key))),
            ("until_now", text(work_until(&rfc3339(now)))),
            ("shard", text(key::work_shard(WORK, &key.pk))),
            ("now", text(rfc3339(now))),
            ("one", number(1)),
        ],
    )
}

/// Keeps a lease until a later time.
pub(in crate::ledger) fn renew(job: &Job, until: Timestamp) -> Change {
    Change::new(
        "SET #lease_until = :until, #work_due = :due ADD #version :one",
        "#lease = :lease",
        [
            ("lease", text(&job.lease)),
            ("until", text(rfc3339(until))),
            ("due", text(work_due(&rfc3339(until), &job.key))),
            ("one", number(1)),
        ],
    )
}

/// Writes the result of an attempt, while the lease is held and, unless the recording is stored, while
/// the link is the one that was tried.
pub(in crate::ledger) fn finish(job: &Job, end: &End, now: Timestamp) -> Change {
    let (fields, removed) = fields(&job.key, end, now);
    let sets: Vec<_> = fields.iter().map(|(name, _)| format!("#{name} = :{name}")).collect();
    let removed: Vec<_> = removed.iter().map(|name| format!("#{name}")).collect();
    let update = format!(
        "SET #last_lease = :lease, {} REMOVE {} ADD #version :one",
        sets.join(", "),
        removed.join(", "),
    );
    let mut values = vec![("lease", text(&job.lease)), ("one", number(1))];
    values.extend(fields);
    let mut condition = "#lease = :lease".to_owned();
    if !matches!(end, End::Stored(_)) {
        // A newer link starts with no attempts, even if its text is the same.
        condition.push_str(" AND #url = :url AND #attempts = :attempt");
        values.extend([("url", text(job.link.expose())), ("attempt", number(job.attempt))]);
    }
    Change::new(update, condition, values)
}

/// Makes a job pending again whose link was replaced while an attempt at the old one failed.
pub(in crate::ledger) fn requeue(job: &Job, end: &End, now: Timestamp) -> Change {
    Change::new(
        "SET #last_lease = :lease, #state = :pending, #work_due = :now, #last_error = :last_error \
         REMOVE #lease, #lease_until ADD #version :one",
        "#lease = :lease",
        [
            ("lease", text(&job.lease)),
            ("pending", state(State::Pending)),
            ("now", text(work_due(&rfc3339(now), &job.key))),
            ("last_error", text(end.reason().map(Reason::to_string).unwrap_or_default())),
            ("one", number(1)),
        ],
    )
}

/// Makes a job that is due later, or ended without a copy, pending again.
pub(in crate::ledger) fn make_due(key: &Key, now: Timestamp) -> Change {
    Change::new(
        "SET #state = :pending, #work_shard = :shard, #work_due = :due, #due_since = :now, \
         #attempts = :none REMOVE #reason, #ended_at, #next_attempt_at ADD #version :one",
        "#format <= :format AND #state IN (:retry, :expired, :rejected, :failed) AND attribute_exists(#url)",
        [
            ("format", number(FORMAT)),
            ("pending", state(State::Pending)),
            ("retry", state(State::Retry)),
            ("expired", state(State::Expired)),
            ("rejected", state(State::Rejected)),
            ("failed", state(State::Failed)),
            ("shard", text(key::work_shard(WORK, &key.pk))),
            ("due", text(work_due(&rfc3339(now), key))),
            ("now", text(rfc3339(now))),
            ("none", number(0)),
            ("one", number(1)),
        ],
    )
}

/// Makes a tombstone due at once.
pub(in crate::ledger) fn erase_soon(key: &Key, now: Timestamp) -> Change {
    Change::new(
        "SET #work_shard = :shard, #work_due = :due",
        "#state = :erased",
        [
            ("erased", state(State::Erased)),
            ("shard", text(key::work_shard(tombstone::WORK, &key.pk))),
            ("due", text(work_due(&rfc3339(now), key))),
        ],
    )
}

/// Ends a leased job whose item lacks what a copy needs.
pub(in crate::ledger) fn end_unreadable(key: &Key, lease: &str, now: Timestamp) -> Change {
    Change::new(
        "SET #state = :failed, #reason = :reason, #last_error = :reason, #ended_at = :now, \
         #work_shard = :shard, #work_due = :due REMOVE #lease, #lease_until ADD #version :one",
        "#lease = :lease",
        [
            ("failed", state(State::Failed)),
            ("reason", text("job_unreadable")),
            ("shard", text(key::work_shard(ENDED, &key.pk))),
            ("due", text(work_due(&rfc3339(now), key))),
            ("now", text(rfc3339(now))),
            ("lease", text(lease)),
            ("one", number(1)),
        ],
    )
}

fn state(state: State) -> AttributeValue {
    text(state.name())
}

/// The attributes that the result of an attempt sets, and those that it removes.
fn fields(key: &Key, end: &End, now: Timestamp) -> (Vec<(&'static str, AttributeValue)>, Vec<&'static str>) {
    let mut fields = vec![("state", state(end.state()))];
    let mut removed = vec!["lease", "lease_until"];
    match end {
        End::Stored(copied) => {
            fields.extend([
                ("s3_key", text(&copied.s3_key)),
                ("size_bytes", number(copied.size_bytes)),
                ("sha256", text(&copied.sha256)),
                ("sha512", text(&copied.sha512)),
                ("crc64nvme", text(&copied.crc64nvme)),
                ("etag", text(&copied.etag)),
                ("content_type", text(&copied.content_type)),
                ("copied_at", text(rfc3339(now))),
            ]);
            removed.extend(["work_shard", "work_due", "url", "last_error", "key_suffix"]);
        }
        End::Retry { at, reason, key_suffix } => {
            fields.extend([
                ("work_due", text(work_due(&rfc3339(*at), key))),
                ("next_attempt_at", text(rfc3339(*at))),
                ("last_error", text(reason.to_string())),
            ]);
            if let Some(suffix) = key_suffix {
                fields.push(("key_suffix", text(suffix)));
            }
        }
        End::Expired(reason) | End::Rejected(reason) | End::Failed(reason) => {
            fields.extend([
                ("reason", text(reason.code)),
                ("last_error", text(reason.to_string())),
                ("ended_at", text(rfc3339(now))),
                // For those who look for the recordings that were not copied.
                ("work_shard", text(key::work_shard(ENDED, &key.pk))),
                ("work_due", text(work_due(&rfc3339(now), key))),
            ]);
        }
    }
    (fields, removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::item::recording::Copied;

    fn changed(end: &End) -> (Vec<&'static str>, Vec<&'static str>) {
        let key = Key { pk: "CALL#agni#default#c".to_owned(), sk: "RECORDING#r".to_owned() };
        let (fields, removed) = fields(&key, end, Timestamp::UNIX_EPOCH);
        (fields.into_iter().map(|(name, _)| name).collect(), removed)
    }

    fn copied() -> Copied {
        let text = || "x".to_owned();
        Copied {
            s3_key: text(),
            size_bytes: 1,
            sha256: text(),
            sha512: text(),
            crc64nvme: text(),
            etag: text(),
            content_type: text(),
        }
    }

    #[test]
    fn a_stored_recording_keeps_no_link_and_no_work() {
        let (_, removed) = changed(&End::Stored(copied()));
        for gone in ["url", "work_shard", "work_due"] {
            assert!(removed.contains(&gone), "{gone}");
        }
    }

    #[test]
    fn an_end_without_a_copy_keeps_the_link_for_a_persons_retry() {
        for end in [End::Expired, End::Rejected, End::Failed] {
            let (fields, removed) = changed(&end(Reason::new("gone")));
            assert!(fields.contains(&"reason") && fields.contains(&"work_shard"));
            assert!(!removed.contains(&"url"));
        }
    }

    #[test]
    fn a_retry_stays_on_the_index() {
        let retry = End::Retry { at: Timestamp::UNIX_EPOCH, reason: Reason::new("busy"), key_suffix: None };
        let (fields, removed) = changed(&retry);
        assert!(fields.contains(&"work_due") && !removed.contains(&"work_shard"));
    }

    #[test]
    fn nothing_is_both_set_and_removed() {
        let retry = End::Retry {
            at: Timestamp::UNIX_EPOCH,
            reason: Reason::new("busy"),
            key_suffix: Some("a".to_owned()),
        };
        for end in [End::Stored(copied()), retry, End::Failed(Reason::new("x"))] {
            let (fields, removed) = changed(&end);
            assert!(fields.iter().all(|field| !removed.contains(field)), "{end:?}");
        }
    }
}
