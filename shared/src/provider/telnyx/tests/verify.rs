//! Whose a delivery is.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde_json::json;

use super::super::super::Provider::Telnyx;
use super::super::super::fixture::{now, sample, source, verify};
use super::super::{SIGNATURE_HEADER, TIMESTAMP_HEADER, signed};
use super::{configured, signer};
use crate::proof::Ed25519Signer;
use crate::proof::{Freshness, Proof, ProofError, Scheme};

fn proof(signer: &Ed25519Signer, body: &Bytes, seconds_from_now: i64) -> Result<Proof, ProofError> {
    let headers = signed(signer, body, now().as_second() + seconds_from_now);
    proof_of([&headers[0].1, &headers[1].1], body)
}

fn proof_of([signature, time]: [&str; 2], body: &Bytes) -> Result<Proof, ProofError> {
    let headers = [(SIGNATURE_HEADER, signature), (TIMESTAMP_HEADER, time)];
    verify(Telnyx, &configured(), &headers, body).map(|verified| verified.proof())
}

#[test]
fn accepts_a_signature_of_the_source_s_key() {
    let fresh = Proof { scheme: Scheme::Ed25519, freshness: Freshness::Fresh, key: 0 };
    assert_eq!(proof(&signer(1), &sample("telnyx-call-completed"), 0), Ok(fresh));
}

#[test]
fn rejects_another_key_and_a_changed_body_or_time() {
    let body = sample("telnyx-call-completed");
    assert_eq!(proof(&signer(2), &body, 0), Err(ProofError::SignatureMismatch));
    let [(_, signature), (_, time)] = signed(&signer(1), &body, now().as_second());
    let changed: Bytes = [&body[..], b"&x=y"].concat().into();
    assert_eq!(proof_of([&signature, &time], &changed), Err(ProofError::SignatureMismatch));
    assert_eq!(
        proof_of([&signature, &(now().as_second() + 1).to_string()], &body),
        Err(ProofError::SignatureMismatch)
    );
    // The same number, written in another way, is not what was signed.
    assert_eq!(proof_of([&signature, &format!("0{time}")], &body), Err(ProofError::SignatureMismatch));
}

#[test]
fn accepts_either_key_during_rotation() {
    let rotating = source(Telnyx, json!({ "public_keys": [signer(3).public_key(), signer(1).public_key()] }));
    let body = sample("telnyx-call-completed");
    for (seed, place) in [(3, 0), (1, 1)] {
        let headers = signed(&signer(seed), &body, now().as_second());
        let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
        assert_eq!(verify(Telnyx, &rotating, &headers, &body).unwrap().proof().key, place);
    }
}

#[test]
fn a_signed_time_outside_the_tolerance_is_not_fresh() {
    let body = sample("telnyx-call-completed");
    let freshness = |seconds| proof(&signer(1), &body, seconds).unwrap().freshness;
    assert_eq!(freshness(-300), Freshness::Fresh);
    assert_eq!(freshness(-301), Freshness::Stale(301));
    assert_eq!(freshness(300), Freshness::Fresh);
    assert_eq!(freshness(301), Freshness::Future(301));
    for (time, expected) in [
        ("0", Freshness::Stale(now().as_second())),
        ("9223372036854775807", Freshness::Future(i64::MAX - now().as_second())),
        ("18446744073709551615", Freshness::Future(i64::MAX)),
    ] {
        let message = [time.as_bytes(), b"|", &body].concat();
        let signature = BASE64_STANDARD.encode(signer(1).sign(&message));
        assert_eq!(proof_of([&signature, time], &body).unwrap().freshness, expected, "{time}");
    }
}

#[test]
fn missing_and_malformed_headers_are_named() {
    let body = sample("telnyx-call-completed");
    let [(_, signature), (_, time)] = signed(&signer(1), &body, now().as_second());
    let missing = |header| Err(ProofError::SignatureMissing { header });
    let malformed = |header, problem| Err(ProofError::SignatureMalformed { header, problem });
    let only = |headers: &[(&'static str, &str)]| {
        verify(Telnyx, &configured(), headers, &body).map(|verified| verified.proof())
    };
    assert_eq!(only(&[]), missing(SIGNATURE_HEADER));
    assert_eq!(only(&[(TIMESTAMP_HEADER, &time)]), missing(SIGNATURE_HEADER));
    assert_eq!(only(&[(SIGNATURE_HEADER, &signature)]), missing(TIMESTAMP_HEADER));
    let no_signature = malformed(SIGNATURE_HEADER, "is not the base64 of 64 bytes");
    for bad in ["%%%", "AAAA", &signature[..40], &format!("{signature},{signature}"), &hex::encode([0; 64])] {
        assert_eq!(proof_of([bad, &time], &body), no_signature, "{bad}");
    }
    let no_time = malformed(TIMESTAMP_HEADER, "is not a number of seconds");
    for bad in ["now", "-1", "+1", "1.5", "0x10", "١", "18446744073709551616", &format!("{time},{time}")] {
        let expected =
            if bad.is_ascii() { no_time.clone() } else { malformed(TIMESTAMP_HEADER, "is not ASCII") };
        assert_eq!(proof_of([&signature, bad], &body), expected, "{bad}");
    }
}
