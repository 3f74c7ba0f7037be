//! Reading the ledger: the calls of a day or of a party, one call's whole story.
//!
//! The links of recordings, and the bodies and headers of deliveries, are never read here: no answer shows
//! them.

mod listing;
mod story;
mod walk;

pub use super::item::call::{Call, Columns};
pub use super::item::delivery::Delivery;
pub use super::item::recording::Recording;
pub use listing::{By, Filter, Listing, Page};
pub use story::Story;
