//! One request of a reader: the bearer check before it, the entry in the audit trail, the line in the log.
//!
//! Every function that people use answers in this way. What is answered is personal, so nothing between here and
//! the reader may keep it: every answer says `no-store`.

use std::sync::Arc;

use http::header::{ALLOW, CACHE_CONTROL, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, StatusCode};
use tokio::time::Instant;

use crate::access;
use crate::lambda::Request;
use crate::ledger::audit::{About, Action, Note};
use crate::ledger::{Ledger, StoreError};
use crate::reader::Reader;
use crate::reply::{Problem, Reply};
use crate::sources::LiveSources;
use crate::timestamp::Timestamp;

mod waiting;

pub use waiting::{Waiting, not_waiting};

/// The route of a request: as the template has it, for the log, and the method that it takes.
pub type Asked = (&'static str, Method);

/// Answers a request, if a reader sent it with the method of its route; `name` is the function's, for the log.
///
/// `answer` is not asked otherwise.
pub async fn respond<F: Future<Output = Result<Reply, Problem>>>(
    name: &'static str,
    sources: &LiveSources,
    request: &Request,
    route: Option<Asked>,
    answer: impl FnOnce(Arc<Reader>) -> F,
) -> Reply {
    let started = Instant::now();
    let request_id = request.request_id.as_str();
    sources.keep_fresh().await;
    let reader = access::check(sources, &request.headers).await;
    let result = match (&reader, &route) {
        (Err(error), _) => Err(Problem::from(*error)),
        (Ok(_), None) => Err(path_unknown()),
        (Ok(_), Some((_, method))) if *method != request.method => {
            let message = format!("{} is not for this path; use {method}.", request.method);
            Err(Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message))
        }
        // Boxed, since the compiler limits how deep futures can be nested.
        (Ok(reader), Some(_)) => Box::pin(answer(reader.clone())).await,
    };
    let error = result.as_ref().err().map(|problem| problem.code);
    let mut reply = result.unwrap_or_else(|problem| problem.reply(request_id));
    reply.headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match (reply.status, &route) {
        (StatusCode::UNAUTHORIZED, _) => {
            reply.headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        (StatusCode::METHOD_NOT_ALLOWED, Some((_, method))) => {
            let allowed = HeaderValue::from_str(method.as_str());
            reply.headers.extend(allowed.map(|allowed| (ALLOW, allowed)));
        }
        _ => {}
    }
    let (route, status) = (route.map_or("none", |(route, _)| route), reply.status.as_u16());
    let duration_ms = started.elapsed().as_millis();
    let reader = reader.as_ref().ok().map(|reader| reader.name.as_str());
    tracing::info!(request_id, reader, route, status, error, duration_ms, "{name}");
    reply
}

/// Notes in the audit trail what a reader is about to be given, or to do.
///
/// # Errors
/// The trail can't be written: then nothing must be given or done.
pub async fn note(
    ledger: &Ledger,
    reader: &Reader,
    action: Action,
    about: About<'_>,
    at: Timestamp,
) -> Result<(), Problem> {
    let written = ledger.note(&Note { at, reader: &reader.name, action, about }).await;
    written.map_err(|error| {
        let (reader, action) = (&reader.name, action.name());
        tracing::error!(reader, action, %error, "the audit trail can't be written, so the request is refused");
        Problem::unavailable()
    })
}

/// Logs the store's error, and returns the problem to answer, which does not quote it.
pub fn unavailable(error: &StoreError) -> Problem {
    tracing::error!(%error, "the ledger can't be reached");
    Problem::unavailable()
}

fn path_unknown() -> Problem {
    let message = "The API has no such path. Start from /calls?day=YYYY-MM-DD.";
    Problem::new(StatusCode::NOT_FOUND, "path_unknown", message)
}
