//! Reading the ledger: the calls of a day or of a number, one call's whole story.
//!
//! What must not leave the table is not asked of it: no link of a recording, no delivery's body or
//! headers.

use serde_json::{Map, Value, json};

use super::item::{Item, get_number, get_text};
use crate::record::Record;

mod listing;
mod story;
mod walk;

pub use listing::{By, Filter, Listing, Page};
pub use story::{Delivery, Recording, Story};

/// One call, as its CALL item has it.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who sent it.
    pub provider: String,
    /// To which source.
    pub source: String,
    /// How many deliveries changed the record.
    pub revision: u64,
    /// When the first delivery was applied, RFC 3339 UTC.
    pub first_seen_at: String,
    /// When the last delivery was applied, RFC 3339 UTC.
    pub updated_at: String,
    /// Where it stands among the calls of its day and its numbers; the later, the greater.
    pub time_key: String,
    /// What is known of it.
    pub record: Record,
}

impl Call {
    /// The record as the API shows it, with what the ledger knows of it beside.
    pub fn render(&self) -> Map<String, Value> {
        let mut rendered = self.record.render();
        let Self { provider, source, revision, first_seen_at, updated_at, time_key: _, record: _ } = self;
        for (name, value) in [
            ("provider", json!(provider)),
            ("source", json!(source)),
            ("revision", json!(revision)),
            ("first_seen_at", json!(first_seen_at)),
            ("updated_at", json!(updated_at)),
        ] {
            rendered.insert(name.to_owned(), value);
        }
        rendered
    }

    /// Reads a CALL item. A record that can't be read is no reason to hide the call: it is shown as
    /// unknown but for its id, with a warning.
    fn read(item: &Item) -> Self {
        let text = |name| get_text(item, name).unwrap_or_default().to_owned();
        let record = get_text(item, "record").and_then(|json| serde_json::from_str(json).ok());
        Self {
            provider: text("provider"),
            source: text("source"),
            revision: get_number(item, "revision").unwrap_or(0),
            first_seen_at: text("first_seen_at"),
            updated_at: text("updated_at"),
            time_key: text("time_key"),
            record: record.unwrap_or_else(|| {
                tracing::error!("a stored record can't be read");
                let mut record = Record::default();
                record.set("call_id", json!(text("call_id")));
                record.add("warnings", "the stored record can't be read");
                record
            }),
        }
    }
}
