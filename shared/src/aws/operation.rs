//! Operations of our own making on the AWS SDK's runtime, with its retries, timeouts and signatures: for
//! services of which one operation is needed.
//!
//! Their crates cost too much for that. SSM's takes longer to compile than the rest together, and S3's
//! is a quarter of a function.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_runtime::retries::classifiers::{AwsErrorCodeClassifier, THROTTLING_ERRORS};
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use bytes::Bytes;
use serde::Deserialize;

/// The endpoint of a service, the credentials, the timeouts and the retries.
#[derive(Debug)]
pub(crate) struct Service {
    /// As signatures name it.
    pub(super) name: &'static str,
    /// Without a slash at the end.
    pub(super) url: String,
    pub(super) region: String,
    pub(super) credentials: Credentials,
    pub(super) http_client: SharedHttpClient,
    pub(super) timeouts: TimeoutConfig,
    pub(super) retries: RetryConfig,
}

/// A request before it is signed.
pub(crate) struct Unsigned {
    pub(crate) method: &'static str,
    /// The path below the service's URL, with nothing in it that needs to be encoded.
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Bytes,
}

/// The service refused a request. It holds the service's code, and nothing of the request.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct RefusedError(ErrorMetadata);

impl Service {
    /// Returns an operation. `request` makes the request of an input, `output` reads an answer's body.
    pub(crate) fn operation<I, O>(
        self,
        name: &'static str,
        request: impl Fn(I) -> Result<Unsigned, BoxError> + Send + Sync + 'static,
        output: impl Fn(&[u8]) -> Result<O, BoxError> + Send + Sync + 'static,
    ) -> Operation<I, O, RefusedError>
    where
        I: std::fmt::Debug + Send + Sync + 'static,
        O: std::fmt::Debug + Send + Sync + 'static,
    {
        let Self { name: service, url, region, credentials, http_client, timeouts, retries } = self;
        let identity = Identity::from(credentials);
        Operation::builder()
            .service_name(service)
            .operation_name(name)
            .behavior_version(BehaviorVersion::latest())
            .http_client(http_client)
            .endpoint_url(&url)
            // The request is signed as it is made.
            .no_auth()
            .standard_retry(&retries)
            .retry_classifier(TransientErrorClassifier::<RefusedError>::new())
            .retry_classifier(AwsErrorCodeClassifier::<RefusedError>::new())
            .retry_classifier(HttpStatusCodeClassifier::default())
            .timeout_config(timeouts)
            .with_connection_poisoning()
            .serializer(move |input: I| {
                signed(request(input)?, &url, service, &region, &identity, SystemTime::now())
            })
            .deserializer(move |response| answered(response, &output))
            .build()
    }
}

fn signed(
    request: Unsigned,
    url: &str,
    service: &'static str,
    region: &str,
    identity: &Identity,
    time: SystemTime,
) -> Result<HttpRequest, BoxError> {
    let Unsigned { method, path, headers, body } = request;
    // As S3 wants it; without a difference for the others, whose path is "/".
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let parameters = v4::SigningParams::builder()
        .identity(identity)
        .region(region)
        .name(service)
        .time(time)
        .settings(settings)
        .build()?
        .into();
    let named = headers.iter().map(|(name, value)| (*name, value.as_str()));
    let signable = SignableRequest::new(method, format!("{url}{path}"), named, SignableBody::Bytes(&body))?;
    let (instructions, _) = sign(signable, &parameters)?.into_parts();
    let mut signed = HttpRequest::new(body.into());
    signed.set_method(method)?;
    signed.set_uri(path)?;
    for (name, value) in headers {
        signed.headers_mut().try_insert(name, value)?;
    }
    let (headers, _) = instructions.into_parts();
    for header in headers {
        signed.headers_mut().try_insert(header.name(), header.value().to_owned())?;
    }
    Ok(signed)
}

fn answered<O>(
    response: &HttpResponse,
    output: impl Fn(&[u8]) -> Result<O, BoxError>,
) -> Result<O, OrchestratorError<RefusedError>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        return output(body).map_err(OrchestratorError::other);
    }
    let code = code(body).unwrap_or_else(|| format!("status {}", response.status().as_u16()));
    Err(OrchestratorError::operation(RefusedError(ErrorMetadata::builder().code(code).build())))
}

