//! Reads the ledger over HTTP.

use shared::lambda::Error;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    query::run().await
}
