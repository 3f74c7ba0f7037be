//! Bodies that are not what their heads promise, or never end.

use super::*;

#[tokio::test]
async fn the_copy_is_what_content_length_promised_or_there_is_none() -> anyhow::Result<()> {
    let body = wav(1000);
    let lengths = |one: &str, two: &str| {
        answer("200 OK", &format!("content-length: {one}\r\ncontent-length: {two}\r\n"), &body)
    };
    let both = answer("200 OK", "content-length: 10\r\ntransfer-encoding: chunked\r\n", &chunks(&body));
    let lost = || retry("connection_lost");
    Trial::start()
        .await?
        .expect(&[
            ("as promised", sends(content_length(1000, &body)).await?, stored(&body)),
            ("one byte less", sends(content_length(1001, &body)).await?, lost()),
            ("almost nothing of it", sends(content_length(900_000_000, &body)).await?, lost()),
            // What follows is no part of the answer (RFC 9112, section 6.3).
            ("one byte more", sends(content_length(999, &body)).await?, stored(&body[..999])),
            ("much more", sends(content_length(1000, &wav(300_000))).await?, stored(&body)),
            ("the same twice", sends(lengths("1000", "1000")).await?, stored(&body)),
            ("two that differ", sends(lengths("1000", "999")).await?, lost()),
            ("two in one", sends(content_length("1000, 999", &body)).await?, lost()),
            ("negative", sends(content_length(-1, &body)).await?, lost()),
            ("with a sign", sends(content_length("+1000", &body)).await?, lost()),
            ("hexadecimal", sends(content_length("0x3e8", &body)).await?, lost()),
            ("none", sends(content_length("", &body)).await?, lost()),
            ("beyond numbers", sends(content_length("18446744073709551616", &body)).await?, lost()),
            // The chunks count, and not what is said beside them.
            ("a length and chunks", sends(both).await?, stored(&body)),
            ("no length", sends(answer("200 OK", "", &body)).await?, stored(&body)),
        ])
        .await
}

