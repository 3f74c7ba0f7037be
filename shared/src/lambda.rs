//! The edge to Lambda and API Gateway: events in, answers out. The only place that knows them.
//!
//! The body is decoded here and not by `lambda_http`, which panics on invalid base64.

use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderMap, Method};
pub use lambda_http::aws_lambda_events::apigw::{ApiGatewayV2httpRequest, ApiGatewayV2httpResponse};
use lambda_http::aws_lambda_events::encodings::Body;
pub use lambda_http::lambda_runtime::Error;
use lambda_http::lambda_runtime::{self, LambdaEvent, service_fn};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::reply::{Problem, Reply};

/// The time left unused at the end of a scheduled run, so that Lambda never cuts it off.
const MARGIN: Duration = Duration::from_secs(5);

/// The time of a scheduled run without a real deadline: `cargo lambda watch` names one in 1970.
const NO_DEADLINE: Duration = Duration::from_secs(60);

/// A request as a handler sees it.
pub struct Request {
    /// The method.
    pub method: Method,
    /// The headers. API Gateway joins the values of a repeated header with commas.
    pub headers: HeaderMap,
    /// The route that was matched, such as `/calls/{provider}/{source}/{call_id}`; empty if unknown.
    pub route: String,
    /// The path as API Gateway hands it over. It may have a token in it.
    pub raw_path: String,
    /// The parts of the path that the route names, decoded.
    pub path: HashMap<String, String>,
    /// The query string, without `?`, as it was sent.
    pub query: String,
    /// The raw body; `None` if it claims to be base64 and is not.
    pub body: Option<Bytes>,
    /// API Gateway's id of the request.
    pub request_id: String,
}

impl From<ApiGatewayV2httpRequest> for Request {
    fn from(event: ApiGatewayV2httpRequest) -> Self {
        let body = event.body.unwrap_or_default();
        let body = if event.is_base64_encoded {
            BASE64_STANDARD.decode(body).ok().map(Bytes::from)
        } else {
            Some(Bytes::from(body))
        };
        Self {
            method: event.request_context.http.method,
            headers: event.headers,
            route: event
                .route_key
                .and_then(|key| Some(key.split_once(' ')?.1.to_owned()))
                .unwrap_or_default(),
            raw_path: event.raw_path.unwrap_or_default(),
            path: event.path_parameters,
            query: event.raw_query_string.unwrap_or_default(),
            body,
            request_id: event.request_context.request_id.unwrap_or_default(),
        }
    }
}

impl fmt::Debug for Request {
    /// Leaves out the path and its parts (one may be a token), the headers, the query and the body.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { method, route, request_id, .. } = self;
        formatter
            .debug_struct("Request")
            .field("method", method)
            .field("route", route)
            .field("request_id", request_id)
            .finish_non_exhaustive()
    }
}

/// Serves API Gateway's events until Lambda ends the environment.
///
/// # Errors
/// Lambda's runtime API can't be reached.
pub async fn serve<F: Future<Output = Reply>>(handler: impl Fn(Request) -> F) -> Result<(), Error> {
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        Ok::<_, Error>(answer(&handler, read(&event.payload)?).await)
    }))
    .await
}

/// Serves API Gateway's events and those of a schedule until Lambda ends the environment. `scheduled` is given the
/// time by which it must have ended.
///
/// # Errors
/// Lambda's runtime API can't be reached.
pub async fn serve_with_schedule<F, S>(
    handler: impl Fn(Request) -> F,
    scheduled: impl Fn(Instant) -> S,
) -> Result<(), Error>
where
    F: Future<Output = Reply>,
    S: Future<Output = Result<(), Error>>,
{
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Box<RawValue>>| {
        if !is_scheduled(&event.payload) {
            return Ok::<_, Error>(serde_json::to_value(answer(&handler, read(&event.payload)?).await)?);
        }
        let left = event.context.deadline().duration_since(SystemTime::now()).unwrap_or(NO_DEADLINE);
        scheduled(Instant::now() + left.saturating_sub(MARGIN)).await?;
        Ok(serde_json::json!({}))
    }))
    .await
}

/// Whether an event is one of a schedule.
fn is_scheduled(event: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Event {
        source: String,
    }
    serde_json::from_str(event.get()).is_ok_and(|Event { source }| source == "aws.events")
}

/// Reads an event. The error holds nothing of the event.
///
/// If the runtime read it, an error would be logged and sent to Lambda with the value that can't be read: a
/// header, a part of the path or a body.
fn read(event: &RawValue) -> Result<ApiGatewayV2httpRequest, Error> {
    serde_json::from_str(event.get()).map_err(|_| Error::from("not an event of the documented form"))
}

/// Answers one event. A panic in the handler fails this request only, with 500.
pub async fn answer<F: Future<Output = Reply>>(
    handler: impl FnOnce(Request) -> F,
    event: ApiGatewayV2httpRequest,
) -> ApiGatewayV2httpResponse {
    let request = Request::from(event);
    let request_id = request.request_id.clone();
    let reply = AssertUnwindSafe(handler(request)).catch_unwind().await;
    let reply = reply.unwrap_or_else(|_| {
        tracing::error!(request_id, "the handler panicked");
        Problem::internal().reply(&request_id)
    });
    let mut response = ApiGatewayV2httpResponse::default();
    response.status_code = i64::from(reply.status.as_u16());
    response.headers = reply.headers;
    response.body = Some(Body::Text(reply.body));
    response
}
