//! Public keys: Ed25519 signatures.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::{Signature, SigningKey, VerifyingKey};

use super::{ProofError, fitting_key};

/// An Ed25519 public key (RFC 8032).
#[derive(Clone)]
pub struct Ed25519Key(VerifyingKey);

impl Ed25519Key {
    /// Reads the base64 of 32 bytes.
    ///
    /// # Errors
    /// A sentence that completes "the key …": it is not base64, not 32 bytes, not a point of the
    /// curve, or a weak key, for which signatures can be made without the private half.
    pub fn from_base64(text: &str) -> Result<Self, &'static str> {
        let bytes = BASE64_STANDARD.decode(text.trim()).map_err(|_| "is not base64")?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| "is not 32 bytes long")?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| "is not an Ed25519 public key")?;
        if key.is_weak() { Err("is weak: anyone could sign for it") } else { Ok(Self(key)) }
    }

    /// Whether the signature is the key's for the message. Strict: no malleable encodings, no
    /// small-order points.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

/// A private key; for tests and local runs.
pub struct Ed25519Signer(SigningKey);

impl Ed25519Signer {
    /// The key pair of a 32-byte seed.
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    /// The signature of a message, 64 bytes.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        use ed25519_dalek::Signer as _;
        self.0.sign(message).to_bytes()
    }

    /// The public half, as the configuration wants it: base64 of 32 bytes.
    pub fn public_key(&self) -> String {
        BASE64_STANDARD.encode(self.0.verifying_key().as_bytes())
    }
}

/// Returns which of the keys signed a message: its place among them, from 0.
///
/// # Errors
/// None of them did. The sender can fix it, unless the request is forged.
pub(crate) fn verify(keys: &[Ed25519Key], message: &[u8], signature: &[u8; 64]) -> Result<usize, ProofError> {
    fitting_key(keys, |key| key.verify(message, signature)).ok_or(ProofError::SignatureMismatch)
}

redacted!(Ed25519Key, Ed25519Signer);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_and_malformed_public_keys_are_refused() {
        let refused = |text: &str| Ed25519Key::from_base64(text).err();
        let mut identity = [0_u8; 32];
        identity[0] = 1;
        assert_eq!(refused(&BASE64_STANDARD.encode(identity)), Some("is weak: anyone could sign for it"));
        assert_eq!(refused(&BASE64_STANDARD.encode([0_u8; 32])), Some("is weak: anyone could sign for it"));
        assert_eq!(refused(&BASE64_STANDARD.encode([2_u8; 32])), Some("is not an Ed25519 public key"));
        assert_eq!(refused("AQ=="), Some("is not 32 bytes long"));
        assert_eq!(refused("no base64"), Some("is not base64"));
    }
}
