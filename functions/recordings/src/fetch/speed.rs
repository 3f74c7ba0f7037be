//! How fast a body arrives, measured over the time that was spent waiting for it.

use std::time::Duration;

use crate::guard::Limits;

/// A measurement in progress.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Speed {
    waited: Duration,
    bytes: u64,
}

/// The body arrived more slowly than the policy allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooSlow;

impl Speed {
    /// Counts a piece and the wait for it. The time in which the bucket was waited for does not count.
    pub(super) fn count(&mut self, bytes: usize, waited: Duration, limits: &Limits) -> Result<(), TooSlow> {
        self.waited += waited;
        self.bytes += bytes as u64;
        if self.waited < limits.window {
            return Ok(());
        }
        let enough = limits.min_bytes_per_second as f64 * self.waited.as_secs_f64();
        if (self.bytes as f64) < enough {
            return Err(TooSlow);
        }
        *self = Self::default();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits { window: Duration::from_secs(10), min_bytes_per_second: 1000, ..Limits::default() }
    }

    #[test]
    fn a_drip_is_too_slow_once_the_window_is_over() {
        let mut speed = Speed::default();
        for _ in 0..9 {
            assert_eq!(speed.count(100, Duration::from_secs(1), &limits()), Ok(()));
        }
        assert_eq!(speed.count(100, Duration::from_secs(1), &limits()), Err(TooSlow));
    }

    #[test]
    fn every_window_is_measured_anew() {
        let mut speed = Speed::default();
        for _ in 0..100 {
            assert_eq!(speed.count(1000, Duration::from_secs(1), &limits()), Ok(()));
        }
        let slow = (0..10).map(|_| speed.count(1, Duration::from_secs(1), &limits())).last();
        assert_eq!(slow, Some(Err(TooSlow)));
    }
}
