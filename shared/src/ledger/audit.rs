//! The audit trail: written before anything is given out or done, and read by day, newest first.

use tokio::time::Instant;

use super::item::{self, Item, audit, get_text, text};
use super::key;
use super::{Ledger, StoreError, unavailable};
use crate::reader::Scope;
use crate::timestamp::Timestamp;

pub use super::item::audit::{About, Action, Note, Noted};

/// Which entries to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trail {
    /// From this time on.
    pub since: Timestamp,
    /// Before this time.
    pub until: Timestamp,
    /// The sources that whoever asks may see.
    pub scope: Scope,
    /// The most entries to answer.
    pub limit: usize,
    /// Only entries before this place: the rest of an earlier page.
    pub before: Option<String>,
}

/// A part of the trail.
#[derive(Clone, Debug)]
pub struct TrailPage {
    /// The entries, newest first. There may be fewer than asked for although there are more to come.
    pub entries: Vec<Noted>,
    /// The [`Trail::before`] of the next page; `None` if this is the last.
    pub next: Option<String>,
}

impl Ledger {
    /// Writes an entry. Whoever can't write it must not give or do what it is about.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn note(&self, note: &Note<'_>) -> Result<(), StoreError> {
        let item = audit::write(note, fastrand::u64(..));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
        put.send().await.map(|_| ()).map_err(|error| unavailable(&error))
    }

    /// A page of the trail, newest first, filled as far as there is time until a deadline.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn notes(&self, trail: &Trail, deadline: Instant) -> Result<TrailPage, StoreError> {
        let (low, until) = (key::audit_place(trail.since), key::audit_place(trail.until));
        let mut high = trail.before.clone().map_or_else(|| until.clone(), |before| before.min(until.clone()));
        let mut found: Vec<(String, Noted)> = Vec::new();
        while high > low {
            let Some(day) = key::audit_day(&high) else { break };
            let (items, place) = self.notes_before(&day, &low, &high, trail.limit).await?;
            for item in &items {
                let noted = audit::read(item);
                if noted.is_in(&trail.scope) {
                    found.push((get_text(item, item::SK).unwrap_or_default().to_owned(), noted));
                }
            }
            // One entry more than a page shows that there is another page.
            if found.len() > trail.limit {
                found.truncate(trail.limit);
                let next = found.last().map(|(place, _)| place.clone());
                return Ok(page(found, next));
            }
            high = place;
            if Instant::now() >= deadline && high > low {
                return Ok(page(found, Some(high)));
            }
        }
        Ok(page(found, None))
    }

    /// Some entries of a day before a place, and the place before which nothing of it was looked at.
    async fn notes_before(
        &self,
        day: &str,
        low: &str,
        high: &str,
        limit: usize,
    ) -> Result<(Vec<Item>, String), StoreError> {
        let query = (self.client.query().table_name(&self.table).consistent_read(true))
            .key_condition_expression("pk = :pk AND sk BETWEEN :low AND :high")
            .expression_attribute_values(":pk", text(key::audit_pk(day)))
            .expression_attribute_values(":low", text(low))
            .expression_attribute_values(":high", text(high))
            .scan_index_forward(false)
            // The place itself is among them, and one more is to show whether there are others.
            .limit(i32::try_from(limit + 2).unwrap_or(i32::MAX));
        let answer = query.send().await.map_err(|error| unavailable(&error))?;
        let sk = |item: &Item| get_text(item, item::SK).unwrap_or_default().to_owned();
        let place = match &answer.last_evaluated_key {
            Some(last) => sk(last),
            // Whatever is before the day, and nothing of it.
            None => key::audit_day_start(day),
        };
        let mut items = answer.items.unwrap_or_default();
        items.retain(|item| sk(item).as_str() < high);
        Ok((items, place))
    }
}

fn page(found: Vec<(String, Noted)>, next: Option<String>) -> TrailPage {
    TrailPage { entries: found.into_iter().map(|(_, noted)| noted).collect(), next }
}
