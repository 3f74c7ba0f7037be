//! `call-ledger reapply-erasures`.

use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::ensure;
use clap::Args;
use local::stack::{self, BUCKET, TABLE};
use local::{Storage, program, reapply, s3};
use tokio::net::TcpListener;

use super::item;

/// After a table was brought back to an earlier time: erase again what was erased since.
#[derive(Args)]
#[command(after_long_help = "\
It reads the list of erasures in the bucket and erases again what is back. What is not in the table is marked as
erased, so that it does not come back either. It can be repeated. Run it before the table is put under a stack:
docs/restore.md has the steps.

Examples:
  call-ledger reapply-erasures                                  of `call-ledger serve` in this folder, stopped
  call-ledger reapply-erasures --dynamodb http://127.0.0.1:8000 --s3 http://127.0.0.1:9001

Of a deployed table, with AWS_REGION and your credentials in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
AWS_SESSION_TOKEN:
  call-ledger reapply-erasures --dynamodb https://dynamodb.<region>.amazonaws.com \\
    --s3 https://s3.<region>.amazonaws.com --table <the restored table> --bucket <the stack's bucket>")]
pub(crate) struct Reapply {
    /// Where `serve` keeps its data.
    #[arg(long, default_value = ".local", conflicts_with_all = ["dynamodb", "s3"])]
    data_dir: PathBuf,
    /// The URL of the DynamoDB that has the table.
    #[arg(long, value_name = "URL", requires = "s3")]
    dynamodb: Option<String>,
    /// The URL of the S3 that has the bucket.
    #[arg(long, value_name = "URL", requires = "dynamodb")]
    s3: Option<String>,
    /// The table that was brought back.
    #[arg(long, default_value = TABLE)]
    table: String,
    /// The bucket with the list of erasures.
    #[arg(long, default_value = BUCKET)]
    bucket: String,
}

pub(crate) async fn run(options: Reapply) -> anyhow::Result<()> {
    super::log("info");
    let (dynamodb, s3) = match options.dynamodb.zip(options.s3) {
        Some(urls) => urls,
        None => (item::open(&options.data_dir).await?, open_s3(&options.data_dir).await?),
    };
    let aws = item::aws(Some(dynamodb), Some(s3));
    let told = reapply::run(&aws, &options.table, &options.bucket, |line| {
        drop(writeln!(io::stderr(), "{line}"));
    })
    .await?;
    writeln!(io::stdout(), "{told}")?;
    Ok(())
}

/// Serves the objects of a folder until this process ends, and returns the endpoint's URL.
async fn open_s3(folder: &std::path::Path) -> anyhow::Result<String> {
    ensure!(
        folder.join("s3").exists(),
        "there is no data in {}; `{} serve` makes it, and --data-dir names another folder",
        folder.display(),
        program::name(),
    );
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let storage = Storage::Folder(folder.to_owned());
    let server = s3::serve(listener, &storage, &stack::credentials(), std::future::pending())?;
    Ok(format!("http://{}", server.address))
}
