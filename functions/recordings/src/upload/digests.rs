//! Digests of a recording, taken while it passes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use crc_fast::CrcAlgorithm::Crc64Nvme;
use sha2::{Digest, Sha256, Sha512};
use shared::ledger::jobs::Copied;

/// Digests in progress.
pub(super) struct Digests {
    sha256: Sha256,
    sha512: Sha512,
    crc64nvme: crc_fast::Digest,
    size: u64,
}

/// Digests of all that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) sha256: String,
    pub(super) sha512: String,
    pub(super) crc64nvme: String,
    pub(super) size: u64,
}

impl Default for Digests {
    fn default() -> Self {
        let crc64nvme = crc_fast::Digest::new(Crc64Nvme);
        Self { sha256: Sha256::new(), sha512: Sha512::new(), crc64nvme, size: 0 }
    }
}

impl Digests {
    pub(super) fn update(&mut self, piece: &[u8]) {
        self.sha256.update(piece);
        self.sha512.update(piece);
        self.crc64nvme.update(piece);
        self.size += piece.len() as u64;
    }

    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn sums(&self) -> Sums {
        Sums {
            sha256: hex::encode(self.sha256.clone().finalize()),
            sha512: hex::encode(self.sha512.clone().finalize()),
            crc64nvme: encoded(self.crc64nvme.finalize()),
            size: self.size,
        }
    }
}

impl Sums {
    /// The copy as the item records it.
    pub(super) fn copied(&self, s3_key: String, etag: String, content_type: &str) -> Copied {
        Copied {
            s3_key,
            size_bytes: self.size,
            sha256: self.sha256.clone(),
            sha512: self.sha512.clone(),
            crc64nvme: self.crc64nvme.clone(),
            etag,
            content_type: content_type.to_owned(),
        }
    }
}

/// A part's CRC-64/NVME as S3 takes it.
pub(super) fn crc64nvme(content: &[u8]) -> String {
    encoded(crc_fast::checksum(Crc64Nvme, content))
}

fn encoded(crc: u64) -> String {
    STANDARD.encode(crc.to_be_bytes())
}

impl std::fmt::Debug for Digests {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Digests").field("size", &self.size).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_the_check_values() {
        let mut digests = Digests::default();
        digests.update(b"12345");
        digests.update(b"6789");
        let sums = digests.sums();
        // The check value of CRC-64/NVME is ae8b14860a799888.
        assert_eq!(sums.crc64nvme, "rosUhgp5mIg=");
        assert_eq!(crc64nvme(b"123456789"), sums.crc64nvme);
        assert_eq!(sums.sha256, "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225");
        assert!(sums.sha512.starts_with("d9e6762dd1c8eaf6d61b3c6192fc408d"));
        assert_eq!(sums.size, 9);
    }
}
