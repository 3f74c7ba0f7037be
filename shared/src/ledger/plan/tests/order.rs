//! Order and repetition of deliveries do not show.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::{Index, subsequence};
use serde_json::{Value, json};

use super::{Outcome, Provider, Table, entry};

/// A choice of fields, each with a choice of values.
fn fields(
    choices: &'static [(&'static str, &'static [&'static str])],
) -> impl Strategy<Value = BTreeMap<&'static str, String>> {
    subsequence(choices, 0..=choices.len()).prop_flat_map(|chosen| {
        let values: Vec<_> =
            chosen.iter().map(|(name, values)| (Just(*name), prop::sample::select(*values))).collect();
        values.prop_map(|fields| fields.into_iter().map(|(name, value)| (name, value.to_owned())).collect())
    })
}

const TIMES: &[&str] = &["2026-06-27T10:00:05.000Z", "2026-06-27T10:00:06.000Z", "2026-06-27T09:00:00.000Z"];

const SAUTIKIT_FIELDS: &[(&str, &[&str])] = &[
    ("direction", &["inbound", "outbound", "odd"]),
    ("from", &["+254700000001", "sip:a@example.com", "x"]),
    ("to", &["+254700000002", "254700000003"]),
    ("status", &["ringing", "in_progress", "completed", "busy", "strange"]),
    ("answered_at", TIMES),
    ("ended_at", TIMES),
    ("hangup_cause", &["normal_clearing", "user_busy", "odd"]),
    ("recording_id", &["r1", "r2"]),
    ("download_url", &["https://a.example/r?X-Amz-Signature=1", "https://b.example/r"]),
    ("expires_at", TIMES),
    ("duration_seconds", &["1", "2", "3.5", "long"]),
    ("extra", &["1", "2"]),
];

const TELNYX_FIELDS: &[(&str, &[&str])] = &[
    ("From", &["+35319605860", "sip:a@example.com"]),
    ("To", &["+13129457420"]),
    ("CallSidLegacy", &["l1", "l2"]),
    ("ParentCallSid", &["p"]),
    ("OccurredAt", TIMES),
    ("Timestamp", TIMES),
    ("StartTime", TIMES),
    ("CallDuration", &["1", "2", "x"]),
    ("HangupCause", &["normal_clearing", "user_busy", "odd"]),
    ("RecordingUrl", &["https://a.example/r1?x=1", "https://a.example/r1?x=2", "https://a.example/r2"]),
    ("RecordingDuration", &["1", "2"]),
    ("CallQualityStats", &["{\"mos\":4}", "{\"mos\":3,\"jitter\":1}", "bad"]),
    ("Odd", &["1", "2"]),
];

/// The members that a copy may have or not. The others say how the call went and are in every copy.
const CALLKARO_OPTIONAL: &[&str] = &[
    "recordingUrl",
    "transcription",
    "batchId",
    "call_metadata",
    "post_call",
    "functions_called",
    "disposition_reason",
    "conversion_status",
    "call_link",
];
const AGNI_OPTIONAL: &[&str] = &[
    "campaign_id",
    "summary",
    "recording_url",
    "caller_name",
    "agent_name",
    "cost_total",
    "post_call_analysis",
    "transcripts",
];

fn sample(name: &str) -> Value {
    let path = format!("{}/../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let event: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    serde_json::from_str(event["body"].as_str().unwrap()).unwrap()
}

fn copies(name: &'static str, optional: &'static [&'static str]) -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(subsequence(optional, 0..=optional.len()), 1..5).prop_map(move |copies| {
        let without = |dropped: Vec<&str>| {
            let mut body = sample(name);
            dropped.iter().for_each(|member| drop(body["data"].as_object_mut().unwrap().remove(*member)));
            body.to_string()
        };
        copies.into_iter().map(without).collect()
    })
}

/// A status, a sequence number, whether it is about a recording, and the other fields.
type TelnyxEvent = (&'static str, u8, bool, BTreeMap<&'static str, String>);

/// The bodies of one call's events.
fn bodies() -> impl Strategy<Value = (Provider, Vec<String>)> {
    let kinds = prop::sample::select(vec![
        "call.started",
        "call.answered",
        "call.completed",
        "call.failed",
        "call.recording.ready",
        "call.paused",
    ]);
    let sautikit = prop::collection::vec((kinds, prop::sample::select(TIMES), fields(SAUTIKIT_FIELDS)), 1..7)
        .prop_map(|events| {
            let body =
                |(index, (kind, occurred_at, mut data)): (usize, (&str, &str, BTreeMap<&str, String>))| {
                    data.insert("call_id", "c".to_owned());
                    // Some bodies claim to be of one event.
                    let event_id = (index % 4).to_string();
                    json!({ "kind": kind, "event_id": event_id, "occurred_at": occurred_at, "data": data })
                        .to_string()
                };
            (Provider::Sautikit, events.into_iter().enumerate().map(body).collect())
        });
    let statuses =
        prop::sample::select(vec!["initiated", "ringing", "in-progress", "completed", "busy", "odd"]);
    let telnyx = prop::collection::vec((statuses, 0..4_u8, any::<bool>(), fields(TELNYX_FIELDS)), 1..7)
        .prop_map(|events| {
            let body = |(index, event): (usize, TelnyxEvent)| {
                let (status, sequence, recording, mut fields) = event;
                fields.insert("CallSid", "c".to_owned());
                // Some bodies claim to be of one event.
                if recording {
                    fields.insert("RecordingSid", format!("r{}", index % 3));
                    fields.insert("RecordingStatus", "completed".to_owned());
                } else {
                    fields.insert("CallStatus", status.to_owned());
                    fields.insert("CallbackSource", format!("source-{}", index % 3));
                    fields.insert("SequenceNumber", sequence.to_string());
                }
                url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
            };
            (Provider::Telnyx, events.into_iter().enumerate().map(body).collect())
        });
    prop_oneof![
        sautikit,
        telnyx,
        copies("callkaro-call-ended", CALLKARO_OPTIONAL).prop_map(|bodies| (Provider::Callkaro, bodies)),
        copies("agni-call-completed", AGNI_OPTIONAL).prop_map(|bodies| (Provider::Agni, bodies)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn order_and_repetition_of_deliveries_do_not_show(
        (provider, bodies) in bodies(),
        repeated in prop::collection::vec(any::<Index>(), 0..6),
        shuffle in any::<u64>(),
    ) {
        let entries: Vec<_> = bodies.iter().map(|body| entry(provider, body)).collect();
        let mut in_order = Table::default();
        for entry in &entries {
            in_order.apply(entry);
        }
        let mut order: Vec<_> = (0..entries.len()).chain(repeated.iter().map(|index| index.index(entries.len()))).collect();
        fastrand::Rng::with_seed(shuffle).shuffle(&mut order);
        let mut shuffled = Table::default();
        let mut accepted = std::collections::BTreeSet::new();
        for index in order {
            let outcome = shuffled.apply(&entries[index]);
            let fresh = accepted.insert(entries[index].body_sha256);
            prop_assert_eq!(outcome == Outcome::Duplicate, !fresh);
        }
        prop_assert_eq!(in_order.known(), shuffled.known());
    }
}
