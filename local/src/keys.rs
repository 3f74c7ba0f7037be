//! The fixed keys of local runs. They are published here and guard nothing.

use shared::proof::{Ed25519Signer, HmacKey, SenderKeys};
use shared::provider::Provider;

/// CallKaro's part of a local URL.
pub const CALLKARO_TOKEN: &str = "local-callkaro-0123456789abcdef0123456789abcdef";
/// Agni's part of a local URL.
pub const AGNI_TOKEN: &str = "local-agni-0123456789abcdef0123456789abcdef";
/// The token of the read API.
pub const QUERY_TOKEN: &str = "local-query-token";

/// The keys of a provider, which `events/sources.json` accepts.
///
/// The key pair is the one of the seed that is 32 times the byte 1.
pub fn of(provider: Provider) -> SenderKeys {
    let name = provider.name();
    SenderKeys {
        secret: format!("whsec_local_{name}"),
        key_pair: Ed25519Signer::from_seed(&[1; 32]),
        url_token: format!("local-{name}-0123456789abcdef0123456789abcdef"),
    }
}

/// Sautikit's key.
pub fn sautikit() -> HmacKey {
    of(Provider::Sautikit).hmac_key()
}
