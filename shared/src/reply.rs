//! HTTP answers: JSON, with stable codes where something is wrong.

use std::fmt;

use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::json;

/// An HTTP answer.
#[derive(Clone)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// The headers; the content type is there already.
    pub headers: HeaderMap,
    /// The body: JSON.
    pub body: String,
}

impl fmt::Debug for Reply {
    /// Shows neither headers nor body: they may hold a presigned link or a call.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Reply").field("status", &self.status).finish_non_exhaustive()
    }
}

/// An error to answer: of the request, or of this program.
///
/// The message is for whoever sent the request: it never says more than the sender may know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// The stable code: what a program acts on.
    pub code: &'static str,
    /// A sentence for a person, with the way out.
    pub message: String,
}

impl Reply {
    /// An answer with a body.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Self {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        match serde_json::to_string(body) {
            Ok(body) => Self { status, headers, body },
            Err(_) => Self {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                headers,
                body: r#"{"error":"internal","message":"The answer could not be written."}"#.to_owned(),
            },
        }
    }

    /// The answer with one more header.
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

impl Problem {
    /// A problem with its status, code and message.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// Our bug.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on our side; it is in the logs.",
        )
    }

    /// A store that is down or throttled.
    pub fn unavailable() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "The ledger can't be reached just now; try again.",
        )
    }

    /// The answer: `{"error":…,"message":…,"request_id":…}`.
    pub fn reply(&self, request_id: &str) -> Reply {
        let body = json!({ "error": self.code, "message": self.message, "request_id": request_id });
        let reply = Reply::json(self.status, &body);
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            reply.with_header(http::header::RETRY_AFTER, HeaderValue::from_static("1"))
        } else {
            reply
        }
    }
}
