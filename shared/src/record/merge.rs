//! Folding two records of one call together.

use std::cmp::{Ordering, Reverse};

use serde_json::Value;

use super::registers::{Register, Registers};
use super::{Record, Set, Stamp, field};
use crate::status::Status;

/// Everything that both records know about a call.
///
/// Commutative, associative and idempotent. Where both know a value, the one that is greater in the order of
/// `Rank` stays, with all the forms it has; sets are united; lists have the members of both.
pub fn merge(one: Record, other: Record) -> Record {
    let Record { registers, mut sets, mut lists } = one;
    let registers = merge_registers(registers, other.registers);
    for (path, Set { members, large }) in other.sets {
        let known = sets.entry(path).or_default();
        known.members = unite(std::mem::take(&mut known.members), members);
        known.large.extend(large);
        known.large.sort_unstable();
        known.large.dedup();
    }
    for (path, list) in other.lists {
        let known = lists.entry(path).or_default();
        *known = std::mem::take(known).merge(list);
    }
    Record { registers, sets, lists }
}

/// Of each value the greater one, in all its forms.
fn merge_registers(one: Registers, other: Registers) -> Registers {
    let [one, other] = [one.into_ordered(), other.into_ordered()];
    let (mut kept_ones, mut kept_others) = (vec![true; one.len()], vec![true; other.len()]);
    let (mut left, mut right) = (values(&one).peekable(), values(&other).peekable());
    let (mut left_start, mut right_start) = (0, 0);
    while let (Some(l), Some(r)) = (left.peek(), right.peek()) {
        let order = field::value_of(&l[0].path).cmp(field::value_of(&r[0].path));
        if order.is_eq() {
            let loses = if Rank::of(r) > Rank::of(l) {
                &mut kept_ones[left_start..left_start + l.len()]
            } else {
                &mut kept_others[right_start..right_start + r.len()]
            };
            loses.fill(false);
        }
        if order.is_le() {
            left_start += l.len();
            left.next();
        }
        if order.is_ge() {
            right_start += r.len();
            right.next();
        }
    }
    drop((left, right));
    let kept = |registers: Vec<Register>, kept: Vec<bool>| {
        registers.into_iter().zip(kept).filter_map(|(register, kept)| kept.then_some(register))
    };
    kept(one, kept_ones).chain(kept(other, kept_others)).collect()
}

/// The registers of each value, of registers in the order of their paths.
fn values(registers: &[Register]) -> impl Iterator<Item = &[Register]> {
    registers.chunk_by(|one, other| field::value_of(&one.path) == field::value_of(&other.path))
}

/// The place of a value in the order that decides which of two values stands: (for a status: a final one
/// before any other) then the time and the sequence of the event, then (for a status) the further one, then a
/// value that was read before one that was derived, then the body that says more, then its hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    is_final: bool,
    occurred_at: Option<i64>,
    sequence: Option<i64>,
    status: u8,
    is_derived: Reverse<bool>,
    stamp: Stamp,
}

impl Rank {
    /// The rank of a value, given the registers of its forms: all are of one body.
    pub(super) fn of(forms: &[Register]) -> Self {
        let status = forms.iter().find(|register| field::is_status(&register.path));
        let word = status.and_then(|register| register.value.as_str());
        let (is_final, status) = word.map_or((false, 0), progress);
        let stamp = forms[0].stamp;
        let is_derived = forms.iter().all(|register| register.derived);
        Self {
            is_final,
            occurred_at: stamp.occurred_at,
            sequence: stamp.sequence,
            status,
            is_derived: Reverse(is_derived),
            stamp,
        }
    }
}

/// Returns whether a status of a call or a recording is final, and how far it has come.
fn progress(status: &str) -> (bool, u8) {
    // Of a recording: there is nothing to record.
    if status == "absent" {
        return (true, Status::NoAnswer as u8);
    }
    let known = Status::from_name(status).or_else(|| Status::from_word(status).map(|(status, _)| status));
    known.map_or((false, 0), |status| (status.is_final(), status as u8))
}

/// The union of two sorted sets.
pub(super) fn unite(one: Vec<Value>, other: Vec<Value>) -> Vec<Value> {
    let mut united = Vec::with_capacity(one.len().max(other.len()));
    let (mut one, mut other) = (one.into_iter().peekable(), other.into_iter().peekable());
    loop {
        let order = match (one.peek(), other.peek()) {
            (Some(left), Some(right)) => compare(left, right),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return united,
        };
        if order.is_eq() {
            other.next();
        }
        united.extend(if order.is_gt() { other.next() } else { one.next() });
    }
}

/// A total order of JSON values that agrees with their equality.
pub(super) fn compare(one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
        (Value::Number(one), Value::Number(other)) => one.to_string().cmp(&other.to_string()),
        (Value::String(one), Value::String(other)) => one.cmp(other),
        (Value::Array(one), Value::Array(other)) => {
            let mut items = one.iter().zip(other).map(|(one, other)| compare(one, other));
            items.find(|order| order.is_ne()).unwrap_or(one.len().cmp(&other.len()))
        }
        (Value::Object(one), Value::Object(other)) => {
            // The order of an object's members has no meaning, so they are compared in the order of their names.
            let mut members = one.iter().zip(other).map(|((name, one), (other_name, other))| {
                name.cmp(other_name).then_with(|| compare(one, other))
            });
            members.find(|order| order.is_ne()).unwrap_or(one.len().cmp(&other.len()))
        }
        _ => rank(one).cmp(&rank(other)),
    }
}

/// The order of the kinds of values.
fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}
