//! DynamoDB's JSON protocol over HTTP, with dynoxide's engine behind it.
//!
//! dynoxide has an HTTP server, too. We don't use it because of the engine's memory of client request
//! tokens: each transaction walks through all tokens of the last ten minutes, so that after some minutes
//! under load little else is done. Here [`Tokens`] remembers them, and the engine gets no token.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{DefaultBodyLimit, State};
use axum::response::Response;
use axum::routing::post;
use dynoxide::actions::transact_write_items::{TransactWriteItemsRequest, TransactWriteItemsResponse};
use dynoxide::auth_material::{self, AuthMaterial};
use dynoxide::{Database, DynoxideError};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::tokens::{Known, Tokens, digest};

/// DynamoDB accepts requests of at most 16 MB.
const MOST_BYTES: usize = 16 * 1024 * 1024;

/// DynamoDB accepts tokens of at most 36 characters.
const LONGEST_TOKEN: usize = 36;

struct Endpoint {
    database: Database,
    tokens: Mutex<Tokens>,
}

/// Serves the database.
///
/// The handlers block on the engine, which does one thing at a time: they belong on a runtime of their own.
pub(super) fn router(database: Database) -> Router {
    let endpoint = Endpoint { database, tokens: Mutex::default() };
    Router::new()
        .route("/", post(answer))
        .layer(DefaultBodyLimit::max(MOST_BYTES))
        .with_state(Arc::new(endpoint))
}

async fn answer(
    State(endpoint): State<Arc<Endpoint>>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    // `DynamoDB_20120810.GetItem` or `DynamoDBStreams_20120810.GetRecords`.
    let target = text("x-amz-target").and_then(|target| target.split_once('.'));
    let operation = target.map_or("", |(_, operation)| operation);
    let material = AuthMaterial {
        authorization: text(AUTHORIZATION.as_str()),
        query: uri.query().unwrap_or_default(),
        has_date_header: text("x-amz-date").or_else(|| text("date")).is_some(),
    };
    if let Some(refusal) = auth_material::validate(material) {
        return response(StatusCode::BAD_REQUEST, refusal);
    }
    match endpoint.run(operation, &body) {
        None => {
            let kind = "com.amazonaws.dynamodb.v20120810#UnknownOperationException";
            response(StatusCode::BAD_REQUEST, json!({ "__type": kind }).to_string())
        }
        Some(Ok(answer)) => response(StatusCode::OK, answer),
        Some(Err(error)) => {
            let status = StatusCode::from_u16(error.status_code()).unwrap_or(StatusCode::BAD_REQUEST);
            if status.is_server_error() {
                tracing::error!(operation, %error, "the local DynamoDB failed");
            }
            response(status, error.to_json())
        }
    }
}

/// Matches an operation's name with the engine's method of the same name.
macro_rules! run {
    ($database:expr, $operation:expr, $body:expr, $($name:literal => $method:ident,)+) => {
        match $operation {
            $($name => read($body).and_then(|request| write(&$database.$method(request)?)),)+
            _ => return None,
        }
    };
}

impl Endpoint {
    /// The answer to a request; `None` if the operation is not known.
    fn run(&self, operation: &str, body: &[u8]) -> Option<dynoxide::Result<String>> {
        if operation == "TransactWriteItems" {
            return Some(read(body).and_then(|request| write(&self.transact_write_items(request)?)));
        }
        Some(run!(self.database, operation, body,
            "BatchExecuteStatement" => batch_execute_statement,
            "BatchGetItem" => batch_get_item,
            "BatchWriteItem" => batch_write_item,
            "CreateTable" => create_table,
            "DeleteItem" => delete_item,
            "DeleteTable" => delete_table,
            "DescribeStream" => describe_stream,
            "DescribeTable" => describe_table,
            "DescribeTimeToLive" => describe_time_to_live,
            "ExecuteStatement" => execute_statement,
            "ExecuteTransaction" => execute_transaction,
            "GetItem" => get_item,
            "GetRecords" => get_records,
            "GetShardIterator" => get_shard_iterator,
            "ListStreams" => list_streams,
            "ListTables" => list_tables,
            "ListTagsOfResource" => list_tags_of_resource,
            "PutItem" => put_item,
            "Query" => query,
            "Scan" => scan,
            "TagResource" => tag_resource,
            "TransactGetItems" => transact_get_items,
            "UntagResource" => untag_resource,
            "UpdateItem" => update_item,
            "UpdateTable" => update_table,
            "UpdateTimeToLive" => update_time_to_live,
        ))
    }

    /// Writes a transaction unless it was written before, as its token tells.
    ///
    /// The answer to a repeated transaction has no consumed capacity, even if it was asked for.
    fn transact_write_items(
        &self,
        mut request: TransactWriteItemsRequest,
    ) -> dynoxide::Result<TransactWriteItemsResponse> {
        // The engine refuses a token of another length, so it must see it.
        let valid = |token: &mut String| (1..=LONGEST_TOKEN).contains(&token.len());
        let Some(token) = request.client_request_token.take_if(valid) else {
            return self.database.transact_write_items(request);
        };
        let digest = digest(&serde_json::to_value(&request.transact_items).map_err(internal)?);
        // Held until the transaction is written: the same token on another connection waits here.
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        match tokens.look_up(&token, digest, Instant::now()) {
            Known::Written => Ok(TransactWriteItemsResponse::default()),
            Known::OtherParameters => Err(DynoxideError::IdempotentParameterMismatchException(
                "An error occurred (IdempotentParameterMismatchException)".to_owned(),
            )),
            Known::New => {
                let written = self.database.transact_write_items(request)?;
                tokens.remember(&token, digest, Instant::now());
                Ok(written)
            }
        }
    }
}

/// Reads a request.
///
/// Errors are told apart as DynamoDB does: a body that is not JSON of the right form is a
/// `SerializationException`, a value that is not allowed a `ValidationException`.
fn read<T: DeserializeOwned>(body: &[u8]) -> dynoxide::Result<T> {
    serde_json::from_slice(body).map_err(|error| {
        let message = error.to_string();
        // dynoxide's own refusals begin with a mark such as `VALIDATION:` or `SERIALIZATION_AS_READ:`.
        let is_mark = |mark: &str| mark.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
        let marked = message.split_once(':').filter(|(mark, _)| is_mark(mark));
        let (mark, words) = marked.unwrap_or(("", &message));
        // A value nested too deeply for the parser is also too deep for DynamoDB.
        let not_json = !error.is_data() && !message.starts_with("recursion limit");
        if mark.starts_with("SERIALIZATION") || not_json {
            DynoxideError::SerializationException(words.to_owned())
        } else {
            DynoxideError::ValidationException(words.to_owned())
        }
    })
}

fn write(answer: &impl Serialize) -> dynoxide::Result<String> {
    serde_json::to_string(answer).map_err(internal)
}

fn internal(error: serde_json::Error) -> DynoxideError {
    DynoxideError::InternalServerError(error.to_string())
}

fn response(status: StatusCode, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
    if let Ok(id) = HeaderValue::from_str(&format!("{:032X}", fastrand::u128(..))) {
        headers.insert(HeaderName::from_static("x-amzn-requestid"), id);
    }
    response
}
