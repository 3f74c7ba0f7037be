//! The numbers of what an invocation did.

use serde::Serialize;

/// The number of jobs in an invocation, by their result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Recordings that are in the bucket now.
    pub stored: u32,
    /// Jobs that will be tried again.
    pub retry: u32,
    /// Jobs that ended without a copy.
    pub ended: u32,
    /// Jobs that were not due, that another copier has, or for which no time was left.
    pub skipped: u32,
    /// Jobs that the table did not answer for.
    pub unavailable: u32,
}

/// The result of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempted {
    Stored,
    Retry,
    Ended,
    Skipped,
    Unavailable,
}

impl Summary {
    pub(crate) fn count(&mut self, attempted: &Attempted) {
        let counter = match attempted {
            Attempted::Stored => &mut self.stored,
            Attempted::Retry => &mut self.retry,
            Attempted::Ended => &mut self.ended,
            Attempted::Skipped => &mut self.skipped,
            Attempted::Unavailable => &mut self.unavailable,
        };
        *counter += 1;
    }
}