/// The code in the answer of a service that refuses: JSON's `__type`, or XML's `Code`.
fn code(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Problem {
        #[serde(rename = "__type")]
        kind: String,
    }
    let code = match serde_json::from_slice(body) {
        Ok(Problem { kind }) => kind.rsplit('#').next()?.to_owned(),
        Err(_) => {
            let (_, rest) = std::str::from_utf8(body).ok()?.split_once("<Code>")?;
            rest.split_once("</Code>")?.0.to_owned()
        }
    };
    let is_plain =
        !code.is_empty() && code.len() <= 64 && code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_plain.then_some(code)
}

/// Why an operation did not go through, with nothing of the request in it.
pub(crate) fn cause(error: &SdkError<RefusedError, HttpResponse>) -> &str {
    match error {
        SdkError::ServiceError(service) => service.err().code().unwrap_or("unknown error"),
        SdkError::TimeoutError(_) => "no answer in time",
        SdkError::DispatchFailure(_) => "could not be reached",
        _ => "no answer that could be read",
    }
}

/// Whether the same operation may go through later: the service is throttled, down or out of reach.
pub(crate) fn may_pass(error: &SdkError<RefusedError, HttpResponse>) -> bool {
    match error {
        SdkError::ServiceError(service) => {
            service.raw().status().is_server_error() || THROTTLING_ERRORS.contains(&cause(error))
        }
        SdkError::ConstructionFailure(_) => false,
        _ => true,
    }
}

impl ProvideErrorMetadata for RefusedError {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// The signatures of botocore 1.43 for the same requests, with the same credentials and time.
    #[test]
    fn requests_are_signed_as_aws_wants_it() {
        let rows = [
            (
                "https://ssm.ap-south-1.amazonaws.com",
                "ssm",
                Unsigned {
                    method: "POST",
                    path: "/".to_owned(),
                    headers: vec![
                        ("content-type", "application/x-amz-json-1.1".to_owned()),
                        ("x-amz-target", "AmazonSSM.GetParametersByPath".to_owned()),
                    ],
                    body: Bytes::from_static(br#"{"Path":"/call-ledger/telnyx"}"#),
                },
                "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-amz-target",
                "5fd0c7969ca5e35a9ebe71885c4a25a76b64341af9165017aaddcdffb5e0e931",
            ),
            (
                "https://calls.s3.ap-south-1.amazonaws.com",
                "s3",
                Unsigned {
                    method: "PUT",
                    path: "/values/agni/default/00.json".to_owned(),
                    headers: vec![
                        ("content-type", "application/octet-stream".to_owned()),
                        ("if-none-match", "*".to_owned()),
                        ("x-amz-checksum-sha256", "gDQB0lzd3rkGA0oee4bHQW7ie2a4aaRCrMesC3Vjn9E=".to_owned()),
                    ],
                    body: Bytes::from_static(b"a large value"),
                },
                "content-type;host;if-none-match;x-amz-checksum-sha256;x-amz-content-sha256;x-amz-date;\
                 x-amz-security-token",
                "d35ce355315e22eddf55b2d83236badd15710a90d133299849402f233c1c7a1a",
            ),
        ];
        let token = Some("the-session-token".to_owned());
        let identity = Credentials::new("AKIDEXAMPLE", "the-secret", token, None, "test").into();
        // 2026-06-27T10:05:00Z
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_782_554_700);
        for (url, service, request, names, signature) in rows {
            let signed = signed(request, url, service, "ap-south-1", &identity, time).unwrap();
            let authorization = format!(
                "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260627/ap-south-1/{service}/aws4_request, \
                 SignedHeaders={names}, Signature={signature}"
            );
            assert_eq!(signed.headers().get("authorization"), Some(&*authorization));
            assert_eq!(signed.headers().get("x-amz-security-token"), Some("the-session-token"));
        }
    }

    #[test]
    fn a_refusal_names_its_code_and_nothing_else() {
        let rows = [
            (
                r#"{"__type":"com.amazonaws.ssm#ParameterNotFound","message":"secret"}"#,
                Some("ParameterNotFound"),
            ),
            (r#"{"__type":"ThrottlingException"}"#, Some("ThrottlingException")),
            (
                "<?xml version=\"1.0\"?><Error><Code>PreconditionFailed</Code><Message>secret</Message></Error>",
                Some("PreconditionFailed"),
            ),
            ("<Error><Code>said: a secret</Code></Error>", None),
            ("<Error><Code></Code></Error>", None),
            ("<Error><Code>Trunc", None),
            (r#"{"__type":"a#"}"#, None),
            ("", None),
        ];
        for (body, expected) in rows {
            assert_eq!(code(body.as_bytes()).as_deref(), expected, "{body}");
        }
    }
}
