use super::*;

use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode, Tag, Tagging};

#[tokio::test]
async fn an_object_comes_back_whole_in_ranges_and_in_its_head() -> anyhow::Result<()> {
    let client = in_memory().await?;
    let body: Vec<u8> = (0..300_000_u32).map(|n| n as u8).collect();
    let put = client
        .put_object()
        .bucket(BUCKET)
        .key("a/b.wav")
        .body(body.clone().into())
        .content_type("audio/wav")
        .metadata("call-id", "c-1")
        .tagging("provider=telnyx&note=a%20b")
        .send()
        .await?;
    assert_eq!(get(&client, "a/b.wav").await?, body);

    let get = || client.get_object().bucket(BUCKET).key("a/b.wav");
    for (range, expected) in [
        ("bytes=0-0", &body[..1]),
        ("bytes=1000-199999", &body[1000..200_000]),
        ("bytes=299990-", &body[299_990..]),
        ("bytes=-5", &body[299_995..]),
    ] {
        let part = get().range(range).send().await?;
        assert!(part.content_range().is_some());
        assert_eq!(part.content_length(), Some(expected.len() as i64));
        assert_eq!(part.body.collect().await?.to_vec(), expected, "{range}");
    }
    let beyond = get().range("bytes=300000-").send().await;
    assert_eq!(refused(beyond)?, refusal(416, "InvalidRange"));

    let head = client
        .head_object()
        .bucket(BUCKET)
        .key("a/b.wav")
        .checksum_mode(ChecksumMode::Enabled)
        .send()
        .await?;
    assert_eq!(head.content_length(), Some(300_000));
    assert_eq!(head.content_type(), Some("audio/wav"));
    assert_eq!(head.e_tag(), put.e_tag());
    assert!(head.checksum_crc64_nvme().is_some());
    let metadata = head.metadata().context("no metadata")?;
    assert_eq!(metadata.get("call-id").map(String::as_str), Some("c-1"));

    let matching = get().if_match(put.e_tag().context("no ETag")?).send().await?;
    assert_eq!(matching.tag_count(), Some(2));
    let other = get().if_match("\"other\"").send().await;
    assert_eq!(refused(other)?, refusal(412, "PreconditionFailed"));
    let missing = client.get_object().bucket(BUCKET).key("nothing").send().await;
    assert_eq!(refused(missing)?, refusal(404, "NoSuchKey"));
    let missing = client.get_object().bucket("elsewhere").key("x").send().await;
    assert_eq!(refused(missing)?, refusal(404, "NoSuchBucket"));
    Ok(())
}

#[tokio::test]
async fn tags_can_be_read_and_replaced() -> anyhow::Result<()> {
    let client = in_memory().await?;
    let put = client.put_object().bucket(BUCKET).key("k");
    put.tagging("provider=telnyx&note=a%20b").send().await?;
    let tags = || client.get_object_tagging().bucket(BUCKET).key("k").send();
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    assert_eq!(tags().await?.tag_set(), [tag("note", "a b")?, tag("provider", "telnyx")?]);

    let tagging = Tagging::builder().tag_set(tag("kept", "yes")?).build()?;
    let put = client.put_object_tagging().bucket(BUCKET).key("k");
    put.tagging(tagging).send().await?;
    assert_eq!(tags().await?.tag_set(), [tag("kept", "yes")?]);
    Ok(())
}

#[tokio::test]
async fn one_of_fifty_concurrent_writers_wins() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (s3, in_folder, _stop) = in_folder(folder.path()).await?;
    with_bucket(&s3).await?;
    for client in [in_memory().await?, in_folder] {
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..50 {
            let put = client.put_object().bucket(BUCKET).key("once");
            let put = put.if_none_match("*").body(vec![writer; 2000].into());
            writers.spawn(async move { (writer, put.send().await) });
        }
        let mut winners = Vec::new();
        for (writer, result) in writers.join_all().await {
            match result {
                Ok(_) => winners.push(writer),
                Err(_) => assert_eq!(refused(result)?, refusal(412, "PreconditionFailed")),
            }
        }
        assert_eq!(winners.len(), 1);
        assert_eq!(get(&client, "once").await?, vec![winners[0]; 2000]);
    }
    Ok(())
}

