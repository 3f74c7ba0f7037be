//! `GET …/deliveries/{delivery_id}` and `GET /quarantine/{quarantine_id}`: a delivery as it came, enough to verify its
//! signature again.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use shared::api::{self, Waiting, not_waiting, unavailable};
use shared::aws::Bucket;
use shared::ledger::Ledger;
use shared::ledger::audit::{About, Action};
use shared::ledger::evidence::Request;
use shared::ledger::read::{Delivery, Evidence, Raw};
use shared::path::{self, CallName};
use shared::reader::{Reader, Right};
use shared::reply::{Problem, Reply};
use shared::timestamp::Timestamp;

use crate::weight::{MAX_WEIGHT, weight};
use crate::words;

/// Answers what is known of a delivery, with its headers and its body. The audit trail says who read them.
pub(crate) async fn answer(
    ledger: &Ledger,
    bucket: &Bucket,
    reader: &Reader,
    call: CallName<'_>,
    delivery_id: &str,
    now: Timestamp,
) -> Result<Reply, Problem> {
    let Some((provider, source, call_id)) = call.parts() else { return Err(unknown()) };
    let raw = ledger.delivery(provider, source, &call_id, delivery_id).await;
    let raw = raw.map_err(|error| unavailable(&error))?.ok_or_else(unknown)?;
    let request = fetch(bucket, &raw).await?;
    api::note(ledger, reader, Action::ReadRaw, About::Call(provider, source, &call_id), now).await?;
    let mut answer = raw_json(&raw.delivery, request);
    answer.insert("call_path".to_owned(), json!(path::call(provider.name(), source, &call_id)));
    Ok(attachment(delivery_id, &answer))
}

/// Answers a delivery that waits in quarantine, as its list does, with its headers and its body.
pub(crate) async fn quarantined(
    ledger: &Ledger,
    bucket: &Bucket,
    reader: &Reader,
    quarantine_id: &str,
    now: Timestamp,
) -> Result<Reply, Problem> {
    let waiting = Waiting::of(quarantine_id, reader, Right::Read)?;
    let raw = ledger.quarantined(&waiting.key).await;
    let raw = raw.map_err(|error| unavailable(&error))?.ok_or_else(not_waiting)?;
    let request = fetch(bucket, &raw).await?;
    let Raw { delivery, call_id, .. } = &raw;
    let (provider, source, call_id) = (waiting.provider.name(), &waiting.source, call_id.as_deref());
    api::note(ledger, reader, Action::ReadRaw, waiting.about(call_id), now).await?;
    let mut answer = raw_json(delivery, request);
    for (name, value) in [
        ("quarantine_id", json!(quarantine_id)),
        ("provider", json!(provider)),
        ("source", json!(source)),
        ("call_id", json!(call_id)),
        ("path", json!(call_id.map(|call_id| path::call(provider, source, call_id)))),
        ("message", json!(words::of_quarantined(delivery.reason.as_deref()))),
    ] {
        answer.insert(name.to_owned(), value);
    }
    Ok(attachment(delivery.delivery_id.as_deref().unwrap_or("delivery"), &answer))
}

/// Answers what somebody else wrote: it is never shown as a page.
fn attachment(name: &str, answer: &Map<String, Value>) -> Reply {
    let name = format!("attachment; filename=\"{name}.json\"");
    let name = HeaderValue::from_str(&name).unwrap_or_else(|_| HeaderValue::from_static("attachment"));
    let reply = Reply::json(StatusCode::OK, answer).with_header(CONTENT_DISPOSITION, name);
    reply.with_header(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))
}

/// A delivery with its headers and body. The body is text if it is UTF-8 and has room as such, else base64.
fn raw_json(delivery: &Delivery, Request { headers, body }: Request) -> Map<String, Value> {
    let mut answer = match serde_json::to_value(delivery) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    let as_text = std::str::from_utf8(&body).ok().filter(|text| weight(text) <= MAX_WEIGHT);
    let (encoding, body) = match as_text {
        Some(text) => ("text", text.to_owned()),
        None => ("base64", BASE64_STANDARD.encode(&body)),
    };
    for (name, value) in
        [("headers", Value::Object(headers)), ("body_encoding", json!(encoding)), ("body", json!(body))]
    {
        answer.insert(name.to_owned(), value);
    }
    answer
}

/// Returns the headers and the body of a delivery, from wherever they are.
async fn fetch(bucket: &Bucket, Raw { delivery, evidence, .. }: &Raw) -> Result<Request, Problem> {
    let delivery_id = delivery.delivery_id.as_deref().unwrap_or_default();
    let request = match evidence {
        Evidence::Inline(request) => request.clone(),
        Evidence::InBucket(key) => fetch_object(bucket, key).await?,
        Evidence::Damaged(error) => return Err(damaged(delivery_id, error)),
    };
    if delivery.body_sha256.as_deref() == Some(&hex::encode(Sha256::digest(&request.body))) {
        Ok(request)
    } else {
        Err(damaged(delivery_id, &"it is of another body"))
    }
}

/// Fetches evidence that is in the bucket.
async fn fetch_object(bucket: &Bucket, key: &str) -> Result<Request, Problem> {
    let get = bucket.client.get_object().bucket(&bucket.name).key(key);
    let object = get.send().await.map_err(|error| {
        let service = error.as_service_error();
        // To whoever may not list the bucket, S3 says of an object that is gone that access is denied.
        let is_gone = service.is_some_and(|error| {
            error.is_no_such_key() || error.meta().code().is_some_and(|code| code == "AccessDenied")
        });
        if is_gone { expired() } else { no_bucket() }
    })?;
    let frame: Bytes = object.body.collect().await.map_err(|_| no_bucket())?.into_bytes();
    Request::unpack(&frame).map_err(|error| damaged(key, &error))
}

fn unknown() -> Problem {
    let message = "The ledger has no delivery of this id for this call, or has it no longer.";
    Problem::new(StatusCode::NOT_FOUND, "delivery_unknown", message)
}

fn expired() -> Problem {
    let message = "The body of this delivery has expired; what was read from it is in the call's record.";
    Problem::new(StatusCode::CONFLICT, "evidence_expired", message)
}

fn no_bucket() -> Problem {
    tracing::error!("the bucket did not answer");
    Problem::unavailable()
}

fn damaged(which: &str, error: &dyn std::fmt::Display) -> Problem {
    tracing::error!(which, %error, "evidence can't be read");
    Problem::internal()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(body: &[u8]) -> (String, String) {
        let delivery = Delivery::default();
        let request = Request { headers: Map::new(), body: Bytes::copy_from_slice(body) };
        let answer = raw_json(&delivery, request);
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        (text("body_encoding"), text("body"))
    }

    #[test]
    fn a_body_is_text_where_it_is_utf_8_and_base64_where_it_is_not() {
        assert_eq!(answered("é\n\0".as_bytes()), ("text".to_owned(), "é\n\0".to_owned()));
        assert_eq!(answered(b"\xff"), ("base64".to_owned(), "/w==".to_owned()));
        assert_eq!(answered(b""), ("text".to_owned(), String::new()));
    }

    #[test]
    fn a_text_that_would_be_too_heavy_an_answer_is_base64() {
        let (encoding, body) = answered(&vec![1; 4 * 1024 * 1024]);
        assert_eq!(encoding, "base64");
        // Lambda takes six MiB.
        assert!(weight(&body) < 6 * 1024 * 1024 - 100_000);
    }
}
