//! The AWS clients: built once before the first request, TLS on ring, no configuration files.

pub(crate) mod operation;

use std::fmt;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, SharedHttpClient, StalledStreamProtectionConfig};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, tls};

use self::operation::Service;
use crate::env;

/// The endpoints of AWS and the credentials.
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
    /// Returns the endpoints and credentials of Lambda's environment.
    pub fn from_env(environment: &mut env::Environment) -> Self {
        let region = environment.required(env::AWS_REGION);
        let credentials = Credentials::new(
            environment.required(env::AWS_ACCESS_KEY_ID),
            environment.required(env::AWS_SECRET_ACCESS_KEY),
            environment.optional(env::AWS_SESSION_TOKEN),
            None,
            "environment",
        );
        let (dynamodb, s3) = (
            environment.optional(env::AWS_ENDPOINT_URL_DYNAMODB),
            environment.optional(env::AWS_ENDPOINT_URL_S3),
        );
        let ssm_endpoint = environment.optional(env::AWS_ENDPOINT_URL_SSM);
        Self { ssm_endpoint, ..Self::new(region, credentials, dynamodb, s3) }
    }

    /// Returns the endpoints of a region, or others if they are given.
    pub fn new(
        region: String,
        credentials: Credentials,
        dynamodb_endpoint: Option<String>,
        s3_endpoint: Option<String>,
    ) -> Self {
        let http_client = Builder::new().tls_provider(tls::Provider::Rustls(CryptoMode::Ring)).build_https();
        Self { region, credentials, dynamodb_endpoint, s3_endpoint, ssm_endpoint: None, http_client }
    }

    /// Returns it with another endpoint for SSM.
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
            // Against stalls, the timeout is enough: nothing here is a stream.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
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
            // A local endpoint has no host name per bucket.
            .force_path_style(self.s3_endpoint.is_some());
        config.set_endpoint_url(self.s3_endpoint.clone());
        aws_sdk_s3::Client::from_conf(config.build())
    }

    /// The Parameter Store.
    pub(crate) fn ssm(&self) -> Service {
        let url = self.ssm_endpoint.clone().unwrap_or_else(|| self.url("ssm"));
        // Whoever asks knows how long to try.
        let retries = RetryConfig::disabled();
        Service { retries, ..self.service("ssm", url, Duration::from_millis(1_500)) }
    }

    /// A bucket, to put objects into it in one request each.
    pub(crate) fn bucket(&self, name: &str) -> Service {
        let url = match &self.s3_endpoint {
            Some(endpoint) => format!("{}/{name}", endpoint.trim_end_matches('/')),
            // S3's certificate does not cover a bucket's name with a dot in it.
            None if name.contains('.') => format!("{}/{name}", self.url("s3")),
            None => self.url(&format!("{name}.s3")),
        };
        self.service("s3", url, Duration::from_secs(3))
    }

    fn service(&self, name: &'static str, url: String, attempt: Duration) -> Service {
        Service {
            name,
            url: url.trim_end_matches('/').to_owned(),
            region: self.region.clone(),
            credentials: self.credentials.clone(),
            http_client: self.http_client.clone(),
            timeouts: timeouts(attempt),
            retries: RetryConfig::standard().with_initial_backoff(Duration::from_millis(50)),
        }
    }

    /// Where a service of the region is.
    fn url(&self, service: &str) -> String {
        let region = &self.region;
        let domain = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("https://{service}.{region}.{domain}")
    }
}

/// A bucket, to read from it and to stream into it.
#[derive(Clone, Debug)]
pub struct Bucket {
    /// The client for it.
    pub client: aws_sdk_s3::Client,
    /// Its name.
    pub name: String,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_where_their_region_is_or_where_they_are_said_to_be() {
        let credentials = Credentials::new("id", "key", None, None, "test");
        let aws = |region: &str, s3: Option<&str>| {
            Aws::new(region.to_owned(), credentials.clone(), None, s3.map(str::to_owned))
        };
        let mumbai = aws("ap-south-1", None);
        assert_eq!(mumbai.ssm().url, "https://ssm.ap-south-1.amazonaws.com");
        assert_eq!(aws("cn-north-1", None).ssm().url, "https://ssm.cn-north-1.amazonaws.com.cn");
        assert_eq!(mumbai.bucket("calls").url, "https://calls.s3.ap-south-1.amazonaws.com");
        assert_eq!(mumbai.bucket("my.calls").url, "https://s3.ap-south-1.amazonaws.com/my.calls");
        assert_eq!(aws("x", Some("http://s3:9000/")).bucket("calls").url, "http://s3:9000/calls");
        let elsewhere = mumbai.with_ssm_endpoint("http://ssm:9000/".to_owned());
        assert_eq!(elsewhere.ssm().url, "http://ssm:9000");
    }
}
