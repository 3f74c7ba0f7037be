//! One conditional update of an item.

use std::collections::HashMap;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure};

use crate::ledger::item::Item;
use crate::ledger::item::change::Change;
use crate::ledger::key::Key;
use crate::ledger::{Ledger, StoreError, unavailable};

/// The result of a conditional update.
#[derive(Debug)]
pub(super) enum Changed {
    /// It was made; this is the item now.
    Done(Item),
    /// Its condition was not met; this is the item that is there, if one is.
    Unmet(Option<Item>),
}

impl Ledger {
    /// Makes an update under a condition.
    pub(super) async fn change(&self, key: &Key, change: Change) -> Result<Changed, StoreError> {
        let Change { update, condition, values } = change;
        let names = names(&[&update, &condition]);
        let request = (self.client.update_item().table_name(&self.table))
            .set_key(Some(key.attributes()))
            .update_expression(update)
            .condition_expression(condition)
            .set_expression_attribute_names(Some(names))
            .set_expression_attribute_values(Some(values.into_iter().collect()))
            .return_values(ReturnValue::AllNew)
            .return_values_on_condition_check_failure(OnFailure::AllOld);
        match request.send().await {
            Ok(answer) => Ok(Changed::Done(answer.attributes.unwrap_or_default())),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(unmet)) => {
                    Ok(Changed::Unmet(unmet.item().cloned()))
                }
                _ => Err(unavailable(&error)),
            },
        }
    }
}

/// The names that expressions use: half of them are reserved words, so all are written as `#name`.
fn names(expressions: &[&str]) -> HashMap<String, String> {
    let mut names = HashMap::new();
    for expression in expressions {
        for part in expression.split('#').skip(1) {
            let end = part.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(part.len());
            names.insert(format!("#{}", &part[..end]), part[..end].to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_every_name_in_the_expressions_and_no_other() {
        let mut found: Vec<_> = names(&["SET #state = :a, #lease_until=:b", "#state IN (:c) OR (#sha256)"])
            .into_values()
            .collect();
        found.sort();
        assert_eq!(found, ["lease_until", "sha256", "state"]);
    }
}