#[tokio::test]
async fn if_match_replaces_only_the_version_it_names() -> anyhow::Result<()> {
    let client = in_memory().await?;
    let put = || client.put_object().bucket(BUCKET).key("k");
    assert_eq!(refused(put().if_match("\"x\"").send().await)?, refusal(404, "NoSuchKey"));
    let first = put().body(b"1".to_vec().into()).send().await?;
    let etag = first.e_tag().context("no ETag")?;
    put().body(b"2".to_vec().into()).if_match(etag).send().await?;
    let stale = put().body(b"3".to_vec().into()).if_match(etag).send().await;
    assert_eq!(refused(stale)?, refusal(412, "PreconditionFailed"));
    assert_eq!(get(&client, "k").await?, b"2");
    Ok(())
}

#[tokio::test]
async fn a_body_that_differs_from_its_checksum_is_refused() -> anyhow::Result<()> {
    let client = in_memory().await?;
    let put = || client.put_object().bucket(BUCKET).key("k").body(b"body".to_vec().into());
    let wrong = [
        put().checksum_crc32("AAAAAA=="),
        put().checksum_crc64_nvme("AAAAAAAAAAA="),
        put().checksum_sha256("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
        put().content_md5("AAAAAAAAAAAAAAAAAAAAAA=="),
    ];
    for put in wrong {
        assert_eq!(refused(put.send().await)?, refusal(400, "BadDigest"));
    }
    assert!(get(&client, "k").await.is_err(), "a refused body was stored");

    for algorithm in [ChecksumAlgorithm::Crc32, ChecksumAlgorithm::Crc64Nvme, ChecksumAlgorithm::Sha256] {
        put().checksum_algorithm(algorithm).send().await?;
        assert_eq!(get(&client, "k").await?, b"body");
    }
    Ok(())
}

#[tokio::test]
async fn a_streamed_body_is_checked_against_its_trailer() -> anyhow::Result<()> {
    let client = in_memory().await?;
    let file = tempfile::NamedTempFile::new()?;
    let body = vec![7; 1_000_000];
    std::fs::write(file.path(), &body)?;
    let put = client.put_object().bucket(BUCKET).key("k");
    let put = put.checksum_algorithm(ChecksumAlgorithm::Crc64Nvme);
    put.body(ByteStream::from_path(file.path()).await?).send().await?;
    let head = client.head_object().bucket(BUCKET).key("k");
    let head = head.checksum_mode(ChecksumMode::Enabled).send().await?;
    assert_eq!(head.content_length(), Some(1_000_000));
    assert_eq!(head.content_encoding(), None);
    assert_eq!(get(&client, "k").await?, body);
    Ok(())
}

#[tokio::test]
async fn listing_pages_through_a_prefix_and_groups_by_delimiter() -> anyhow::Result<()> {
    let client = in_memory().await?;
    for key in ["a/1", "a/2", "a/x/1", "a/x/2", "a/y/1", "b/1"] {
        put(&client, key, key).await?;
    }
    let mut keys = Vec::new();
    let mut prefixes = Vec::new();
    let mut pages = client
        .list_objects_v2()
        .bucket(BUCKET)
        .prefix("a/")
        .delimiter("/")
        .max_keys(1)
        .into_paginator()
        .send();
    let mut count = 0;
    while let Some(page) = pages.next().await {
        let page = page?;
        keys.extend(page.contents().iter().filter_map(|o| o.key().map(str::to_owned)));
        prefixes.extend(page.common_prefixes().iter().filter_map(|p| p.prefix().map(str::to_owned)));
        count += 1;
    }
    assert_eq!(keys, ["a/1", "a/2"]);
    assert_eq!(prefixes, ["a/x/", "a/y/"]);
    assert_eq!(count, 4);

    let all = client.list_objects_v2().bucket(BUCKET).prefix("a/").send().await?;
    assert_eq!(all.key_count(), Some(5));
    client.delete_object().bucket(BUCKET).key("a/1").send().await?;
    client.delete_object().bucket(BUCKET).key("never").send().await?;
    let left = client.list_objects_v2().bucket(BUCKET).prefix("a/").send().await?;
    assert_eq!(left.key_count(), Some(4));
    Ok(())
}

#[tokio::test]
async fn unsigned_and_wrongly_signed_requests_are_refused() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let credentials = crate::Credentials { secret_access_key: "another".to_owned(), ..sdk::credentials() };
    let s3 = serve(listener, &Storage::Memory, &credentials, pending())?;
    let create = sdk::s3(s3.address).create_bucket().bucket(BUCKET).send().await;
    assert_eq!(refused(create)?, refusal(403, "SignatureDoesNotMatch"));
    let (status, _) = presigned::fetch(&format!("http://{}/recordings/k", s3.address)).await?;
    assert_eq!(status, 403);
    Ok(())
}
