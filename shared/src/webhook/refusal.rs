//! Why a webhook request is refused, and the HTTP answer that says so.

use http::header::{ALLOW, HeaderValue};
use http::{Method, StatusCode};

use super::MAX_BODY_BYTES;
use crate::proof::ProofError;
use crate::reply::{Problem, Reply};
use crate::sources::SourceError;

/// Why a request is refused. Nothing of it is stored.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The method is not POST.
    MethodNotAllowed(Method),
    /// The path names a source that is not configured.
    SourceUnknown,
    /// The path names a source that is configured and can't be read, or may be.
    SourceUnreadable,
    /// The body claims to be base64 and is not.
    BodyNotBase64,
    /// The body is larger than [`MAX_BODY_BYTES`].
    BodyTooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The delivery does not prove that it is the provider's.
    Rejected(ProofError),
    /// The body is of another account than the one pinned.
    AccountMismatch,
    /// The store could not be reached in time.
    Unavailable,
    /// Our bug.
    Internal,
}

impl From<ProofError> for Refusal {
    fn from(rejection: ProofError) -> Self {
        Self::Rejected(rejection)
    }
}

impl From<SourceError> for Refusal {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Unknown => Self::SourceUnknown,
            SourceError::Unreadable => Self::SourceUnreadable,
        }
    }
}

impl Refusal {
    /// Whether the request may be accepted with other sources or keys than those in memory.
    pub(super) fn is_miss(&self) -> bool {
        matches!(
            self,
            Self::SourceUnknown
                | Self::SourceUnreadable
                | Self::Rejected(ProofError::SignatureMismatch | ProofError::TokenMismatch)
        )
    }

    /// The stable code, in answers, logs and metrics.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::MethodNotAllowed(_) => "method_not_allowed",
            Self::SourceUnknown => "source_unknown",
            Self::SourceUnreadable => "source_unreadable",
            Self::BodyNotBase64 => "body_unreadable",
            Self::BodyTooLarge { .. } => "body_too_large",
            Self::Rejected(rejection) => rejection.code(),
            Self::AccountMismatch => "account_mismatch",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    pub(super) fn reply(&self, request_id: &str) -> Reply {
        let reply = self.problem().reply(request_id);
        match self {
            Self::MethodNotAllowed(_) => reply.with_header(ALLOW, HeaderValue::from_static("POST")),
            _ => reply,
        }
    }

    fn problem(&self) -> Problem {
        let (status, message) = match self {
            Self::MethodNotAllowed(method) => (
                StatusCode::METHOD_NOT_ALLOWED,
                format!("{method} is not a way to deliver a webhook; use POST."),
            ),
            Self::SourceUnknown => {
                (StatusCode::NOT_FOUND, "No source of this name is configured.".to_owned())
            }
            Self::SourceUnreadable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "The keys of this source can't be read just now; try again.".to_owned(),
            ),
            Self::BodyNotBase64 => {
                (StatusCode::BAD_REQUEST, "The body claims to be base64 and is not.".to_owned())
            }
            Self::BodyTooLarge { bytes } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("A body has at most {MAX_BODY_BYTES} bytes; this one has {bytes}."),
            ),
            Self::Rejected(rejection) => (StatusCode::UNAUTHORIZED, format!("Not accepted: {rejection}.")),
            Self::AccountMismatch => (
                StatusCode::FORBIDDEN,
                "The account in the body is not the one this source is pinned to.".to_owned(),
            ),
            Self::Unavailable => return Problem::unavailable(),
            Self::Internal => return Problem::internal(),
        };
        Problem::new(status, self.code(), message)
    }
}
