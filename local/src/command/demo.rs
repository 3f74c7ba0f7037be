//! `call-ledger demo`.

use clap::Args;

use super::log;

/// Deliver every sample webhook, wait for the copies of their recordings, print the ledger, and end.
#[derive(Args)]
#[command(after_long_help = "\
It runs in memory on free ports: it needs nothing, changes nothing, and takes a second. It checks the
results, and ends with an error if one is wrong.

Example:
  call-ledger demo")]
pub(crate) struct Demo {}

pub(crate) async fn run() -> anyhow::Result<()> {
    log("error");
    local::demo::run().await
}
