//! Bodies that are compressed, or said to be.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{GzEncoder, ZlibEncoder};

use super::*;

fn gzip(body: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body)?;
    Ok(encoder.finish()?)
}

fn coded(coding: &str, body: &[u8]) -> Vec<u8> {
    answer("200 OK", &format!("content-encoding: {coding}\r\ncontent-length: {}\r\n", body.len()), body)
}

#[tokio::test]
async fn a_body_that_is_not_what_its_coding_says_is_no_recording() -> anyhow::Result<()> {
    // What compressed bytes begin with; they could be anything.
    let packed = [&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], wav(500).as_slice()].concat();
    let coded = |codings: &str| answer("200 OK", &format!("{codings}content-length: 510\r\n"), &packed);
    let trial = Trial::start().await?;
    trial
        .expect(&[
            ("gzip", sends(coded("content-encoding: gzip\r\n")).await?, retry("content_encoding")),
            ("unknown", sends(coded("content-encoding: canary\r\n")).await?, retry("content_encoding")),
            (
                "in a second header",
                sends(coded("content-encoding: identity\r\ncontent-encoding: gzip\r\n")).await?,
                retry("content_encoding"),
            ),
            ("not said", sends(coded("content-type: audio/mpeg\r\n")).await?, stored(&packed)),
        ])
        .await?;
    // Kept, since nothing else has it; and not called what it may not be.
    let (objects, _) = trial.bed.bucket().await?;
    ensure!(objects.iter().all(|key| key.ends_with(".bin")), "{objects:?}");
    Ok(())
}

#[tokio::test]
async fn codings_that_mean_nothing_are_no_coding() -> anyhow::Result<()> {
    let body = wav(1000);
    let mut cases = Vec::new();
    for coding in [
        "aws-chunked",
        "identity",
        "binary",
        "utf-8",
        "UTF-8",
        "",
        "identity, aws-chunked",
        "gzip",
        "deflate",
    ] {
        // The last two are said of a body that comes as it is.
        cases.push((coding, sends(coded(coding, &body)).await?, stored(&body)));
    }
    Trial::start().await?.expect(&cases).await
}

#[tokio::test]
async fn a_compressed_body_is_unpacked_on_the_way() -> anyhow::Result<()> {
    let (small, large) = (wav(1000), wav(20_000_000));
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::fast());
    zlib.write_all(&small)?;
    let packed = gzip(&small)?;
    let cut = coded("gzip", &packed[..packed.len() - 1]);
    let trial = Trial::start().await?;
    trial
        .expect(&[
            ("gzip", sends(coded("gzip", &packed)).await?, stored(&small)),
            ("x-gzip after another", sends(coded("aws-chunked, x-gzip", &packed)).await?, stored(&small)),
            ("deflate", sends(coded("deflate", &zlib.finish()?)).await?, stored(&small)),
            ("in parts", sends(coded("gzip", &gzip(&large)?)).await?, stored(&large)),
            ("its end is missing", sends(cut).await?, retry("content_encoding")),
            ("a coding of its own", sends(coded("br", &packed)).await?, retry("content_encoding")),
        ])
        .await?;
    let (objects, _) = trial.bed.bucket().await?;
    ensure!(objects.iter().all(|key| key.ends_with(".wav")), "{objects:?}");
    Ok(())
}

#[tokio::test]
async fn a_compressed_body_is_never_taken_up_again() -> anyhow::Result<()> {
    let packed = gzip(&wav(100_000))?;
    let whole = answer(
        "200 OK",
        &format!("etag: \"1\"\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n", packed.len()),
        &packed,
    );
    let origin = sends(whole[..whole.len() - 1000].to_vec()).await?;
    let cases = [("lost", origin, retry("connection_lost"))];
    Trial::start().await?.expect(&cases).await?;
    assert_eq!(cases[0].1.heads().len(), 1);
    Ok(())
}

#[tokio::test]
async fn what_unpacks_to_more_than_the_limit_is_too_large() -> anyhow::Result<()> {
    let mut policy = impatient();
    policy.max_bytes = 20 << 20;
    let bomb = gzip(&[wav(1000), vec![0; 100 << 20]].concat())?;
    ensure!(bomb.len() < 1 << 20);
    let cases = [("a bomb", sends(coded("gzip", &bomb)).await?, rejected("too_large"))];
    Trial::with(policy, json!({})).await?.expect(&cases).await
}
