//! What an event asks for.

use serde_json::Value;
use shared::ledger::item;
use shared::ledger::key::Key;

/// What an event asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// The recordings that turned pending.
    Pending(Vec<Key>),
    /// Everything that is due.
    Sweep,
}

impl Work {
    /// Reads an event of a table's stream; every other event is the schedule's.
    pub(crate) fn of(event: &Value) -> Self {
        match event.get("Records").and_then(Value::as_array) {
            Some(records) => Self::Pending(records.iter().filter_map(pending).collect()),
            None => Self::Sweep,
        }
    }
}

/// The key of a recording that turned pending. The image may be old by now; the lease looks again.
fn pending(record: &Value) -> Option<Key> {
    if !matches!(record.get("eventName")?.as_str()?, "INSERT" | "MODIFY") {
        return None;
    }
    let change = record.get("dynamodb")?;
    let text = |image: &str, name: &str| change.get(image)?.get(name)?.get("S")?.as_str();
    let is_pending =
        text("NewImage", item::TYPE)? == item::RECORDING && text("NewImage", "state")? == "pending";
    is_pending.then_some(())?;
    Some(Key { pk: text("Keys", item::PK)?.to_owned(), sk: text("Keys", item::SK)?.to_owned() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(name: &str, kind: &str, state: &str) -> Value {
        json!({"eventName": name, "dynamodb": {
            "Keys": {"pk": {"S": "CALL#telnyx#default#c"}, "sk": {"S": "RECORDING#r"}},
            "NewImage": {"type": {"S": kind}, "state": {"S": state}},
        }})
    }

    #[test]
    fn a_recording_that_turned_pending_is_copied() {
        let key = Key { pk: "CALL#telnyx#default#c".to_owned(), sk: "RECORDING#r".to_owned() };
        for name in ["INSERT", "MODIFY"] {
            let event = json!({"Records": [record(name, "RECORDING", "pending")]});
            assert_eq!(Work::of(&event), Work::Pending(vec![key.clone()]));
        }
    }

    #[test]
    fn other_records_of_the_stream_are_nothing_to_do() {
        let others = [
            record("REMOVE", "RECORDING", "pending"),
            record("MODIFY", "RECORDING", "copying"),
            record("INSERT", "DELIVERY", "pending"),
            json!({"eventName": "INSERT", "dynamodb": {}}),
            json!({}),
            json!(null),
        ];
        assert_eq!(Work::of(&json!({ "Records": others })), Work::Pending(vec![]));
    }

    #[test]
    fn every_other_event_is_the_schedules() {
        for event in
            [json!({"source": "aws.events", "detail-type": "Scheduled Event"}), json!({}), json!(null)]
        {
            assert_eq!(Work::of(&event), Work::Sweep);
        }
    }
}
