//! A conditional update of an item, as a value. In expressions `#name` is the attribute `name`.

use aws_sdk_dynamodb::types::AttributeValue;

/// An update of an item and the condition under which it is made.
pub(in crate::ledger) struct Change {
    pub(in crate::ledger) update: String,
    pub(in crate::ledger) condition: String,
    pub(in crate::ledger) values: Vec<(String, AttributeValue)>,
}

impl Change {
    pub(super) fn new(
        update: impl Into<String>,
        condition: impl Into<String>,
        values: impl IntoIterator<Item = (&'static str, AttributeValue)>,
    ) -> Self {
        let values = values.into_iter().map(|(name, value)| (format!(":{name}"), value)).collect();
        Self { update: update.into(), condition: condition.into(), values }
    }
}
