//! The speed at which a body arrives, measured over the time spent waiting for it.

use std::time::Duration;

use crate::guard::Limits;

/// A body is given up if it would have to become more than this many times faster to arrive in time. Speeds
/// vary, and the next attempt has to start from the beginning.
const HOPE: f64 = 2.0;

/// A measurement in progress.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Speed {
    waited: Duration,
    bytes: u64,
}

/// The bytes that are still to come, and the time for them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ahead {
    pub(super) bytes: u64,
    pub(super) time: Duration,
}

/// The body arrived more slowly than the policy allows, or too slowly to end in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooSlow;

impl Speed {
    /// Counts a piece and the time it was waited for. Time spent waiting for the bucket must not be in it.
    /// `ahead` is `None` if the size is not known.
    pub(super) fn count(
        &mut self,
        bytes: usize,
        waited: Duration,
        ahead: Option<Ahead>,
        limits: &Limits,
    ) -> Result<(), TooSlow> {
        self.waited += waited;
        self.bytes += bytes as u64;
        if self.waited < limits.window {
            return Ok(());
        }
        let speed = self.bytes as f64 / self.waited.as_secs_f64();
        let too_late = |ahead: Ahead| speed * HOPE * ahead.time.as_secs_f64() < ahead.bytes as f64;
        if speed < limits.min_bytes_per_second as f64 || ahead.is_some_and(too_late) {
            return Err(TooSlow);
        }
        *self = Self::default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits() -> Limits {
        Limits { window: Duration::from_secs(10), min_bytes_per_second: 1000, ..Limits::default() }
    }

    #[test]
    fn a_drip_is_too_slow_once_the_window_is_over() {
        let mut speed = Speed::default();
        for _ in 0..9 {
            assert_eq!(speed.count(100, SECOND, None, &limits()), Ok(()));
        }
        assert_eq!(speed.count(100, SECOND, None, &limits()), Err(TooSlow));
    }

    #[test]
    fn every_window_is_measured_anew() {
        let mut speed = Speed::default();
        for _ in 0..100 {
            assert_eq!(speed.count(1000, SECOND, None, &limits()), Ok(()));
        }
        let slow = (0..10).map(|_| speed.count(1, SECOND, None, &limits())).last();
        assert_eq!(slow, Some(Err(TooSlow)));
    }

    #[test]
    fn what_can_not_arrive_in_time_is_too_slow_once_the_window_is_over() {
        let after_a_window = |bytes, seconds| {
            let mut speed = Speed::default();
            let ahead = Some(Ahead { bytes, time: Duration::from_secs(seconds) });
            let counted: Vec<_> = (0..10).map(|_| speed.count(5000, SECOND, ahead, &limits())).collect();
            assert_eq!(counted[..9], [Ok(()); 9]);
            counted[9]
        };
        assert_eq!(after_a_window(500_000, 100), Ok(()));
        // At twice the speed it would be there.
        assert_eq!(after_a_window(1_000_000, 100), Ok(()));
        assert_eq!(after_a_window(1_000_001, 100), Err(TooSlow));
        assert_eq!(after_a_window(1, 0), Err(TooSlow));
        assert_eq!(after_a_window(0, 0), Ok(()));
    }
}
