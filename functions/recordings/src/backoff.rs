//! The time of the next attempt, and when there is none.

use std::time::Duration;

use jiff::SignedDuration;
use shared::ledger::jobs::{End, Reason};
use shared::timestamp::Timestamp;

use crate::error::CopyError;

/// The most attempts at a link.
pub(crate) const MAX_ATTEMPTS: u32 = 30;

/// The longest time over which a link is tried.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(48);

/// The pause after the first attempt. It doubles with each attempt, and jitter takes off up to half of it.
const FIRST_PAUSE: Duration = Duration::from_secs(10);

/// The longest pause, unless the origin asks for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// The longest pause that an origin may ask for.
const LONGEST_ASKED_PAUSE: Duration = Duration::from_secs(6 * 3_600);

/// The last attempt is due this long before the link expires: the schedule runs once a minute.
const LAST_CHANCE: SignedDuration = SignedDuration::from_secs(90);

/// The attempt that ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    /// Its number, from 1.
    pub(crate) number: u32,
    /// Since when the job is due.
    pub(crate) due_since: Timestamp,
    /// When the link expires, if that is known.
    pub(crate) expires_at: Option<Timestamp>,
}

/// Returns how an attempt with an error ends, to be written into the item.
///
/// `jitter` is a random number from 0 to 1.
pub(crate) fn conclude(error: CopyError, attempt: Attempt, now: Timestamp, jitter: f64) -> End {
    let expired = attempt.expires_at.is_some_and(|expires_at| expires_at <= now);
    let (reason, after) = match error {
        CopyError::Rejected(reason) => return End::Rejected(reason),
        CopyError::Expired(reason) => return End::Expired(reason),
        CopyError::Absent { reason, .. } if expired => return End::Expired(reason),
        CopyError::Absent { reason, after } | CopyError::Transient { reason, after } => (reason, after),
        CopyError::Taken { key_suffix } => {
            let reason = Reason::new("object_taken");
            return End::Retry { at: now, reason, key_suffix: Some(key_suffix) };
        }
    };
    let exhausted = attempt.number >= MAX_ATTEMPTS || now.duration_since(attempt.due_since) >= MAX_AGE;
    if !exhausted {
        End::Retry { at: next_attempt_at(attempt, after, now, jitter), reason, key_suffix: None }
    } else if expired {
        End::Expired(reason)
    } else {
        End::Failed(reason)
    }
}

fn next_attempt_at(attempt: Attempt, after: Option<Duration>, now: Timestamp, jitter: f64) -> Timestamp {
    let doubled = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(attempt.number.saturating_sub(1)));
    let pause = doubled.min(LONGEST_PAUSE).mul_f64(0.5 + jitter.clamp(0.0, 1.0) / 2.0);
    let pause = pause.max(after.unwrap_or_default().min(LONGEST_ASKED_PAUSE));
    due_after(pause, attempt, now)
}

/// Returns the time after a pause. It is earlier if the link would otherwise expire before the attempt.
fn due_after(pause: Duration, attempt: Attempt, now: Timestamp) -> Timestamp {
    let at = later(now, SignedDuration::try_from(pause).unwrap_or(SignedDuration::MAX));
    match attempt.expires_at {
        Some(expires_at) if now < expires_at => {
            let left = expires_at.duration_since(now);
            // In the last three minutes it is half of the time left: the attempt is always before the end.
            let latest = if left > LAST_CHANCE * 2 { left - LAST_CHANCE } else { left / 2 };
            at.min(later(now, latest))
        }
        _ => at,
    }
}

fn later(now: Timestamp, pause: SignedDuration) -> Timestamp {
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-06-27T10:05:00Z".parse().unwrap()
    }

    fn after_seconds(seconds: i64) -> Timestamp {
        later(now(), SignedDuration::from_secs(seconds))
    }

    fn attempt(number: u32) -> Attempt {
        Attempt { number, due_since: now(), expires_at: None }
    }

    fn pause(attempt: Attempt, after: Option<u64>, jitter: f64) -> i64 {
        next_attempt_at(attempt, after.map(Duration::from_secs), now(), jitter)
            .duration_since(now())
            .as_secs()
    }

    #[test]
    fn pauses_double_up_to_an_hour() {
        let pauses: Vec<_> = (1..=11).map(|number| pause(attempt(number), None, 1.0)).collect();
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600]);
        assert_eq!(pause(attempt(u32::MAX), None, 1.0), 3600);
    }

    #[test]
    fn jitter_takes_half_at_most() {
        assert_eq!(pause(attempt(4), None, 0.0), 40);
        assert_eq!(pause(attempt(4), None, 0.5), 60);
    }

    #[test]
    fn waits_as_long_as_the_origin_asks_within_reason() {
        assert_eq!(pause(attempt(1), Some(120), 1.0), 120);
        assert_eq!(pause(attempt(5), Some(1), 1.0), 160);
        assert_eq!(pause(attempt(1), Some(999_999), 1.0), 6 * 3600);
    }

    #[test]
    fn always_leaves_an_attempt_before_the_link_expires() {
        let expiring = |seconds| Attempt { expires_at: Some(after_seconds(seconds)), ..attempt(9) };
        assert_eq!(pause(expiring(600), None, 1.0), 510);
        assert_eq!(pause(expiring(600), Some(3600), 1.0), 510);
        assert_eq!(pause(expiring(100), None, 1.0), 50);
        assert_eq!(pause(expiring(10), None, 1.0), 5);
        for seconds in 1..2000 {
            let pause = next_attempt_at(expiring(seconds), None, now(), 1.0);
            assert!(now() < pause && pause < after_seconds(seconds), "{seconds}");
        }
    }

    #[test]
    fn what_is_absent_is_expired_once_its_time_is_over() {
        let absent = || CopyError::Absent { reason: Reason::with("status", 404), after: None };
        let over = Attempt { expires_at: Some(now()), ..attempt(1) };
        let open = Attempt { expires_at: Some(after_seconds(60)), ..attempt(1) };
        assert!(matches!(conclude(absent(), over, now(), 0.0), End::Expired(_)));
        assert!(matches!(conclude(absent(), open, now(), 0.0), End::Retry { .. }));
        assert!(matches!(conclude(CopyError::transient("dns"), over, now(), 0.0), End::Retry { .. }));
    }

    #[test]
    fn a_bound_on_attempts_and_age_ends_in_failed() {
        let conclude = |attempt, now| conclude(CopyError::transient("timeout"), attempt, now, 0.0);
        assert!(matches!(conclude(attempt(MAX_ATTEMPTS - 1), now()), End::Retry { .. }));
        assert_eq!(conclude(attempt(MAX_ATTEMPTS), now()), End::Failed(Reason::new("timeout")));
        assert!(matches!(conclude(attempt(2), after_seconds(48 * 3600)), End::Failed(_)));
        let expired = Attempt { expires_at: Some(now()), ..attempt(MAX_ATTEMPTS) };
        assert!(matches!(conclude(expired, now()), End::Expired(_)));
    }

    #[test]
    fn a_refusal_is_never_tried_again() {
        let refused = CopyError::from(crate::guard::GuardError::Scheme);
        match conclude(refused, attempt(1), now(), 0.0) {
            End::Rejected(reason) => assert_eq!(reason.code, "scheme"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_taken_name_is_tried_at_once_with_another() {
        let end = conclude(CopyError::Taken { key_suffix: "ab".to_owned() }, attempt(1), now(), 0.0);
        let reason = Reason::new("object_taken");
        assert_eq!(end, End::Retry { at: now(), reason, key_suffix: Some("ab".to_owned()) });
    }
}
