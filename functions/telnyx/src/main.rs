//! Receives the webhooks of Telnyx.

use mimalloc::MiMalloc;
use shared::lambda::Error;
use shared::provider::Provider;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    shared::webhook::run(Provider::Telnyx).await
}
