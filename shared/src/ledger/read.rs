//! Reading the ledger: the calls of a day or of a party, one call's whole story, one delivery as it came, and what
//! waits.
//!
//! Lists and stories never ask the table for what must not leave with them: no link of a recording, no
//! delivery's body or headers. Only [`Raw`] has these.

mod listing;
mod story;
mod raw;
mod waiting;
mod walk;

pub use super::item::call::{Call, Columns};
pub use super::item::delivery::Delivery;
pub use super::item::recording::Recording;
pub use listing::{By, Filter, Listing, Page};
pub use raw::{Evidence, Raw};
pub use story::{Story, Told};
pub use waiting::{Quarantined, Unstored, Waiting, WaitingPage};
