//! What waits for a copier or for a person, newest first: recordings that are not stored, deliveries in quarantine.

use tokio::time::Instant;

use super::walk::{Read, Walked, walk_until};
use super::{Delivery, Recording};
use crate::ledger::item::delivery::WORK as QUARANTINED;
use crate::ledger::item::recording::{ENDED, State, WORK as DUE};
use crate::ledger::item::{self, Item, WORK_DUE, get_text, names, text};
use crate::ledger::key::{self, Key};
use crate::ledger::{Ledger, StoreError, unavailable};
use crate::provider::Provider;
use crate::reader::Scope;
use crate::timestamp::{Timestamp, rfc3339};

/// Which of the things that wait to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// The provider.
    pub provider: Option<Provider>,
    /// The source.
    pub source: Option<String>,
    /// The states of recordings, or the reasons of deliveries; any if there are none.
    pub words: Vec<String>,
    /// Only what is due, ended or arrived at this time or later.
    pub since: Option<Timestamp>,
    /// Only what is due, ended or arrived before this time.
    pub until: Option<Timestamp>,
    /// The sources that whoever asks may see.
    pub scope: Scope,
    /// The most members to answer.
    pub limit: usize,
    /// Only what stands before this place: the rest of an earlier page.
    pub before: Option<String>,
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct WaitingPage<T> {
    /// The members, newest first. There may be fewer than asked for although there are more to come.
    pub found: Vec<T>,
    /// The [`Waiting::before`] of the next page; `None` if this is the last.
    pub next: Option<String>,
}

/// A recording that is not stored.
#[derive(Clone, Debug)]
pub struct Unstored {
    /// Its provider.
    pub provider: String,
    /// Its source.
    pub source: String,
    /// Its call.
    pub call_id: String,
    /// As far as the index has it.
    pub recording: Recording,
}

/// A delivery in quarantine.
#[derive(Clone, Debug)]
pub struct Quarantined {
    /// Its name among all that wait.
    pub quarantine_id: String,
    /// Its provider.
    pub provider: String,
    /// Its source.
    pub source: String,
    /// The call it is about, if it names one.
    pub call_id: Option<String>,
    /// As far as the index has it.
    pub delivery: Delivery,
}

