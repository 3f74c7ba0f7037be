//! The AWS clients: built once before the first request, TLS on ring, no configuration files.

use std::fmt;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, SharedHttpClient};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, tls};

use crate::env;
use crate::source::ParameterStore;

/// Where the stores are and who asks.
#[derive(Clone)]
pub struct Aws {
    region: String,
    credentials: Credentials,
    dynamodb_endpoint: Option<String>,
    s3_endpoint: Option<String>,
    ssm_endpoint: Option<String>,
    http_client: SharedHttpClient,
}

impl Aws {
    /// As Lambda's environment says.
    pub fn from_env(reader: &mut env::Reader) -> Self {
        let region = reader.required(env::AWS_REGION);
        let credentials = Credentials::new(
            reader.required(env::AWS_ACCESS_KEY_ID),
            reader.required(env::AWS_SECRET_ACCESS_KEY),
            reader.optional(env::AWS_SESSION_TOKEN),
            None,
            "environment",
        );
        let (dynamodb, s3) =
            (reader.optional(env::AWS_ENDPOINT_URL_DYNAMODB), reader.optional(env::AWS_ENDPOINT_URL_S3));
        let ssm_endpoint = reader.optional(env::AWS_ENDPOINT_URL_SSM);
        Self { ssm_endpoint, ..Self::new(region, credentials, dynamodb, s3) }
    }

    /// With other endpoints than the region's own, if any are given.
    pub fn new(
        region: String,
        credentials: Credentials,
        dynamodb_endpoint: Option<String>,
        s3_endpoint: Option<String>,
    ) -> Self {
        let http_client = Builder::new().tls_provider(tls::Provider::Rustls(CryptoMode::Ring)).build_https();
        Self { region, credentials, dynamodb_endpoint, s3_endpoint, ssm_endpoint: None, http_client }
    }

    /// The same with another endpoint for SSM.
    #[must_use]
    pub fn with_ssm_endpoint(self, endpoint: String) -> Self {
        Self { ssm_endpoint: Some(endpoint), ..self }
    }

    /// A client for the table.
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let mut config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .credentials_provider(self.credentials.clone())
            .http_client(self.http_client.clone())
            .timeout_config(timeouts(Duration::from_millis(1_500)))
            .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(25)));
        config.set_endpoint_url(self.dynamodb_endpoint.clone());
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    /// A client for the bucket.
    pub fn s3(&self) -> aws_sdk_s3::Client {
        let mut config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(self.region.clone()))
            .credentials_provider(self.credentials.clone())
            .http_client(self.http_client.clone())
            .timeout_config(timeouts(Duration::from_secs(60)))
            .retry_config(RetryConfig::standard().with_initial_backoff(Duration::from_millis(200)))
            // An endpoint of one's own has no name per bucket.
            .force_path_style(self.s3_endpoint.is_some());
        config.set_endpoint_url(self.s3_endpoint.clone());
        aws_sdk_s3::Client::from_conf(config.build())
    }

    /// A client for the parameters.
    pub(crate) fn ssm(&self) -> ParameterStore {
        let timeouts = timeouts(Duration::from_millis(1_500));
        let (endpoint, http_client) = (self.ssm_endpoint.as_deref(), self.http_client.clone());
        ParameterStore::new(&self.region, &self.credentials, endpoint, http_client, timeouts)
    }
}

impl fmt::Debug for Aws {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Aws").field("region", &self.region).finish_non_exhaustive()
    }
}

fn timeouts(attempt: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(1))
        .operation_attempt_timeout(attempt)
        .build()
}
