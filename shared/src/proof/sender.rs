//! The sender's half of a proof: for tests, benchmarks and local runs.

use super::{Ed25519Signer, HmacKey};

/// A key of each kind, with which a sender proves its deliveries. A provider uses the one of its kind.
pub struct SenderKeys {
    /// The shared secret, as the configuration wants it.
    pub secret: String,
    /// The key pair, of which the configuration wants the public half.
    pub key_pair: Ed25519Signer,
    /// The token at the end of the URL.
    pub url_token: String,
}

/// The parts of a request that prove its body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SenderProof {
    /// The provider's own headers: names and values.
    pub headers: Vec<(&'static str, String)>,
    /// The last part of the URL, where the provider's URL has a token.
    pub url_token: Option<String>,
}

impl SenderKeys {
    /// The shared secret as a key.
    pub fn hmac_key(&self) -> HmacKey {
        HmacKey::new(&self.secret)
    }

    /// The proof of a provider that signs nothing.
    pub(crate) fn prove_by_url(&self) -> SenderProof {
        SenderProof { headers: Vec::new(), url_token: Some(self.url_token.clone()) }
    }
}

redacted!(SenderKeys);
