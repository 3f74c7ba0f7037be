//! `GET /calls/{provider}/{source}/{call_id}`: one call's whole story.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::{Map, Value, json};
use shared::api::unavailable;
use shared::aws::Bucket;
use shared::ledger::Ledger;
use shared::ledger::read::{Call, Recording, Story, Told};
use shared::path::{self, CallName};
use shared::record::Record;
use shared::reply::{Problem, Reply};
use shared::timestamp::Timestamp;

use crate::large;
use crate::weight::{MAX_WEIGHT, take, weight};

/// Answers the record with its recordings and deliveries.
pub(crate) async fn answer(
    ledger: &Ledger,
    bucket: &Bucket,
    call: CallName<'_>,
    now: Timestamp,
) -> Result<Reply, Problem> {
    let told = match call.parts() {
        Some((provider, source, call_id)) => ledger.story(provider, source, &call_id).await,
        None => Ok(Told::Nothing),
    };
    let unknown = |message| Err(Problem::new(StatusCode::NOT_FOUND, "call_unknown", message));
    let story = match told.map_err(|error| unavailable(&error))? {
        Told::Story(story) => *story,
        Told::Waiting => {
            return unknown(
                "No delivery of this call was applied, and at least one waits in quarantine: see /quarantine.",
            );
        }
        Told::Nothing => {
            return unknown("The ledger has no call of this id from this provider and source.");
        }
    };
    let Story { pk, call, recordings, mut deliveries } = story;
    let Call { columns, mut record, first_seen_at, unreadable, .. } = call;
    for problem in unreadable {
        record.add("warnings", problem);
    }
    let jobs = jobs(&record, recordings);
    let mut room = MAX_WEIGHT.saturating_sub(weight(&record.render()) + weight(&jobs));
    let all = deliveries.len();
    deliveries.retain(|delivery| take(&mut room, weight(delivery) + 1));
    if deliveries.len() < all {
        let message = format!("{} of {all} deliveries have no room in this answer", all - deliveries.len());
        record.add("warnings", message);
    }
    large::resolve(bucket, &pk, &mut record, room, now).await;
    let mut answer = record.render();
    for (name, value) in [
        ("path", json!(path::of(&columns))),
        ("provider", json!(columns.provider)),
        ("source", json!(columns.source)),
        ("revision", json!(columns.revision)),
        ("first_seen_at", json!(first_seen_at)),
        ("updated_at", json!(columns.updated_at)),
    ] {
        answer.insert(name.to_owned(), value);
    }
    let of_record = answer.remove("recordings");
    answer.insert("recordings".to_owned(), joined(of_record, jobs));
    answer.insert("deliveries".to_owned(), json!(deliveries));
    Ok(Reply::json(StatusCode::OK, &answer))
}

/// The copy jobs as values, each under the id that its recording is shown by. Of several jobs of a recording,
/// one that has stored it counts.
fn jobs(record: &Record, jobs: Vec<Recording>) -> Vec<Value> {
    let mut of_recordings = Vec::with_capacity(jobs.len());
    let mut named = Vec::new();
    for shown in record.shown_recording_ids() {
        let ids = record.ids_of_recording(shown);
        let of_this = jobs.iter().filter(|job| ids.contains(&&*job.recording_id));
        if let Some(job) = of_this.max_by_key(|job| job.s3_key.is_some()) {
            of_recordings.push(Recording { recording_id: shown.to_owned(), ..job.clone() });
        }
        named.extend(ids);
    }
    // The record knows nothing of a job whose delivery it could not take.
    let others = jobs.iter().filter(|job| !named.contains(&&*job.recording_id));
    of_recordings.extend(others.cloned());
    of_recordings.iter().map(|job| serde_json::to_value(job).unwrap_or_default()).collect()
}

/// Returns the recordings in the order of their ids, each with every field, from the record and from the copy
/// jobs. If both have a value, the job's is shown: it describes the copy and the newest link.
fn joined(of_record: Option<Value>, jobs: Vec<Value>) -> Value {
    let mut recordings: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    let of_record = match of_record {
        Some(Value::Array(of_record)) => of_record,
        _ => Vec::new(),
    };
    for known in of_record.into_iter().chain(jobs) {
        let Value::Object(known) = known else { continue };
        let id = known.get("recording_id").and_then(Value::as_str).unwrap_or_default().to_owned();
        let recording = recordings.entry(id).or_insert_with(nothing_known);
        recording.extend(known.into_iter().filter(|(_, value)| !value.is_null()));
    }
    recordings.into_values().map(Value::Object).collect()
}

fn nothing_known() -> Map<String, Value> {
    match serde_json::to_value(Recording::default()) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}
