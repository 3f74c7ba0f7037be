//! One write of a transaction, with its condition.

use crate::ledger::item::{self, Item};

/// One item of a transaction.
pub struct Write {
    /// Which of the delivery's items it is.
    pub kind: Kind,
    /// The item to put; of a [`Kind::Guard`], the key of the item to look at.
    pub item: Item,
    /// The condition under which it is put.
    pub condition: Condition,
}

/// The kinds of items that a delivery writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The record.
    Call,
    /// The evidence.
    Delivery,
    /// The copy job.
    Recording,
    /// What is left of a replayed delivery where it waited.
    Moved,
    /// Nothing is put: the record is looked at, since a call that was erased takes no delivery.
    Guard,
}

/// The condition of a write.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// There is no such item.
    New,
    /// An attribute of the item is what was seen.
    Seen {
        /// The attribute's name.
        attribute: &'static str,
        /// The value that was seen; `None` if the item has none.
        value: Option<aws_sdk_dynamodb::types::AttributeValue>,
    },
    /// The item is not a tombstone; there may be none.
    NotErased,
}

/// A write of a transaction, for learning from its failure.
#[derive(Clone, Debug)]
pub struct Tried {
    pub(super) kind: Kind,
    pub(super) sk: String,
    pub(super) is_new: bool,
}

impl Write {
    /// Why the delivery that it writes is in quarantine, if it is.
    pub(in crate::ledger) fn reason(&self) -> Option<String> {
        let item = (self.kind == Kind::Delivery).then_some(&self.item)?;
        item::get_text(item, "reason").map(str::to_owned)
    }

    /// What is to be known of this write to learn from its failure.
    pub fn tried(&self) -> Tried {
        Tried {
            kind: self.kind,
            sk: item::get_text(&self.item, item::SK).unwrap_or_default().to_owned(),
            is_new: self.condition == Condition::New,
        }
    }
}

impl Tried {
    /// Whether it is the write of the call's record.
    pub fn is_call(&self) -> bool {
        self.kind == Kind::Call
    }
}
