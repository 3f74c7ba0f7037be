//! `call-ledger item`.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail, ensure};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_dynamodb::types::AttributeValue;
use clap::Args;
use local::stack::{ACCESS_KEY_ID, REGION, SECRET_ACCESS_KEY, TABLE};
use local::{Storage, dynamodb, program};
use serde_json::Value;
use shared::aws::Aws;
use shared::ledger::item::describe::describe;
use tokio::net::TcpListener;

const KEYS: &str = "\
Keys look like this. The list of calls shows the provider, the source and the call id; <event> and <body>
are hashes:
  CALL#<provider>#<source>#<call id>    CALL                      the call
  CALL#<provider>#<source>#<call id>    DELIVERY#<event>#<body>   a delivery, with headers and body
  CALL#<provider>#<source>#<call id>    RECORDING#<recording id>  a recording
  EVENT#<provider>#<source>#<body>      DELIVERY#<event>#<body>   a delivery that names no call
  AUDIT#<YYYY-MM-DD>                    AUDIT#<time>#<nonce>      an entry of the audit trail";

const HELP: &str = "\
Packed values are unpacked, and links are shown without their query. Without a sort key, every item of the
partition is printed.

Examples:
  call-ledger item 'CALL#sautikit#default#01900000-0000-7000-8000-000000000003'
  call-ledger item 'CALL#sautikit#default#01900000-0000-7000-8000-000000000003' CALL
  call-ledger item '<pk>' --dynamodb http://127.0.0.1:8000     of `call-ledger serve --in-memory`

Of a deployed table, with AWS_REGION and your credentials in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
AWS_SESSION_TOKEN:
  call-ledger item '<pk>' --dynamodb https://dynamodb.<region>.amazonaws.com --table <name>";

/// Print items of the table, decoded.
#[derive(Args)]
#[command(after_long_help = format!("{KEYS}\n\n{HELP}"))]
pub(crate) struct Item {
    /// The partition key.
    pk: String,
    /// The sort key; without it, every item of the partition.
    sk: Option<String>,
    /// Where `serve` keeps its data.
    #[arg(long, default_value = ".local", conflicts_with = "dynamodb")]
    data_dir: PathBuf,
    /// The URL of a DynamoDB to read instead of a folder.
    #[arg(long, value_name = "URL")]
    dynamodb: Option<String>,
    /// The table's name.
    #[arg(long, default_value = TABLE)]
    table: String,
}

pub(crate) async fn run(options: Item) -> anyhow::Result<()> {
    let endpoint = match &options.dynamodb {
        Some(url) => url.clone(),
        None => open(&options.data_dir).await?,
    };
    let items = read(&client(&endpoint), &endpoint, &options).await?;
    if items.is_empty() {
        let sort_key = options.sk.map(|sk| format!(" and the sort key {sk}")).unwrap_or_default();
        bail!("no item has the partition key {}{sort_key}.\n{KEYS}", options.pk);
    }
    let mut items: Vec<Value> = items.iter().map(describe).collect();
    let printed = if options.sk.is_some() { items.remove(0) } else { Value::Array(items) };
    writeln!(io::stdout(), "{printed:#}")?;
    Ok(())
}

/// Serves the data of a folder until this process ends, and returns the endpoint's URL.
pub(super) async fn open(folder: &Path) -> anyhow::Result<String> {
    ensure!(
        folder.join("dynamodb.sqlite").exists(),
        "there is no data in {}; `{} serve` makes it, --data-dir names another folder, and --dynamodb a server",
        folder.display(),
        program::name(),
    );
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let server = dynamodb::serve(listener, &Storage::Folder(folder.to_owned()), std::future::pending())
        .map_err(|error| {
            anyhow!(
                "the data in {} can't be read: {error:#}; --data-dir names another folder",
                folder.join("dynamodb.sqlite").display()
            )
        })?;
    Ok(format!("http://{}", server.address))
}

/// A client with the credentials of the environment, or the local ones.
fn client(endpoint: &str) -> Client {
    aws(Some(endpoint.to_owned()), None).dynamodb()
}

/// The stores at these endpoints, with the credentials of the environment, or the local ones.
pub(super) fn aws(dynamodb: Option<String>, s3: Option<String>) -> Aws {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let id = variable("AWS_ACCESS_KEY_ID").unwrap_or_else(|| ACCESS_KEY_ID.to_owned());
    let secret = variable("AWS_SECRET_ACCESS_KEY").unwrap_or_else(|| SECRET_ACCESS_KEY.to_owned());
    let credentials = Credentials::new(id, secret, variable("AWS_SESSION_TOKEN"), None, "environment");
    let region = variable("AWS_REGION").unwrap_or_else(|| REGION.to_owned());
    Aws::new(region, credentials, dynamodb, s3)
}

async fn read(
    client: &Client,
    endpoint: &str,
    options: &Item,
) -> anyhow::Result<Vec<shared::ledger::item::Item>> {
    let condition = if options.sk.is_some() { "pk = :pk AND sk = :sk" } else { "pk = :pk" };
    let mut query = client
        .query()
        .table_name(&options.table)
        .key_condition_expression(condition)
        .expression_attribute_values(":pk", AttributeValue::S(options.pk.clone()));
    if let Some(sk) = &options.sk {
        query = query.expression_attribute_values(":sk", AttributeValue::S(sk.clone()));
    }
    let items = query.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    items.map_err(|error| match error.as_service_error() {
        Some(refusal) => anyhow!(
            "the table {} can't be read: {}",
            options.table,
            refusal.message().or(refusal.code()).unwrap_or("no reason is given")
        ),
        None => anyhow!("no DynamoDB answers at {endpoint}"),
    })
}
