//! AWS SDK clients for the tests of this crate.

use std::net::SocketAddr;

use aws_credential_types::Credentials;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

pub(crate) fn credentials() -> crate::Credentials {
    crate::Credentials { access_key_id: "local".to_owned(), secret_access_key: "local-secret".to_owned() }
}

pub(crate) fn s3(address: SocketAddr) -> aws_sdk_s3::Client {
    let ours = credentials();
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::v2026_01_12())
        .credentials_provider(Credentials::new(
            ours.access_key_id,
            ours.secret_access_key,
            None,
            None,
            "tests",
        ))
        .region(aws_sdk_s3::config::Region::new("us-east-1"))
        .endpoint_url(format!("http://{address}"))
        .force_path_style(true)
        .http_client(http_client())
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

pub(crate) fn dynamodb(address: SocketAddr) -> aws_sdk_dynamodb::Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(aws_sdk_dynamodb::config::BehaviorVersion::v2026_01_12())
        .credentials_provider(Credentials::new("local", "local-secret", None, None, "tests"))
        .region(aws_sdk_dynamodb::config::Region::new("us-east-1"))
        .endpoint_url(format!("http://{address}"))
        .http_client(http_client())
        .build();
    aws_sdk_dynamodb::Client::from_conf(config)
}

fn http_client() -> aws_sdk_s3::config::SharedHttpClient {
    aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}
