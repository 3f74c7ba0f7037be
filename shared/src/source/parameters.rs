//! The one operation of SSM Parameter Store that is needed, on the AWS SDK's own runtime: its retries,
//! timeouts and signatures. The crate for all of SSM takes longer to compile than the rest together.

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::{ErrorMetadata, ProvideErrorMetadata};
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use serde::{Deserialize, Serialize};

/// The operation, as its header names it.
const TARGET: &str = "AmazonSSM.GetParametersByPath";

/// How many pages are read: 500 parameters.
const MAX_PAGES: usize = 50;

/// Reads parameters.
#[derive(Clone, Debug)]
pub(crate) struct ParameterStore(Operation<Request, Page, Refused>);

/// A parameter. Its value is a secret, and redacts itself.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) value: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    path: String,
    with_decryption: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Page {
    #[serde(default)]
    parameters: Vec<Parameter>,
    next_token: Option<String>,
}

/// The store does not do as asked.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(ErrorMetadata);

impl ParameterStore {
    /// Parameters of a region, or of another endpoint.
    pub(crate) fn new(
        region: &str,
        credentials: &Credentials,
        endpoint: Option<&str>,
        http_client: SharedHttpClient,
        timeouts: TimeoutConfig,
    ) -> Self {
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        let url = endpoint.map_or_else(|| format!("https://ssm.{region}.{domain}"), str::to_owned);
        let (identity, region, signed_url) =
            (Identity::from(credentials.clone()), region.to_owned(), url.clone());
        let operation = Operation::builder()
            .service_name("ssm")
            .operation_name("GetParametersByPath")
            .behavior_version(BehaviorVersion::latest())
            .http_client(http_client)
            .endpoint_url(&url)
            // The request is signed as it is made.
            .no_auth()
            .standard_retry(&RetryConfig::standard().with_initial_backoff(Duration::from_millis(50)))
            .retry_classifier(AwsErrorCodeClassifier::<Refused>::new())
            .timeout_config(timeouts)
            .with_connection_poisoning()
            .serializer(move |request: Request| signed(&request, &signed_url, &region, &identity))
            .deserializer(page)
            .build();
        Self(operation)
    }

    /// The parameters right under a path, decrypted.
    pub(crate) async fn get_parameters_by_path(&self, path: &str) -> Result<Vec<Parameter>, String> {
        let (mut parameters, mut next_token) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            let request = Request { path: path.to_owned(), with_decryption: true, next_token };
            let page = self.0.invoke(request).await.map_err(|error| cause(&error))?;
            parameters.extend(page.parameters);
            next_token = page.next_token;
            if next_token.is_none() {
                return Ok(parameters);
            }
        }
        Err("there are too many".to_owned())
    }
}

fn signed(request: &Request, url: &str, region: &str, identity: &Identity) -> Result<HttpRequest, BoxError> {
    let body = serde_json::to_vec(request)?;
    let headers = [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", TARGET)];
    let parameters = v4::SigningParams::builder()
        .identity(identity)
        .region(region)
        .name("ssm")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()?
        .into();
    let uri = format!("{}/", url.trim_end_matches('/'));
    let signable = SignableRequest::new("POST", uri, headers.into_iter(), SignableBody::Bytes(&body))?;
    let (instructions, _) = sign(signable, &parameters)?.into_parts();
    let mut signed = HttpRequest::new(body.into());
    signed.set_method("POST")?;
    signed.set_uri("/")?;
    for (name, value) in headers {
        signed.headers_mut().insert(name, value);
    }
    let (headers, _) = instructions.into_parts();
    for header in headers {
        signed.headers_mut().try_insert(header.name(), header.value().to_owned())?;
    }
    Ok(signed)
}

fn page(response: &HttpResponse) -> Result<Page, OrchestratorError<Refused>> {
    #[derive(Deserialize)]
    struct Problem {
        #[serde(rename = "__type")]
        kind: String,
    }
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        // The text is left out: there are secrets in it.
        return serde_json::from_slice(body).map_err(|_| OrchestratorError::other("no page of parameters"));
    }
    let code = serde_json::from_slice(body).map(|Problem { kind }| kind).unwrap_or_default();
    let code = code.rsplit('#').next().filter(|code| !code.is_empty()).unwrap_or("unknown error");
    Err(OrchestratorError::operation(Refused(ErrorMetadata::builder().code(code).build())))
}

/// The service's code, and nothing of the request.
fn cause(error: &SdkError<Refused, HttpResponse>) -> String {
    match error {
        SdkError::ServiceError(service) => service.err().code().unwrap_or("unknown error").to_owned(),
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        SdkError::DispatchFailure(_) => "could not be reached".to_owned(),
        _ => "no answer that could be read".to_owned(),
    }
}

impl ProvideErrorMetadata for Refused {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

impl fmt::Debug for Parameter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Parameter").field("name", &self.name).finish_non_exhaustive()
    }
}
