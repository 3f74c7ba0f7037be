//! The bundle end to end: real handlers, real SDK calls, real stores, over loopback.

mod bed;
mod concurrency;
mod events;
mod faults;
mod http_contract;
mod kill;
mod order;
mod tidy;
