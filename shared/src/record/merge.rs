//! Folding two records of one call together.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::registers::Register;
use super::{List, Record, field};
use crate::status::Status;

/// Everything both records know about a call.
///
/// Commutative, associative and idempotent. Where both know a field, the register that is greater
/// in the order of `supersedes` stays; sets are united, a member that one side lists twice stays
/// twice.
pub fn merge(one: Record, other: Record) -> Record {
    let Record { registers, mut lists } = one;
    let (mut one, mut others) = (
        registers.into_ordered().into_iter().peekable(),
        other.registers.into_ordered().into_iter().peekable(),
    );
    let mut registers = Vec::with_capacity(one.len().max(others.len()));
    loop {
        let order = match (one.peek(), others.peek()) {
            (Some(left), Some(right)) => left.path.cmp(&right.path),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => break,
        };
        let (left, right) =
            (if order.is_le() { one.next() } else { None }, if order.is_ge() { others.next() } else { None });
        registers.extend(match (left, right) {
            (Some(left), Some(right)) => Some(if supersedes(&right, &left).is_gt() { right } else { left }),
            (left, right) => left.or(right),
        });
    }
    drop_old_forms(&mut registers);
    for (path, List { members, large }) in other.lists {
        let known = lists.entry(path).or_default();
        known.members = unite(std::mem::take(&mut known.members), members);
        known.large.extend(large);
        known.large.sort_unstable();
        known.large.dedup();
    }
    Record { registers: registers.into_iter().collect(), lists }
}

/// Which of two registers stays: the first body of a key before its revisions, a terminal status
/// before any other, then the later event, then a value that was read before one that was derived,
/// then the order of the values' hashes.
fn supersedes(one: &Register, other: &Register) -> Ordering {
    let terminal = |register: &Register| {
        field::is_status(&register.path) && register.value.as_str().is_some_and(is_terminal)
    };
    (one.stamp.rank.cmp(&other.stamp.rank))
        .then_with(|| terminal(one).cmp(&terminal(other)))
        .then_with(|| one.stamp.cmp(&other.stamp))
        .then_with(|| other.derived.cmp(&one.derived))
        .then_with(|| compare_values(one, other))
}

/// A fixed order of values, the same for values in the item and in the bucket: of a value in the bucket only
/// the hash is known, so two different values are compared by their hashes.
fn compare_values(one: &Register, other: &Register) -> Ordering {
    if one.value == other.value && one.large == other.large {
        return Ordering::Equal;
    }
    hash(one).cmp(&hash(other))
}

fn hash(register: &Register) -> Cow<'_, str> {
    match &register.large {
        Some(large) => Cow::Borrowed(&large.sha256),
        None => Cow::Owned(hex::encode(Sha256::digest(register.value.to_string()))),
    }
}

/// A call or a recording in such a status does not change any more.
fn is_terminal(status: &str) -> bool {
    status == "absent" || Status::from_name(status).is_some_and(Status::is_final)
}

/// Fields that are one value in several forms: the first is the provider's own, the others are made of
/// it. A form of an older event is dropped if a newer event has the value.
const FORMS: [(&str, &[&str]); 3] = [
    ("from.raw", &["from.e164", "from.sip_uri"]),
    ("to.raw", &["to.e164", "to.sip_uri"]),
    ("hangup.raw", &["hangup.cause", "hangup.q850"]),
];

fn drop_old_forms(registers: &mut Vec<Register>) {
    for (raw, forms) in FORMS {
        let Some(newest) =
            registers.iter().find(|register| register.path == raw).map(|register| register.stamp)
        else {
            continue;
        };
        registers.retain(|register| !forms.contains(&&*register.path) || register.stamp >= newest);
    }
}

/// The union of two sorted lists; a member is kept as often as the list that has it most often.
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
