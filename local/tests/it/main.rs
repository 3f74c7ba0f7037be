//! The bundle end to end: real handlers, real SDK calls, real stores, over loopback.

#![allow(clippy::expect_used, reason = "a test that can't go on should stop")]

mod bed;
mod cli;
mod columns;
mod concurrency;
mod copier;
mod crashes;
mod damaged;
mod erase;
mod events;
mod faults;
mod hostile;
mod http_contract;
mod kill;
mod leases;
mod logs;
mod order;
mod origin;
mod parameters;
mod policies;
mod proxy;
mod quarantine;
mod query;
mod recordings;
mod template;
mod tidy;
mod values;
mod verify;
mod watch;
