//! Who may read: the bearer check of every function that people use.

use http::header::AUTHORIZATION;
use http::{HeaderMap, StatusCode};

use crate::proof::Token;
use crate::reply::Problem;
use crate::sources::LiveSources;

/// Why a request may not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// There is no `Authorization: Bearer <token>`.
    #[error("Send a token of the query source: Authorization: Bearer <token>.")]
    TokenMissing,
    /// The token is not a configured one.
    #[error("The token is not one of the query source's.")]
    TokenMismatch,
}

/// Checks `Authorization: Bearer <token>` (RFC 6750). The tokens may have been rotated since they were
/// read, so they are read again if the token is none of them.
///
/// # Errors
/// There is no token, or it is not a configured one. The sender can fix it.
pub async fn check(sources: &LiveSources, headers: &HeaderMap) -> Result<(), AccessError> {
    match check_now(sources, headers) {
        Err(AccessError::TokenMismatch) if sources.refresh_after_miss().await => check_now(sources, headers),
        checked => checked,
    }
}

fn check_now(sources: &LiveSources, headers: &HeaderMap) -> Result<(), AccessError> {
    let token = bearer_token(headers).ok_or(AccessError::TokenMissing)?;
    let known = Token::position(&sources.current().query_tokens(), token);
    known.map(|_| ()).ok_or(AccessError::TokenMismatch)
}

fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(AUTHORIZATION)?;
    let (scheme, token) = std::str::from_utf8(value.as_bytes()).ok()?.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim_start())
}

impl AccessError {
    /// The stable code of the reason.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TokenMissing => "token_missing",
            Self::TokenMismatch => "token_mismatch",
        }
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, error.code(), error.to_string())
    }
}
