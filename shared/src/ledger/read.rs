//! Reading the ledger: the calls of a day or of a party, one call's whole story.
//!
//! What must not leave the table is not asked of it: no link of a recording, no delivery's body or
//! headers.

mod listing;
mod story;
mod walk;

pub use super::item::call::{Call, Columns};
pub use super::item::delivery::Delivery;
pub use super::item::recording::Recording;
pub use listing::{By, Filter, Listing, Page};
pub use story::Story;
