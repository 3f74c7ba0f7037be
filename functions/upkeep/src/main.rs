//! Acts on the ledger for people, and for the schedule.

use shared::lambda::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    upkeep::run().await
}
