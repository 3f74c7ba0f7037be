//! Reading the ledger: the calls of a day or of a party, one call's whole story.
//!
//! The table is never asked for what must not leave it: no link of a recording, no delivery's body or
//! headers.

mod listing;
mod story;
mod walk;

pub use super::item::call::{Call, Columns};
pub use super::item::delivery::Delivery;
pub use super::item::recording::Recording;
pub use listing::{By, Filter, Listing, Page};
pub use story::Story;
