//! The calls of a day, or of a party, newest first.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;

use super::walk::{Read, Walked, walk};
use crate::ledger::item::call::Columns;
use crate::ledger::item::{Item, PK, get_text, names, text};
use crate::ledger::{Ledger, StoreError, key, unavailable};
use crate::provider::Provider;
use crate::reader::Scope;

/// Which calls to list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// Where to look.
    pub by: By,
    /// Which of the calls there.
    pub filter: Filter,
    /// The most calls to answer.
    pub limit: usize,
    /// Only calls whose `time_key` is less than this: the rest of an earlier page.
    pub before: Option<String>,
}

/// The property that the calls of a list share; each has an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// The UTC day, `YYYY-MM-DD`.
    Day(String),
    /// The caller as lists show it: a number, else an address.
    From(String),
    /// The called party, likewise.
    To(String),
}

/// The filters, as far as they are given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// The provider that sent it.
    pub provider: Option<Provider>,
    /// The source that it was sent to.
    pub source: Option<String>,
    /// Its status; `unknown` for calls without one.
    pub status: Option<String>,
    /// The sources that whoever asks may see.
    pub scope: Scope,
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// The calls, newest first. There may be none although there are more to come.
    pub calls: Vec<Columns>,
    /// The [`Listing::before`] of the next page; `None` if this is the last.
    pub next: Option<String>,
}

/// The status of a call whose status no event has set.
const UNKNOWN_STATUS: &str = "unknown";

impl Ledger {
    /// A page of the calls of a day or of a party, newest first.
    ///
    /// Pages that follow each other have every call exactly once, as long as nothing is written.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn calls(&self, listing: &Listing) -> Result<Page, StoreError> {
        let partitions = listing.by.partitions();
        let Walked { found, rest_before } =
            walk(partitions.len(), listing.limit, listing.before.clone(), |index, before, limit| {
                self.read_index(listing, &partitions[index], before, limit)
            })
            .await?;
        let calls = found.iter().map(|(_, item)| Columns::read(item)).collect();
        Ok(Page { calls, next: rest_before })
    }

    async fn read_index(
        &self,
        listing: &Listing,
        partition: &str,
        before: Option<String>,
        limit: usize,
    ) -> Result<Read<Item>, StoreError> {
        let (index, attribute) = listing.by.index();
        let mut condition = "#partition = :partition".to_owned();
        let mut query = self.client.query().table_name(&self.table).index_name(index);
        // A call's `time_key` ends in a hash of its key, so it is unique in a partition. Reading on below it is
        // the same as reading on from the service's LastEvaluatedKey.
        if let Some(before) = before {
            condition.push_str(" AND time_key < :before");
            query = query.expression_attribute_values(":before", text(before));
        }
        let query = query
            .key_condition_expression(condition)
            .expression_attribute_names("#partition", attribute)
            .expression_attribute_values(":partition", text(partition))
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX));
        let answer = listing.filter.apply(query).send().await.map_err(|error| unavailable(&error))?;
        let time_key = |item: &Item| get_text(item, "time_key").map(str::to_owned);
        let down_to = match &answer.last_evaluated_key {
            None => None,
            Some(last) => {
                Some(time_key(last).ok_or_else(|| StoreError("an index key has no time_key".to_owned()))?)
            }
        };
        let found = answer.items.unwrap_or_default();
        let found = found.into_iter().filter(|item| listing.filter.is_in_scope(item));
        let found = found.filter_map(|item| Some((time_key(&item)?, item))).collect();
        Ok(Read { found, down_to })
    }
}

impl By {
    /// The index, and the attribute that is its partition key.
    fn index(&self) -> (&'static str, &'static str) {
        match self {
            Self::Day(_) => ("by-time", "day_shard"),
            Self::From(_) => ("by-from", "from"),
            Self::To(_) => ("by-to", "to"),
        }
    }

    fn partitions(&self) -> Vec<String> {
        match self {
            Self::Day(day) => (0..key::DAY_SHARDS).map(|shard| key::day_shard(day, shard)).collect(),
            Self::From(party) | Self::To(party) => vec![key::name(party).into_owned()],
        }
    }
}

impl Filter {
    fn apply(&self, mut query: QueryFluentBuilder) -> QueryFluentBuilder {
        let mut conditions = Vec::new();
        let prefixes = self.prefixes();
        for (index, prefix) in prefixes.iter().enumerate() {
            query = query.expression_attribute_values(format!(":prefix{index}"), text(prefix));
        }
        if !prefixes.is_empty() {
            let begins = |index| format!("begins_with({PK}, :prefix{index})");
            conditions
                .push(format!("({})", (0..prefixes.len()).map(begins).collect::<Vec<_>>().join(" OR ")));
        }
        match self.status.as_deref() {
            None => {}
            Some(UNKNOWN_STATUS) => conditions.push("attribute_not_exists(#status)".to_owned()),
            Some(status) => {
                query = query.expression_attribute_values(":status", text(status));
                conditions.push("#status = :status".to_owned());
            }
        }
        if self.status.is_some() {
            query = query.expression_attribute_names("#status", "status");
        }
        if conditions.is_empty() { query } else { query.filter_expression(conditions.join(" AND ")) }
    }

    /// Whether whoever asks may see an item. This is no condition of the query, which has room for some hundred
    /// sources only; what is left out is asked for and paid for in either case.
    fn is_in_scope(&self, item: &Item) -> bool {
        names(item).is_some_and(|(provider, source, _)| self.scope.has(provider, source))
    }

    /// The start of the partition keys of the calls of the provider and the source, as far as they are given.
    fn prefixes(&self) -> Vec<String> {
        match (self.provider, self.source.as_deref()) {
            (None, None) => Vec::new(),
            (Some(provider), source) => vec![key::calls_prefix(provider.name(), source)],
            (None, source) => Provider::ALL.map(|provider| key::calls_prefix(provider.name(), source)).into(),
        }
    }
}
