//! The items' attributes: their names, and writing and reading them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

/// An item as the SDK has it.
pub type Item = HashMap<String, AttributeValue>;

/// The partition key.
pub const PK: &str = "pk";
/// The sort key.
pub const SK: &str = "sk";
/// What an item is: [`CALL`], [`DELIVERY`] or [`RECORDING`].
pub const TYPE: &str = "type";
/// A call's type and sort key.
pub const CALL: &str = "CALL";
/// A delivery's type.
pub const DELIVERY: &str = "DELIVERY";
/// A recording's type.
pub const RECORDING: &str = "RECORDING";
/// How a delivery's sort key starts.
pub const DELIVERY_PREFIX: &str = "DELIVERY#";
/// How a recording's sort key starts.
pub const RECORDING_PREFIX: &str = "RECORDING#";

/// Text; `S`.
pub fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

/// A number; `N`.
pub fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// An attribute's text, if it is there and is text.
pub fn get_text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

/// An attribute's whole number, if it is there and is one.
pub fn get_number<T: std::str::FromStr>(item: &Item, name: &str) -> Option<T> {
    item.get(name)?.as_n().ok()?.parse().ok()
}
