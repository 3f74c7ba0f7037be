//! Keys and how they prove who sent a body. Every key is parsed once, at construction, and redacts
//! itself in `Debug`.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::{Signature, SigningKey, VerifyingKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Returns which of the keys fits: its place among them, from 0.
///
/// Every key is tried, also after one that fits: the time this takes does not tell which key is in use.
pub fn fitting_key<K>(keys: &[K], fits: impl Fn(&K) -> bool) -> Option<usize> {
    keys.iter().enumerate().fold(None, |found, (place, key)| {
        let fits = fits(key);
        found.or(fits.then_some(place))
    })
}

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

/// Signs as Telnyx does; for tests and local runs.
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

/// A bearer token, kept as its SHA-256.
///
/// Comparing hashes takes the same time whatever the length and content of what was presented.
#[derive(Clone)]
pub struct Token([u8; 32]);

impl Token {
    /// The token as it will be presented.
    pub fn new(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Returns which of the tokens was presented: its place among them, from 0.
    pub fn position(tokens: &[Self], presented: &str) -> Option<usize> {
        let presented = Self::new(presented);
        fitting_key(tokens, |token| token.0.ct_eq(&presented.0).into())
    }
}

macro_rules! redacted {
    ($($key:ident),*) => {$(
        impl fmt::Debug for $key {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(concat!(stringify!($key), "(redacted)"))
            }
        }
    )*};
}

redacted!(HmacKey, Ed25519Key, Ed25519Signer, Token);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_agrees_with_rfc_4231() {
        let code = HmacKey::new("Jefe").sign(&[b"what do ya want ", b"for nothing?"]);
        assert_eq!(hex::encode(code), "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

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

    #[test]
    fn a_token_is_found_by_the_whole_of_it() {
        let tokens = ["the-new-token", "the-old-token"].map(Token::new);
        assert_eq!(Token::position(&tokens, "the-new-token"), Some(0));
        assert_eq!(Token::position(&tokens, "the-old-token"), Some(1));
        for wrong in ["", "the-old-toke", "the-old-tokenn", "The-old-token"] {
            assert_eq!(Token::position(&tokens, wrong), None, "{wrong}");
        }
        assert_eq!(Token::position(&[], ""), None);
    }

    #[test]
    fn keys_do_not_show_in_debug_output() {
        let shown = format!("{:?} {:?}", HmacKey::new("whsec_canary"), Token::new("canary"));
        assert_eq!(shown, "HmacKey(redacted) Token(redacted)");
    }
}
