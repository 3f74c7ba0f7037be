//! TLS: which certificates are trusted, for which name, and what is sent.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

use super::served::{Ending, Names, Server, fetcher_that_trusts};
use super::{CopyError, Fetcher, Policy, copied, short, source};

const NAME: &str = "media.example.com";

/// The test's own certificate authority.
struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap().der().clone();
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// Answers TLS with a certificate that this authority signed.
    fn certify(&self, params: &CertificateParams) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        acceptor(params.signed_by(&key, &self.issuer).unwrap().der().clone(), &key)
    }

    fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone()).unwrap();
        roots
    }
}

fn acceptor(certificate: CertificateDer<'static>, key: &KeyPair) -> TlsAcceptor {
    let key = PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    TlsAcceptor::from(Arc::new(config))
}

fn params(name: &str) -> CertificateParams {
    CertificateParams::new([name.to_owned()]).unwrap()
}

fn valid(mut params: CertificateParams, from_year: i32, to_year: i32) -> CertificateParams {
    params.not_before = date_time_ymd(from_year, 1, 1);
    params.not_after = date_time_ymd(to_year, 1, 1);
    params
}

async fn serve(tls: TlsAcceptor, ending: Ending, answer: &str) -> Server {
    Server::start(Some(tls), ending, [answer.to_owned()].into()).await
}

fn here() -> Names {
    Names::answering(&[&["127.0.0.1"]])
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nRIFF";

#[tokio::test]
async fn a_trusted_origin_is_fetched_and_gets_the_credentials() {
    let authority = Authority::new();
    let server = serve(authority.certify(&params(NAME)), Ending::Proper, OK).await;
    let (fetcher, _) = fetcher_that_trusts(short(Policy::local()), &here(), authority.roots());
    let source = source(
        r#","recording_authorization_hosts":["media.example.com"],"recording_authorization":"Bearer canary""#,
    );
    let url = format!("https://{NAME}:{}/r", server.port);
    assert_eq!(copied(&fetcher, &source, &url, None).await, Ok(b"RIFF".to_vec()));
    let heads = server.heads();
    assert_eq!(heads.len(), 1);
    assert!(heads[0].contains("authorization: bearer canary\r\n"), "{}", heads[0]);
    assert!(heads[0].contains(&format!("host: {NAME}:")), "{}", heads[0]);
}

#[tokio::test]
async fn an_origin_that_can_not_prove_its_name_gets_no_request() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let self_signed = {
        let key = KeyPair::generate().unwrap();
        acceptor(params(NAME).self_signed(&key).unwrap().der().clone(), &key)
    };
    let trusting = |roots| fetcher_that_trusts(short(Policy::local()), &here(), roots).0;
    for (what, tls) in [
        ("self-signed", self_signed),
        ("signed by a stranger", stranger.certify(&params(NAME))),
        ("for another name", authority.certify(&params("media.example.net"))),
        ("for the names below", authority.certify(&params("*.media.example.com"))),
        ("expired", authority.certify(&valid(params(NAME), 2019, 2020))),
        ("not valid yet", authority.certify(&valid(params(NAME), 2090, 2091))),
    ] {
        let server = serve(tls, Ending::Proper, OK).await;
        let url = format!("https://{NAME}:{}/r?canary", server.port);
        let fault = copied(&trusting(authority.roots()), &source(""), &url, None).await.unwrap_err();
        assert_eq!(fault, CopyError::transient("tls"), "{what}");
        assert_eq!((server.connections(), server.heads()), (1, vec![]), "{what}");
    }
    // The production fetcher does not trust the test's authority.
    let server = serve(authority.certify(&params("localhost")), Ending::Proper, OK).await;
    let url = format!("https://localhost:{}/r", server.port);
    let everybodys = Fetcher::new(short(Policy::local())).unwrap();
    assert_eq!(copied(&everybodys, &source(""), &url, None).await, Err(CopyError::transient("tls")));
    assert_eq!(copied(&trusting(authority.roots()), &source(""), &url, None).await, Ok(b"RIFF".to_vec()));
}

#[tokio::test]
async fn a_body_that_only_its_end_ends_must_end_properly() {
    let authority = Authority::new();
    let endless = "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nRIFF";
    for (ending, announced, expected) in [
        (Ending::Proper, None, Ok(b"RIFF".to_vec())),
        (Ending::Proper, Some(4), Ok(b"RIFF".to_vec())),
        (Ending::Proper, Some(5), Err(CopyError::transient("size_mismatch"))),
        (Ending::Abrupt, None, Err(CopyError::transient("connection_lost"))),
        (Ending::Abrupt, Some(4), Err(CopyError::transient("connection_lost"))),
    ] {
        let server = serve(authority.certify(&params(NAME)), ending, endless).await;
        let (fetcher, _) = fetcher_that_trusts(short(Policy::local()), &here(), authority.roots());
        let url = format!("https://{NAME}:{}/r", server.port);
        let found = copied(&fetcher, &source(""), &url, announced).await;
        assert_eq!(found, expected, "{ending:?} {announced:?}");
    }
}

#[tokio::test]
async fn credentials_do_not_go_where_https_leads_to_http() {
    let authority = Authority::new();
    let plain = Server::answering([OK.to_owned()]).await;
    let redirect = format!(
        "HTTP/1.1 302 Found\r\nlocation: http://{NAME}:{}/r\r\ncontent-length: 0\r\n\r\n",
        plain.port
    );
    let server = serve(authority.certify(&params(NAME)), Ending::Proper, &redirect).await;
    let (fetcher, _) = fetcher_that_trusts(short(Policy::local()), &here(), authority.roots());
    let source = source(
        r#","recording_authorization_hosts":["media.example.com"],"recording_authorization":"Bearer canary""#,
    );
    let url = format!("https://{NAME}:{}/r", server.port);
    assert_eq!(copied(&fetcher, &source, &url, None).await, Ok(b"RIFF".to_vec()));
    assert!(server.heads()[0].contains("bearer canary"));
    assert!(!plain.heads()[0].contains("canary"), "{}", plain.heads()[0]);
}
