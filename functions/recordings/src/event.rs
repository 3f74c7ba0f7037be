//! The events that start the copier.

use serde_json::Value;
use shared::ledger::item;
use shared::ledger::item::recording::State;
use shared::ledger::key::Key;

/// The work that an event asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    /// The recordings that became pending.
    Pending(Vec<Key>),
    /// Everything that is due.
    Sweep,
}

impl Work {
    /// Reads an event. One without `Records` is not of the table's stream and counts as the schedule's.
    pub(crate) fn of(event: &Value) -> Self {
        match event.get("Records").and_then(Value::as_array) {
            Some(records) => Self::Pending(records.iter().filter_map(pending).collect()),
            None => Self::Sweep,
        }
    }
}

/// The key of a recording that became pending. It may have changed since: the lease checks the state again.
fn pending(record: &Value) -> Option<Key> {
    if !matches!(record.get("eventName")?.as_str()?, "INSERT" | "MODIFY") {
        return None;
    }
    let change = record.get("dynamodb")?;
    let text = |image: &str, name: &str| change.get(image)?.get(name)?.get("S")?.as_str();
    let (pk, sk) = (text("Keys", item::PK)?, text("Keys", item::SK)?);
    let is_pending =
        sk.starts_with(item::RECORDING_PREFIX) && text("NewImage", "state")? == State::Pending.name();
    is_pending.then(|| Key { pk: pk.to_owned(), sk: sk.to_owned() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(name: &str, sk: &str, state: &str) -> Value {
        json!({"eventName": name, "dynamodb": {
            "Keys": {"pk": {"S": "CALL#telnyx#default#c"}, "sk": {"S": sk}},
            "NewImage": {"state": {"S": state}},
        }})
    }

    #[test]
    fn a_recording_that_turned_pending_is_copied() {
        let key = Key { pk: "CALL#telnyx#default#c".to_owned(), sk: "RECORDING#r".to_owned() };
        for name in ["INSERT", "MODIFY"] {
            let event = json!({"Records": [record(name, "RECORDING#r", "pending")]});
            assert_eq!(Work::of(&event), Work::Pending(vec![key.clone()]));
        }
    }

    #[test]
    fn other_records_of_the_stream_are_nothing_to_do() {
        let others = [
            record("REMOVE", "RECORDING#r", "pending"),
            record("MODIFY", "RECORDING#r", "copying"),
            record("INSERT", "DELIVERY#d", "pending"),
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
