//! Deliveries as they came: enough to verify them again, and an answer that says when they are gone.

use anyhow::Context as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, Method};
use jiff::Timestamp;
use serde_json::{Value, json};
use shared::proof::{ProofError, Unverified};
use shared::provider::Provider;
use shared::reply::Reply;

use super::bundle::{BUCKET, Bundle, NOW, TABLE, authorized, completed, ok, problem, text};

async fn delivery(bundle: &Bundle, provider: Provider, call_id: &str, delivery_id: &str) -> Reply {
    let path = [
        ("provider", provider.name()),
        ("source", "default"),
        ("call_id", call_id),
        ("delivery_id", delivery_id),
    ];
    // Not searched: a body is answered as it came, with its links.
    bundle.query.respond(authorized(Method::GET, &path, ""), Timestamp::now()).await
}

/// The ids of a call's deliveries.
async fn ids(bundle: &Bundle, provider: Provider, call_id: &str) -> anyhow::Result<Vec<String>> {
    let call = ok(&bundle.call(provider, "default", call_id).await)?;
    let deliveries = call["deliveries"].as_array().context("no deliveries")?;
    Ok(deliveries.iter().filter_map(|delivery| delivery["delivery_id"].as_str().map(str::to_owned)).collect())
}

/// Verifies what was answered as if it were delivered now.
fn verify(bundle: &Bundle, provider: Provider, answer: &Value) -> anyhow::Result<()> {
    let body = answer["body"].as_str().context("no body")?;
    let body = match answer["body_encoding"].as_str() {
        Some("text") => Bytes::from(body.to_owned()),
        _ => Bytes::from(BASE64_STANDARD.decode(body)?),
    };
    let mut headers = HeaderMap::new();
    for (name, value) in answer["headers"].as_object().context("no headers")? {
        headers.append(HeaderName::from_bytes(name.as_bytes())?, value.as_str().unwrap_or_default().parse()?);
    }
    let source = bundle.sources.get(provider, "default")?;
    let unverified = Unverified { headers: &headers, body: &body, token: None, received_at: NOW.parse()? };
    provider.verify(source, unverified)?;
    Ok(())
}

#[tokio::test]
async fn a_delivery_is_answered_as_it_came_so_that_it_can_be_verified_again() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let sautikit = completed("c/1", NOW.parse()?, "completed", "+254700000001");
    let telnyx = "CallSid=c%2F1&CallStatus=completed&CallbackSource=call-progress-events&From=%2B1";
    for (provider, body, verification) in
        [(Provider::Sautikit, sautikit.as_str(), "hmac-sha256"), (Provider::Telnyx, telnyx, "ed25519")]
    {
        bundle.deliver(provider, "default", body, "accepted").await?;
        let [id] = &ids(&bundle, provider, "c/1").await?[..] else { anyhow::bail!("not one delivery") };
        let reply = delivery(&bundle, provider, "c/1", id).await;
        assert_eq!(reply.headers["cache-control"], "no-store");
        assert_eq!(reply.headers["content-disposition"], format!("attachment; filename=\"{id}.json\""));
        assert_eq!(reply.headers["x-content-type-options"], "nosniff");
        let answer = ok(&reply)?;
        assert_eq!((&answer["body"], &answer["body_encoding"]), (&json!(body), &json!("text")));
        assert_eq!((&answer["delivery_id"], &answer["received_at"]), (&json!(id), &json!(NOW)));
        assert!(
            answer["verification"].as_str().is_some_and(|said| said.starts_with(verification)),
            "{answer}"
        );
        assert_eq!((&answer["state"], &answer["trust"]), (&json!("applied"), &json!("signed")));
        assert_eq!(answer["call_path"], format!("/calls/{}/default/c~2F1", provider.name()));
        verify(&bundle, provider, &answer)?;
        // What was not signed is noticed, so the headers are the right ones.
        let mut forged = answer.clone();
        forged["body"] = json!(format!("{body} "));
        let refused = verify(&bundle, provider, &forged).expect_err("another body");
        assert_eq!(refused.downcast_ref(), Some(&ProofError::SignatureMismatch));
    }
    Ok(())
}

#[tokio::test]
async fn a_large_delivery_comes_back_from_the_bucket_until_it_expires_there() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let noise: String = (0..40_000).map(|_| fastrand::alphanumeric()).collect();
    let body =
        json!({ "kind": "call.completed", "event_id": "e", "data": { "call_id": "c", "noise": noise } });
    bundle.deliver(Provider::Sautikit, "default", &body.to_string(), "accepted").await?;
    let [id] = &ids(&bundle, Provider::Sautikit, "c").await?[..] else { anyhow::bail!("not one delivery") };
    let answer = ok(&delivery(&bundle, Provider::Sautikit, "c", id).await)?;
    assert_eq!(answer["body"], body.to_string());
    verify(&bundle, Provider::Sautikit, &answer)?;

    let s3 = bundle.aws.s3();
    let listed = s3.list_objects_v2().bucket(BUCKET).prefix("evidence/").send().await?;
    let [object] = listed.contents() else { anyhow::bail!("not one object: {listed:?}") };
    let key = object.key().context("no key")?;
    // Another object in its place is not taken for it.
    s3.put_object().bucket(BUCKET).key(key).body(b"another".to_vec().into()).send().await?;
    assert_eq!(problem(&delivery(&bundle, Provider::Sautikit, "c", id).await), (500, "internal".to_owned()));
    s3.delete_object().bucket(BUCKET).key(key).send().await?;
    let gone = delivery(&bundle, Provider::Sautikit, "c", id).await;
    assert_eq!(problem(&gone), (409, "evidence_expired".to_owned()));
    Ok(())
}

#[tokio::test]
async fn what_never_was_delivered_is_unknown_and_so_is_what_has_expired() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    for call_id in ["c", "d"] {
        let body = completed(call_id, NOW.parse()?, "completed", "+254700000001");
        bundle.deliver(Provider::Sautikit, "default", &body, "accepted").await?;
    }
    let (of_c, of_d) =
        (ids(&bundle, Provider::Sautikit, "c").await?, ids(&bundle, Provider::Sautikit, "d").await?);
    let changed =
        |id: &str| if id.starts_with('A') { id.replacen('A', "B", 1) } else { format!("A{}", &id[1..]) };
    let unknown = (404, "delivery_unknown".to_owned());
    for (call_id, delivery_id) in [
        ("c", of_d[0].as_str()),
        ("c", &changed(&of_c[0])),
        ("c", &of_c[0][..43]),
        ("c", ""),
        ("c", "📞📞📞📞📞📞📞📞📞📞📞"),
        ("nowhere", &of_c[0]),
        ("c~FF", &of_c[0]),
    ] {
        let reply = delivery(&bundle, Provider::Sautikit, call_id, delivery_id).await;
        assert_eq!(problem(&reply), unknown, "{call_id} {delivery_id}");
    }
    // As DynamoDB removes it at the end of its time.
    let (event, body) = of_c[0].split_at(22);
    let (pk, sk) = (text("CALL#sautikit#default#c"), text(&format!("DELIVERY#{event}#{body}")));
    bundle.aws.dynamodb().delete_item().table_name(TABLE).key("pk", pk).key("sk", sk).send().await?;
    assert_eq!(ids(&bundle, Provider::Sautikit, "c").await?, [""; 0]);
    assert_eq!(problem(&delivery(&bundle, Provider::Sautikit, "c", &of_c[0]).await), unknown);
    Ok(())
}
