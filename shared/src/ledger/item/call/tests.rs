use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::json;

use super::*;
use crate::ledger::applied::EventBody;
use crate::ledger::item::number;
use crate::record::Stamp;

const NOW: &str = "2026-06-27T10:05:00.000Z";

fn record() -> Record {
    let mut record = Record::default();
    record.set("call_id", json!("c1"));
    record.set("status", json!("completed"));
    record.set("from.raw", json!("+254 700 000001"));
    record.derive("from.e164", json!("+254700000001"));
    record.set("to.raw", json!("sip:Agent@Example.com"));
    record.set("to.sip_uri", json!("sip:Agent@Example.com"));
    record.set("started_at", json!(NOW));
    record.set("duration_seconds", json!(295));
    record.set("agent.name", json!("Ada"));
    record.set("transcript.text", json!("hello"));
    record.set("account_id", json!("w1"));
    record.stamp(Stamp { body: [2; 16], ..Stamp::default() });
    record
}

fn written(record: &Record) -> Item {
    let applied = Applied::default().with(&EventBody { event: [1; 16], body: [2; 16] }).unwrap();
    let call = NewCall {
        provider: Provider::Sautikit,
        pk: "CALL#sautikit#default#c1",
        call_id: "c1",
        record,
        applied: &applied,
        revision: 7,
        first_seen_at: NOW,
        updated_at: NOW,
    };
    write(&call).unwrap_or_else(|_| panic!("too large")).item
}

#[test]
fn a_call_is_read_as_it_was_written() {
    let call = read(&written(&record()));
    assert_eq!(call.unreadable, Vec::<String>::new());
    assert_eq!(Value::Object(call.record.render()), Value::Object(record().render()));
    assert_eq!((call.columns.revision, call.applied.unwrap().len()), (7, 1));
    assert_eq!(
        (&*call.columns.provider, &*call.columns.source, &*call.columns.call_id),
        ("sautikit", "default", "c1")
    );
    assert_eq!(call.columns.from.as_deref(), Some("+254700000001"));
    assert_eq!(call.columns.to.as_deref(), Some("sip:agent@example.com"));
    assert!(call.columns.has_transcript && !call.columns.has_recording);
}

#[test]
fn the_core_repeats_no_column_and_nothing_of_the_key() {
    let item = written(&record());
    let core = get_text(&item, "record").unwrap();
    for said in ["completed", "\"+254700000001\"", NOW, "295", "Ada", "\"c1\"", "hello"] {
        assert!(!core.contains(said), "{said} in {core}");
    }
    // What a column shows in another form is kept as it was.
    assert!(
        core.contains("+254 700 000001") && core.contains("sip:Agent@Example.com") && core.contains("w1")
    );
}

/// A list that forgets an attribute would show every call without it.
#[test]
fn what_is_projected_and_shown_is_all_that_is_read() {
    let item = written(&record());
    let known: Vec<&str> =
        COLUMNS.into_iter().chain(SHOWN).chain(["pk", "sk", "day_shard", "time_key"]).collect();
    for name in item.keys() {
        assert!(known.contains(&&**name), "{name}");
    }
}

#[test]
fn a_call_whose_record_is_damaged_shows_its_columns() {
    let mut item = written(&record());
    item.insert("record".to_owned(), text("{"));
    let call = read(&item);
    assert_eq!(call.unreadable, ["the stored record is damaged"]);
    assert_eq!((call.record.text("call_id"), call.record.text("status")), (Some("c1"), Some("completed")));
}

#[test]
fn a_call_whose_transcript_is_damaged_shows_the_rest() {
    for (damage, said) in [
        (bytes(vec![0; 40]), "the transcript can't be read: the packed bytes are damaged"),
        (AttributeValue::Bool(true), "these fields can't be read: transcript.text"),
    ] {
        let mut item = written(&record());
        item.insert("transcript".to_owned(), damage);
        let call = read(&item);
        assert_eq!(call.unreadable, [said]);
        assert_eq!(call.record.text("account_id"), Some("w1"));
    }
}

#[test]
fn a_newer_format_is_read_as_far_as_it_is_understood() {
    let mut item = written(&record());
    item.insert("format".to_owned(), number(999));
    let call = read(&item);
    assert_eq!(call.unreadable, ["a newer version wrote this record; not all of it may be shown"]);
    assert_eq!(call.record.text("account_id"), Some("w1"));
}

#[test]
fn an_applied_list_of_odd_length_is_named() {
    let mut item = written(&record());
    item.insert("applied".to_owned(), bytes(vec![0; 31]));
    assert_eq!(read(&item).unreadable, ["the list of applied events is damaged"]);
}
