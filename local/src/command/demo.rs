//! `call-ledger demo`.

use clap::Args;

use super::log;

/// Show it all: deliver every sample webhook, wait for the copies, print the ledger, end.
#[derive(Args)]
#[command(after_long_help = "\
It runs in memory on free ports: it needs nothing, changes nothing, and takes a second. It checks what it
shows, and ends with an error if anything is not as it should be.

Example:
  call-ledger demo")]
pub(crate) struct Demo {}

pub(crate) async fn run() -> anyhow::Result<()> {
    log("error");
    local::demo::run().await
}
