//! `GET …/recordings/{recording_id}`: a link to the copy in the bucket; `POST …/retry`: try again to
//! make that copy.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use aws_sdk_s3::presigning::PresigningConfig;
use http::StatusCode;
use http::header::{HeaderValue, LOCATION};
use serde_json::json;
use shared::api::{self, unavailable};
use shared::aws::Bucket;
use shared::ledger::Ledger;
use shared::ledger::audit::{About, Action};
use shared::ledger::jobs::{MadeDue, State};
use shared::ledger::read::Recording;
use shared::path::{self, CallName};
use shared::provider::Provider;
use shared::reader::Reader;
use shared::reply::{Problem, Reply};
use shared::timestamp::Timestamp;

/// How long a link works.
pub(crate) const LINK_LIFETIME: Duration = Duration::from_secs(15 * 60);

/// The longest name that a download gets, without its extension.
const MAX_FILENAME_CHARS: usize = 100;

/// Redirects to a presigned link. The link gives access to the recording, so it is never logged. The audit trail says
/// who got it.
pub(crate) async fn redirect(
    ledger: &Ledger,
    bucket: &Bucket,
    reader: &Reader,
    call: CallName<'_>,
    recording_id: &str,
    now: Timestamp,
) -> Result<Reply, Problem> {
    let Named { provider, source, call_id, recording_id } = named(call, recording_id)?;
    let job = ledger.recording(provider, source, &call_id, &recording_id).await;
    let job = job.map_err(|error| unavailable(&error))?.ok_or_else(unknown)?;
    if job.state == Some(State::Erased.name()) {
        let message = "This recording was erased; neither the copy nor the link to it is kept.";
        return Err(Problem::new(StatusCode::GONE, "recording_erased", message));
    }
    let (Some("stored"), Some(key)) = (job.state, job.s3_key.as_deref()) else {
        return Err(not_stored(&job));
    };
    let disposition = format!("attachment; filename=\"{}\"", filename(&job.recording_id, key));
    let get =
        bucket.client.get_object().bucket(&bucket.name).key(key).response_content_disposition(disposition);
    let lifetime = PresigningConfig::builder()
        .start_time(SystemTime::from(now))
        .expires_in(LINK_LIFETIME)
        .build()
        .map_err(|error| cannot_sign(&error))?;
    let link = get.presigned(lifetime).await.map_err(|error| cannot_sign(&error))?;
    let location = HeaderValue::from_str(link.uri()).map_err(|error| cannot_sign(&error))?;
    let about = About::Call(provider, source, &call_id);
    api::note(ledger, reader, Action::Listened, about, now).await?;
    let body = json!({ "status": "stored", "expires_in_seconds": LINK_LIFETIME.as_secs() });
    Ok(Reply::json(StatusCode::FOUND, &body).with_header(LOCATION, location))
}

/// Makes a recording that is not stored due at once. The audit trail says who asked for it, also where that has
/// no effect.
pub(crate) async fn retry(
    ledger: &Ledger,
    reader: &Reader,
    call: CallName<'_>,
    recording_id: &str,
    now: Timestamp,
) -> Result<Reply, Problem> {
    let Named { provider, source, call_id, recording_id } = named(call, recording_id)?;
    let job = ledger.recording(provider, source, &call_id, &recording_id).await;
    let job = job.map_err(|error| unavailable(&error))?.ok_or_else(unknown)?;
    let about = About::Call(provider, source, &call_id);
    api::note(ledger, reader, Action::Retried, about, now).await?;
    let made = ledger.make_due(provider, source, &call_id, &job.recording_id, now).await;
    let conflict = |code, message| Err(Problem::new(StatusCode::CONFLICT, code, message));
    match made.map_err(|error| unavailable(&error))? {
        MadeDue::Due => Ok(Reply::json(StatusCode::ACCEPTED, &json!({ "status": "pending" }))),
        MadeDue::NotFound => Err(unknown()),
        MadeDue::Stored => {
            conflict("already_stored", "The recording is stored; there is nothing to try again.")
        }
        MadeDue::NoLink => {
            conflict("recording_not_retried", "There is no link any more to copy the recording from.")
        }
        MadeDue::Erased => conflict("erased", "This recording was erased, and is not copied again."),
    }
}

