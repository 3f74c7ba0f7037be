//! Call Ledger on a laptop: the whole bundle in one process, no account needed.

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod command;

use command::{demo, erase, event, item, reapply, resign, send, serve, verify};

/// Call Ledger on a laptop: webhooks, ledger, recordings and read API in one process, on an
/// embedded DynamoDB and S3. No account, no Docker.
#[derive(Parser)]
#[command(name = "call-ledger", version, args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Serve,
}

const EXAMPLES: &str = "\
Examples:
  call-ledger demo                           show it all, in a second
  call-ledger                                serve; then, in another terminal:
  call-ledger send sautikit-call-completed   deliver a webhook, and learn how to read its call
  call-ledger help send                      more about a command, with examples";

#[derive(Subcommand)]
enum Command {
    Demo(demo::Demo),
    Serve(serve::Serve),
    Send(send::Send),
    Event(event::Event),
    Resign(resign::Resign),
    Item(item::Item),
    Verify(verify::Verify),
    Erase(erase::Erase),
    ReapplyErasures(reapply::Reapply),
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Err(error) if !is_broken_pipe(&error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
        Err(_) => ExitCode::SUCCESS,
        Ok(code) => code,
    }
}

/// Whether the reader of the output went away, such as `head`. That is no error.
fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        None => serve::run(cli.serve).await,
        Some(Command::Demo(_)) => demo::run().await,
        Some(Command::Serve(options)) => serve::run(options).await,
        Some(Command::Send(options)) => send::run(options).await,
        Some(Command::Event(options)) => event::run(&options),
        Some(Command::Resign(options)) => resign::run(&options),
        Some(Command::Item(options)) => item::run(options).await,
        Some(Command::Verify(options)) => return verify::run(&options),
        Some(Command::Erase(options)) => erase::run(options).await,
        Some(Command::ReapplyErasures(options)) => reapply::run(options).await,
    }?;
    Ok(ExitCode::SUCCESS)
}
