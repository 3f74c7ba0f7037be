//! Whose a delivery is.

use bytes::Bytes;
use serde_json::json;

use super::super::super::Provider::Sautikit;
use super::super::super::fixture::{now, sample, source, verify};
use super::super::{SIGNATURE_HEADER, sign_plain, sign_timestamped};
use super::{SECRET, configured};
use crate::proof::HmacKey;
use crate::proof::{Freshness, Proof, ProofError, Scheme};

fn plain(body: &[u8]) -> String {
    sign_plain(&HmacKey::new(SECRET), body).1
}

fn timestamped(body: &[u8], seconds_from_now: i64) -> String {
    sign_timestamped(&HmacKey::new(SECRET), body, now().as_second() + seconds_from_now).1
}

fn proof(signature: &str, body: &Bytes) -> Result<Proof, ProofError> {
    verify(Sautikit, &configured(), &[(SIGNATURE_HEADER, signature)], body).map(|verified| verified.proof())
}

fn malformed(problem: &'static str) -> Result<Proof, ProofError> {
    Err(ProofError::SignatureMalformed { header: SIGNATURE_HEADER, problem })
}

#[test]
fn accepts_both_published_forms() {
    let body = sample("sautikit-call-completed");
    let plain_proof = Proof { scheme: Scheme::HmacSha256, freshness: Freshness::Fresh, key: 0 };
    assert_eq!(proof(&plain(&body), &body), Ok(plain_proof));
    assert_eq!(proof(&plain(&body).to_uppercase(), &body), Ok(plain_proof));
    let timestamped_proof =
        Proof { scheme: Scheme::HmacSha256Timestamped, freshness: Freshness::Fresh, key: 0 };
    assert_eq!(proof(&timestamped(&body, 0), &body), Ok(timestamped_proof));
}

#[test]
fn the_signature_of_the_documented_example_is_hmac_sha256_of_the_body() {
    // printf '%s' '{"kind":"call.completed"}' | openssl dgst -sha256 -hmac whsec_of_the_tests
    let body = Bytes::from_static(br#"{"kind":"call.completed"}"#);
    assert_eq!(plain(&body), "6493dcc2ac815784fb21297874fa93c35cb7909bab4083246251c130db6a7413");
}

#[test]
fn rejects_a_body_changed_after_signing() {
    let body = sample("sautikit-call-completed");
    let mut changed = body.to_vec();
    changed[20] ^= 1;
    assert_eq!(proof(&plain(&body), &changed.clone().into()), Err(ProofError::SignatureMismatch));
    assert_eq!(proof(&timestamped(&body, 0), &changed.into()), Err(ProofError::SignatureMismatch));
}

#[test]
fn rejects_a_time_changed_after_signing() {
    let body = sample("sautikit-call-completed");
    let signature = timestamped(&body, -1000);
    let moved = signature.replace(&(now().as_second() - 1000).to_string(), &now().as_second().to_string());
    assert_eq!(proof(&moved, &body), Err(ProofError::SignatureMismatch));
}

#[test]
fn rejects_another_key() {
    let body = sample("sautikit-call-completed");
    let (_, signature) = sign_plain(&HmacKey::new("whsec_of_somebody"), &body);
    assert_eq!(proof(&signature, &body), Err(ProofError::SignatureMismatch));
}

#[test]
fn accepts_either_key_during_rotation() {
    let rotating = source(Sautikit, json!({ "secrets": ["whsec_new", "whsec_old"] }));
    let body = sample("sautikit-call-completed");
    for (place, key) in ["whsec_new", "whsec_old"].into_iter().enumerate() {
        let (name, signature) = sign_plain(&HmacKey::new(key), &body);
        let verified = verify(Sautikit, &rotating, &[(name, &signature)], &body).unwrap();
        assert_eq!(verified.proof().key, place);
    }
}

#[test]
fn a_signed_time_outside_the_tolerance_is_not_fresh() {
    let body = sample("sautikit-call-completed");
    let freshness = |seconds| proof(&timestamped(&body, seconds), &body).unwrap().freshness;
    assert_eq!(freshness(-300), Freshness::Fresh);
    assert_eq!(freshness(-301), Freshness::Stale(301));
    assert_eq!(freshness(300), Freshness::Fresh);
    assert_eq!(freshness(301), Freshness::Future(301));
    let far = |time: &str| {
        let code = hex::encode(HmacKey::new(SECRET).sign(&[&body, b".", time.as_bytes()]));
        proof(&format!("t={time},v1={code}"), &body).map(|proof| proof.freshness)
    };
    assert_eq!(far("0"), Ok(Freshness::Stale(now().as_second())));
    assert_eq!(far("18446744073709551615"), Ok(Freshness::Future(i64::MAX)));
}

#[test]
fn a_missing_header_is_told_from_a_malformed_one() {
    let body = sample("sautikit-call-completed");
    let missing = ProofError::SignatureMissing { header: SIGNATURE_HEADER };
    assert_eq!(verify(Sautikit, &configured(), &[], &body).unwrap_err(), missing);
    assert_eq!(proof("  ", &body), Err(missing));

    let neither =
        malformed("is neither 64 hexadecimal digits nor t=<unix seconds>,v1=<64 hexadecimal digits>");
    let good = plain(&body);
    for value in [
        "no hex",
        &good[..62],
        &format!("{good}00"),
        &format!("{good},{good}"),
        &format!("t=,v1={good}"),
        &format!("t=-1,v1={good}"),
        &format!("t=+1,v1={good}"),
        &format!("t=1e9,v1={good}"),
        &format!("t=18446744073709551616,v1={good}"),
        &format!("v1={good},t=1"),
        &format!("t=1,v0={good}"),
        &format!("t=1,v1={good},v1={good}"),
    ] {
        assert_eq!(proof(value, &body), neither, "{value}");
    }
    let twice = [(SIGNATURE_HEADER, good.as_str()), (SIGNATURE_HEADER, good.as_str())];
    let doubled = verify(Sautikit, &configured(), &twice, &body).map(|verified| verified.proof());
    assert_eq!(doubled, malformed("was sent more than once"));
}

#[test]
fn white_space_and_case_of_the_header_do_not_matter() {
    let body = sample("sautikit-call-completed");
    let signature = format!("  {}  ", plain(&body));
    assert!(verify(Sautikit, &configured(), &[("X-SautiKit-SIGNATURE", &signature)], &body).is_ok());
}

#[test]
fn a_source_can_pin_one_form() {
    let pinned = source(Sautikit, json!({ "secrets": [SECRET], "scheme": "timestamped" }));
    let body = sample("sautikit-call-completed");
    let refused = verify(Sautikit, &pinned, &[(SIGNATURE_HEADER, &plain(&body))], &body).unwrap_err();
    let problem = "does not have the form that this source is pinned to";
    assert_eq!(refused, ProofError::SignatureMalformed { header: SIGNATURE_HEADER, problem });
    assert!(verify(Sautikit, &pinned, &[(SIGNATURE_HEADER, &timestamped(&body, 0))], &body).is_ok());
}
