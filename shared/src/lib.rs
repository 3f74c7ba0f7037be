//! Verification, normalization and the ledger: what every function of the bundle has in common.

pub mod aws;
pub mod env;
pub mod hangup;
pub mod ledger;
pub mod party;
mod payload;
pub mod provider;
pub mod record;
pub mod signature;
pub mod source;
pub mod timestamp;