#[tokio::test]
async fn an_announced_size_counts_only_where_nothing_else_tells_the_end() -> anyhow::Result<()> {
    let (body, trial) = (wav(1000), Trial::start().await?);
    let cases = [
        ("a length", content_length(1000, &body), 999, stored(&body)),
        ("chunks", chunked(&chunks(&body)), 1001, stored(&body)),
        ("chunks and an absurd size", chunked(&chunks(&body)), u64::MAX, stored(&body)),
        ("neither, as announced", answer("200 OK", "", &body), 1000, stored(&body)),
        ("neither, less", answer("200 OK", "", &body), 1001, retry("size_mismatch")),
        ("neither, more", answer("200 OK", "", &body), 999, retry("size_mismatch")),
    ];
    for (what, bytes, size_bytes, expected) in cases {
        let origin = sends(bytes).await?;
        let key = trial.bed.announce(what, &origin.url(PATH)).await?;
        trial.bed.announce_size(&key, size_bytes).await?;
        trial.bed.sweep().await?;
        assert_eq!(trial.outcome(&key).await?, expected, "{what}");
    }
    // A copy with another size than the announced one is logged.
    let told = crate::watch::lines_with(&["the size is not the announced one", r#""announced":1001"#]);
    ensure!(told.iter().any(|line| line.contains(r#""size":1000"#)), "{told:?}");
    Ok(())
}

#[tokio::test]
async fn chunks_that_do_not_end_well_are_no_recording() -> anyhow::Result<()> {
    let body = wav(1000);
    let whole = chunks(&body);
    let cut = |bytes: usize| chunked(&whole[..whole.len() - bytes]);
    let first = |line: &str| chunked(&[line.as_bytes(), b"\r\n", body.as_slice()].concat());
    let trailers = [&whole[..whole.len() - 2], b"x-checksum: 1\r\n\r\n"].concat();
    let lost = || retry("connection_lost");
    Trial::start()
        .await?
        .expect(&[
            ("whole", sends(chunked(&whole)).await?, stored(&body)),
            ("with trailers", sends(chunked(&trailers)).await?, stored(&body)),
            ("cut within a chunk", sends(cut(100)).await?, lost()),
            ("cut between two", sends(cut(5 + 507)).await?, lost()),
            ("cut before the last one", sends(cut(5)).await?, lost()),
            ("no number", sends(first("zz")).await?, lost()),
            ("negative", sends(first("-1")).await?, lost()),
            ("beyond numbers", sends(first("10000000000000000")).await?, lost()),
            ("the largest there is", sends(first("fffffffffffffffe")).await?, lost()),
            ("an endless line", flows(chunked(b"3e8;"), &[b'x'; 4096], Duration::ZERO).await?, lost()),
        ])
        .await
}

#[tokio::test]
async fn an_origin_that_closes_or_talks_nonsense_is_asked_again() -> anyhow::Result<()> {
    let (body, lost) = (wav(1000), || retry("connection_lost"));
    let upgraded = answer("101 Switching Protocols", "connection: upgrade\r\nupgrade: x\r\n", &body);
    let hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </canary>\r\n\r\n";
    Trial::start()
        .await?
        .expect(&[
            ("at once", sends(vec![]).await?, lost()),
            ("within the head", sends(b"HTTP/1.1 200 OK\r\ncontent-le".to_vec()).await?, lost()),
            ("after the head", sends(content_length(1000, b"")).await?, lost()),
            ("no HTTP", sends(b"SSH-2.0-canary\r\n\r\n".to_vec()).await?, lost()),
            ("HTTP/0.9", sends(body.clone()).await?, lost()),
            ("a status beyond all", sends(answer("1000 canary", "", &body)).await?, lost()),
            ("hints first", sends([hints, ok("", &body).as_slice()].concat()).await?, stored(&body)),
            ("another protocol", sends(upgraded).await?, retry("status: 101")),
            ("nothing to send", sends(answer("204 canary", "", b"")).await?, retry("status: 204")),
            ("a body all the same", sends(answer("204 canary", "", &body)).await?, retry("status: 204")),
            ("not changed", sends(answer("304 canary", "", b"")).await?, retry("status: 304")),
            ("a choice", sends(answer("300 canary", "", &body)).await?, retry("status: 300")),
            (
                "a part nobody asked for",
                sends(answer("206 Partial Content", "content-range: bytes 0-999/1000\r\n", &body)).await?,
                retry("partial_without_request"),
            ),
        ])
        .await
}

#[tokio::test]
async fn an_origin_that_takes_its_time_is_not_waited_for() -> anyhow::Result<()> {
    let started = tokio::time::Instant::now();
    let (body, pause) = (wav(10_000), Duration::from_millis(20));
    // 100,000 bytes a second would be enough for the least speed, and never for this much.
    let much = content_length(900_000_000, &body);
    let mut policy = impatient();
    policy.limits.min_bytes_per_second = 1000;
    let trial = Trial::with(policy, json!({})).await?;
    trial
        .expect(&[
            ("byte by byte", flows(content_length(1000, &body[..12]), b"x", pause).await?, retry("too_slow")),
            ("too slow to end in time", flows(much, &[b'x'; 2000], pause).await?, retry("too_slow")),
            (
                "a head byte by byte",
                flows(b"HTTP/1.1 200 OK\r\nx: ".to_vec(), b"x", pause).await?,
                retry("timeout"),
            ),
            (
                "hints without end",
                flows(vec![], b"HTTP/1.1 103 Early Hints\r\n\r\n", pause).await?,
                retry("timeout"),
            ),
            ("deaf", Origin::deaf().await?, retry("timeout")),
            (
                "mute after the head",
                Origin::start(|_| Answer::Hang(content_length(9, b""))).await?,
                retry("idle"),
            ),
        ])
        .await?;
    ensure!(started.elapsed() < Duration::from_secs(4), "{:?}", started.elapsed());
    Ok(())
}

#[tokio::test]
async fn a_drip_within_the_limits_is_a_recording() -> anyhow::Result<()> {
    let mut policy = impatient();
    policy.limits.min_bytes_per_second = 1;
    let trial = Trial::with(policy, json!({})).await?;
    let drip = flows(content_length(112, &wav(12)), b"x", Duration::from_millis(8)).await?;
    let expected = [wav(12), vec![b'x'; 100]].concat();
    trial.expect(&[("drip", drip, stored(&expected))]).await
}

#[tokio::test]
async fn headers_are_taken_within_reason() -> anyhow::Result<()> {
    let body = wav(1000);
    let with = |headers: &str| answer("200 OK", &format!("{headers}content-length: 1000\r\n"), &body);
    let many = |count: usize, size: usize| format!("x-canary: {}\r\n", "x".repeat(size)).repeat(count);
    let start = b"HTTP/1.1 200 OK\r\n".to_vec();
    Trial::start()
        .await?
        .expect(&[
            ("300 KB in one", sends(with(&many(1, 300_000))).await?, stored(&body)),
            ("300 KB in 3,000", sends(with(&many(3000, 90))).await?, retry("connection_lost")),
            ("1 MB in one", sends(with(&many(1, 1_000_000))).await?, retry("connection_lost")),
            (
                "without end",
                flows(start, many(1, 1000).as_bytes(), Duration::ZERO).await?,
                retry("connection_lost"),
            ),
            ("folded", sends(with("x-canary: a\r\n b\r\n")).await?, retry("connection_lost")),
        ])
        .await
}

#[tokio::test]
async fn an_endless_body_is_cut_off_at_the_cap() -> anyhow::Result<()> {
    const TAKEN_BY_SOCKETS: u64 = 16 << 20;
    let three_gib = 3_u64 << 30;
    let mut policy = impatient();
    policy.max_bytes = 20 << 20;
    let endless = flows(answer("200 OK", "", &wav(12)), &wav(64 << 10), Duration::ZERO).await?;
    let endless = [("endless", endless, rejected("too_large"))];
    Trial::with(policy, json!({})).await?.expect(&endless).await?;
    ensure!(endless[0].1.flown() < (20 << 20) + TAKEN_BY_SOCKETS, "{}", endless[0].1.flown());

    let told = flows(content_length(three_gib, &wav(12)), &wav(64 << 10), Duration::ZERO).await?;
    let told = [("told", told, rejected("too_large"))];
    Trial::start().await?.expect(&told).await?;
    ensure!(told[0].1.flown() < TAKEN_BY_SOCKETS, "{}", told[0].1.flown());
    Ok(())
}

#[tokio::test]
async fn a_recording_that_comes_at_the_fourth_time_is_stored() -> anyhow::Result<()> {
    let (body, trial) = (wav(1000), Trial::start().await?);
    let absent = Answer::Send(answer("404 Not Found", "content-length: 6\r\n", b"canary"));
    let there = Answer::Send(ok("", &body));
    let origin = Origin::in_turn(vec![absent.clone(), absent.clone(), absent, there]).await?;
    let key = trial.bed.announce("c", &origin.url(PATH)).await?;
    for _ in 0..3 {
        trial.bed.sweep().await?;
        assert_eq!(trial.outcome(&key).await?, retry("status: 404"));
        trial.bed.set(&key, &[("work_due", "2026-01-01T00:00:00.000Z")]).await?;
    }
    trial.bed.sweep().await?;
    assert_eq!(trial.outcome(&key).await?, stored(&body));
    assert_eq!(number(&trial.bed.item(&key).await?, "attempts"), 4);
    assert_eq!(origin.heads().len(), 4);
    Ok(())
}
