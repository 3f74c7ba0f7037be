//! Receives the webhooks of Callkaro.

use mimalloc::MiMalloc;
use shared::lambda::Error;
use shared::provider::Provider;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    shared::webhook::run(Provider::Callkaro).await
}