/// The names in the path of a recording.
struct Named<'a> {
    provider: Provider,
    source: &'a str,
    call_id: Cow<'a, str>,
    recording_id: Cow<'a, str>,
}

fn named<'a>(call: CallName<'a>, recording_id: &'a str) -> Result<Named<'a>, Problem> {
    let names = call.parts().zip(path::decode(recording_id));
    let ((provider, source, call_id), recording_id) = names.ok_or_else(unknown)?;
    Ok(Named { provider, source, call_id, recording_id })
}

fn unknown() -> Problem {
    let message = "This call has no recording with this id, or no link to it has arrived yet.";
    Problem::new(StatusCode::NOT_FOUND, "recording_unknown", message)
}

fn not_stored(job: &Recording) -> Problem {
    let state = job.state.unwrap_or("unknown");
    let message = match (state, job.next_attempt_at.as_deref(), job.reason.as_deref()) {
        ("expired" | "rejected" | "failed", _, Some(reason)) => {
            format!("There is no copy of this recording, and none will be made: it is {state} ({reason}).")
        }
        ("expired" | "rejected" | "failed", ..) => {
            format!("There is no copy of this recording, and none will be made: it is {state}.")
        }
        (_, Some(next), _) => {
            format!(
                "There is no copy of this recording yet: its state is {state}, the next attempt is due at {next}. Ask again later."
            )
        }
        _ => format!("There is no copy of this recording yet: its state is {state}. Ask again later."),
    };
    Problem::new(StatusCode::CONFLICT, "recording_not_stored", message)
}

/// A file name for the download, of letters, digits, `-` and `_`, which mean nothing else to any browser or shell.
fn filename(recording_id: &str, key: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_') { c } else { '_' };
    let name: String = recording_id.chars().map(plain).take(MAX_FILENAME_CHARS).collect();
    let name = if name.is_empty() { "recording".to_owned() } else { name };
    let extension = key.rsplit_once('.').map(|(_, extension)| extension);
    let short = |extension: &&str| {
        (1..=5).contains(&extension.len()) && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    match extension.filter(short) {
        Some(extension) => format!("{name}.{extension}"),
        None => name,
    }
}

/// Returns the problem for a link that could not be signed. Signing needs no network, so this is a bug.
fn cannot_sign(error: &dyn std::error::Error) -> Problem {
    tracing::error!(%error, "a link could not be signed");
    Problem::internal()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_has_a_harmless_name() {
        let key = "recordings/telnyx/default/2026/06/27/c1/RE1.mp3";
        assert_eq!(filename("RE-1_a", key), "RE-1_a.mp3");
        assert_eq!(filename("../\"\r\nétc📞.exe", key), "_______tc__exe.mp3");
        assert_eq!(filename("", "recordings/a.b/c"), "recording");
        assert_eq!(filename(&"x".repeat(3000), key).len(), MAX_FILENAME_CHARS + 4);
    }

    #[test]
    fn a_missing_copy_says_whether_to_wait() {
        let job = |state| Recording { state: Some(state), ..Recording::default() };
        let message = |job| not_stored(&job).message;
        assert_eq!(
            message(Recording {
                next_attempt_at: Some("2026-06-27T10:10:00.000Z".to_owned()),
                ..job("retry")
            }),
            "There is no copy of this recording yet: its state is retry, the next attempt is due at 2026-06-27T10:10:00.000Z. Ask again later."
        );
        assert_eq!(
            message(Recording { reason: Some("too_large".to_owned()), ..job("rejected") }),
            "There is no copy of this recording, and none will be made: it is rejected (too_large)."
        );
    }
}
