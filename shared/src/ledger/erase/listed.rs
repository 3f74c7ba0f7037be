//! The list of erasures in the bucket: one object each, whose name is a hash. After a table was brought back to an
//! earlier time, it tells what must be erased again.

use bytes::Bytes;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{Key, Ledger, StoreError, Tombstone};
use crate::ledger::values::Object;
use crate::timestamp::{day, rfc3339};

/// The folder of the list: `erasures/<YYYY-MM-DD>/<hash>.json`.
pub const ERASURES: &str = "erasures/";

/// The name of an erasure on the list: the SHA-256 of the key of what was erased, hex.
pub fn hash_of(key: &Key) -> String {
    hex::encode(Sha256::digest(format!("{}\n{}", key.pk, key.sk).as_bytes()))
}

impl Ledger {
    /// Puts an erasure on the list, if it is not there yet.
    pub(super) async fn list_erasure(&self, tombstone: &Tombstone) -> Result<(), StoreError> {
        let Tombstone { key, erased_at, .. } = tombstone;
        let content = json!({ "erased_at": rfc3339(*erased_at) }).to_string();
        let key = format!("{ERASURES}{}/{}.json", day(*erased_at), hash_of(key));
        self.objects.put(&Object { key, content: Bytes::from(content) }).await
    }
}
