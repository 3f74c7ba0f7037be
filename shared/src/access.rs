//! Who may read and act: the bearer check of every function that people use, and what a reader may do.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};

use crate::proof::Token;
use crate::reader::{Reader, Right};
use crate::reply::Problem;
use crate::sources::{LiveSources, Sources};

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// There is no `Authorization: Bearer <token>`.
    #[error("Send a token of a reader: Authorization: Bearer <token>.")]
    TokenMissing,
    /// The token is not a configured one.
    #[error("The token is not one of a reader's.")]
    TokenMismatch,
    /// The token is none of those that could be read, and not all readers could be read.
    #[error(
        "Not all readers can be read just now, so it can't be told whether this is the token of one; try again."
    )]
    Unreadable,
    /// The reader has not the right to do this, or not on this source. The answer is the same whether the
    /// call exists or not.
    #[error("The token does not allow this; ask whoever gave it to you for the right, and for the source.")]
    NotAllowed,
}

/// Returns the reader whose token is in `Authorization: Bearer <token>` (RFC 6750). The tokens may have been
/// rotated since they were read, so a token that is none of them has them read again.
///
/// # Errors
/// There is no token, or it is not a configured one: the sender can fix it. Or a reader can't be read: whoever
/// deploys can fix it.
pub async fn check(sources: &LiveSources, headers: &HeaderMap) -> Result<Arc<Reader>, AccessError> {
    let token = bearer_token(headers).ok_or(AccessError::TokenMissing)?;
    match holder(&sources.current(), token) {
        Err(_) if sources.refresh_after_miss().await => holder(&sources.current(), token),
        held => held,
    }
}

/// The reader that has a token. All tokens of all readers are compared, also after one that fits.
fn holder(sources: &Sources, token: &str) -> Result<Arc<Reader>, AccessError> {
    let held: Vec<_> =
        sources.readers().flat_map(|reader| reader.tokens.iter().map(move |token| (reader, token))).collect();
    let tokens: Vec<_> = held.iter().map(|(_, token)| (*token).clone()).collect();
    match Token::position(&tokens, token) {
        Some(position) => Ok(held[position].0.clone()),
        None if sources.lacks_a_reader() => Err(AccessError::Unreadable),
        None => Err(AccessError::TokenMismatch),
    }
}

fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?;
    let (scheme, token) = std::str::from_utf8(value.as_bytes()).ok()?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim_start())
}

impl Reader {
    /// Checks that the reader has a right. What a list answers must still be within its scope.
    ///
    /// # Errors
    /// [`AccessError::NotAllowed`].
    pub fn may(&self, right: Right) -> Result<(), AccessError> {
        if self.rights.contains(&right) { Ok(()) } else { Err(AccessError::NotAllowed) }
    }

    /// Checks that the reader has a right on the calls of a source, as they are named in a path. To be asked
    /// before anything is looked up, so that no answer tells whether a call exists.
    ///
    /// # Errors
    /// [`AccessError::NotAllowed`].
    pub fn may_with(&self, right: Right, provider: &str, source: &str) -> Result<(), AccessError> {
        self.may(right)?;
        if self.scope.has(provider, source) { Ok(()) } else { Err(AccessError::NotAllowed) }
    }
}

impl AccessError {
    /// The stable code of the reason.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TokenMissing => "token_missing",
            Self::TokenMismatch => "token_mismatch",
            Self::Unreadable => "source_unreadable",
            Self::NotAllowed => "not_allowed",
        }
    }

    const fn status(self) -> StatusCode {
        match self {
            Self::TokenMissing | Self::TokenMismatch => StatusCode::UNAUTHORIZED,
            Self::Unreadable => StatusCode::SERVICE_UNAVAILABLE,
            Self::NotAllowed => StatusCode::FORBIDDEN,
        }
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        Self::new(error.status(), error.code(), error.to_string())
    }
}
