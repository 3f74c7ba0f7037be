//! Receives the webhooks of Agni.

use shared::lambda::Error;
use shared::provider::Provider;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    shared::webhook::run(Provider::Agni).await
}
