use serde_json::{Map, json};

use super::*;
use crate::record::{BodyHash, LargeValue, Stamp, merge};

/// The record of two events, with something in every place where a value can be.
fn record() -> Record {
    let mut first = Record::default();
    first.set("status", json!("ringing"));
    first.set("account_id", json!("a\"1"));
    first.derive("channel", json!("pstn"));
    first.set("direction", json!("inbound"));
    first.set("call_id", json!("c"));
    first
        .set_list("transcript.turns", vec![json!({ "id": "a" }), json!({ "id": "b" }), json!({ "id": "c" })]);
    first.add("aliases", "x");
    first.add("aliases", "c");
    first.add(
        "events",
        json!({ "kind": "k", "occurred_at": null, "provider_event_id": "e", "sent_at": null, "sequence": 3 }),
    );
    first.stamp(Stamp { sequence: Some(1), weight: 7, body: [1; 16], ..Stamp::default() });
    let mut second = Record::default();
    second.set("status", json!("completed"));
    second.set("from.raw", json!("+254700000001"));
    second.derive("from.e164", json!("+254700000001"));
    second.derive("recordings.r1.recording_id", json!("r1"));
    second.set("recordings.r2.recording_id", json!("r2"));
    second.set("transcript.text", json!("said"));
    second.set("metadata.$claim", json!({ "s3_key": "values/x" }));
    second.set("analysis.summary", json!("s".repeat(100)));
    second.set_list("transcript.turns", vec![json!({ "id": "b", "text": "hello" })]);
    second.set_list("tool_calls", vec![json!({ "name": "f" })]);
    second.add_link("r2", "r1");
    second.stamp(Stamp { sequence: Some(2), occurred_at: Some(5), weight: 9, body: [2; 16] });
    let mut record = merge(first, second);
    for sized in record.sizes() {
        if ["analysis.summary", "tool_calls"].contains(&&*sized.path) {
            let path = sized.path.to_string();
            record.take_out(&sized, |json| LargeValue { bytes: json.len() as u64, sha256: path });
        }
    }
    record
}

fn is_column(path: &str, value: &Value) -> Option<Column> {
    match path {
        "status" => (value == "completed").then_some(Column::Own),
        "direction" => Some(Column::Own),
        "from.raw" | "from.e164" => Some(Column::Shared),
        _ => None,
    }
}

fn place(body: &BodyHash) -> usize {
    usize::from(body[0]) - 1
}

fn beside(
    columns: Vec<(&'static str, Value)>,
    transcript: Map<String, Value>,
) -> Beside<impl Fn(&str) -> Option<Value>, impl Fn(usize) -> Option<BodyHash>> {
    let body = |place| (place < 2).then(|| [u8::try_from(place).unwrap() + 1; 16]);
    Beside { columns, column, transcript, body }
}

fn columns() -> Vec<(&'static str, Value)> {
    vec![("direction", json!("inbound")), ("status", json!("completed"))]
}

fn column(path: &str) -> Option<Value> {
    path.starts_with("from.").then(|| json!("+254700000001"))
}

fn unpacked(stored: &Stored) -> Map<String, Value> {
    serde_json::from_str(stored.transcript.as_ref().unwrap()).unwrap()
}

#[test]
fn the_core_is_readable_and_repeats_no_column() {
    let stored = record().store(is_column, place).unwrap();
    insta::assert_snapshot!(stored.core, @r#"{"layers":[{"stamp":{"sequence":1,"weight":7},"fields":{"account_id":"a\"1","call_id":"c","channel":"pstn"},"columns":["direction"],"packed":["transcript.turns"],"derived":["channel"],"places":{"transcript.turns":[0,2]}},{"stamp":{"occurred_at":5,"sequence":2,"weight":9,"body":1},"fields":{"metadata.$claim":{"s3_key":"values/x"}},"columns":["from.e164","from.raw"],"read_ids":["r2"],"made_ids":["r1"],"packed":["transcript.text","transcript.turns"],"large":{"analysis.summary":{"bytes":102,"sha256":"analysis.summary"},"tool_calls":{"bytes":14,"sha256":"tool_calls"}},"derived":["from.e164"]}],"sets":{"aliases":["x"],"events":[{"kind":"k","provider_event_id":"e","sequence":3}]},"same_ids":["aliases"],"links":["r1"],"whole":["tool_calls"]}"#);
    insta::assert_snapshot!(stored.transcript.unwrap(), @r#"{"transcript.text":"said","transcript.turns":[[{"id":"a"},{"id":"c"}],[{"id":"b","text":"hello"}]]}"#);
}

#[test]
fn what_was_stored_is_restored() {
    let stored = record().store(is_column, place).unwrap();
    let Restored { record: restored, missing } =
        Record::restore(&stored.core, beside(columns(), unpacked(&stored))).unwrap();
    assert_eq!(missing, Vec::<Path>::new());
    assert_eq!(restored.store(is_column, place).unwrap(), stored);
    assert_eq!(Value::Object(restored.render()), Value::Object(record().render()));
    assert_eq!(restored.large_values(), record().large_values());
}

#[test]
fn what_is_missing_is_named_and_the_rest_is_there() {
    let stored = record().store(is_column, place).unwrap();
    let nothing = Beside { columns: vec![], column: |_: &str| None, transcript: Map::new(), body: |_| None };
    let Restored { record, missing } = Record::restore(&stored.core, nothing).unwrap();
    assert_eq!(
        missing,
        [
            "stamp.body",
            "direction",
            "transcript.turns",
            "stamp.body",
            "from.e164",
            "from.raw",
            "transcript.text",
            "transcript.turns"
        ]
    );
    assert_eq!(record.text("account_id"), Some("a\"1"));
}

#[test]
fn a_damaged_core_is_no_record() {
    for core in ["", "{}", "[]", r#"{"layers":[3]}"#, r#"{"layers":3}"#] {
        let restored = Record::restore(core, beside(columns(), Map::new()));
        assert_eq!(restored.err(), Some(RecordError), "{core}");
    }
}

#[test]
fn a_value_is_put_back_where_it_was() {
    let mut restored = record();
    for (path, large) in record().large_values() {
        let value = if path == "tool_calls" { json!([{ "name": "f" }]) } else { json!("s") };
        restored.put_back(&path, &large, value);
    }
    assert_eq!(restored.large_values(), []);
    assert_eq!(
        (restored.text("analysis.summary"), &restored.render()["tool_calls"]),
        (Some("s"), &json!([{ "name": "f" }]))
    );
}
