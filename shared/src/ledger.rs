//! The ledger: one DynamoDB table that is the truth about calls, deliveries and recordings.
//!
//! | item | pk | sk |
//! |---|---|---|
//! | CALL | `CALL#<provider>#<source>#<call_id>` | `CALL` |
//! | DELIVERY | the same, or `EVENT#<provider>#<source>#<body>` where no call is named | `DELIVERY#<event>#<body>` |
//! | RECORDING | the same | `RECORDING#<recording_id>` |
//! | AUDIT | `AUDIT#<day>` | `AUDIT#<time>#<nonce>` |
//!
//! Every change is conditional: on the item's absence when it is created, on its `revision`, `version` or
//! `state` when it changes. Only this module and `aws.rs`, which makes the client, use the DynamoDB SDK.

use aws_sdk_dynamodb::Client;

use self::item::Item;
use self::key::Key;
use self::values::ObjectStore;
use crate::aws::Aws;
use crate::provider::Provider;

mod entry;
mod kept;
mod plan;
mod write;
mod change;
pub mod due;
pub mod jobs;
pub mod quarantine;
pub mod rebuild;
pub mod read;
pub mod audit;
pub mod erase;
pub mod retention;
pub mod item;
pub mod key;
pub mod applied;
pub mod evidence;
pub mod values;
pub mod packing;

pub use entry::{Content, Entry};
pub use kept::{Kept, KeptError};
pub use plan::{Condition, Kind, Outcome, Plan, Seen, Write, plan};
pub use write::Carried;

/// The table and the bucket beside it.
#[derive(Clone, Debug)]
pub struct Ledger {
    client: Client,
    table: String,
    objects: ObjectStore,
    retention_days: u64,
}

/// A request to the store failed. Another try may succeed.
#[derive(Debug, thiserror::Error)]
#[error("the store is not available: {0}")]
pub struct StoreError(String);

impl Ledger {
    /// The ledger in a table, with large values in a bucket and deliveries kept for some days.
    pub fn new(aws: &Aws, table: &str, bucket: &str, retention_days: u64) -> Self {
        Self {
            client: aws.dynamodb(),
            table: table.to_owned(),
            objects: ObjectStore::new(aws, bucket),
            retention_days,
        }
    }

    /// Opens a connection to the table and prepares the provider's dictionary, so that the first delivery
    /// waits for neither.
    ///
    /// An error is only logged: the store may be available for the first delivery.
    pub async fn warm_up(&self, provider: Provider) {
        packing::warm_up(provider);
        // The role of a function may read under the keys of its own provider alone.
        let key = key::call(provider.name(), "warm-up", "");
        let request = self.client.get_item().table_name(&self.table).set_key(Some(key.attributes()));
        if let Err(error) = request.send().await {
            tracing::warn!(error = %unavailable(&error), "the table could not be reached at the start");
        }
    }

    /// Reads an item with all of it. Consistent: what a webhook has answered 200 to is there.
    async fn whole_item(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        let get = self.client.get_item().table_name(&self.table).set_key(Some(key.attributes()));
        let answer = get.consistent_read(true).send().await.map_err(|error| unavailable(&error))?;
        Ok(answer.item)
    }
}

/// The service's code and message, with no request in it.
fn unavailable<E, R>(error: &aws_sdk_dynamodb::error::SdkError<E, R>) -> StoreError
where
    E: aws_sdk_dynamodb::error::ProvideErrorMetadata,
{
    use aws_sdk_dynamodb::error::SdkError;
    StoreError(match error {
        SdkError::ServiceError(service) => service.err().code().unwrap_or("unknown error").to_owned(),
        SdkError::TimeoutError(_) => "timed out".to_owned(),
        SdkError::DispatchFailure(_) => "could not be reached".to_owned(),
        SdkError::ResponseError(_) => "its answer could not be read".to_owned(),
        _ => "request not sent".to_owned(),
    })
}
