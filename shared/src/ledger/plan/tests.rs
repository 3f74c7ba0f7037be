//! Plans against a table in memory.

use serde_json::{Value, json};

use super::{Outcome, Plan, Seen, plan};
use crate::ledger::item::{get_number, get_text};
use crate::provider::Provider;

use table::{Table, entry};

mod table;
mod order;

#[test]
fn of_two_bodies_of_one_event_the_one_that_says_more_counts() {
    let body = |data: &str| format!(r#"{{"event":"call_ended","data":{{"callSid":"c",{data}}}}}"#);
    let mut table = Table::default();
    let first = entry(Provider::Callkaro, &body(r#""call_duration":120,"disposition_reason":"first""#));
    let second =
        entry(Provider::Callkaro, &body(r#""call_duration":999,"transcription":"second","batchId":"b2""#));
    let third = entry(
        Provider::Callkaro,
        &body(r#""call_duration":5,"batchId":"b3","call_link":"https://third.example""#),
    );
    assert_eq!(
        [&first, &second, &third, &second, &first].map(|entry| table.apply(entry)),
        [Outcome::Accepted, Outcome::Revised, Outcome::Revised, Outcome::Duplicate, Outcome::Duplicate,]
    );
    let record = table.record();
    // The second and the third say as much as each other; the hash of the third is greater.
    assert_eq!(record.get("duration_seconds"), Some(&json!(5)));
    assert_eq!(record.text("campaign.id"), Some("b3"));
    assert_eq!(record.text("analysis.disposition"), Some("first"));
    assert_eq!(record.text("transcript.text"), Some("second"));
    assert_eq!(record.text("links.console"), Some("https://third.example"));
    assert_eq!(get_number::<u64>(table.of("CALL")[0], "revision"), Some(3));
}

#[test]
fn a_record_that_outgrows_its_item_goes_to_quarantine_with_its_recording() {
    let mut data = json!({ "callSid": "c", "recordingUrl": "https://media.example/r.mp3" });
    // Too small to be worth an object each, and too many for an item.
    for index in 0..500 {
        data[format!("field-{index}")] = json!("x".repeat(900));
    }
    let entry = entry(Provider::Callkaro, &json!({ "event": "call_ended", "data": data }).to_string());
    let mut table = Table::default();
    assert_eq!(table.apply(&entry), Outcome::Quarantined);
    assert_eq!(table.apply(&entry), Outcome::Quarantined);
    let [calls, deliveries, recordings] = ["CALL", "DELIVERY", "RECORDING"].map(|kind| table.of(kind));
    assert_eq!(get_text(deliveries[0], "reason"), Some("record_too_large"));
    assert!(!deliveries[0].contains_key("expires_at_epoch"), "what waits for a person does not expire");
    assert_eq!((calls.len(), deliveries.len(), recordings.len()), (0, 1, 1));
}

#[test]
fn large_values_are_in_the_bucket_and_not_in_the_item() {
    let summary = "word ".repeat(10_000);
    let body = json!({ "event": "call_ended", "data": { "callSid": "c", "disposition_reason": summary } });
    let entry = entry(Provider::Callkaro, &body.to_string());
    let mut table = Table::default();
    assert_eq!(table.apply(&entry), Outcome::Accepted);
    assert_eq!(table.record().text("analysis.disposition"), Some(&*summary));
    let call = table.of("CALL")[0];
    assert!(get_text(call, "record").unwrap().len() < 1_000);
    let (key, content) = table.objects.first_key_value().unwrap();
    assert!(key.starts_with("values/callkaro/default/"), "{key}");
    assert_eq!(serde_json::from_slice::<Value>(content).unwrap(), json!(summary));
}

#[test]
fn many_middling_values_go_to_the_bucket_until_the_rest_fits() {
    let mut data = json!({ "callSid": "c" });
    for index in 0..60 {
        data[format!("field-{index:02}")] = json!(format!("{index}").repeat(7_500));
    }
    let body = json!({ "event": "call_ended", "data": data });
    let mut table = Table::default();
    assert_eq!(table.apply(&entry(Provider::Callkaro, &body.to_string())), Outcome::Accepted);
    assert!((5..60).contains(&table.objects.len()), "{}", table.objects.len());
    let extensions = &table.record().render()["extensions"];
    assert_eq!(extensions["data.field-59"], data["field-59"]);
    assert_eq!(extensions.as_object().unwrap().len(), 60);
}

#[test]
fn values_too_many_to_put_in_time_send_the_delivery_to_quarantine() {
    let mut data = json!({ "callSid": "c" });
    for index in 0..2_000 {
        data[format!("field-{index}")] = json!("x".repeat(1_900));
    }
    let body = json!({ "event": "call_ended", "data": data });
    let mut table = Table::default();
    assert_eq!(table.apply(&entry(Provider::Callkaro, &body.to_string())), Outcome::Quarantined);
    assert_eq!(get_text(table.of("DELIVERY")[0], "reason"), Some("record_too_large"));
}

#[test]
fn a_long_transcript_is_packed_and_a_very_long_one_is_in_the_bucket() {
    let turns = |count: usize, random: bool| -> Value {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut word = || if random { format!("{:016x}", rng.u64(..)) } else { "yes, of course".to_owned() };
        let turn =
            |index| json!({ "id": format!("t-{index}"), "role": "agent", "message": { "content": word() } });
        (0..count).map(turn).collect()
    };
    for (turns, objects) in [(turns(200, false), 0), (turns(4_000, true), 1)] {
        let body =
            json!({ "event": "call.completed", "data": { "call_session_id": "c", "transcripts": turns } });
        let mut table = Table::default();
        table.apply(&entry(Provider::Agni, &body.to_string()));
        let values = table.objects.keys().filter(|key| key.starts_with("values/")).count();
        assert_eq!(values, objects);
        assert!(!get_text(table.of("CALL")[0], "record").unwrap().contains("content"));
        assert_eq!(
            table.record().render()["transcript"]["turns"].as_array().unwrap().len(),
            turns.as_array().unwrap().len()
        );
    }
}

#[test]
fn dedupe_outlasts_the_evidence() {
    let body = r#"{"event":"call_ended","data":{"callSid":"c","call_duration":5}}"#;
    let entry = entry(Provider::Callkaro, body);
    let mut table = Table::default();
    assert_eq!(table.apply(&entry), Outcome::Accepted);
    table.items.retain(|(_, sk), _| sk == "CALL");
    assert_eq!(table.apply(&entry), Outcome::Duplicate);
    assert_eq!(table.items.len(), 1);
}

#[test]
fn large_evidence_does_not_expire_in_quarantine() {
    let mut rng = fastrand::Rng::with_seed(3);
    let noise: String = (0..100_000).map(|_| rng.alphanumeric()).collect();
    let keys = |body: String| {
        let mut table = Table::default();
        table.apply(&entry(Provider::Sautikit, &body));
        let [delivery] = table.of("DELIVERY")[..] else { panic!("not one delivery") };
        assert!(get_number::<usize>(delivery, "evidence_bytes").unwrap() > 50_000);
        table.objects.into_keys().filter(|key| !key.starts_with("values/")).collect::<Vec<_>>()
    };
    let applied =
        json!({ "kind": "call.completed", "event_id": "e", "data": { "call_id": "c", "x": noise } });
    assert!(keys(applied.to_string())[0].starts_with("evidence/sautikit/default/"));
    assert!(keys(format!("no JSON {noise}"))[0].starts_with("quarantine/sautikit/default/"));
}

#[test]
fn what_a_newer_version_wrote_is_never_written_over() {
    let body = |duration: u32| {
        let link = format!("https://m.example/r.mp3?{duration}");
        json!({ "event": "call_ended", "data": { "callSid": "c", "call_duration": duration, "recordingUrl": link } })
            .to_string()
    };
    for newer in ["CALL", "RECORDING"] {
        let mut table = Table::default();
        assert_eq!(table.apply(&entry(Provider::Callkaro, &body(1))), Outcome::Accepted);
        let key = table.items.keys().find(|(_, sk)| sk.starts_with(newer)).unwrap().clone();
        table.items.get_mut(&key).unwrap().insert("format".to_owned(), crate::ledger::item::number(999));
        let before = table.items[&key].clone();
        assert_eq!(table.apply(&entry(Provider::Callkaro, &body(1))), Outcome::Duplicate);
        let second = entry(Provider::Callkaro, &body(2));
        assert_eq!([table.apply(&second), table.apply(&second)], [Outcome::Quarantined; 2], "{newer}");
        assert_eq!(table.items[&key], before);
        let reasons: Vec<_> =
            table.of("DELIVERY").into_iter().filter_map(|item| get_text(item, "reason")).collect();
        assert_eq!(reasons, ["newer_format"]);
    }
}

#[test]
fn a_damaged_record_is_not_written_over() {
    let body = |text: &str| {
        json!({ "event": "call_ended", "data": { "callSid": "c", "transcription": text } }).to_string()
    };
    let damages: [(&str, aws_sdk_dynamodb::types::AttributeValue); 4] = [
        ("applied", crate::ledger::item::bytes(vec![1; 33])),
        ("record", crate::ledger::item::text("{")),
        ("transcript", crate::ledger::item::bytes(vec![0; 9])),
        ("transcript", crate::ledger::item::text("not bytes")),
    ];
    for (attribute, damage) in damages {
        let mut table = Table::default();
        table.apply(&entry(Provider::Callkaro, &body("hello")));
        let key = table.items.keys().find(|(_, sk)| sk == "CALL").unwrap().clone();
        table.items.get_mut(&key).unwrap().insert(attribute.to_owned(), damage);
        let before = table.items[&key].clone();
        assert_eq!(
            table.apply(&entry(Provider::Callkaro, &body("more"))),
            Outcome::Quarantined,
            "{attribute}"
        );
        assert_eq!(table.items[&key], before);
        let reasons: Vec<_> =
            table.of("DELIVERY").into_iter().filter_map(|item| get_text(item, "reason")).collect();
        assert_eq!(reasons, ["record_unreadable"]);
    }
}

#[test]
fn a_fresh_copy_of_a_body_that_waits_resolves_it() {
    let body = "CallSid=c&CallStatus=completed&CallbackSource=s&SequenceNumber=3";
    let stale = {
        let mut entry = entry(Provider::Telnyx, body);
        entry.content = entry.quarantined("stale").unwrap().content;
        entry
    };
    let mut table = Table::default();
    assert_eq!([table.apply(&stale), table.apply(&stale)], [Outcome::Quarantined; 2]);
    assert_eq!(table.apply(&entry(Provider::Telnyx, body)), Outcome::Accepted);
    let [delivery] = table.of("DELIVERY")[..] else { panic!("not one delivery") };
    assert_eq!((get_text(delivery, "state"), get_text(delivery, "work_shard")), (Some("applied"), None));
    assert!(delivery.contains_key("expires_at_epoch"));
    assert_eq!(table.apply(&stale), Outcome::Duplicate);
}

fn record_of(bodies: &[&str]) -> Value {
    let mut table = Table::default();
    for body in bodies {
        table.apply(&entry(Provider::Telnyx, body));
    }
    Value::Object(table.record().render())
}

#[test]
fn a_finished_recording_does_not_go_back_to_being_recorded() {
    let started = "CallSid=c&RecordingSid=r&RecordingStatus=in-progress";
    let completed = "CallSid=c&RecordingSid=r&RecordingStatus=completed";
    for order in [[started, completed], [completed, started]] {
        assert_eq!(record_of(&order)["recordings"][0]["provider_status"], "completed");
    }
}

#[test]
fn forms_of_an_older_value_do_not_stand_beside_a_newer_one() {
    let older = "CallSid=c&CallStatus=ringing&SequenceNumber=1&From=%2B35319605860&HangupCause=user_busy";
    let newer = "CallSid=c&CallStatus=completed&SequenceNumber=2&From=sip:a@example.com&HangupCause=odd";
    for order in [[older, newer], [newer, older]] {
        let record = record_of(&order);
        assert_eq!(
            record["from"],
            json!({ "raw": "sip:a@example.com", "e164": null, "sip_uri": "sip:a@example.com" })
        );
        assert_eq!(
            (&record["hangup"]["cause"], &record["hangup"]["q850"]),
            (&json!("unspecified"), &Value::Null)
        );
    }
}

#[test]
fn another_link_takes_over_while_the_recording_is_not_copied() {
    let body = |token: &str, extra: &str| {
        format!(
            r#"{{"event":"call_ended","data":{{"callSid":"c","recordingUrl":"https://m.example/r.mp3?token={token}"{extra}}}}}"#
        )
    };
    for (state, then) in
        [("pending", "pending"), ("retry", "pending"), ("copying", "copying"), ("expired", "pending")]
    {
        let mut table = Table::default();
        table.apply(&entry(Provider::Callkaro, &body("zzz", "")));
        let key = table.items.keys().find(|(_, sk)| sk.starts_with("RECORDING")).unwrap().clone();
        table.items.get_mut(&key).unwrap().insert("state".to_owned(), crate::ledger::item::text(state));
        table.apply(&entry(Provider::Callkaro, &body("aaa", r#","batchId":"b""#)));
        let job = &table.items[&key];
        let expected = (Some(then), Some("https://m.example/r.mp3?token=aaa"));
        assert_eq!((get_text(job, "state"), get_text(job, "url")), expected, "{state}");
    }
}

#[test]
fn a_recording_that_is_announced_again_under_another_id_has_one_job() {
    let link = "RecordingUrl=https%3A%2F%2Fmedia.example%2Fr.mp3";
    let ended = format!("CallSid=c&CallStatus=completed&CallbackSource=s&{link}");
    // Some of these have read the call before they try; see [`Table::apply`].
    for number in 0..8 {
        let ready = format!("CallSid=c&RecordingSid=r&RecordingStatus=completed&{link}&Number={number}");
        let mut table = Table::default();
        for body in [&ended, &ready] {
            assert_eq!(table.apply(&entry(Provider::Telnyx, body)), Outcome::Accepted);
        }
        assert_eq!(table.of("RECORDING").len(), 1, "{number}");
    }
}

#[test]
fn a_job_that_was_not_there_is_looked_for_again_when_its_call_has_changed() {
    let link = "RecordingUrl=https%3A%2F%2Fmedia.example%2Fr.mp3";
    let ended = entry(Provider::Telnyx, &format!("CallSid=c&CallStatus=completed&CallbackSource=s&{link}"));
    let ready = |more: &str| {
        let body = format!("CallSid=c&RecordingSid=r&RecordingStatus=completed&{link}{more}");
        entry(Provider::Telnyx, &body)
    };
    let mut seen = Seen::default();
    seen.learn_job("RECORDING#r".to_owned(), None);
    let mut table = Table::default();
    for entry in [ready(""), ended] {
        table.apply(&entry);
    }
    seen.learn_call(table.of("CALL").first().map(|call| (*call).clone()));
    let next = plan(&ready("&RecordingChannels=2"), &seen, 400);
    assert!(matches!(&next, Plan::Look(jobs) if jobs.len() == 2), "{next:?}");
}

#[test]
fn a_body_of_a_hundred_thousand_fields_is_planned_like_any_other() {
    let fields: Vec<_> = (0..100_000).map(|index| format!(r#""f{index}":1"#)).collect();
    let body = format!(
        r#"{{"kind":"call.completed","event_id":"e","data":{{"call_id":"c",{}}}}}"#,
        fields.join(",")
    );
    assert_eq!(Table::default().apply(&entry(Provider::Sautikit, &body)), Outcome::Quarantined);
}
