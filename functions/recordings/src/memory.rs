//! The memory for recordings that are being copied: all copies together have one limit.
//!
//! A copy asks for room after it has learned its recording's size and before it reads the body. A recording
//! of at most one part gets room for all of it. Any other gets room for one part. It also gets room for a
//! second part, which fills while the first is sent, if that much is free.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::error::CopyError;
use crate::limits::PART_BYTES;

/// The unit in which room is counted.
const BLOCK_BYTES: usize = 64 * 1024;

/// The room for all copies: three parts.
const BLOCKS: usize = 3 * PART_BYTES / BLOCK_BYTES;

/// How long a copy waits for room. Then its job is put back for another invocation, since the copies that
/// have the room may be slow.
const PATIENCE: Duration = Duration::from_secs(20);

/// The room for all copies.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    blocks: Arc<Semaphore>,
    patience: Duration,
}

/// The room of one copy; free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    _held: OwnedSemaphorePermit,
    /// Whether a part can fill while another is sent.
    pub(crate) for_two_parts: bool,
}

impl Default for Memory {
    fn default() -> Self {
        Self { blocks: Arc::new(Semaphore::new(BLOCKS)), patience: PATIENCE }
    }
}

impl Memory {
    /// Waits for room for a recording of this size, or of an unknown one.
    pub(crate) async fn room(&self, size: Option<u64>) -> Result<Room, CopyError> {
        let size = size.map_or(PART_BYTES, |size| usize::try_from(size).unwrap_or(usize::MAX));
        let first = self.blocks.clone().acquire_many_owned(blocks(size.min(PART_BYTES)));
        let Ok(Ok(mut held)) = timeout(self.patience, first).await else { return Err(CopyError::Busy) };
        let second = if size > PART_BYTES {
            self.blocks.clone().try_acquire_many_owned(blocks(PART_BYTES)).ok()
        } else {
            None
        };
        let for_two_parts = second.is_some();
        if let Some(second) = second {
            held.merge(second);
        }
        Ok(Room { _held: held, for_two_parts })
    }
}

fn blocks(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(BLOCK_BYTES)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn impatient() -> Memory {
        Memory { patience: Duration::from_millis(10), ..Memory::default() }
    }

    #[tokio::test]
    async fn small_recordings_go_side_by_side_and_large_ones_make_do() {
        let memory = impatient();
        let (small, large) = (Some(2_400_000), Some(u64::MAX));
        let rooms = futures_util::future::join_all((0..10).map(|_| memory.room(small))).await;
        assert!(rooms.iter().all(Result::is_ok));
        assert_eq!(memory.room(small).await.unwrap_err(), CopyError::Busy);
        drop(rooms);
        let first = memory.room(large).await.unwrap();
        let second = memory.room(large).await.unwrap();
        assert!(first.for_two_parts && !second.for_two_parts);
        assert_eq!(memory.room(Some(1)).await.unwrap_err(), CopyError::Busy);
        drop(second);
        assert!(memory.room(small).await.is_ok());
        // A recording of unknown size gets one part: it may be small.
        assert!(!memory.room(None).await.unwrap().for_two_parts);
    }

    #[tokio::test]
    async fn a_copy_that_waits_goes_on_when_another_ends() {
        let memory = Memory::default();
        let first = [memory.room(Some(u64::MAX)).await.unwrap(), memory.room(None).await.unwrap()];
        let (second, ()) = tokio::join!(memory.room(None), async {
            tokio::task::yield_now().await;
            drop(first);
        });
        assert!(second.is_ok());
    }
}
