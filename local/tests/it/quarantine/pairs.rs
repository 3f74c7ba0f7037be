//! Every state of a delivery beside everything that can be done: what is answered, and what the table has then.

use aws_sdk_dynamodb::types::AttributeValue;
use local::stack::TABLE;
use serde_json::{Value, json};
use shared::ledger::key::{self, Key};
use shared::provider::Provider;

use super::{act, bed, deliver, said, states, waiting};
use crate::bed::{Bed, text};

const EVENT: &str = "CallSid=c&CallStatus=completed&CallbackSource=s&SequenceNumber=3";
const OTHER: &str =
    "CallSid=c&CallStatus=completed&CallbackSource=s&SequenceNumber=3&HangupCause=normal_clearing";
/// Of a kind that adds nothing to a record.
const NOTHING: &str = "CallSid=c&CallbackSource=s";
const OTHER_NOTHING: &str = "CallSid=c&CallbackSource=s&x=y";

/// An action, its answer, and the states of all deliveries then.
type Cell = (&'static str, &'static str, &'static [&'static str]);

/// Brings a delivery to a state. Returns its quarantine id.
async fn bring(bed: &Bed, state: &str) -> anyhow::Result<String> {
    let body = if state == "ignored" { NOTHING } else { EVENT };
    // What is new has the id that it would have.
    let (bed_of_id, seconds_ago) = match state {
        "new" => (&super::bed().await?, 0),
        "waiting" | "discarded" => (bed, 4_000),
        _ => (bed, 0),
    };
    deliver(bed_of_id, body, seconds_ago).await?;
    let deliveries = bed_of_id.items_of("DELIVERY").await?;
    let key = Key { pk: text(&deliveries[0], "pk").to_owned(), sk: text(&deliveries[0], "sk").to_owned() };
    let id = key::quarantine_id(&key).expect("an id");
    if state == "discarded" {
        act(bed, &format!("/quarantine/{id}/discard")).await?;
    }
    Ok(id)
}

/// Does something. Returns the status, and the word in the answer.
async fn perform(bed: &Bed, action: &str, state: &str, id: &str) -> anyhow::Result<String> {
    let of_nothing = state == "ignored";
    let answer = match action {
        "same" => return deliver(bed, if of_nothing { NOTHING } else { EVENT }, 0).await,
        "other" => return deliver(bed, if of_nothing { OTHER_NOTHING } else { OTHER }, 0).await,
        "rebuild" => act(bed, "/calls/telnyx/default/c/rebuild").await?,
        action => act(bed, &format!("/quarantine/{id}/{action}")).await?,
    };
    let (status, word) = said(&answer);
    Ok(if status == 200 { word } else { format!("{status} {word}") })
}

#[tokio::test]
async fn every_state_meets_every_action() -> anyhow::Result<()> {
    // For each state: the action, its answer, and the states of all deliveries then.
    let table: [(&str, [Cell; 5]); 5] = [
        (
            "new",
            [
                ("same", "accepted", &["applied"]),
                ("other", "accepted", &["applied"]),
                ("replay", "404 delivery_unknown", &[]),
                ("discard", "404 delivery_unknown", &[]),
                ("rebuild", "404 call_unknown", &[]),
            ],
        ),
        (
            "waiting",
            [
                ("same", "accepted", &["applied"]),
                ("other", "accepted", &["applied", "quarantined"]),
                ("replay", "accepted", &["applied"]),
                ("discard", "discarded", &["discarded"]),
                ("rebuild", "404 call_unknown", &["quarantined"]),
            ],
        ),
        (
            "applied",
            [
                ("same", "duplicate", &["applied"]),
                ("other", "revised", &["applied", "applied"]),
                ("replay", "duplicate", &["applied"]),
                ("discard", "404 delivery_unknown", &["applied"]),
                ("rebuild", "", &["applied"]),
            ],
        ),
        (
            "ignored",
            [
                ("same", "duplicate", &["ignored"]),
                ("other", "ignored", &["ignored", "ignored"]),
                ("replay", "ignored", &["ignored"]),
                ("discard", "404 delivery_unknown", &["ignored"]),
                ("rebuild", "404 call_unknown", &["ignored"]),
            ],
        ),
        // A person has put it aside. The same body again is a delivery like any other.
        (
            "discarded",
            [
                ("same", "accepted", &["applied"]),
                ("other", "accepted", &["applied", "discarded"]),
                ("replay", "404 delivery_unknown", &["discarded"]),
                ("discard", "discarded", &["discarded"]),
                ("rebuild", "404 call_unknown", &["discarded"]),
            ],
        ),
    ];
    for (state, actions) in table {
        for (action, answer, then) in actions {
            let bed = bed().await?;
            let id = bring(&bed, state).await?;
            assert_eq!(perform(&bed, action, state, &id).await?, answer, "{state} {action}");
            assert_eq!(states(&bed).await?, then, "{state} {action}");
            let waits = then.iter().filter(|state| **state == "quarantined").count();
            assert_eq!(waiting(&bed).await?.len(), waits, "{state} {action}");
            // A record is there if a body of it was applied, and says what the applied bodies say.
            let call = bed.client.get("/calls/telnyx/default/c").await?;
            let has_record = then.contains(&"applied");
            assert_eq!(call.status == 200, has_record, "{state} {action}");
            if has_record {
                assert_eq!(call.body["status"], "completed", "{state} {action}");
            }
        }
    }
    Ok(())
}

