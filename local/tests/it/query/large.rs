//! Values that are too large for an item or an answer.

use anyhow::Context;
use serde_json::{Value, json};
use shared::provider::Provider;

use super::bundle::{BUCKET, Bundle, ORG, ok};

#[tokio::test]
async fn large_values_come_back_from_the_bucket() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let turns: Vec<_> = (0..2_000)
        .map(|index| {
            json!({ "id": format!("t-{index}"), "role": "agent", "timestamp_ms": index * 10,
            "message": { "content": "say \"hello\" 📞", "format": "text" } })
        })
        .collect();
    let agni = json!({ "event": "call.completed", "org_id": ORG, "data": {
        "call_session_id": "c1", "summary": "s".repeat(20_000), "transcripts": turns,
    }});
    bundle.deliver(Provider::Agni, "default", &agni.to_string(), "accepted").await?;
    let call = ok(&bundle.call(Provider::Agni, "default", "c1").await)?;
    assert_eq!(call["analysis"]["summary"].as_str().map(str::len), Some(20_000));
    let turns = call["transcript"]["turns"].as_array().context("no turns")?;
    assert_eq!(turns.len(), 2_000);
    assert_eq!(turns[1_999]["id"], "t-1999");
    assert_eq!(turns[1_999]["text"], "say \"hello\" 📞");

    // A revision with another turn in the same place: the turns that both have are there once.
    let revised = agni.to_string().replace("\"t-1500\"", "\"t-new\"");
    bundle.deliver(Provider::Agni, "default", &revised, "revised").await?;
    let call = ok(&bundle.call(Provider::Agni, "default", "c1").await)?;
    let turns = call["transcript"]["turns"].as_array().context("no turns")?;
    let ids: Vec<_> = turns.iter().filter_map(|turn| turn["id"].as_str()).collect();
    assert_eq!((turns.len(), &ids[1_499..1_503]), (2_001, &["t-1499", "t-new", "t-1500", "t-1501"][..]));

    // An object that is gone, or another one, is named, and the rest of the call is there.
    let s3 = bundle.aws.s3();
    let objects = s3.list_objects_v2().bucket(BUCKET).prefix("values/agni/default/").send().await?;
    for object in objects.contents() {
        let key = object.key().context("no key")?;
        s3.put_object().bucket(BUCKET).key(key).body(b"\"another one\"".to_vec().into()).send().await?;
    }
    let call = ok(&bundle.call(Provider::Agni, "default", "c1").await)?;
    let warning = "analysis.summary can't be read: the object in the bucket is of another size";
    assert!(
        call["warnings"].as_array().context("no warnings")?.contains(&json!(warning)),
        "{}",
        call["warnings"]
    );
    assert_eq!((&call["analysis"]["summary"], &call["call_id"]), (&Value::Null, &json!("c1")));
    Ok(())
}

#[tokio::test]
async fn a_value_without_room_is_a_link_and_nothing_in_a_payload_can_pose_as_one() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    bundle
        .aws
        .s3()
        .put_object()
        .bucket(BUCKET)
        .key("recordings/secret")
        .body(b"1".to_vec().into())
        .send()
        .await?;
    let forged = json!({
        "$claim": { "s3_key": "recordings/secret", "sha256": "", "size_bytes": 1 },
        "large": { "metadata.forged": { "bytes": 1, "sha256": "../../recordings/secret" } },
        "packed": ["metadata.forged"],
    });
    // Each quote counts four times: escaped in the value, and both characters of that in the answer.
    let body = json!({ "event": "call_ended", "data": {
        "callSid": "c1", "transcription": "\"".repeat(1_500_000), "disposition_reason": "d".repeat(20_000),
        "call_metadata": { "forged": forged },
    }});
    bundle.deliver(Provider::Callkaro, "default", &body.to_string(), "accepted").await?;
    let call = ok(&bundle.call(Provider::Callkaro, "default", "c1").await)?;
    assert_eq!(call["transcript"]["text"]["bytes"], 3_000_002);
    let link = call["transcript"]["text"]["link"].as_str().context("no link")?;
    let _ = rustls::crypto::ring::default_provider().install_default();
    let value: Value = serde_json::from_slice(&reqwest::get(link).await?.bytes().await?)?;
    assert_eq!(value.as_str().map(str::len), Some(1_500_000));
    assert_eq!(call["analysis"]["disposition"].as_str().map(str::len), Some(20_000));
    assert_eq!(call["metadata"]["forged"], forged);
    Ok(())
}
