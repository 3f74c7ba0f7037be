//! The fixed keys of local runs. They are published here and guard nothing.

use shared::proof::{Ed25519Signer, HmacKey};

/// Sautikit's secret.
pub const SAUTIKIT_SECRET: &str = "whsec_local_sautikit";
/// The token in CallKaro's URL.
pub const CALLKARO_TOKEN: &str = "local-callkaro-0123456789abcdef0123456789abcdef";
/// The token in Agni's URL.
pub const AGNI_TOKEN: &str = "local-agni-0123456789abcdef0123456789abcdef";
/// The token of the read API.
pub const QUERY_TOKEN: &str = "local-query-token";

/// Sautikit's key.
pub fn sautikit() -> HmacKey {
    HmacKey::new(SAUTIKIT_SECRET)
}

/// Telnyx' key pair, of the seed that is 32 times the byte 1.
pub fn telnyx() -> Ed25519Signer {
    Ed25519Signer::from_seed(&[1; 32])
}
