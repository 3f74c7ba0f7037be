//! A replay asks for the key that proved the delivery, and for the body that it proved.

use aws_sdk_dynamodb::types::AttributeValue;
use http::Method;
use local::stack::{BUCKET, TABLE};
use serde_json::{Value, json};
use shared::aws::Bucket;
use shared::ledger::key;
use shared::provider::Provider;
use shared::sources::Sources;
use upkeep::Upkeep;

use super::{act, bed, deliver, only, said, sources, states};
use crate::bed::{Bed, post, text};
use crate::watch::lines_with;

/// Replays with other sources than the delivery came with.
async fn replay(bed: &Bed, sources: &Value, id: &str, query: &str) -> anyhow::Result<(u16, Value)> {
    let bucket = Bucket { client: bed.stack.aws.s3(), name: BUCKET.to_owned() };
    let sources = Sources::from_json(&sources.to_string())?;
    let upkeep = Upkeep::new(bed.stack.ledger.clone(), bucket, sources);
    let mut request = post("/", &[("authorization", super::BEARER)], "");
    request.method = Method::POST;
    let request = shared::lambda::Request {
        method: request.method,
        headers: request.headers,
        route: "/quarantine/{quarantine_id}/replay".to_owned(),
        raw_path: String::new(),
        path: [("quarantine_id".to_owned(), id.to_owned())].into(),
        query: query.to_owned(),
        body: None,
        request_id: "r".to_owned(),
    };
    let reply = upkeep.respond(request, jiff::Timestamp::now()).await;
    Ok((reply.status.as_u16(), serde_json::from_str(&reply.body)?))
}

#[tokio::test]
async fn a_delivery_whose_key_is_gone_is_replayed_only_if_a_person_insists() -> anyhow::Result<()> {
    let bed = bed().await?;
    deliver(&bed, "CallSid=c&CallStatus=completed&CallbackSource=s", 4_000).await?;
    let id = only(&bed).await?;
    let mut other = sources();
    other["telnyx"]["default"]["public_keys"] =
        json!([local::keys::of(Provider::Telnyx).key_pair.public_key()]);
    let mut removed = other.clone();
    let another = shared::proof::Ed25519Signer::from_seed(&[9; 32]).public_key();
    removed["telnyx"]["default"]["public_keys"] = json!([another]);
    let mut no_source = removed.clone();
    no_source["telnyx"] = json!({});
    for sources in [&removed, &no_source] {
        let (status, body) = replay(&bed, sources, &id, "").await?;
        assert_eq!((status, &body["error"]), (409, &json!("key_removed")));
    }
    assert_eq!(states(&bed).await?, ["quarantined"]);
    let (status, body) = replay(&bed, &no_source, &id, "force=true").await?;
    assert_eq!((status, &body["status"]), (200, &json!("accepted")));
    let trail = bed.client.get("/audit").await?.body;
    assert_eq!(trail["entries"][0]["action"], "replay_forced");
    Ok(())
}

#[tokio::test]
async fn the_token_that_proved_a_delivery_is_known_by_its_mark() -> anyhow::Result<()> {
    let bed = bed().await?;
    // It names no call.
    let body = json!({ "event": "call_ended", "data": { "call_duration": 5 } });
    bed.deliver(Provider::Callkaro, body.to_string()).await?;
    let id = only(&bed).await?;
    let token = local::keys::of(Provider::Callkaro).url_token;
    for (tokens, expected) in [
        (json!(["another-token-of-more-than-22-characters"]), (409, "key_removed")),
        (json!(["another-token-of-more-than-22-characters", token]), (200, "quarantined")),
    ] {
        let mut sources = sources();
        sources["callkaro"]["default"]["tokens"] = tokens;
        let (status, body) = replay(&bed, &sources, &id, "").await?;
        let word = body["status"].as_str().or_else(|| body["error"].as_str()).unwrap_or_default();
        assert_eq!((status, word), expected);
    }
    // The mark can't be turned back.
    let deliveries = bed.items_of("DELIVERY").await?;
    assert_eq!(deliveries[0]["token_mark"].as_b().map(|mark| mark.as_ref().len()), Ok(4));
    Ok(())
}

#[tokio::test]
async fn evidence_of_another_body_is_not_applied() -> anyhow::Result<()> {
    let bed = bed().await?;
    deliver(&bed, "CallSid=c&CallStatus=completed&CallbackSource=s", 4_000).await?;
    let id = only(&bed).await?;
    let deliveries = bed.items_of("DELIVERY").await?;
    let key =
        key::Key { pk: text(&deliveries[0], "pk").to_owned(), sk: text(&deliveries[0], "sk").to_owned() };
    let other = AttributeValue::B(vec![7; 32].into());
    let update = bed.stack.aws.dynamodb().update_item().table_name(TABLE).set_key(Some(key.attributes()));
    let update =
        update.update_expression("SET body_sha256 = :other").expression_attribute_values(":other", other);
    update.send().await?;
    for query in ["", "?force=true"] {
        let answer = act(&bed, &format!("/quarantine/{id}/replay{query}")).await?;
        assert_eq!(said(&answer), (500, "internal".to_owned()), "{query}");
    }
    assert_eq!(states(&bed).await?, ["quarantined"]);
    assert!(!lines_with(&["of another body than the one that was verified"]).is_empty());
    Ok(())
}
