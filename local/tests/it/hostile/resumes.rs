//! Downloads that are lost and resumed.

use super::*;

/// The byte from which a request asks for a body.
fn asked_from(head: &str) -> Option<usize> {
    head.split("range: bytes=").nth(1)?.split('-').next()?.parse().ok()
}

/// An answer to a range: its status, headers and bytes.
fn part(headers: &str, range: impl Display, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let headers = format!("{headers}content-range: {range}\r\ncontent-length: {length}\r\n");
    answer("206 Partial Content", &headers, body)
}

const TAG: &str = "etag: \"1\"\r\n";

/// The first half of a recording and its tag, and then nothing.
fn half(body: &[u8]) -> Answer {
    let headers = format!("{TAG}content-length: {}\r\n", body.len());
    Answer::Send(answer("200 OK", &headers, &body[..body.len() / 2]))
}

/// Sends the first half of a recording; then, for the rest, what it is told to.
async fn lost_halfway(body: &[u8], rest: Vec<u8>) -> anyhow::Result<Origin> {
    Origin::in_turn(vec![half(body), Answer::Send(rest)]).await
}

#[tokio::test]
async fn two_recordings_are_never_put_together() -> anyhow::Result<()> {
    let body = wav(1000);
    let other: Vec<u8> = wav(12).into_iter().chain(wav(1000)[12..].iter().map(|byte| !byte)).collect();
    let (rest, others, lost) = (&body[500..], &other[500..], || retry("connection_lost"));
    let range = "bytes 500-999/1000";
    let elsewhere = redirect("http://169.254.169.254/canary");
    let chunked_rest = |body: &[u8]| {
        let headers = format!("{TAG}content-range: {range}\r\ntransfer-encoding: chunked\r\n");
        answer("206 Partial Content", &headers, &chunks(body))
    };
    let endless = {
        let headers = format!("{TAG}content-range: {range}\r\ntransfer-encoding: chunked\r\n");
        let start = answer("206 Partial Content", &headers, b"");
        let piece = [b"10000\r\n", wav(0x10000).as_slice(), b"\r\n"].concat();
        Answer::Flow { start, piece, pause: Duration::ZERO }
    };
    let endless = Origin::in_turn(vec![half(&body), endless]).await?;
    let cases = [
        ("the rest", lost_halfway(&body, part(TAG, range, rest)).await?, stored(&body)),
        ("the rest in chunks", lost_halfway(&body, chunked_rest(rest)).await?, stored(&body)),
        ("another tag", lost_halfway(&body, part("etag: \"2\"\r\n", range, others)).await?, lost()),
        ("a weak tag", lost_halfway(&body, part("etag: W/\"1\"\r\n", range, others)).await?, lost()),
        ("no tag", lost_halfway(&body, part("", range, others)).await?, lost()),
        ("all of another one", lost_halfway(&body, ok("etag: \"2\"\r\n", &other)).await?, lost()),
        (
            "all of it, called the rest",
            lost_halfway(&body, part(TAG, "bytes 0-999/1000", &body)).await?,
            lost(),
        ),
        ("all of it", lost_halfway(&body, ok(TAG, &body)).await?, lost()),
        (
            "a byte too early",
            lost_halfway(&body, part(TAG, "bytes 499-999/1000", &body[499..])).await?,
            lost(),
        ),
        (
            "a byte too late",
            lost_halfway(&body, part(TAG, "bytes 501-999/1000", &body[501..])).await?,
            lost(),
        ),
        ("of another size", lost_halfway(&body, part(TAG, "bytes 500-999/1001", rest)).await?, lost()),
        ("more than the range", lost_halfway(&body, part(TAG, range, &body[400..])).await?, lost()),
        (
            "more than there is",
            lost_halfway(&body, part(TAG, "bytes 500-1099/1000", &wav(600))).await?,
            lost(),
        ),
        ("more than it says", lost_halfway(&body, chunked_rest(&body)).await?, retry("size_mismatch")),
        ("without end", endless, retry("size_mismatch")),
        ("no range", lost_halfway(&body, answer("206 Partial Content", TAG, rest)).await?, lost()),
        ("in other units", lost_halfway(&body, part(TAG, "seconds 500-999/1000", rest)).await?, lost()),
        (
            "compressed",
            lost_halfway(&body, part(&format!("{TAG}content-encoding: gzip\r\n"), range, rest)).await?,
            lost(),
        ),
        (
            "nothing more",
            lost_halfway(&body, answer("416 canary", "content-range: bytes */500\r\n", b"")).await?,
            lost(),
        ),
        ("a page", lost_halfway(&body, ok("content-type: audio/wav\r\n", b"<html>canary")).await?, lost()),
        ("gone", lost_halfway(&body, answer("404 canary", "content-length: 0\r\n", b"")).await?, lost()),
        ("elsewhere", lost_halfway(&body, elsewhere).await?, rejected("ip_literal")),
    ];
    Trial::start().await?.expect(&cases).await?;
    for (what, origin, _) in &cases {
        let heads = origin.heads();
        ensure!(
            heads.len() >= 2 && heads[1].contains("range: bytes=500-\r\nif-range: \"1\"\r\n"),
            "{what}: {heads:?}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_can_not_be_told_apart_is_not_asked_for_again() -> anyhow::Result<()> {
    let (body, lost) = (wav(1000), || retry("connection_lost"));
    let cut = |headers: &str| {
        Answer::Send({
            let whole = ok(headers, &body);
            whole[..whole.len() - 500].to_vec()
        })
    };
    let then_rest =
        |headers: &str| vec![cut(headers), Answer::Send(part(headers, "bytes 500-999/1000", &body[500..]))];
    let changed = "last-modified: Wed, 21 Oct 2015 07:28:00 GMT\r\n";
    let settled = format!("{changed}date: Wed, 21 Oct 2015 07:38:00 GMT\r\n");
    let fresh = format!("{changed}date: Wed, 21 Oct 2015 07:28:30 GMT\r\n");
    let cases = [
        ("unnamed", Origin::in_turn(then_rest("")).await?, lost()),
        ("a weak tag", Origin::in_turn(then_rest("etag: W/\"1\"\r\n")).await?, lost()),
        ("changed a moment ago", Origin::in_turn(then_rest(&fresh)).await?, lost()),
        ("no ranges", Origin::in_turn(then_rest("etag: \"1\"\r\naccept-ranges: none\r\n")).await?, lost()),
        ("changed long ago", Origin::in_turn(then_rest(&settled)).await?, stored(&body)),
    ];
    Trial::start().await?.expect(&cases).await?;
    let asked: Vec<_> = cases.iter().map(|(_, origin, _)| origin.heads().len()).collect();
    assert_eq!(asked, [1, 1, 1, 1, 2]);
    Ok(())
}

#[tokio::test]
async fn a_download_is_taken_up_again_and_again_but_not_for_ever() -> anyhow::Result<()> {
    let body = wav(1000);
    // Whatever is asked for, this many bytes of it come before the connection is lost.
    let stutters = async |bytes: usize, first_is_chunked: bool| {
        let body = body.clone();
        Origin::start(move |head| {
            let from = asked_from(head).unwrap_or_default();
            let mut whole = match asked_from(head) {
                None if first_is_chunked => {
                    let headers = format!("{TAG}transfer-encoding: chunked\r\n");
                    let start = [format!("{:x}\r\n", body.len()).as_bytes(), &body[..]].concat();
                    answer("200 OK", &headers, &start)
                }
                None => ok(TAG, &body),
                Some(from) => part(TAG, format!("bytes {from}-999/1000"), &body[from..]),
            };
            whole.truncate(whole.len() - (body.len() - from).saturating_sub(bytes));
            Answer::Send(whole)
        })
        .await
    };
    // Each answer is complete, but only a part of the rest.
    let parts = async |first: Vec<u8>| {
        let body = body.clone();
        Origin::start(move |head| {
            Answer::Send(match asked_from(head) {
                None => first.clone(),
                Some(from) => {
                    let to = (from + 200).min(1000);
                    part(TAG, format!("bytes {from}-{}/1000", to - 1), &body[from..to])
                }
            })
        })
        .await
    };
    let told = answer("200 OK", &format!("{TAG}content-length: 1000\r\n"), &body[..200]);
    let untold = [b"3e8\r\n", &body[..200]].concat();
    let untold = answer("200 OK", &format!("{TAG}transfer-encoding: chunked\r\n"), &untold);
    let cases = [
        ("in five pieces", stutters(200, false).await?, stored(&body)),
        ("in six pieces, the size not told", stutters(170, true).await?, stored(&body)),
        ("in seven pieces", stutters(150, false).await?, retry("connection_lost")),
        ("part by part", parts(told).await?, stored(&body)),
        ("part by part, the size not told", parts(untold).await?, stored(&body)),
        ("byte by byte", stutters(1, false).await?, retry("connection_lost")),
    ];
    Trial::start().await?.expect(&cases).await?;
    let asked: Vec<_> = cases.iter().map(|(_, origin, _)| origin.heads().len()).collect();
    assert_eq!(asked, [5, 6, 6, 5, 5, 6]);
    Ok(())
}