async fn damage(bed: &Bed, attribute: &str, value: &str) -> anyhow::Result<()> {
    let update = bed.stack.aws.dynamodb().update_item().table_name(TABLE);
    let update = update.set_key(Some(key::call("telnyx", "default", "c").attributes()));
    let update = update.update_expression("SET #a = :v").expression_attribute_names("#a", attribute);
    update.expression_attribute_values(":v", AttributeValue::S(value.to_owned())).send().await?;
    Ok(())
}

#[tokio::test]
async fn a_record_is_made_anew_from_all_its_evidence_or_not_at_all() -> anyhow::Result<()> {
    let bed = bed().await?;
    for body in
        [EVENT, OTHER, "CallSid=c&CallStatus=ringing&CallbackSource=s&SequenceNumber=1&From=%2B35319605860"]
    {
        deliver(&bed, body, 0).await?;
    }
    let before = bed.call(Provider::Telnyx, "c").await?;
    let answer = act(&bed, "/calls/telnyx/default/c/rebuild").await?;
    assert_eq!(answer.body, json!({ "call_path": "/calls/telnyx/default/c", "changed": [] }));
    assert_eq!(bed.call(Provider::Telnyx, "c").await?, before);
    // As an older mapping had read it.
    damage(&bed, "status", "failed").await?;
    let answer = act(&bed, "/calls/telnyx/default/c/rebuild").await?;
    assert_eq!(answer.body["changed"], json!(["status"]));
    let after = bed.call(Provider::Telnyx, "c").await?;
    assert_eq!(after["status"], "completed");
    assert_eq!(crate::bed::what_is_said(&after), crate::bed::what_is_said(&before));
    let revision = |call: &Value| call["revision"].as_u64().unwrap_or_default();
    assert_eq!(revision(&after), revision(&before) + 1);
    // A record that can't be read at all.
    damage(&bed, "record", "{").await?;
    assert_eq!(act(&bed, "/calls/telnyx/default/c/rebuild").await?.status, 200);
    let mended = bed.call(Provider::Telnyx, "c").await?;
    assert_eq!(crate::bed::what_is_said(&mended), crate::bed::what_is_said(&before));
    // One body of three is gone.
    damage(&bed, "status", "failed").await?;
    let deliveries = bed.items_of("DELIVERY").await?;
    let gone = Key { pk: text(&deliveries[0], "pk").to_owned(), sk: text(&deliveries[0], "sk").to_owned() };
    let table = bed.stack.aws.dynamodb();
    table.delete_item().table_name(TABLE).set_key(Some(gone.attributes())).send().await?;
    let answer = act(&bed, "/calls/telnyx/default/c/rebuild").await?;
    assert_eq!(said(&answer), (409, "evidence_expired".to_owned()));
    assert_eq!(bed.call(Provider::Telnyx, "c").await?["status"], "failed", "something was changed");
    Ok(())
}
