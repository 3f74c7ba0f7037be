//! How this program is started, for the hints that name a command.

use std::env;

/// The words that start this program: `cargo run -p local --` if cargo started it, else `call-ledger`.
pub fn name() -> &'static str {
    // cargo gives this variable to what it runs.
    if env::var_os("CARGO").is_some() { "cargo run -p local --" } else { "call-ledger" }
}
