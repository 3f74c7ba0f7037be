//! Items that are damaged, or of a newer version: the call is listed, its story says what can't be read, and
//! no other call suffers.

use anyhow::Context as _;
use aws_sdk_dynamodb::types::AttributeValue;
use local::stack::{BUCKET, TABLE};
use serde_json::{Value, json};
use shared::ledger::key::{self, Key};
use shared::ledger::packing;
use shared::provider::Provider;

use crate::bed::{Bed, text};

const DAY: &str = "/calls?day=2026-06-27";

/// A call of Agni with a transcript, a long summary and a time.
fn body(call_id: &str) -> String {
    let turns: Vec<_> =
        (0..40).map(|n| json!({ "id": format!("t{n}"), "message": { "content": "yes" } })).collect();
    json!({ "event": "call.completed", "org_id": "1268c1f0-19f3-47db-aefb-c16a7c3ace6e", "data": {
        "call_session_id": call_id, "status": "completed", "started_at": "2026-06-27T10:00:00Z",
        "caller_number": "+14155550100", "summary": "s".repeat(20_000), "transcripts": turns,
    }})
    .to_string()
}

async fn set(bed: &Bed, key: &Key, attribute: &str, value: AttributeValue) -> anyhow::Result<()> {
    bed.stack
        .aws
        .dynamodb()
        .update_item()
        .table_name(TABLE)
        .set_key(Some(key.attributes()))
        .update_expression("SET #name = :value")
        .expression_attribute_names("#name", attribute)
        .expression_attribute_values(":value", value)
        .send()
        .await?;
    Ok(())
}

fn bytes(bytes: Vec<u8>) -> AttributeValue {
    AttributeValue::B(bytes.into())
}

fn warnings(call: &Value) -> Vec<&str> {
    call["warnings"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[tokio::test]
async fn a_damaged_call_is_listed_and_says_what_can_not_be_read() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let mut unknown_dictionary = packing::pack(Provider::Agni, b"{}")?;
    let number = unknown_dictionary.iter().position(|byte| *byte == 65).context("no dictionary")?;
    unknown_dictionary[number] = 250;
    let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 1)?;
    let damages = [
        ("record", AttributeValue::S("{\"layers\":".to_owned()), "the stored record is damaged"),
        ("record", AttributeValue::Null(true), "the stored record is damaged"),
        ("transcript", bytes(vec![7; 100]), "the transcript can't be read: the packed bytes are damaged"),
        (
            "transcript",
            bytes(unknown_dictionary),
            "the transcript can't be read: the packed bytes need dictionary 250, which this version does not have",
        ),
        (
            "transcript",
            bytes(bomb),
            "the transcript can't be read: the packed bytes do not say how large they are, or are too large",
        ),
        ("applied", bytes(vec![0; 33]), "the list of applied events is damaged"),
        (
            "format",
            AttributeValue::N("999".to_owned()),
            "a newer version wrote this record; not all of it may be shown",
        ),
    ];
    bed.deliver(Provider::Agni, body("sound")).await?;
    for (index, (attribute, damage, said)) in damages.into_iter().enumerate() {
        let call_id = format!("damaged-{index}");
        bed.deliver(Provider::Agni, body(&call_id)).await?;
        let key = key::call("agni", "default", &call_id);
        set(&bed, &key, attribute, damage).await?;
        let before = bed
            .items()
            .await?
            .into_iter()
            .find(|item| text(item, "pk") == key.pk && text(item, "sk") == "CALL");

        let call = bed.call(Provider::Agni, &call_id).await?;
        assert!(warnings(&call).contains(&said), "{attribute}: {:?}", warnings(&call));
        assert_eq!((&call["call_id"], &call["status"]), (&json!(call_id), &json!("completed")));
        assert_eq!(call["deliveries"].as_array().map(Vec::len), Some(1));

        // Another event of the call is kept for a person, and nothing is written over.
        let more = body(&call_id).replace("yes", "no");
        let answer = bed.deliver(Provider::Agni, more).await?;
        assert_eq!(answer.body["status"], "quarantined", "{attribute}");
        let after = bed
            .items()
            .await?
            .into_iter()
            .find(|item| text(item, "pk") == key.pk && text(item, "sk") == "CALL");
        assert_eq!(before, after);
    }
    let listed = bed.client.get(DAY).await?;
    assert_eq!(listed.body["calls"].as_array().map(Vec::len), Some(8));
    let sound = bed.call(Provider::Agni, "sound").await?;
    assert_eq!(warnings(&sound), Vec::<&str>::new());
    assert_eq!(sound["transcript"]["turns"].as_array().map(Vec::len), Some(40));
    Ok(())
}

#[tokio::test]
async fn a_value_that_is_gone_or_too_large_is_named() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    for call_id in ["gone", "grown", "changed"] {
        bed.deliver(Provider::Agni, body(call_id)).await?;
    }
    let s3 = bed.stack.aws.s3();
    let objects = s3.list_objects_v2().bucket(BUCKET).prefix("values/agni/default/").send().await?;
    assert_eq!(objects.contents().len(), 3, "each call has a folder of its own");
    for (call_id, content, said) in [
        ("gone", None, "it is not in the bucket"),
        ("grown", Some(vec![b'x'; 9 << 20]), "the object in the bucket is of another size"),
        ("changed", Some(vec![b'x'; 20_002]), "the object in the bucket is another one"),
    ] {
        let folder = key::folder(&key::call("agni", "default", call_id).pk).context("no folder")?;
        let mut keys = objects.contents().iter().filter_map(|object| object.key());
        let key = keys.find(|key| key.contains(&folder)).context("no object")?;
        match content {
            None => drop(s3.delete_object().bucket(BUCKET).key(key).send().await?),
            Some(content) => drop(s3.put_object().bucket(BUCKET).key(key).body(content.into()).send().await?),
        }
        let call = bed.call(Provider::Agni, call_id).await?;
        assert_eq!(warnings(&call), [format!("analysis.summary can't be read: {said}")]);
        assert_eq!((&call["analysis"]["summary"], &call["status"]), (&Value::Null, &json!("completed")));
    }
    Ok(())
}
