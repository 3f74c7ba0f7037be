//! Memory for the recordings that are under way, bounded over all copies that go on at a time.
//!
//! A copy asks for room when it knows how large its recording is, and before it reads any of it: what
//! is not read waits at the origin. So many small copies go on side by side, and few large ones.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::fault::Fault;
use crate::upload::PART_BYTES;

/// The unit in which room is counted.
const BLOCK_BYTES: usize = 64 * 1024;

/// All the room there is: three parts.
const BLOCKS: usize = 3 * PART_BYTES / BLOCK_BYTES;

/// How long a copy waits for room. Then it is put back, so that another invocation may take it: what
/// fills the room here may be slow.
const PATIENCE: Duration = Duration::from_secs(20);

/// The room for all copies.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    blocks: Arc<Semaphore>,
    patience: Duration,
}

/// The room of one copy; free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Room(#[expect(dead_code, reason = "held to be dropped")] OwnedSemaphorePermit);

impl Default for Memory {
    fn default() -> Self {
        Self { blocks: Arc::new(Semaphore::new(BLOCKS)), patience: PATIENCE }
    }
}

impl Memory {
    /// Room for a recording of a size: for all of it if it goes up as a whole, else for the part that
    /// fills and the part that is sent.
    pub(crate) async fn room(&self, size: Option<u64>) -> Result<Room, Fault> {
        let whole = size.and_then(|size| usize::try_from(size).ok()).filter(|size| *size <= PART_BYTES);
        let blocks = whole.unwrap_or(2 * PART_BYTES).div_ceil(BLOCK_BYTES);
        let blocks = u32::try_from(blocks).unwrap_or(u32::MAX);
        match timeout(self.patience, self.blocks.clone().acquire_many_owned(blocks)).await {
            Ok(Ok(permit)) => Ok(Room(permit)),
            _ => Err(Fault::transient("busy")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn impatient() -> Memory {
        Memory { patience: Duration::from_millis(10), ..Memory::default() }
    }

    #[tokio::test]
    async fn many_small_recordings_go_side_by_side_and_few_large_ones() {
        let memory = impatient();
        let small = Some(2_400_000);
        let rooms: Vec<_> = futures_util::future::join_all((0..10).map(|_| memory.room(small))).await;
        assert!(rooms.iter().all(Result::is_ok));
        assert_eq!(memory.room(small).await.unwrap_err(), Fault::transient("busy"));
        drop(rooms);
        let large = memory.room(None).await.unwrap();
        assert!(memory.room(Some(u64::MAX)).await.is_err());
        assert!(memory.room(Some(PART_BYTES as u64)).await.is_ok());
        drop(large);
        assert!(memory.room(None).await.is_ok());
    }

    #[tokio::test]
    async fn a_copy_that_waits_goes_on_when_another_ends() {
        let memory = Memory::default();
        let first = memory.room(None).await.unwrap();
        let (second, ()) = tokio::join!(memory.room(None), async {
            tokio::task::yield_now().await;
            drop(first);
        });
        assert!(second.is_ok());
    }
}
