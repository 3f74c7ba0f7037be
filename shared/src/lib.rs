//! Verification, normalization and the ledger: the code that all functions share.
//!
//! A delivery goes `verify ▶ normalize ▶ plan ▶ one transaction ▶ 200`:
//! [`webhook`] is that way, [`provider`] has a room for each sender, [`record`] is the record of a call,
//! [`ledger`] is the table.
//!
//! Invariants:
//! - Nothing parses an unverified body: [`provider::Verified`] comes from [`provider::Provider::verify`] alone.
//! - A 200 means that the evidence, the record and the recording's job are durable, in one commit.
//! - Deliveries in any order, any number of times, concurrently, give the same record.
//! - No I/O, no clock and no environment in [`provider`], [`proof`] and [`record`].
//! - Nothing personal and no secret is logged; types that hold either redact themselves in `Debug`.

pub mod provider;
pub mod proof;
pub mod event;
mod payload;
mod mended;
mod decimal;
mod draft;
pub mod form;
pub mod timestamp;
pub mod party;
pub mod status;
pub mod hangup;
mod dictionary;
pub mod source;
pub mod reader;
pub mod sources;
pub mod record;
pub mod ledger;
pub mod access;
pub mod path;
pub mod api;
pub mod webhook;
pub mod lambda;
pub mod reply;
pub mod env;
pub mod aws;
pub mod metrics;
pub mod telemetry;
