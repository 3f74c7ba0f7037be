//! The plan for a delivery that waits in quarantine and is replayed: that of any other delivery, which also takes it out
//! of quarantine.

use super::{Condition, Kind, Outcome, Plan, Planner, Seen, Write, waits};
use crate::ledger::Entry;
use crate::ledger::item::delivery::{self, State};
use crate::ledger::item::{self, Item};
use crate::ledger::key::Key;

/// A delivery that waits in quarantine, and is replayed.
#[derive(Clone)]
pub(super) struct Origin {
    /// Its item; `None` once it does not wait any more.
    item: Option<Item>,
    /// Whether today's code gives the delivery the key that it has. Otherwise it moves.
    is_in_place: bool,
}

impl Origin {
    /// Takes note of the item that was in the way of a write.
    pub(super) fn learn(&mut self, kind: Kind, found: Option<&Item>) {
        if kind == Kind::Moved || (kind == Kind::Delivery && self.is_in_place) {
            self.item = found.filter(|item| waits(item)).cloned();
        }
    }
}

impl Seen {
    /// A delivery that waits in quarantine and is to be replayed.
    pub(in crate::ledger) fn waiting(item: Item, entry: &Entry) -> Self {
        let of_key = |name| item::get_text(&item, name).unwrap_or_default();
        let is_in_place =
            entry.key() == Key { pk: of_key(item::PK).to_owned(), sk: of_key(item::SK).to_owned() };
        let delivery = is_in_place.then(|| item.clone());
        Self { delivery, origin: Some(Origin { item: Some(item), is_in_place }), ..Self::default() }
    }

    /// Why the delivery waits in quarantine, if it was seen there.
    pub(in crate::ledger) fn reason(&self) -> Option<String> {
        let origin = self.origin.as_ref().and_then(|origin| origin.item.as_ref());
        let waiting = origin.or(self.delivery.as_ref()).filter(|item| waits(item))?;
        item::get_text(waiting, "reason").map(str::to_owned)
    }

    /// Whether the delivery is replayed.
    pub(in crate::ledger) fn is_replay(&self) -> bool {
        self.origin.is_some()
    }
}

impl Planner<'_> {
    /// The plan of a delivery that is replayed.
    pub(super) fn replay(self, origin: &Origin) -> Plan {
        let Some(waiting) = &origin.item else { return Plan::NotWaiting };
        let leave = |outcome| {
            let state = if outcome == Outcome::Ignored { State::Ignored } else { State::Applied };
            let expires = delivery::expires_at_epoch(self.entry, self.retention_days);
            let condition = Condition::Seen { attribute: "state", value: waiting.get("state").cloned() };
            Write {
                kind: Kind::Moved,
                item: delivery::moved(waiting, state, self.entry.applied_at, expires),
                condition,
            }
        };
        match self.place() {
            // It stays where it waits.
            Plan::Done(Outcome::Quarantined) | Plan::Transact { outcome: Outcome::Quarantined, .. } => {
                Plan::Done(Outcome::Quarantined)
            }
            plan if origin.is_in_place => plan,
            Plan::Transact { objects, mut writes, outcome } => {
                writes.push(leave(outcome));
                Plan::Transact { objects, writes, outcome }
            }
            Plan::Done(outcome) => {
                Plan::Transact { objects: Vec::new(), writes: vec![leave(outcome)], outcome }
            }
            plan @ (Plan::NotWaiting | Plan::Look(_)) => plan,
        }
    }
}
