//! The registers of a record: few, written once, mostly by one event.
//!
//! They are in a list without an order, which is faster than a tree here: a delivery's record has some thirty
//! fields, is built once, and is often neither merged nor searched. [`Registers::ordered`] sorts them.

use serde_json::Value;

use super::{LargeValue, Path, Stamp};

/// A value and the event that set it.
#[derive(Clone)]
pub(crate) struct Register {
    pub(crate) path: Path,
    pub(crate) stamp: Stamp,
    /// Computed by us instead of read from the payload.
    pub(crate) derived: bool,
    /// Null if the value is in the bucket.
    pub(crate) value: Value,
    /// Where the value is, if it is in the bucket.
    pub(crate) large: Option<LargeValue>,
}

/// The number of registers up to which each new one is compared with all of them.
const FEW: usize = 128;

/// At most one register per path, once it is settled.
#[derive(Clone, Default)]
pub(crate) struct Registers(Vec<Register>);

impl Registers {
    pub(crate) fn get(&self, path: &str) -> Option<&Register> {
        self.0.iter().rfind(|register| register.path == path)
    }

    /// Sets a register. If there are more than [`FEW`], a path that is set twice has two registers until
    /// [`Registers::settle`]. Searching each time would take minutes for a body of a hundred thousand fields.
    pub(crate) fn put(&mut self, register: Register) {
        if self.0.capacity() == 0 {
            self.0.reserve(40);
        }
        if self.0.len() < FEW
            && let Some(known) = self.0.iter_mut().find(|known| known.path == register.path)
        {
            *known = register;
        } else {
            self.0.push(register);
        }
    }

    /// Leaves one register per path: the one that was set last.
    pub(crate) fn settle(&mut self) {
        if self.0.len() >= FEW {
            self.0.reverse();
            self.0.sort_by(|one, other| one.path.cmp(&other.path));
            self.0.dedup_by(|one, other| one.path == other.path);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Register> {
        self.0.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Register> {
        self.0.iter_mut()
    }

    /// Returns the registers in the order of their paths.
    pub(crate) fn ordered(&self) -> Vec<&Register> {
        let mut ordered: Vec<_> = self.0.iter().collect();
        ordered.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        ordered
    }

    /// Returns the registers in the order of their paths.
    pub(crate) fn into_ordered(mut self) -> Vec<Register> {
        self.0.sort_unstable_by(|one, other| one.path.cmp(&other.path));
        self.0
    }
}

/// The paths must differ from each other.
impl FromIterator<Register> for Registers {
    fn from_iter<I: IntoIterator<Item = Register>>(registers: I) -> Self {
        Self(registers.into_iter().collect())
    }
}
