//! `call-ledger resign`.

use std::io::{self, Write as _};
use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use local::sample;

/// Sign every sample's event file in a folder anew, with the local keys.
#[derive(Args)]
#[command(after_long_help = "\
Every file <provider>-<kind>.json of the folder is written anew: the same body, signed now. Use it after you
changed a body by hand.

Examples:
  call-ledger resign
  call-ledger resign my-events")]
pub(crate) struct Resign {
    /// The folder of the event files.
    #[arg(default_value = "events")]
    folder: PathBuf,
}

pub(crate) fn run(options: &Resign) -> anyhow::Result<()> {
    for path in sample::resign(&options.folder, Timestamp::now())? {
        writeln!(io::stdout(), "signed {}", path.display())?;
    }
    Ok(())
}
