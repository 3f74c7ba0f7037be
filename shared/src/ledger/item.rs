//! The table's items: one file each, with its attributes and its states, written and read there.
//!
//! In the expressions of updates, every attribute is written as `#name`, since half of the names are
//! reserved words.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::key::Names;
pub use super::key::{CALL, DELIVERY_PREFIX, PK, RECORDING_PREFIX, SK};

pub(super) mod change;
pub mod audit;
pub mod call;
pub mod delivery;
pub mod recording;
pub mod tombstone;
pub mod retention;
pub mod describe;

/// An item as the SDK has it.
pub type Item = HashMap<String, AttributeValue>;

/// The format that this version writes.
///
/// A newer format is read as far as it is understood, and never written over.
pub const FORMAT: u32 = 1;

/// The format of an item; see [`FORMAT`].
pub(super) const FORMAT_ATTRIBUTE: &str = "format";
/// A call's or recording's id, only where the key holds its hash instead.
pub(super) const CALL_ID: &str = "call_id";
/// The partition key of the `work` index.
pub const WORK_SHARD: &str = "work_shard";
/// The sort key of the `work` index: when an item is due, or since when it waits.
pub const WORK_DUE: &str = "work_due";

/// The attributes that the `work` index projects, besides its own key and the table's: what the lists of
/// recordings and of quarantined deliveries show.
pub const WAITING: [&str; 7] =
    [CALL_ID, "recording_id", "state", "kind", "reason", "last_error", "body_bytes"];

/// A new item with its key and format.
pub(super) fn item(pk: &str, sk: &str) -> Item {
    let mut item = Item::with_capacity(24);
    item.insert(PK.to_owned(), text(pk));
    item.insert(SK.to_owned(), text(sk));
    item.insert(FORMAT_ATTRIBUTE.to_owned(), number(FORMAT));
    item
}

/// Whether an item was written by a newer version.
pub fn is_newer(item: &Item) -> bool {
    get_number::<u32>(item, FORMAT_ATTRIBUTE).is_some_and(|format| format > FORMAT)
}

/// The provider, the source and the call's id of an item of a call.
pub(super) fn names(item: &Item) -> Option<(&str, &str, &str)> {
    let Names { provider, source, call } = Names::of(get_text(item, PK)?)?;
    Some((provider, source, get_text(item, CALL_ID).unwrap_or(call)))
}

/// Text; `S`.
pub fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number; `N`.
pub fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// Bytes; `B`.
pub fn bytes(value: impl Into<Vec<u8>>) -> AttributeValue {
    AttributeValue::B(value.into().into())
}

/// An attribute's text, if it is there and is text.
pub fn get_text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// An attribute's whole number, if it is there and is one.
pub fn get_number<T: std::str::FromStr>(item: &Item, name: &str) -> Option<T> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// An attribute's bytes, if it is there and has bytes.
pub fn get_bytes<'a>(item: &'a Item, name: &str) -> Option<&'a [u8]> {
    item.get(name)?.as_b().ok().map(AsRef::as_ref)
}

fn get_owned(item: &Item, name: &str) -> Option<String> {
    get_text(item, name).map(str::to_owned)
}
