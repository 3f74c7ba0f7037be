//! The use that the ledger makes of a genuine body.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::value::RawValue;
use shared::event::{BodyFormat, Normalized};
use shared::ledger::{Content, Entry, Kind, Outcome, Plan, Seen, plan};
use shared::provider::Verified;

use super::super::question::Question;

/// The use that a ledger that knows nothing of the call makes of a body.
pub(in super::super) enum Use {
    /// It is applied to the record of its call.
    Applied {
        /// The provider's name for the kind of event.
        kind: String,
    },
    /// It is kept, and no record has use for it.
    Ignored {
        /// The provider's name for the kind of event.
        kind: String,
    },
    /// It is kept in quarantine.
    Quarantined {
        /// The stable code of why.
        reason: String,
        /// Why, as a sentence.
        why: String,
    },
}

/// The use of a body, as the ledger's own plan has it.
pub(super) fn used(question: &Question, verified: &Verified, normalized: Normalized) -> Use {
    let Question { provider, source, headers, at, .. } = question;
    let entry = Entry::new(*provider, source, *at, headers, verified, normalized);
    let planned = plan(&entry, &Seen::default(), 1);
    let kind = entry.kind().unwrap_or("an event").to_owned();
    match planned {
        Plan::Transact { outcome: Outcome::Quarantined, writes, .. } => {
            let delivery = writes.iter().find(|write| write.kind == Kind::Delivery);
            let reason = delivery.and_then(|write| write.item.get("reason")).map(AttributeValue::as_s);
            let reason = match reason {
                Some(Ok(reason)) => reason.clone(),
                _ => "unknown".to_owned(),
            };
            Use::Quarantined { why: why(&reason, question), reason }
        }
        _ if matches!(entry.content, Content::Ignored { .. }) => Use::Ignored { kind },
        _ => Use::Applied { kind },
    }
}

/// Why a body goes to quarantine.
fn why(reason: &str, question: &Question) -> String {
    match reason {
        "body_unreadable" => unreadable(question),
        "call_id_missing" => "it does not say which call it is about".to_owned(),
        "call_id_too_long" => "it names its call with an id of more than 2048 bytes".to_owned(),
        "record_too_large" => "its values have no room in an item of the table".to_owned(),
        "stale" => "it was signed too long before it arrived".to_owned(),
        "future" => "it was signed too long after it arrived".to_owned(),
        other => format!("the reason is {other}"),
    }
}

/// Why a body is not in its provider's format.
fn unreadable(question: &Question) -> String {
    let Question { provider, body, .. } = question;
    if body.is_empty() {
        return "it is empty".to_owned();
    }
    match provider.body_format() {
        BodyFormat::Form => "it is no form in UTF-8".to_owned(),
        BodyFormat::Json => match serde_json::from_slice::<&RawValue>(body) {
            Err(error) => format!("it is no JSON: line {}, column {}", error.line(), error.column()),
            Ok(json) if !json.get().starts_with('{') => "it is JSON, but no object".to_owned(),
            Ok(_) => format!("it does not name a kind of event, as {} does", provider.name()),
        },
    }
}
