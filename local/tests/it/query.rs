//! The read API over the embedded stores: what webhooks wrote is what readers get.

mod bundle;
mod pages;
mod story;
mod large;
mod odd_ids;
mod access;
mod readers;
mod deliveries;
mod audit;
