//! `call-ledger event`.

use std::io::{self, Write as _};

use clap::Args;
use jiff::Timestamp;

use super::Changes;

/// Print a sample webhook's API Gateway event, signed now: for `sam local invoke -e -`.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  call-ledger event telnyx-call-completed
  call-ledger event telnyx-call-completed | sam local invoke TelnyxFunction --event - --config-env local
  call-ledger event sautikit-call-completed --set data.call_id=another")]
pub(crate) struct Event {
    /// The sample's name; `send --list` shows them.
    event: String,
    /// The source to deliver to.
    #[arg(long, default_value = "default")]
    source: String,
    #[command(flatten)]
    changes: Changes,
}

pub(crate) fn run(options: &Event) -> anyhow::Result<()> {
    let sample = options.changes.load(&options.event)?;
    writeln!(io::stdout(), "{:#}", sample.event(&options.source, Timestamp::now())?)?;
    Ok(())
}
