//! Shared secrets: HMAC-SHA256 over a body and perhaps more.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{ProofError, fitting_key};

/// A shared secret for HMAC-SHA256 (RFC 2104).
#[derive(Clone)]
pub struct HmacKey(Hmac<Sha256>);

impl HmacKey {
    /// The secret's bytes are the key as they are: a prefix such as `whsec_` is part of it.
    pub fn new(secret: &str) -> Self {
        // HMAC takes keys of any length.
        #[expect(clippy::expect_used, reason = "HMAC-SHA256 has no invalid key length")]
        Self(Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes any key"))
    }

    /// The code of the parts, one after the other.
    pub fn sign(&self, parts: &[&[u8]]) -> [u8; 32] {
        self.mac(parts).finalize().into_bytes().into()
    }

    /// Whether the code is the one of the parts; in constant time.
    pub fn verify(&self, parts: &[&[u8]], code: &[u8; 32]) -> bool {
        self.mac(parts).verify(code.into()).is_ok()
    }

    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac
    }
}

/// Returns which of the keys made a code of the parts: its place among them, from 0.
///
/// # Errors
/// None of them did. The sender can fix it, unless the request is forged.
pub(crate) fn verify(keys: &[HmacKey], parts: &[&[u8]], code: &[u8; 32]) -> Result<usize, ProofError> {
    fitting_key(keys, |key| key.verify(parts, code)).ok_or(ProofError::SignatureMismatch)
}

redacted!(HmacKey);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_agrees_with_rfc_4231() {
        let code = HmacKey::new("Jefe").sign(&[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex::encode(code), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
