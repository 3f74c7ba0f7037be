//! The functions that answer HTTP, behind a gateway that stands in for API Gateway.

use std::sync::Arc;

use anyhow::Context as _;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request as AxumRequest, State};
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use jiff::Timestamp;
use query::Query;
use serde_json::{Value, json};
use shared::lambda::{self, ApiGatewayV2httpRequest};
use shared::provider::Provider;
use shared::webhook::Webhook;
use upkeep::Upkeep;

use super::SAMPLE_RECORDINGS;
use crate::gateway::{self, Function, HttpRequest};
use crate::origin;

/// API Gateway's limit for a body.
const MAX_REQUEST_BYTES: usize = 10 * 1024 * 1024;

/// The functions that answer HTTP.
pub(super) struct Functions {
    pub(super) webhooks: Vec<(Provider, Webhook)>,
    pub(super) query: Query,
    pub(super) upkeep: Arc<Upkeep>,
}

async fn forward(State(functions): State<Arc<Functions>>, request: AxumRequest) -> Response {
    let plain = |status: StatusCode, body: Value| {
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = status;
        response
    };
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_REQUEST_BYTES).await else {
        return plain(StatusCode::PAYLOAD_TOO_LARGE, json!({ "message": "Request Entity Too Large" }));
    };
    let request = HttpRequest {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body: body.into(),
    };
    let at = Timestamp::now();
    let Some((function, event)) = gateway::event(&request, at) else {
        return plain(StatusCode::NOT_FOUND, json!({ "message": "Not Found" }));
    };
    // In a task of its own, as in a Lambda environment: it goes on if the client closes the connection.
    let answer = tokio::spawn(async move { functions.answer(function, event, at).await }).await;
    match answer.map_err(anyhow::Error::from).and_then(|answer| answer) {
        Ok(response) => response.map(Body::from),
        Err(error) => {
            tracing::error!("an event could not be handled: {error:#}");
            plain(StatusCode::INTERNAL_SERVER_ERROR, json!({ "message": "Internal Server Error" }))
        }
    }
}

impl Functions {
    /// The functions, `/healthz`, and the recordings that samples link when they are sent to a local server.
    pub(super) fn router(self) -> Router {
        Router::new()
            .route("/healthz", get(async || "ok\n"))
            .nest(SAMPLE_RECORDINGS, origin::router())
            .fallback(forward)
            .with_state(Arc::new(self))
    }

    async fn answer(
        &self,
        function: Function,
        event: Value,
        at: Timestamp,
    ) -> anyhow::Result<http::Response<Vec<u8>>> {
        let event: ApiGatewayV2httpRequest = serde_json::from_value(event)?;
        let answer = match function {
            Function::Webhook(provider) => {
                let (_, webhook) =
                    self.webhooks.iter().find(|(of, _)| *of == provider).context("no such function")?;
                lambda::answer(|request| webhook.respond(request, at), event).await
            }
            Function::Query => lambda::answer(|request| self.query.respond(request, at), event).await,
            Function::Upkeep => lambda::answer(|request| self.upkeep.respond(request, at), event).await,
        };
        gateway::response(answer)
    }
}
