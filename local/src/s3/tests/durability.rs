use super::*;

use std::fs;

use super::multipart::{complete, part, start};

#[tokio::test]
async fn a_folder_is_the_same_after_stopping_and_opening() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (s3, client, stop) = in_folder(folder.path()).await?;
    with_bucket(&s3).await?;
    let keyed = client.put_object().bucket(BUCKET).key("k").content_type("audio/wav");
    let keyed = keyed.metadata("m", "1").tagging("t=2");
    let written = keyed.body(b"old".to_vec().into()).send().await?;
    put(&client, "replaced", "first").await?;
    put(&client, "replaced", "second").await?;
    put(&client, "deleted", "gone").await?;
    client.delete_object().bucket(BUCKET).key("deleted").send().await?;
    let upload = start(&client, "parts").await?;
    let first = part(&client, "parts", &upload, 1, vec![1; 5 << 20]).await?;
    drop(stop);
    s3.stopped().await?;

    let (s3, client, stop) = in_folder(folder.path()).await?;
    let head = client.head_object().bucket(BUCKET).key("k").send().await?;
    assert_eq!(head.e_tag(), written.e_tag());
    assert_eq!(head.content_type(), Some("audio/wav"));
    let metadata = head.metadata().context("no metadata")?;
    assert_eq!(metadata.get("m").map(String::as_str), Some("1"));
    assert_eq!(get(&client, "k").await?, b"old");
    assert_eq!(get(&client, "replaced").await?, b"second");
    assert!(get(&client, "deleted").await.is_err());
    let second = part(&client, "parts", &upload, 2, vec![2; 3]).await?;
    complete(&client, "parts", &upload, [first, second]).send().await?;
    drop(stop);
    s3.stopped().await?;

    let (_s3, client, _stop) = in_folder(folder.path()).await?;
    assert_eq!(get(&client, "parts").await?.len(), (5 << 20) + 3);
    assert_eq!(fs::read_dir(folder.path().join("s3/blobs"))?.count(), 4);
    Ok(())
}

#[tokio::test]
async fn what_a_crash_left_half_written_is_cleared_away() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (s3, _, stop) = in_folder(folder.path()).await?;
    let client = with_bucket(&s3).await?;
    put(&client, "k", "kept").await?;
    drop(stop);
    s3.stopped().await?;
    let root = folder.path().join("s3");
    fs::write(root.join("blobs/half"), "ha")?;
    fs::write(root.join("objects/half.tmp"), "{\"ab")?;

    let (_s3, client, _stop) = in_folder(folder.path()).await?;
    assert_eq!(get(&client, "k").await?, b"kept");
    assert_eq!(fs::read_dir(root.join("blobs"))?.count(), 1);
    assert_eq!(fs::read_dir(root.join("objects"))?.count(), 1);
    Ok(())
}

#[tokio::test]
async fn a_folder_in_use_is_refused() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (_s3, _client, _stop) = in_folder(folder.path()).await?;
    let error = in_folder(folder.path()).await.err().context("it opened")?;
    assert!(format!("{error:#}").contains("is in use by another process"), "{error:#}");
    Ok(())
}

#[tokio::test]
async fn hostile_keys_stay_inside_the_folder() -> anyhow::Result<()> {
    let outside = tempfile::tempdir()?;
    let folder = outside.path().join("data");
    let (s3, client, _stop) = in_folder(&folder).await?;
    with_bucket(&s3).await?;
    let keys = [
        "../../escaped",
        "..",
        "/etc/passwd",
        "a//b",
        "a/../b",
        "100%",
        "%2e%2e%2fescaped",
        "a b+c&d=e?f#g",
        "नमस्ते/🎙.wav",
        "\\..\\x",
    ];
    for key in keys {
        put(&client, key, key).await.context(key)?;
    }
    for key in keys {
        assert_eq!(get(&client, key).await.context(key)?, key.as_bytes());
    }
    let listed = client.list_objects_v2().bucket(BUCKET).send().await?;
    let mut listed: Vec<_> = listed.contents().iter().filter_map(|o| o.key()).collect();
    let mut expected = keys.to_vec();
    listed.sort_unstable();
    expected.sort_unstable();
    assert_eq!(listed, expected);

    let beside: Vec<_> = fs::read_dir(outside.path())?.collect::<Result<_, _>>()?;
    assert_eq!(beside.len(), 1);
    assert_eq!(fs::read_dir(folder.join("s3/objects"))?.count(), keys.len());
    assert_eq!(fs::read_dir(folder.join("s3"))?.count(), 7);
    Ok(())
}
