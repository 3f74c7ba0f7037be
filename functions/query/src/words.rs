//! The codes of reasons as sentences for a person: what happened, and what to do now.

/// The reasons for which a delivery is in quarantine.
pub(crate) const QUARANTINE: [&str; 10] = [
    "body_unreadable",
    "call_id_missing",
    "call_id_too_long",
    "stale",
    "future",
    "newer_format",
    "record_unreadable",
    "record_too_large",
    "too_many_events",
    "store_refused",
];

/// Why a delivery waits.
pub(crate) fn of_quarantined(reason: Option<&str>) -> &'static str {
    match reason.unwrap_or_default() {
        "body_unreadable" => {
            "The body is not in the format that the provider documents; replay it once this version reads it."
        }
        "call_id_missing" => {
            "The body does not say which call it is about; read it, then replay or discard it."
        }
        "call_id_too_long" => "The body names its call by an id that is too long; read it, then discard it.",
        "stale" => {
            "It was signed long before it arrived, and its source puts late deliveries here; replay it to apply it."
        }
        "future" => {
            "It was signed for a time that had not come, and its source puts such deliveries here; replay it to apply it."
        }
        "newer_format" => {
            "A newer version of Call Ledger wrote this call; the schedule replays the delivery once that version runs again."
        }
        "record_unreadable" => {
            "The call's record is damaged; restore or rebuild it, then replay the delivery."
        }
        "record_too_large" => {
            "The call's record would be too large with this delivery; read the delivery here."
        }
        "too_many_events" => "The call has the most events that a record takes; read the delivery here.",
        "store_refused" => {
            "The table refused to store what this delivery says; replay it with a newer version."
        }
        _ => "This version does not know the reason; read the delivery, then replay or discard it.",
    }
}

/// Why a recording is not stored, and what happens next. `last_error` is its reason with a detail.
pub(crate) fn of_recording(state: Option<&str>, reason: Option<&str>, last_error: Option<&str>) -> String {
    let Some(code) = reason else {
        return match state {
            Some("copying") => "It is being copied just now.".to_owned(),
            _ => "It is due and will be copied within a minute.".to_owned(),
        };
    };
    let status = last_error.and_then(|error| error.split_once(": ")).map_or("", |(_, detail)| detail);
    let what = match code {
        "status" => match status {
            "401" | "403" => {
                return with_next(&format!("The host refused the link with status {status}."), state);
            }
            "404" => "The host has no recording at the link.",
            "410" => "The host says that the recording is gone.",
            _ => return with_next(&format!("The host answered with status {status}."), state),
        },
        "timeout" | "idle" => "The host did not answer in time.",
        "too_slow" => "The host sent the recording too slowly.",
        "connect" | "dns" => "The host could not be reached.",
        "connection_lost" | "size_mismatch" => "The connection broke before the recording was complete.",
        "tls" => "The host's certificate could not be trusted.",
        "empty" => "The host sent nothing.",
        "not_audio" => "The link leads to a page or other text, and not to a recording.",
        "content_encoding" | "partial_without_request" | "redirect_without_location" => {
            "The host answered in a way that HTTP does not allow here."
        }
        "too_large" => "The recording is larger than RecordingMaxBytes.",
        "source_unknown" => "Its source is no longer configured.",
        "source_unreadable" => "The parameter of its source can't be read.",
        "bucket" | "object_taken" | "upload_lost" | "task_lost" => "The bucket did not take the copy.",
        "out_of_time" | "too_many_attempts" => "No attempt came to its end in time.",
        "host_not_listed" => "The link leads to a host that is not in the source's recording_hosts.",
        "host_not_public" | "address_not_public" | "ip_literal" => {
            "The link leads to an address that is not public."
        }
        "scheme" | "port" | "userinfo" | "control_character" | "too_long" | "malformed" => {
            "The link is not a plain https link."
        }
        "too_many_redirects" => "The link is redirected too often.",
        "job_unreadable" => "The item of this recording lacks what a copy needs.",
        _ => "The copy failed.",
    };
    with_next(what, state)
}

fn with_next(what: &str, state: Option<&str>) -> String {
    let next = match state {
        Some("expired") => "The link has expired: ask the provider for a new one.",
        Some("rejected") => "Remove the cause, then retry it.",
        Some("failed") => "It will not be tried again unless you retry it.",
        Some("copying") => "It is being copied again just now.",
        _ => "It will be tried again.",
    };
    format!("{what} {next}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_of_quarantine_has_a_sentence_of_its_own() {
        let unknown = of_quarantined(Some("not a reason"));
        let mut sentences = QUARANTINE.map(|reason| of_quarantined(Some(reason)));
        assert!(!sentences.contains(&unknown));
        sentences.sort_unstable();
        assert!(sentences.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn a_recording_says_what_happened_and_what_happens_next() {
        let said =
            |state, error: &'static str| of_recording(Some(state), error.split(':').next(), Some(error));
        assert_eq!(
            of_recording(Some("pending"), None, None),
            "It is due and will be copied within a minute."
        );
        assert_eq!(
            said("retry", "status: 503"),
            "The host answered with status 503. It will be tried again."
        );
        assert_eq!(
            said("expired", "status: 403"),
            "The host refused the link with status 403. The link has expired: ask the provider for a new one."
        );
        assert_eq!(
            said("rejected", "host_not_listed: x"),
            "The link leads to a host that is not in the source's recording_hosts. Remove the cause, then retry it."
        );
    }
}
