use super::*;

use aws_sdk_s3::types::{ChecksumMode, CompletedMultipartUpload, CompletedPart};

const PART_BYTES: usize = 5 * 1024 * 1024;

#[tokio::test]
async fn parts_become_one_object() -> anyhow::Result<()> {
    let client = in_memory().await?;
    let upload = start(&client, "k").await?;
    let second = part(&client, "k", &upload, 2, vec![2; 1000]).await?;
    part(&client, "k", &upload, 1, vec![9; 10]).await?;
    let first = part(&client, "k", &upload, 1, vec![1; PART_BYTES]).await?;

    let uploads = client.list_multipart_uploads().bucket(BUCKET).send().await?;
    assert_eq!(uploads.uploads()[0].upload_id(), Some(&*upload));
    let parts = client.list_parts().bucket(BUCKET).key("k").upload_id(&upload);
    let parts = parts.send().await?;
    let sizes: Vec<_> = parts.parts().iter().map(|part| part.size()).collect();
    assert_eq!(sizes, [Some(PART_BYTES as i64), Some(1000)]);

    let done = complete(&client, "k", &upload, [first, second]).send().await?;
    assert!(done.e_tag().is_some_and(|etag| etag.ends_with("-2\"")));
    let expected = [vec![1; PART_BYTES], vec![2; 1000]].concat();
    assert_eq!(get(&client, "k").await?, expected);

    let range = client.get_object().bucket(BUCKET).key("k");
    let range = range.range(format!("bytes={}-{}", PART_BYTES - 2, PART_BYTES + 1));
    let range = range.send().await?.body.collect().await?.to_vec();
    assert_eq!(range, [1, 1, 2, 2]);

    // The same bytes in one put have the same full-object checksum.
    put(&client, "whole", expected).await?;
    let checksum = |key| {
        let head = client.head_object().bucket(BUCKET).key(key);
        head.checksum_mode(ChecksumMode::Enabled).send()
    };
    let (whole, parts) = (checksum("whole").await?, checksum("k").await?);
    assert_eq!(parts.checksum_crc64_nvme(), whole.checksum_crc64_nvme());
    assert_eq!(parts.content_type(), Some("audio/mpeg"));
    let tags = client.get_object_tagging().bucket(BUCKET).key("k").send().await?;
    assert_eq!(tags.tag_set().len(), 1);
    let uploads = client.list_multipart_uploads().bucket(BUCKET).send().await?;
    assert!(uploads.uploads().is_empty());
    Ok(())
}

#[tokio::test]
async fn completing_over_an_object_with_if_none_match_is_refused() -> anyhow::Result<()> {
    let client = in_memory().await?;
    let upload = start(&client, "k").await?;
    let only = part(&client, "k", &upload, 1, vec![1; 10]).await?;
    put(&client, "k", "winner").await?;
    let completion = || complete(&client, "k", &upload, [only.clone()]);
    let lost = completion().if_none_match("*").send().await;
    assert_eq!(refused(lost)?, refusal(412, "PreconditionFailed"));
    assert_eq!(get(&client, "k").await?, b"winner");

    // The upload is still there, and without the condition it replaces the object.
    completion().send().await?;
    assert_eq!(get(&client, "k").await?, vec![1; 10]);
    let again = completion().send().await;
    assert_eq!(refused(again)?, refusal(404, "NoSuchUpload"));
    Ok(())
}

#[tokio::test]
async fn small_unknown_and_misordered_parts_are_refused() -> anyhow::Result<()> {
    let client = in_memory().await?;
    let upload = start(&client, "k").await?;
    let first = part(&client, "k", &upload, 1, vec![1; 10]).await?;
    let second = part(&client, "k", &upload, 2, vec![2; 10]).await?;
    let unknown = CompletedPart::builder().part_number(3).e_tag("\"x\"").build();
    let cases = [
        (vec![first.clone(), second.clone()], "EntityTooSmall"),
        (vec![second, first], "InvalidPartOrder"),
        (vec![unknown], "InvalidPart"),
    ];
    for (parts, code) in cases {
        let result = complete(&client, "k", &upload, parts).send().await;
        assert_eq!(refused(result)?, refusal(400, code));
    }
    Ok(())
}

#[tokio::test]
async fn aborting_removes_the_parts() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (s3, client, _stop) = in_folder(folder.path()).await?;
    with_bucket(&s3).await?;
    let upload = start(&client, "k").await?;
    part(&client, "k", &upload, 1, vec![1; 10]).await?;
    let blobs = folder.path().join("s3/blobs");
    assert_eq!(std::fs::read_dir(&blobs)?.count(), 1);
    let abort = || client.abort_multipart_upload().bucket(BUCKET).key("k").upload_id(&upload);
    abort().send().await?;
    assert_eq!(std::fs::read_dir(&blobs)?.count(), 0);
    assert_eq!(refused(abort().send().await)?, refusal(404, "NoSuchUpload"));
    let late = client.upload_part().bucket(BUCKET).key("k").upload_id(&upload).part_number(2);
    let late = late.body(vec![1].into()).send().await;
    assert_eq!(refused(late)?, refusal(404, "NoSuchUpload"));
    Ok(())
}

pub(super) async fn start(client: &Client, key: &str) -> anyhow::Result<String> {
    let create = client.create_multipart_upload().bucket(BUCKET).key(key);
    let create = create.content_type("audio/mpeg").tagging("a=b");
    create.send().await?.upload_id.context("no upload id")
}

pub(super) async fn part(
    client: &Client,
    key: &str,
    upload: &str,
    number: i32,
    body: Vec<u8>,
) -> anyhow::Result<CompletedPart> {
    let part = client.upload_part().bucket(BUCKET).key(key).upload_id(upload);
    let part = part.part_number(number).body(body.into()).send().await?;
    Ok(CompletedPart::builder()
        .part_number(number)
        .set_e_tag(part.e_tag)
        .set_checksum_crc32(part.checksum_crc32)
        .build())
}

pub(super) fn complete(
    client: &Client,
    key: &str,
    upload: &str,
    parts: impl IntoIterator<Item = CompletedPart>,
) -> aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder {
    let parts = parts.into_iter().collect();
    let upload_parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let complete = client.complete_multipart_upload().bucket(BUCKET).key(key);
    complete.upload_id(upload).multipart_upload(upload_parts)
}
