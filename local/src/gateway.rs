//! API Gateway's part: HTTP requests become events (payload format 2.0), answers become responses.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::{HeaderMap, HeaderValue};
use jiff::Timestamp;
use jiff::fmt::strtime;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use shared::lambda::ApiGatewayV2httpResponse;
use shared::provider::Provider;

/// Which function a route leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// A provider's webhooks.
    Webhook(Provider),
    /// The read API.
    Query,
    /// The API for acting.
    Upkeep,
}

/// The routes of the template: method (or `ANY`), path, function.
pub static ROUTES: LazyLock<Vec<(&str, String, Function)>> = LazyLock::new(|| {
    let webhooks = Provider::ALL.map(|provider| (provider.route(), Function::Webhook(provider)));
    let query = QUERY_ROUTES.map(|path| (path.to_owned(), Function::Query));
    let upkeep = UPKEEP_ROUTES.map(|(method, path)| (method, path.to_owned(), Function::Upkeep));
    let any = webhooks.into_iter().chain(query).map(|(path, function)| ("ANY", path, function));
    any.chain(upkeep).collect()
});

const QUERY_ROUTES: [&str; 9] = [
    "/calls",
    "/audit",
    "/recordings",
    "/quarantine",
    "/quarantine/{quarantine_id}",
    "/calls/{provider}/{source}/{call_id}",
    "/calls/{provider}/{source}/{call_id}/recordings/{recording_id}",
    "/calls/{provider}/{source}/{call_id}/deliveries/{delivery_id}",
    "/calls/{provider}/{source}/{call_id}/recordings/{recording_id}/retry",
];

const UPKEEP_ROUTES: [(&str, &str); 5] = [
    ("ANY", "/quarantine/{quarantine_id}/replay"),
    ("ANY", "/quarantine/{quarantine_id}/discard"),
    ("ANY", "/calls/{provider}/{source}/{call_id}/rebuild"),
    ("DELETE", "/calls/{provider}/{source}/{call_id}"),
    ("DELETE", "/quarantine/{quarantine_id}"),
];

/// A request as it comes over HTTP.
#[derive(Clone)]
pub struct HttpRequest {
    /// The method.
    pub method: http::Method,
    /// The path, percent-encoded as it was sent.
    pub path: String,
    /// The query string, without `?`.
    pub query: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Vec<u8>,
}

impl fmt::Debug for HttpRequest {
    /// Neither the path, whose last part may be a token, nor query, headers or body.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("HttpRequest").field("method", &self.method).finish_non_exhaustive()
    }
}

/// The event that API Gateway makes of a request, and the function it is for; `None` if no route
/// takes it.
pub fn event(request: &HttpRequest, at: Timestamp) -> Option<(Function, Value)> {
    let routes = || {
        ROUTES.iter().filter_map(|(method, route, function)| {
            Some((*method, route, *function, matched(route, &request.path)?))
        })
    };
    // A route of the method itself goes before one of any method.
    let of_method = routes().find(|(method, ..)| *method == request.method.as_str());
    let (method, route, function, parameters) =
        of_method.or_else(|| routes().find(|(method, ..)| *method == "ANY"))?;
    let route_key = format!("{method} {route}");
    let header =
        |name: &str| request.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let text = std::str::from_utf8(&request.body).ok().filter(|_| is_text(header("content-type")));
    let (body, is_base64_encoded) = match text {
        Some(text) => (text.to_owned(), false),
        None => (BASE64_STANDARD.encode(&request.body), true),
    };
    let time =
        strtime::format("%d/%b/%Y:%H:%M:%S +0000", &at.to_zoned(jiff::tz::TimeZone::UTC)).unwrap_or_default();
    let mut event = json!({
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": request.path,
        "rawQueryString": request.query,
        "headers": joined(&request.headers),
        "pathParameters": parameters,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "local",
            "domainName": "local.execute-api.us-east-1.amazonaws.com",
            "domainPrefix": "local",
            "http": {
                "method": request.method.as_str(),
                "path": request.path,
                "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1",
                "userAgent": header("user-agent"),
            },
            "requestId": format!("local-{:016x}", fastrand::u64(..)),
            "routeKey": route_key,
            "stage": "$default",
            "time": time,
            "timeEpoch": at.as_millisecond(),
        },
        "isBase64Encoded": is_base64_encoded,
    });
    if !body.is_empty() {
        event["body"] = json!(body);
    }
    Some((function, event))
}

/// The HTTP response that API Gateway makes of a function's answer.
pub fn response(answer: ApiGatewayV2httpResponse) -> anyhow::Result<http::Response<Vec<u8>>> {
    let mut response = http::Response::new(Vec::new());
    *response.status_mut() = u16::try_from(answer.status_code)?.try_into().context("not a status")?;
    *response.headers_mut() = answer.headers;
    if let Some(body) = answer.body {
        *response.body_mut() = body.as_ref().to_vec();
    }
    Ok(response)
}

/// The parameters of a route that a path matches, decoded.
fn matched(route: &str, path: &str) -> Option<BTreeMap<String, String>> {
    let (route, path): (Vec<_>, Vec<_>) = (route.split('/').collect(), path.split('/').collect());
    if route.len() != path.len() {
        return None;
    }
    let mut parameters = BTreeMap::new();
    for (expected, found) in route.into_iter().zip(path) {
        match expected.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) if !found.is_empty() => {
                let decoded = percent_decode_str(found).decode_utf8_lossy().into_owned();
                parameters.insert(name.to_owned(), decoded);
            }
            None if expected == found => {}
            _ => return None,
        }
    }
    Some(parameters)
}

/// Header names in lower case, the values of a repeated one joined by commas.
fn joined(headers: &HeaderMap) -> BTreeMap<&str, String> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let names = headers.keys().map(http::HeaderName::as_str);
    names.map(|name| (name, headers.get_all(name).iter().map(text).collect::<Vec<_>>().join(","))).collect()
}

/// The content types that API Gateway hands over as text; everything else is base64.
fn is_text(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence.starts_with("text/")
        || matches!(essence.as_str(), "application/json" | "application/javascript" | "application/xml")
}
