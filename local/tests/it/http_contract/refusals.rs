//! Deliveries that are refused or quarantined.

use http::Method;
use local::gateway::HttpRequest;
use local::keys;
use local::sample::Sample;
use serde_json::Value;
use shared::provider::{self, Provider};

use super::{SAUTIKIT, TELNYX, agni, callkaro, code, said, signed};
use crate::bed::{Bed, post, text};

/// A path, headers, and the answer they get.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], (u16, &'a str));

#[tokio::test]
async fn wrong_proofs_are_refused_and_nothing_is_stored() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let sample = Sample::load("sautikit-call-completed")?;
    let (name, good) = provider::sign_sautikit(&keys::sautikit(), sample.body.as_bytes());
    let body = sample.body.clone().into_bytes();
    let rows: [Row<'_>; 9] = [
        (SAUTIKIT, &[], (401, "signature_missing")),
        (SAUTIKIT, &[(name, "")], (401, "signature_missing")),
        (SAUTIKIT, &[(name, "zz")], (401, "signature_malformed")),
        (SAUTIKIT, &[(name, &good), (name, &good)], (401, "signature_malformed")),
        (SAUTIKIT, &[(name, &format!("{good}, {good}"))], (401, "signature_malformed")),
        (SAUTIKIT, &[(name, &"0".repeat(64))], (401, "signature_mismatch")),
        (TELNYX, &[("telnyx-timestamp", "1")], (401, "signature_missing")),
        ("/webhooks/callkaro/default/wrong-token", &[], (401, "token_mismatch")),
        ("/webhooks/agni/default/%00", &[], (401, "token_mismatch")),
    ];
    for (path, headers, expected) in rows {
        let answer = bed.client.send(post(path, headers, body.clone())).await?;
        assert_eq!(code(&answer), expected, "{path} {headers:?}");
        assert!(
            answer.body["message"].is_string() && answer.body["request_id"].is_string(),
            "{}",
            answer.body
        );
    }
    // Another provider's good token is no token.
    let crossed = format!("/webhooks/callkaro/default/{}", keys::AGNI_TOKEN);
    assert_eq!(code(&bed.client.send(post(&crossed, &[], body.clone())).await?), (401, "token_mismatch"));
    // White space around the value and the case of the name are no part of the proof.
    let padded = format!("  {good} ");
    let answer = bed.client.send(post(SAUTIKIT, &[("X-SAUTIKIT-SIGNATURE", &padded)], body)).await?;
    assert_eq!(said(&answer), (200, "accepted"));
    assert_eq!(bed.items_of("DELIVERY").await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn another_account_than_the_pinned_one_is_forbidden() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let mut sample = Sample::load("agni-call-completed")?;
    sample.set("org_id", "somebody-else")?;
    let answer = bed.client.send(post(&agni(), &[], sample.body)).await?;
    assert_eq!(code(&answer), (403, "account_mismatch"));
    assert_eq!(bed.items().await?.len(), 0);
    Ok(())
}

#[tokio::test]
async fn unknown_sources_methods_and_paths_are_told_apart() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    for path in
        ["/webhooks/sautikit/nobody", "/webhooks/sautikit/de%66ault2", "/webhooks/sautikit/%F0%9F%93%9E"]
    {
        assert_eq!(code(&bed.client.send(post(path, &[], "{}")).await?), (404, "source_unknown"), "{path}");
    }
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let request = HttpRequest { method: method.clone(), ..post(SAUTIKIT, &[], "") };
        let answer = bed.client.send(request).await?;
        assert_eq!(
            (code(&answer), &answer.headers["allow"]),
            ((405, "method_not_allowed"), &"POST".parse()?),
            "{method}"
        );
    }
    assert_eq!(bed.client.send(post("/webhooks/nobody/default", &[], "{}")).await?.status, 404);
    assert_eq!(bed.client.send(post("/webhooks/sautikit/default/extra", &[], "{}")).await?.status, 404);
    Ok(())
}

#[tokio::test]
async fn unreadable_bodies_of_providers_that_sign_are_quarantined() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let deep = format!("{{\"kind\":{}", "[".repeat(100_000));
    let bodies: [&[u8]; 7] = [b"", b"not json", b"\xff\xfe", b"\0\0", b"null", b"[]", deep.as_bytes()];
    for body in bodies {
        assert_eq!(said(&signed(&bed, body).await?), (200, "quarantined"), "{body:?}");
        assert_eq!(said(&signed(&bed, body).await?), (200, "quarantined"), "{body:?}");
    }
    let no_call = signed(&bed, r#"{"kind":"call.completed","event_id":"e","data":{}}"#).await?;
    assert_eq!((said(&no_call), &no_call.body["call_id"]), ((200, "quarantined"), &Value::Null));
    for form in [&b""[..], b"\xff", b"CallSid=%ff", b"CallStatus=completed"] {
        assert_eq!(said(&bed.deliver(Provider::Telnyx, form).await?), (200, "quarantined"), "{form:?}");
    }
    let items = bed.items().await?;
    assert_eq!(items.len(), bodies.len() + 1 + 4);
    for item in &items {
        assert!(text(item, "pk").starts_with("EVENT#"), "{item:?}");
        assert!(text(item, "work_shard").starts_with("quarantined#"), "{item:?}");
        assert!(["body_unreadable", "call_id_missing"].contains(&text(item, "reason")), "{item:?}");
    }
    Ok(())
}

#[tokio::test]
async fn unreadable_bodies_of_providers_that_do_not_sign_are_quarantined_as_well() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let deep = "[".repeat(100_000);
    let bodies = [&b""[..], b"not json", b"\xff", b"[]", b"{}", deep.as_bytes()];
    for path in [callkaro(), agni()] {
        for body in bodies {
            let answer = bed.client.send(post(&path, &[("content-type", "application/json")], body)).await?;
            assert_eq!(said(&answer), (200, "quarantined"), "{path} {body:.20?}");
        }
    }
    let items = bed.items().await?;
    assert_eq!(items.len(), 2 * bodies.len());
    for item in &items {
        assert_eq!(
            (text(item, "state"), text(item, "reason")),
            ("quarantined", "body_unreadable"),
            "{item:?}"
        );
    }
    Ok(())
}
