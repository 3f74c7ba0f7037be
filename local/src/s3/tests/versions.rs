use aws_sdk_s3::types::{BucketVersioningStatus, Delete, ObjectIdentifier, VersioningConfiguration};

use super::*;

async fn keep_versions(client: &Client) -> anyhow::Result<()> {
    let enabled = VersioningConfiguration::builder().status(BucketVersioningStatus::Enabled).build();
    client.put_bucket_versioning().bucket(BUCKET).versioning_configuration(enabled).send().await?;
    let status = client.get_bucket_versioning().bucket(BUCKET).send().await?;
    assert_eq!(status.status(), Some(&BucketVersioningStatus::Enabled));
    Ok(())
}

/// The versions of a key, the newest first: id and content, `None` for a marker.
async fn versions(client: &Client, key: &str) -> anyhow::Result<Vec<(String, Option<Vec<u8>>)>> {
    // A page at a time.
    let (mut found, mut after) = (Vec::new(), (None, None));
    loop {
        let list = client.list_object_versions().bucket(BUCKET).prefix(key).max_keys(1);
        let page = list.set_key_marker(after.0).set_version_id_marker(after.1).send().await?;
        for version in page.versions() {
            let id = version.version_id().context("no id")?;
            let get = client.get_object().bucket(BUCKET).key(key).version_id(id).send().await?;
            found.push((id.to_owned(), Some(get.body.collect().await?.to_vec())));
        }
        found.extend(
            page.delete_markers().iter().filter_map(|marker| Some((marker.version_id()?.to_owned(), None))),
        );
        if page.is_truncated() != Some(true) {
            return Ok(found);
        }
        after = (page.next_key_marker().map(Into::into), page.next_version_id_marker().map(Into::into));
    }
}

async fn contents(client: &Client, key: &str) -> anyhow::Result<Vec<Option<Vec<u8>>>> {
    Ok(versions(client, key).await?.into_iter().map(|(_, content)| content).collect())
}

#[tokio::test]
async fn what_is_replaced_or_deleted_is_kept_as_a_version() -> anyhow::Result<()> {
    let client = in_memory().await?;
    put(&client, "k", "before").await?;
    keep_versions(&client).await?;
    put(&client, "k", "first").await?;
    put(&client, "k", "second").await?;
    put(&client, "other", "other").await?;
    client.delete_object().bucket(BUCKET).key("k").send().await?;
    assert!(get(&client, "k").await.is_err());
    let (before, first, second) =
        (Some(b"before".to_vec()), Some(b"first".to_vec()), Some(b"second".to_vec()));
    assert_eq!(contents(&client, "k").await?, [None, second.clone(), first, before]);

    // Without its marker it is back, and without its newest version the one before is.
    let ids: Vec<_> = versions(&client, "k").await?.into_iter().map(|(id, _)| id).collect();
    client.delete_object().bucket(BUCKET).key("k").version_id(&ids[0]).send().await?;
    assert_eq!(get(&client, "k").await?, b"second");
    client.delete_object().bucket(BUCKET).key("k").version_id(&ids[1]).send().await?;
    assert_eq!(get(&client, "k").await?, b"first");

    let all = ids.iter().map(|id| ObjectIdentifier::builder().key("k").version_id(id).build());
    let delete = Delete::builder().set_objects(Some(all.collect::<Result<_, _>>()?)).build()?;
    let deleted = client.delete_objects().bucket(BUCKET).delete(delete).send().await?;
    assert_eq!((deleted.deleted().len(), deleted.errors().len()), (4, 0));
    assert_eq!(contents(&client, "k").await?, [] as [Option<Vec<u8>>; 0]);
    assert!(get(&client, "k").await.is_err());
    assert_eq!(get(&client, "other").await?, b"other");
    Ok(())
}

#[tokio::test]
async fn versions_are_the_same_after_stopping_and_opening_and_leave_no_file_when_deleted()
-> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (s3, _, stop) = in_folder(folder.path()).await?;
    let client = with_bucket(&s3).await?;
    keep_versions(&client).await?;
    put(&client, "k", "first").await?;
    put(&client, "k", "second").await?;
    put(&client, "gone", "gone").await?;
    client.delete_object().bucket(BUCKET).key("gone").send().await?;
    let before = (versions(&client, "k").await?, versions(&client, "gone").await?);
    drop(stop);
    s3.stopped().await?;

    let (_s3, client, _stop) = in_folder(folder.path()).await?;
    assert_eq!((versions(&client, "k").await?, versions(&client, "gone").await?), before);
    assert_eq!(get(&client, "k").await?, b"second");
    for (key, versions) in [("k", before.0), ("gone", before.1)] {
        for (id, _) in versions {
            client.delete_object().bucket(BUCKET).key(key).version_id(id).send().await?;
        }
    }
    assert_eq!(std::fs::read_dir(folder.path().join("s3/blobs"))?.count(), 0);
    assert_eq!(std::fs::read_dir(folder.path().join("s3/versions"))?.count(), 0);
    Ok(())
}
