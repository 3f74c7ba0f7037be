//! DynamoDB on loopback: dynoxide's engine behind our own endpoint, and the table of our template.
//!
//! Absent on purpose, because dynoxide has none: throttling, `TransactionConflict`, backups.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::{fmt, fs};

use anyhow::{Context, anyhow};
use axum::serve::ListenerExt;
use dynoxide::Database;
use dynoxide::actions::describe_table::DescribeTableRequest;
use dynoxide::actions::update_time_to_live::{TimeToLiveSpecification, UpdateTimeToLiveRequest};
use rusqlite::Connection;
use tokio::net::TcpListener;

use crate::Storage;
use crate::server::{self, Server};

mod definition;
mod endpoint;
mod tokens;

pub use self::definition::{Index, Projection, TableDefinition, table_definition};

#[cfg(test)]
pub(crate) mod tests;

/// How long DynamoDB keeps stream records. dynoxide keeps them for ever, so we remove them.
const STREAM_RETENTION_SECONDS: u32 = 24 * 60 * 60;

/// The most stream records that are kept. Without a limit they take half of the disk. A reader that is further
/// behind misses the oldest; the schedule finds their jobs.
pub const STREAM_RECORDS: u32 = 10_000;

/// A running DynamoDB endpoint. Dropping this does not stop it; the future given to [`serve`]
/// does.
pub struct DynamoDb {
    /// Where it listens.
    pub address: SocketAddr,
    /// The engine behind the endpoint, for use without HTTP.
    pub database: Database,
    server: Server,
}

/// Opens the database and serves it on `listener`, on a thread of its own, until `shutdown`
/// resolves. A folder's data is in `<folder>/dynamodb.sqlite` and its write-ahead log.
///
/// # Errors
/// The folder or the database can't be used.
pub fn serve(
    listener: TcpListener,
    storage: &Storage,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<DynamoDb> {
    let location = match storage {
        // Shared and named, so that a second connection can reach it.
        Storage::Memory => format!("file:call-ledger-{:032x}?mode=memory&cache=shared", fastrand::u128(..)),
        Storage::Folder(path) => database_file(path)?,
    };
    let database = Database::new(&location).map_err(engine_error("could not open the database"))?;
    prepare_stream(&location).context("could not prepare the stream")?;
    let served = database.clone();
    let server = server::start("dynamodb", listener, shutdown, |listener, stop| async {
        // Small answers must not wait for the client's delayed acknowledgement.
        let listener = listener.tap_io(|connection| {
            let _ = connection.set_nodelay(true);
        });
        axum::serve(listener, endpoint::router(served))
            .with_graceful_shutdown(async {
                let _ = stop.await;
            })
            .await
            .context("the local DynamoDB endpoint failed")
    })?;
    Ok(DynamoDb { address: server.address, database, server })
}

impl DynamoDb {
    /// Creates the table, with its indexes, stream and time to live, unless it is there.
    ///
    /// # Errors
    /// DynamoDB refuses the definition, or the folder holds a table of that name with other keys,
    /// indexes or stream: made from an older template, it can't be told to change here.
    pub fn create_table(&self, name: &str, definition: &TableDefinition) -> anyhow::Result<()> {
        let database = &self.database;
        let existing =
            database.get_table_metadata(name).map_err(engine_error("could not look up the table"))?;
        let time_to_live_enabled = match &existing {
            Some(table) => table.ttl_enabled,
            None => {
                database
                    .create_table(definition.create_request(name)?)
                    .map_err(engine_error("could not create the table"))?;
                false
            }
        };
        if let (Some(attribute), false) = (&definition.time_to_live_attribute, time_to_live_enabled) {
            database
                .update_time_to_live(UpdateTimeToLiveRequest {
                    table_name: name.to_owned(),
                    time_to_live_specification: TimeToLiveSpecification {
                        attribute_name: attribute.clone(),
                        enabled: true,
                    },
                })
                .map_err(engine_error("could not enable time to live"))?;
        }
        let request = DescribeTableRequest { table_name: name.to_owned() };
        let described =
            database.describe_table(request).map_err(engine_error("could not describe the table"))?;
        definition
            .check(&serde_json::to_value(described.table)?)
            .with_context(|| format!("the table {name} here was made from another template; remove its data"))
    }

    /// Resolves once the endpoint has stopped: at most about a second after `shutdown`, even if a
    /// client sent half a request and waits. The database closes with its last clone.
    ///
    /// # Errors
    /// The endpoint failed while it ran.
    pub async fn stopped(self) -> anyhow::Result<()> {
        drop(self.database);
        self.server.ended().await
    }
}

impl fmt::Debug for DynamoDb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoDb").field("address", &self.address).finish_non_exhaustive()
    }
}

fn database_file(folder: &Path) -> anyhow::Result<String> {
    fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))?;
    // Absolute, because SQLite reads a relative path that begins with `file:` as a URI.
    let path = std::path::absolute(folder.join("dynamodb.sqlite"))?;
    path.into_os_string().into_string().map_err(|path| anyhow!("{} is not UTF-8", path.display()))
}

/// Gives the stream's records the index that dynoxide leaves out, removes old records, and has SQLite
/// remove the oldest record with each new one from then on.
///
/// Each write to a table with a stream looks up the last sequence number. Without an index that
/// reads every record there is, so writes slow down as the stream grows.
fn prepare_stream(location: &str) -> anyhow::Result<()> {
    let connection = Connection::open(location)?;
    connection.execute_batch(&format!(
        "CREATE INDEX IF NOT EXISTS local_seq
         ON _stream_records(table_name, CAST(sequence_number AS INTEGER));
         DELETE FROM _stream_records
         WHERE created_at < unixepoch() - {STREAM_RETENTION_SECONDS}
         OR id <= (SELECT MAX(id) FROM _stream_records) - {STREAM_RECORDS};
         DROP TRIGGER IF EXISTS local_trim;
         CREATE TRIGGER local_trim AFTER INSERT ON _stream_records BEGIN
             DELETE FROM _stream_records WHERE id <= NEW.id - {STREAM_RECORDS};
         END",
    ))?;
    Ok(())
}

fn engine_error(what: &'static str) -> impl Fn(dynoxide::DynoxideError) -> anyhow::Error {
    move |error| anyhow!("{what}: {error}")
}
