//! `call-ledger erase` and `call-ledger reapply-erasures`, as a person runs them.

use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{fails, run, serve};

const NUMBER: &str = "+254700000001";

/// Does something with each file of the table in a folder, and its place in another.
fn move_database(
    from: &Path,
    to: &Path,
    act: impl Fn(PathBuf, PathBuf) -> io::Result<u64>,
) -> anyhow::Result<()> {
    for entry in std::fs::read_dir(from)?.flatten() {
        // What was written last may be in a file beside it.
        if entry.file_name().to_string_lossy().starts_with("dynamodb.sqlite") {
            act(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn all_calls_of_a_number_are_erased_after_a_question() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let server = serve(folder.path(), &["--in-memory"]).await?;
    for call_id in ["data.call_id=one", "data.call_id=two/2"] {
        let sent =
            run(folder.path(), &["send", "sautikit-call-completed", "--to", &server.url, "--set", call_id])
                .await?;
        assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    }
    let erase = ["erase", "--number", NUMBER, "--to", &server.url];
    // Nobody is there to answer.
    fails(folder.path(), &erase, &["nobody answered", "--yes"]).await?;
    fails(folder.path(), &[&erase[..], &["--yes", "--token", "wrong"]].concat(), &["401"]).await?;
    // This reader may not erase.
    let refused = [&erase[..], &["--yes", "--token", "local-query-token"]].concat();
    fails(folder.path(), &refused, &["was not erased", "403"]).await?;

    let erased = run(folder.path(), &[&erase[..], &["--yes"]].concat()).await?;
    assert_eq!(erased.code, Some(0), "{}", erased.stderr);
    for said in [
        "/calls/sautikit/default/one",
        "/calls/sautikit/default/two~2F2",
        "Erased 2 calls: 2 deliveries",
        "2 records",
    ] {
        assert!(erased.stdout.contains(said), "{said}: {}", erased.stdout);
    }
    let again = run(folder.path(), &[&erase[..], &["--yes"]].concat()).await?;
    assert_eq!(again.stdout, format!("There is no call from or to {NUMBER}.\n"));
    Ok(())
}

#[tokio::test]
async fn erasures_are_reapplied_to_a_folder() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    fails(folder.path(), &["reapply-erasures"], &["there is no data in .local", "--data-dir"]).await?;
    let mut server = serve(folder.path(), &[]).await?;
    let sent = run(folder.path(), &["send", "sautikit-call-completed", "--to", &server.url]).await?;
    assert_eq!(sent.code, Some(0), "{}", sent.stderr);
    server.process.kill().await?;
    let (data, before) = (folder.path().join(".local"), folder.path().join("before"));
    std::fs::create_dir(&before)?;
    move_database(&data, &before, std::fs::copy)?;

    let mut server = serve(folder.path(), &[]).await?;
    let erased = run(folder.path(), &["erase", "--number", NUMBER, "--yes", "--to", &server.url]).await?;
    assert!(erased.stdout.contains("Erased 1 calls"), "{} {}", erased.stdout, erased.stderr);
    server.process.kill().await?;
    move_database(&data, &before, |from, _| std::fs::remove_file(from).map(|()| 0))?;
    move_database(&before, &data, std::fs::copy)?;

    let reapplied = run(folder.path(), &["reapply-erasures"]).await?;
    assert!(
        reapplied.stdout.starts_with("1 erasures are on the list."),
        "{}{}",
        reapplied.stdout,
        reapplied.stderr
    );
    assert!(reapplied.stdout.contains("1 of them are of something in this table"), "{}", reapplied.stdout);
    let item =
        run(folder.path(), &["item", "CALL#sautikit#default#01900000-0000-7000-8000-000000000003"]).await?;
    assert!(
        item.stdout.contains(r#""state": "erased""#) && !item.stdout.contains("+2547"),
        "{}",
        item.stdout
    );
    Ok(())
}
