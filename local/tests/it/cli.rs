//! The program as a person runs it: what it prints, its exit codes, and the errors of a person's mistakes.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::Instant;

use crate::tidy::read;
use crate::watch;

mod erase;

/// The output of a command.
struct Output {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// The program in an empty folder, as if there were no checkout.
pub(crate) fn program(folder: &Path) -> Command {
    let mut program = Command::new(env!("CARGO_BIN_EXE_call-ledger"));
    program.current_dir(folder).kill_on_drop(true).stdin(Stdio::null());
    program.env_remove("CARGO").env_remove("RUST_LOG").env("RUST_BACKTRACE", "1");
    program
}

async fn run(folder: &Path, arguments: &[&str]) -> anyhow::Result<Output> {
    let output = program(folder).args(arguments).output();
    let output = tokio::time::timeout(Duration::from_secs(30), output).await.context("it does not end")??;
    Ok(Output {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout)?,
        stderr: String::from_utf8(output.stderr)?,
    })
}

/// Checks that a command fails with an error that says all of this, and no more than a paragraph.
async fn fails(folder: &Path, arguments: &[&str], says: &[&str]) -> anyhow::Result<()> {
    let Output { code, stderr, .. } = run(folder, arguments).await?;
    assert_eq!(code, Some(1), "{arguments:?}: {stderr}");
    assert!(stderr.starts_with("Error: "), "{arguments:?}: {stderr}");
    for text in says {
        assert!(stderr.contains(text), "{arguments:?} does not say {text}: {stderr}");
    }
    for noise in ["Caused by", "backtrace", "panicked", "\n\n"] {
        assert!(!stderr.contains(noise), "{arguments:?} says {noise}: {stderr}");
    }
    Ok(())
}

/// A server on free ports.
struct Server {
    process: Child,
    url: String,
    dynamodb: String,
    port: String,
    /// The lines that it prints when it is ready.
    hint: String,
}

async fn serve(folder: &Path, arguments: &[&str]) -> anyhow::Result<Server> {
    let mut process = program(folder)
        .args(["serve", "--port", "0", "--dynamodb-port", "0", "--s3-port", "0"])
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    watch::output("the log of `call-ledger serve`", process.stderr.take().context("no log")?);
    let mut lines = BufReader::new(process.stdout.take().context("no output")?).lines();
    let ready = lines.next_line().await?.context("it ended at once")?;
    let words: Vec<_> = ready.split(' ').collect();
    let mut hint = String::new();
    while let Some(line) = lines.next_line().await? {
        let is_last = line.starts_with("Ctrl-C");
        hint.push_str(&line);
        hint.push('\n');
        if is_last {
            break;
        }
    }
    let (url, dynamodb) = (words[1].to_owned(), words[3].to_owned());
    let port = url.rsplit(':').next().unwrap_or_default().to_owned();
    Ok(Server { process, url, dynamodb, port, hint })
}

/// The token and the URL of the `curl` command that `send` prints.
fn curl(output: &str) -> anyhow::Result<(String, String)> {
    let line = output.lines().find(|line| line.trim().starts_with("curl ")).context("no curl command")?;
    let quoted: Vec<_> = line.split('\'').collect();
    let token = quoted[1].strip_prefix("Authorization: Bearer ").context("no token")?;
    Ok((token.to_owned(), quoted[3].to_owned()))
}

/// The call that the printed command reads.
async fn call(output: &str) -> anyhow::Result<Value> {
    let (token, url) = curl(output)?;
    let answer = local::client::http()?.get(&url).bearer_auth(token).send().await?;
    anyhow::ensure!(answer.status() == 200, "{}", answer.status());
    Ok(serde_json::from_slice(&answer.bytes().await?)?)
}

