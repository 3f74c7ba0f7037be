//! The memory for recordings that are being copied: all copies together have one limit.
//!
//! A copier has room for one part before it takes a job, so that it asks for nothing that it can't read: a link may work
//! only once. When it has learned the recording's size, it gives back what it does not need. A larger one also gets room
//! for a second part, which fills while the first is sent, if that much is free.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::limits::{CONCURRENCY, PART_BYTES};

/// The unit in which room is counted.
const BLOCK_BYTES: usize = 64 * 1024;

/// The room for the part that each copy begins with.
const BLOCKS: usize = CONCURRENCY * PART_BYTES / BLOCK_BYTES;

/// The room for second parts, which fill while the first are sent.
const SECOND_PARTS: usize = 2;

/// How long a copier waits for room. Then its job stays due for another invocation, since the copies that have the room
/// may be slow.
const PATIENCE: Duration = Duration::from_secs(20);

/// The room for all copies.
#[derive(Clone, Debug)]
pub(crate) struct Memory {
    blocks: Arc<Semaphore>,
    second_parts: Arc<Semaphore>,
    patience: Duration,
}

/// The room of one copy; free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    held: OwnedSemaphorePermit,
    second_part: Option<OwnedSemaphorePermit>,
}

impl Default for Memory {
    fn default() -> Self {
        let [blocks, second_parts] = [BLOCKS, SECOND_PARTS].map(|permits| Arc::new(Semaphore::new(permits)));
        Self { blocks, second_parts, patience: PATIENCE }
    }
}

impl Memory {
    /// Waits for room for one part; `None` if there was none for too long.
    pub(crate) async fn room(&self) -> Option<Room> {
        let part = self.blocks.clone().acquire_many_owned(blocks(PART_BYTES));
        let held = timeout(self.patience, part).await.ok()?.ok()?;
        Some(Room { held, second_part: None })
    }

    /// Makes a room fit for a recording of this size; one of an unknown size keeps its part.
    pub(crate) fn fit(&self, room: &mut Room, size: Option<u64>) {
        let size = size.map_or(PART_BYTES, |size| usize::try_from(size).unwrap_or(usize::MAX));
        let spare = room.held.num_permits().saturating_sub(blocks(size) as usize);
        drop(room.held.split(spare));
        if size > PART_BYTES {
            room.second_part = self.second_parts.clone().try_acquire_owned().ok();
        }
    }
}

impl Room {
    /// Whether a part can fill while another is sent.
    pub(crate) fn is_for_two_parts(&self) -> bool {
        self.second_part.is_some()
    }
}

fn blocks(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(BLOCK_BYTES)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;

    use super::*;

    /// Room for two parts and a second one, and no patience.
    fn impatient() -> Memory {
        let [blocks, second_parts] =
            [2 * PART_BYTES / BLOCK_BYTES, 1].map(|permits| Arc::new(Semaphore::new(permits)));
        Memory { blocks, second_parts, patience: Duration::from_millis(10) }
    }

    async fn room(memory: &Memory, size: Option<u64>) -> Option<Room> {
        let mut room = memory.room().await?;
        memory.fit(&mut room, size);
        Some(room)
    }

    #[tokio::test]
    async fn small_recordings_go_side_by_side_and_large_ones_make_do() {
        let memory = impatient();
        let (small, large) = (Some(2_400_000), Some(u64::MAX));
        let mut rooms = Vec::new();
        // As long as there is a part to begin with.
        for _ in 0..4 {
            rooms.push(room(&memory, small).await.unwrap());
        }
        assert!(memory.room().await.is_none());
        drop(rooms);
        let first = room(&memory, large).await.unwrap();
        let second = room(&memory, large).await.unwrap();
        assert!(first.is_for_two_parts() && !second.is_for_two_parts());
        assert!(memory.room().await.is_none());
        drop(second);
        assert!(room(&memory, small).await.is_some());
        // A recording of unknown size gets one part: it may be small.
        drop(first);
        assert!(!room(&memory, None).await.unwrap().is_for_two_parts());
    }

    #[tokio::test]
    async fn as_many_as_are_copied_at_a_time_have_room() {
        let memory = Memory::default();
        let rooms = join_all((0..CONCURRENCY).map(|_| room(&memory, Some(u64::MAX)))).await;
        assert_eq!(rooms.iter().flatten().count(), CONCURRENCY);
    }

    #[tokio::test]
    async fn a_copy_that_waits_goes_on_when_another_ends() {
        let memory = Memory { patience: PATIENCE, ..impatient() };
        let first = [room(&memory, Some(u64::MAX)).await.unwrap(), room(&memory, None).await.unwrap()];
        let (second, ()) = tokio::join!(memory.room(), async {
            tokio::task::yield_now().await;
            drop(first);
        });
        assert!(second.is_some());
    }
}