impl Ledger {
    /// A page of the recordings that are not stored: due, copied just now or ended without a copy. It is filled as far
    /// as there is time until a deadline.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn unstored(
        &self,
        waiting: &Waiting,
        deadline: Instant,
    ) -> Result<WaitingPage<Unstored>, StoreError> {
        let any = |failed: bool| {
            let asked = |state: &State| waiting.words.iter().any(|word| word == state.name());
            waiting.words.is_empty()
                || State::ALL.iter().any(|state| state.has_failed() == failed && asked(state))
        };
        let kinds = [(DUE, any(false)), (ENDED, any(true))];
        let kinds: Vec<_> = kinds.into_iter().filter(|(_, any)| *any).map(|(kind, _)| kind).collect();
        let page = self.waiting(waiting, &kinds, "state", deadline).await?;
        let read = |item: &Item| {
            let (provider, source, call_id) = names(item)?;
            let [provider, source, call_id] = [provider, source, call_id].map(str::to_owned);
            Some(Unstored { provider, source, call_id, recording: Recording::read(item) })
        };
        Ok(page.read(read))
    }

    /// A page of the deliveries in quarantine, filled as far as there is time until a deadline.
    ///
    /// # Errors
    /// The table did not answer.
    pub async fn quarantine(
        &self,
        waiting: &Waiting,
        deadline: Instant,
    ) -> Result<WaitingPage<Quarantined>, StoreError> {
        let page = self.waiting(waiting, &[QUARANTINED], "reason", deadline).await?;
        Ok(page.read(Quarantined::read))
    }

    /// A page of some kinds of what waits. `word` is the attribute that [`Waiting::words`] are of.
    async fn waiting(
        &self,
        waiting: &Waiting,
        kinds: &[&str],
        word: &str,
        deadline: Instant,
    ) -> Result<WaitingPage<Item>, StoreError> {
        let shards =
            |kind: &&str| (0..key::WORK_SHARDS).map(|shard| format!("{kind}#{shard}")).collect::<Vec<_>>();
        let partitions: Vec<_> = kinds.iter().flat_map(shards).collect();
        let until = waiting.until.map(rfc3339);
        let before = [waiting.before.clone(), until].into_iter().flatten().min();
        let is_over = |_| Instant::now() >= deadline;
        let Walked { found, rest_before } =
            walk_until(partitions.len(), waiting.limit, before, is_over, |index, before, limit| {
                self.read_work(waiting, &partitions[index], word, before, limit)
            })
            .await?;
        Ok(WaitingPage { found: found.into_iter().map(|(_, item)| item).collect(), next: rest_before })
    }

    async fn read_work(
        &self,
        waiting: &Waiting,
        partition: &str,
        word: &str,
        before: Option<String>,
        limit: usize,
    ) -> Result<Read<Item>, StoreError> {
        // Times begin with a digit or a minus.
        let low = waiting.since.map_or_else(|| " ".to_owned(), rfc3339);
        let high = before.unwrap_or_else(|| "~".to_owned());
        if high <= low {
            return Ok(Read { found: Vec::new(), down_to: None });
        }
        let query = (self.client.query().table_name(&self.table).index_name("work"))
            .key_condition_expression("work_shard = :shard AND work_due BETWEEN :low AND :high")
            .expression_attribute_values(":shard", text(partition))
            .expression_attribute_values(":low", text(low))
            .expression_attribute_values(":high", text(&high))
            .scan_index_forward(false)
            // The place itself is among them.
            .limit(i32::try_from(limit.saturating_add(1)).unwrap_or(i32::MAX));
        let answer = query.send().await.map_err(|error| unavailable(&error))?;
        let place = |item: &Item| get_text(item, WORK_DUE).map(str::to_owned);
        let down_to = match &answer.last_evaluated_key {
            None => None,
            Some(last) => {
                Some(place(last).ok_or_else(|| StoreError("an index key has no work_due".to_owned()))?)
            }
        };
        let found = answer.items.unwrap_or_default().into_iter();
        let found = found.filter(|item| waiting.takes(item, word));
        let found = found.filter_map(|item| Some((place(&item)?, item))).filter(|(place, _)| *place < high);
        Ok(Read { found: found.collect(), down_to })
    }
}

impl Waiting {
    /// Whether an item is one of those that are asked for. These are no conditions of the query: what is left out is
    /// read and paid for in either case.
    fn takes(&self, item: &Item, word: &str) -> bool {
        let Some((provider, source, _)) = names(item) else { return false };
        let word = get_text(item, word).unwrap_or_default();
        self.provider.is_none_or(|wanted| wanted.name() == provider)
            && self.source.as_deref().is_none_or(|wanted| wanted == source)
            && self.scope.has(provider, source)
            && (self.words.is_empty() || self.words.iter().any(|wanted| wanted == word))
    }
}

impl WaitingPage<Item> {
    fn read<T>(&self, read: impl Fn(&Item) -> Option<T>) -> WaitingPage<T> {
        WaitingPage { found: self.found.iter().filter_map(read).collect(), next: self.next.clone() }
    }
}

impl Quarantined {
    fn read(item: &Item) -> Option<Self> {
        let of_key = |name| get_text(item, name).unwrap_or_default().to_owned();
        let key = Key { pk: of_key(item::PK), sk: of_key(item::SK) };
        let (provider, source, call_id) = names(item)?;
        let received_at = get_text(item, WORK_DUE).map(|due| key::work_time(due).to_owned());
        Some(Self {
            quarantine_id: key::quarantine_id(&key)?,
            provider: provider.to_owned(),
            source: source.to_owned(),
            call_id: key.names_a_call().then(|| call_id.to_owned()),
            delivery: Delivery { received_at, ..Delivery::read(item) },
        })
    }
}
