//! The list of erasures in the bucket: one object each, whose name is a hash. After a table was brought back to an
//! earlier time, it tells what must be erased again.

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::{Amounts, Bucket, Erasure, Key, Ledger, Seen, StoreError, Tombstone, whole};
use crate::ledger::item::RECORDING_PREFIX;
use crate::ledger::values::Object;
use crate::timestamp::{Timestamp, day, rfc3339};

/// The folder of the list: `erasures/<YYYY-MM-DD>/<hash>.json`.
pub const ERASURES: &str = "erasures/";

/// An erasure on the list: like its tombstone, it has the key of what was erased, and nothing else of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// When the erasure began, RFC 3339 UTC.
    pub erased_at: String,
    /// The partition key.
    pub pk: String,
    /// The sort key.
    pub sk: String,
}

impl Ledger {
    /// Puts an erasure on the list, if it is not there yet.
    pub(super) async fn list_erasure(&self, tombstone: &Tombstone) -> Result<(), StoreError> {
        let Tombstone { key: Key { pk, sk }, erased_at, .. } = tombstone;
        let hash = hex::encode(Sha256::digest(format!("{pk}\n{sk}").as_bytes()));
        let listed = Listed { erased_at: rfc3339(*erased_at), pk: pk.clone(), sk: sk.clone() };
        // Texts can always be written as JSON.
        let content = serde_json::to_vec(&listed).unwrap_or_default();
        let key = format!("{ERASURES}{}/{hash}.json", day(*erased_at));
        self.objects.put(&Object { key, content: Bytes::from(content) }).await
    }

    /// Erases again what is on the list. Where there is nothing now, a tombstone is put all the same, so that a delivery
    /// that comes again brings nothing back.
    ///
    /// # Errors
    /// A store did not answer. It can be called again.
    pub async fn reapply(
        &self,
        bucket: &Bucket,
        listed: &Listed,
        now: Timestamp,
    ) -> Result<Reapplied, StoreError> {
        let key = Key { pk: listed.pk.clone(), sk: listed.sk.clone() };
        let is_recording = key.sk.starts_with(RECORDING_PREFIX);
        let is_call = key.sk == super::item::CALL;
        for _ in 0..REAPPLY_TRIES {
            let erased: Option<Erasure> = match (is_call, is_recording) {
                (true, _) => self.erase_call(bucket, &key.pk, now).await?,
                (_, true) => self.erase_recording(bucket, &key, now).await?,
                _ => self.erase_delivery(bucket, &key, now).await?,
            };
            if erased.is_some() {
                return Ok(Reapplied::Erased);
            }
            let erased_at = listed.erased_at.parse().unwrap_or(now);
            let tombstone = super::of_item(&key, whole(erased_at), Amounts::default(), Vec::new());
            // A recording has no tombstone of its own where its call has no item of it.
            if is_recording || self.put_tombstone(&tombstone, Seen::Nothing).await? {
                return Ok(Reapplied::NotThere);
            }
        }
        Ok(Reapplied::NotThere)
    }
}

/// The result of [`Ledger::reapply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reapplied {
    /// It was there, or its tombstone was.
    Erased,
    /// Nothing of it was there.
    NotThere,
}

/// How often it is tried while deliveries come.
const REAPPLY_TRIES: usize = 3;
