//! Bearer tokens: in the URL of a webhook, or in the header of a reader.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::{Freshness, Proof, ProofError, Scheme, fitting_key};

/// The fewest characters of a token in a URL: 128 bits in base64. The token is all that keeps strangers
/// out.
pub(crate) const MIN_CHARS: usize = 22;

/// A bearer token, kept as its SHA-256.
///
/// Comparing hashes takes the same time whatever the length and content of what was presented.
#[derive(Clone)]
pub struct Token([u8; 32]);

/// The mark of a token: enough to tell whether a token is the same one, and too little to find it by trying.
pub type TokenMark = [u8; 4];

impl Token {
    /// Its mark, to be kept beside what it proved.
    pub fn mark(&self) -> TokenMark {
        let [first, second, third, fourth, ..] = <[u8; 32]>::from(Sha256::digest(self.0));
        [first, second, third, fourth]
    }

    /// The token as it will be presented.
    pub fn new(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Whether two tokens are the same.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    /// Returns which of the tokens was presented: its place among them, from 0.
    pub fn position(tokens: &[Self], presented: &str) -> Option<usize> {
        let presented = Self::new(presented);
        fitting_key(tokens, |token| token.0.ct_eq(&presented.0).into())
    }
}

/// Proves a delivery by the last part of its URL, for providers that sign nothing.
///
/// # Errors
/// It is none of the tokens. The sender can fix it, unless the request is forged.
pub(crate) fn verify(tokens: &[Token], presented: Option<&str>) -> Result<Proof, ProofError> {
    let key = Token::position(tokens, presented.unwrap_or_default()).ok_or(ProofError::TokenMismatch)?;
    Ok(Proof { scheme: Scheme::UrlToken, freshness: Freshness::Fresh, key })
}

redacted!(Token);

#[cfg(test)]
mod tests {
    use super::*;

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
}