#[tokio::test]
async fn a_sample_that_is_sent_is_read_by_the_printed_command_and_its_recording_is_copied()
-> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let server = serve(folder.path(), &["--in-memory"]).await?;
    // Without a scheme, and with an id that needs escapes.
    let to = format!("localhost:{}", server.port);
    let arguments = ["send", "sautikit-call-recording-ready", "--to", &to, "--set", "data.call_id=a/b c"];
    let sent = run(folder.path(), &arguments).await?;
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    assert!(
        sent.stdout.starts_with("200 OK {") && sent.stdout.contains(r#""status":"accepted""#),
        "{}",
        sent.stdout
    );
    assert!(curl(&sent.stdout)?.1.ends_with("/calls/sautikit/default/a~2Fb~20c"), "{}", sent.stdout);
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let call = call(&sent.stdout).await?;
        if call["recordings"][0]["state"] == "stored" {
            return Ok(());
        }
        anyhow::ensure!(Instant::now() < deadline, "not copied: {:#}", call["recordings"]);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn other_sources_sign_and_show_in_the_hint() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let sources = json!({
        "agni": { "mine": { "tokens": ["another-agni-token-0123456789abcdef0123456789"] } },
        "telnyx": { "mine": { "public_keys": ["11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="] } },
        "query": { "mine": { "tokens": ["another-query-token"] } },
    });
    fs::write(folder.path().join("mine.json"), sources.to_string())?;
    let mut server = serve(folder.path(), &["--in-memory", "--sources", "mine.json"]).await?;
    let url = &server.url;
    for line in [
        format!("  agni      {url}/webhooks/agni/mine/another-agni-token-0123456789abcdef0123456789\n"),
        format!("  telnyx    {url}/webhooks/telnyx/mine\n"),
        "Without a source: sautikit, callkaro\n".to_owned(),
        format!("call-ledger send telnyx-call-completed --to {url} --source mine --sources mine.json\n"),
        format!("  curl -H 'Authorization: Bearer another-query-token' '{url}/calls?"),
    ] {
        assert!(server.hint.contains(&line), "no {line} in {}", server.hint);
    }
    let mine = ["--to", url, "--source", "mine", "--sources", "mine.json"];
    let sent = run(folder.path(), &[&["send", "agni-call-completed"], &mine[..]].concat()).await?;
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    assert_eq!(curl(&sent.stdout)?.0, "another-query-token");
    assert_eq!(call(&sent.stdout).await?["provider"], "agni");
    // Only Telnyx has its private key; and there is no such source.
    let telnyx = [&["send", "telnyx-call-completed"], &mine[..]].concat();
    fails(folder.path(), &telnyx, &["only telnyx can sign for telnyx.mine", "another provider"]).await?;
    let sautikit = [&["send", "sautikit-call-failed"], &mine[..]].concat();
    fails(folder.path(), &sautikit, &["mine.json has no source mine of sautikit"]).await?;
    // The local keys are not this server's.
    let local = ["send", "agni-call-completed", "--to", url, "--source", "mine"];
    fails(folder.path(), &local, &["other keys for the source mine of agni", "--sources"]).await?;
    server.process.kill().await?;
    fails(folder.path(), &local, &["no server answers at http://127.0.0.1:", "`call-ledger serve`", "--to"])
        .await
}

#[tokio::test]
async fn sources_without_a_reader_can_be_sent_to() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let server = serve(folder.path(), &["--in-memory"]).await?;
    let mut sources: Value = serde_json::from_str(&read("events/sources.json"))?;
    sources["query"] = json!({});
    fs::write(folder.path().join("mine.json"), sources.to_string())?;
    let arguments = ["send", "agni-call-completed", "--to", &server.url, "--sources", "mine.json"];
    let sent = run(folder.path(), &arguments).await?;
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    assert!(sent.stdout.contains("no token under `query`") && curl(&sent.stdout).is_err(), "{}", sent.stdout);
    Ok(())
}

#[tokio::test]
async fn a_persons_mistakes_are_one_paragraph_with_the_way_out() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let path = folder.path();
    let taken = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = taken.local_addr()?.port().to_string();
    for flag in ["--port", "--dynamodb-port", "--s3-port"] {
        let mut arguments = vec!["serve", "--in-memory"];
        for other in ["--port", "--dynamodb-port", "--s3-port"] {
            arguments.extend([other, if other == flag { &port } else { "0" }]);
        }
        fails(path, &arguments, &[&format!("port {port} is in use; choose another with {flag},")]).await?;
    }

    fs::write(path.join("broken.json"), "{\n  \"agni\": }\n")?;
    for command in [&["serve", "--in-memory"][..], &["send", "agni-call-completed"]] {
        let broken = [command, &["--sources", "broken.json"]].concat();
        fails(path, &broken, &["broken.json: ", "line 2, column 11"]).await?;
        let missing = [command, &["--sources", "missing.json"]].concat();
        fails(path, &missing, &["missing.json can't be read", "--sources"]).await?;
    }
    fs::write(path.join("odd.json"), r#"{"agni":{"default":{"tokens":[]}}}"#)?;
    fails(path, &["serve", "--in-memory", "--sources", "odd.json"], &["odd.json: agni.default: tokens "])
        .await?;

    let nearest = ["has no field data.call_idd; the nearest are: data.call_id, "];
    fails(path, &["event", "sautikit-call-completed", "--set", "data.call_idd=1"], &nearest).await?;
    fails(path, &["send", "sautikit-call-completed", "--set", "call_id=1"], &["nearest are: data.call_id"])
        .await?;
    fails(path, &["send", "telnyx-call-completed", "--set", "callsid=1"], &["nearest are: CallSid"]).await?;
    fails(path, &["send", "telnyx-call-completed", "--set", "CallSid"], &["write it as PATH=VALUE"]).await?;
    fails(path, &["send", "nothing"], &["there is no event nothing; there are:\n  agni-call-completed"])
        .await?;
    fails(path, &["send", "agni-call-completed", "--to", "not a host"], &["--to not a host"]).await?;
    fails(path, &["resign", "nowhere"], &["nowhere can't be read"]).await?;
    let usage = run(path, &["send", "--nonsense"]).await?;
    assert_eq!(usage.code, Some(2));
    Ok(())
}

