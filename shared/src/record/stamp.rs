//! The stamp of a body: its place in the one total order of all bodies of a call.

use serde::Serialize;

/// The first 16 bytes of a body's SHA-256.
pub type BodyHash = [u8; 16];

/// The place of a body among all bodies of its call, whatever event they are of.
///
/// Ordered by time, then sequence, then weight, then hash; none comes before any. Two bodies never have the
/// same place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Stamp {
    /// When the event happened, milliseconds since the Unix epoch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<i64>,
    /// The provider's own sequence number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<i64>,
    /// How much the body says: the number of its values that are neither null nor empty containers. It is of
    /// the body and not of the record, so that a better mapping does not change it.
    pub weight: u32,
    /// The hash of the body.
    #[serde(skip)]
    pub body: BodyHash,
}
