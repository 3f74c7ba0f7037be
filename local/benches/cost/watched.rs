//! The writes of a delivery, read from the table's stream: each item before and after.
//!
//! The handlers don't ask for `ReturnConsumedCapacity`. So each write is repeated on a second table of the
//! same definition with it, and the embedded store's own figures stand beside ours.

use dynoxide::Database;
use dynoxide::actions::get_records::GetRecordsRequest;
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use dynoxide::streams;
use local::Storage;
use local::dynamodb::{self, DynamoDb, Index, TableDefinition};
use local::stack::TABLE;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::units::{Item, Units, Write};

/// The template that local runs and the deployed stack share.
const TEMPLATE: &str = include_str!("../../../template.yaml");

/// Reads the writes of a table in the order in which they happened.
pub(crate) struct Watched {
    database: Database,
    iterator: String,
    definition: TableDefinition,
    indexes: Vec<Index>,
    mirror: DynamoDb,
}

/// The writes since the last reading.
#[derive(Default)]
pub(crate) struct Written {
    /// The items as they are now, in the order of their writes.
    pub(crate) items: Vec<Item>,
    /// By the published rules.
    pub(crate) units: Units,
    /// As the embedded store counts.
    pub(crate) reported: f64,
}

impl Watched {
    /// Watches from now on.
    pub(crate) async fn new(database: Database) -> anyhow::Result<Self> {
        let definition = dynamodb::table_definition(TEMPLATE, "CallsTable")?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let mirror = dynamodb::serve(listener, &Storage::Memory, std::future::pending())?;
        mirror.create_table(TABLE, &definition)?;
        let label = database.get_table_metadata(TABLE)?.and_then(|table| table.stream_label);
        let iterator = database.get_shard_iterator(GetShardIteratorRequest {
            stream_arn: streams::stream_arn(TABLE, &label.unwrap_or_default()),
            shard_id: streams::shard_id(TABLE),
            shard_iterator_type: "LATEST".to_owned(),
            sequence_number: None,
        })?;
        let iterator = iterator.shard_iterator.expect("a stream has an iterator");
        let indexes = definition.indexes()?;
        Ok(Self { database, iterator, definition, indexes, mirror })
    }

    /// Returns the writes since the last call.
    pub(crate) fn written(&mut self) -> anyhow::Result<Written> {
        let mut written = Written::default();
        loop {
            let request = GetRecordsRequest { shard_iterator: self.iterator.clone(), limit: None };
            let read = self.database.get_records(request)?;
            self.iterator = read.next_shard_iterator.expect("a stream does not end");
            if read.records.is_empty() {
                return Ok(written);
            }
            for record in read.records {
                let record = serde_json::to_value(record)?;
                let image = |name: &str| record["dynamodb"][name].as_object().cloned();
                let write = Write { old: image("OldImage"), new: image("NewImage") };
                let units = write.units(&self.definition, &self.indexes);
                written.units.table += units.table;
                written.units.indexes += units.indexes;
                written.reported += self.reported(&write, &record["dynamodb"]["Keys"])?;
                written.items.extend(write.new);
            }
        }
    }

    /// Repeats a write and returns the units that the store reports for it.
    fn reported(&self, write: &Write, keys: &Value) -> anyhow::Result<f64> {
        let action = match &write.new {
            Some(item) => json!({ "Put": { "TableName": TABLE, "Item": item } }),
            None => json!({ "Delete": { "TableName": TABLE, "Key": keys } }),
        };
        let request = json!({ "TransactItems": [action], "ReturnConsumedCapacity": "INDEXES" });
        let answer = self.mirror.database.transact_write_items(serde_json::from_value(request)?)?;
        Ok(answer.consumed_capacity.iter().flatten().map(|table| table.capacity_units).sum())
    }
}