#[tokio::test]
async fn a_server_with_nothing_to_do_logs_nothing() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let ports = ["--port", "0", "--dynamodb-port", "0", "--s3-port", "0"];
    let mut idle = program(folder.path());
    idle.args(["serve", "--in-memory", "--schedule-seconds", "1"]).args(ports);
    let mut idle = idle.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut lines = BufReader::new(idle.stdout.take().context("no output")?).lines();
    lines.next_line().await?.context("it ended at once")?;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    idle.start_kill()?;
    let log = String::from_utf8(idle.wait_with_output().await?.stderr)?;
    assert_eq!(log, "");
    Ok(())
}

#[tokio::test]
async fn data_that_is_damaged_or_in_use_is_named() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let path = folder.path();
    let ports = ["serve", "--port", "0", "--dynamodb-port", "0", "--s3-port", "0", "--data-dir"];
    fs::create_dir(path.join("sqlite"))?;
    fs::write(path.join("sqlite/dynamodb.sqlite"), "this is no database, ".repeat(100))?;
    let damaged = ["sqlite/dynamodb.sqlite", "Move sqlite away", "--data-dir"];
    fails(path, &[&ports[..], &["sqlite"]].concat(), &damaged).await?;
    fails(path, &["item", "CALL#a", "--data-dir", "sqlite"], &["sqlite/dynamodb.sqlite", "--data-dir"])
        .await?;
    fs::create_dir_all(path.join("bucket/s3/objects"))?;
    fs::write(path.join("bucket/s3/objects/a.json"), "{")?;
    let damaged = ["bucket/s3/objects/a.json", "Move bucket away", "--data-dir"];
    fails(path, &[&ports[..], &["bucket"]].concat(), &damaged).await?;
    let _server = serve(path, &["--data-dir", "used"]).await?;
    fails(path, &[&ports[..], &["used"]].concat(), &["used is in use by another process", "--data-dir"]).await
}

#[tokio::test]
async fn an_item_is_printed_decoded_from_a_folder_or_a_server() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let path = folder.path();
    let server = serve(path, &[]).await?;
    let sent = run(path, &["send", "sautikit-call-completed", "--to", &server.url]).await?;
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    let pk = "CALL#sautikit#default#01900000-0000-7000-8000-000000000003";
    for from in [&["--dynamodb", &server.dynamodb][..], &["--data-dir", ".local"]] {
        let one = run(path, &[&["item", pk, "CALL"], from].concat()).await?;
        assert_eq!(one.code, Some(0), "{}", one.stderr);
        let call: Value = serde_json::from_str(&one.stdout)?;
        assert_eq!(
            (&call["sk"], &call["rendered"]["status"]),
            (&"CALL".into(), &"completed".into()),
            "{call:#}"
        );
        let all = run(path, &[&["item", pk], from].concat()).await?;
        let all: Value = serde_json::from_str(&all.stdout)?;
        let delivery = &all[1];
        assert_eq!(delivery["evidence"]["body"]["kind"], "call.completed", "{all:#}");
        let unknown = ["no item has the partition key CALL#x", "CALL#<provider>#<source>#<call id>"];
        fails(path, &[&["item", "CALL#x"], from].concat(), &unknown).await?;
        fails(path, &[&["item", pk, "NO"], from].concat(), &["and the sort key NO"]).await?;
        let table = [&["item", pk, "--table", "other"], from].concat();
        fails(path, &table, &["the table other can't be read"]).await?;
    }
    fails(path, &["item", pk, "--data-dir", "none"], &["there is no data in none; `call-ledger serve`"]).await
}

#[tokio::test]
async fn a_folder_of_events_is_signed_anew() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let events = folder.path().join("events");
    fs::create_dir(&events)?;
    let name = "telnyx-call-completed.json";
    fs::write(events.join(name), read(&format!("events/{name}")))?;
    let signed = run(folder.path(), &["resign"]).await?;
    assert_eq!(
        (signed.code, signed.stdout.as_str()),
        (Some(0), "signed events/telnyx-call-completed.json\n")
    );
    let event: Value = serde_json::from_str(&fs::read_to_string(events.join(name))?)?;
    let before: Value = serde_json::from_str(&read(&format!("events/{name}")))?;
    assert_eq!(event["body"], before["body"]);
    assert_ne!(event["headers"]["telnyx-signature-ed25519"], before["headers"]["telnyx-signature-ed25519"]);
    Ok(())
}

#[tokio::test]
async fn every_commands_help_has_examples_and_the_demo_needs_no_checkout() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    for command in ["demo", "serve", "send", "event", "resign", "item", "verify"] {
        let help = run(folder.path(), &["help", command]).await?;
        assert!(help.stdout.contains(&format!("  call-ledger {command}")), "{}", help.stdout);
    }
    let demo = run(folder.path(), &["demo"]).await?;
    assert_eq!(demo.code, Some(0), "{}", demo.stderr);
    assert!(demo.stdout.contains("`call-ledger serve` keeps serving"), "{}", demo.stdout);
    let program = fs::read(env!("CARGO_BIN_EXE_call-ledger"))?;
    let checkout = concat!(env!("CARGO_MANIFEST_DIR"), "/../").as_bytes();
    assert!(
        !program.windows(checkout.len()).any(|window| window == checkout),
        "the checkout's path is in it"
    );
    Ok(())
}
