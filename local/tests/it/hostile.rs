//! Origins that mean harm, or know no better: a copy is what the origin promised, or there is none.
//!
//! Every link has a canary in its path and its query. What an item and the log say of a link, whatever
//! became of it, is searched for it.

use std::fmt::Display;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::ensure;
use recordings::Policy;
use recordings::guard::Limits;
use serde_json::{Value, json};
use shared::ledger::key::Key;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::EnvFilter;

use crate::bed::text;
use crate::copier::{Bed, number};
use crate::origin::{Answer, Origin, ok, wav};

const CANARY: &str = "canary";
const PATH: &str = "/canary/a?token=canary";

/// What became of a link.
#[derive(Clone, PartialEq, Eq)]
enum Outcome {
    /// These bytes are in the bucket.
    Stored(Vec<u8>),
    /// It will be tried again; the item's `last_error`.
    Retry(String),
    /// It will not; the item's state and `reason`.
    Ended(String, String),
}

/// What is tried, the origin of it, and what has to become of it.
type Case = (&'static str, Origin, Outcome);

/// A copier whose log is kept.
struct Trial {
    bed: Bed,
    log: Log,
}

impl Trial {
    async fn start() -> anyhow::Result<Self> {
        Self::with(impatient(), json!({})).await
    }

    async fn with(policy: Policy, source: Value) -> anyhow::Result<Self> {
        Ok(Self { log: Log::keep()?, bed: Bed::with(policy, source).await? })
    }

    /// Copies once from every origin, side by side, and compares what became of them.
    async fn expect(&self, cases: &[Case]) -> anyhow::Result<()> {
        let mut keys = Vec::new();
        for (index, (_, origin, _)) in cases.iter().enumerate() {
            keys.push(self.bed.announce(&index.to_string(), &origin.url(PATH)).await?);
        }
        self.bed.sweep().await?;
        let mut wrong = Vec::new();
        for ((what, _, expected), key) in cases.iter().zip(&keys) {
            let outcome = self.outcome(key).await?;
            if outcome != *expected {
                wrong.push(format!("{what}: {outcome:?} and not {expected:?}"));
            }
        }
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        let stored = cases.iter().filter(|(_, _, expected)| matches!(expected, Outcome::Stored(_))).count();
        let (objects, uploads) = self.bed.bucket().await?;
        ensure!((objects.len(), uploads) == (stored, 0), "{objects:?}, {uploads} unfinished");
        Ok(())
    }

    /// What became of a link; and that nothing told of it shows the canary.
    async fn outcome(&self, key: &Key) -> anyhow::Result<Outcome> {
        let mut item = self.bed.item(key).await?;
        item.remove("url");
        ensure!(!format!("{item:?}").contains(CANARY), "the item shows the link: {item:?}");
        let log = self.log.text();
        ensure!(log.contains("outcome="), "nothing is logged");
        ensure!(!log.contains(CANARY), "the log shows the link: {log}");
        Ok(match text(&item, "state") {
            "stored" => {
                let body = self.bed.object(text(&item, "s3_key")).await?;
                ensure!(usize::try_from(number(&item, "size_bytes"))? == body.len(), "{item:?}");
                Outcome::Stored(body)
            }
            "retry" => Outcome::Retry(text(&item, "last_error").to_owned()),
            state => Outcome::Ended(state.to_owned(), text(&item, "reason").to_owned()),
        })
    }
}

fn stored(body: &[u8]) -> Outcome {
    Outcome::Stored(body.to_vec())
}

fn retry(last_error: &str) -> Outcome {
    Outcome::Retry(last_error.to_owned())
}

fn rejected(reason: &str) -> Outcome {
    Outcome::Ended("rejected".to_owned(), reason.to_owned())
}

impl std::fmt::Debug for Outcome {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Stored(body) => write!(formatter, "stored, {} bytes", body.len()),
            Self::Retry(last_error) => write!(formatter, "retry, {last_error}"),
            Self::Ended(state, reason) => write!(formatter, "{state}, {reason}"),
        }
    }
}

/// The policy of these tests: nobody waits for long.
fn impatient() -> Policy {
    let mut policy = Policy::local();
    policy.limits = Limits {
        head: Duration::from_millis(1000),
        idle: Duration::from_millis(500),
        window: Duration::from_millis(600),
        resume_pause: Duration::from_millis(1),
        ..Limits::default()
    };
    policy
}

/// The log as the functions write it, of this test alone: its tasks all run on its own thread.
struct Log {
    lines: Arc<Mutex<Vec<u8>>>,
    _kept: DefaultGuard,
}

struct Lines(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Our own lines at every level, and what libraries warn of.
    fn keep() -> anyhow::Result<Self> {
        let lines = Arc::<Mutex<Vec<u8>>>::default();
        let writer = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::try_new("warn,recordings=trace,shared=trace")?)
            .with_ansi(false)
            .with_writer(move || Lines(writer.clone()));
        Ok(Self { lines, _kept: tracing::subscriber::set_default(subscriber.finish()) })
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.lines.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

// What origins say.

/// A status and headers, each ending its line, and a body as it comes.
fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    [format!("HTTP/1.1 {status}\r\n{headers}\r\n").as_bytes(), body].concat()
}

fn content_length(length: impl Display, body: &[u8]) -> Vec<u8> {
    answer("200 OK", &format!("content-length: {length}\r\n"), body)
}

/// Two chunks and the one that ends them.
fn chunks(body: &[u8]) -> Vec<u8> {
    let (one, two) = body.split_at(body.len() / 2);
    let mut chunks = Vec::new();
    for chunk in [one, two, b""] {
        chunks.extend(format!("{:x}\r\n", chunk.len()).bytes());
        chunks.extend([chunk, b"\r\n"].concat());
    }
    chunks
}

fn chunked(chunks: &[u8]) -> Vec<u8> {
    answer("200 OK", "transfer-encoding: chunked\r\n", chunks)
}

fn redirect(location: &str) -> Vec<u8> {
    answer("302 Found", &format!("location: {location}\r\ncontent-length: 0\r\n"), b"")
}

async fn sends(bytes: Vec<u8>) -> anyhow::Result<Origin> {
    Origin::start(move |_| Answer::Send(bytes.clone())).await
}

async fn flows(start: Vec<u8>, piece: &[u8], pause: Duration) -> anyhow::Result<Origin> {
    let answer = Answer::Flow { start, piece: piece.to_vec(), pause };
    Origin::start(move |_| answer.clone()).await
}

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
async fn a_body_is_taken_as_it_is_and_never_unpacked() -> anyhow::Result<()> {
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

#[tokio::test]
async fn a_redirect_leads_to_no_other_scheme_address_or_page() -> anyhow::Result<()> {
    let login = b"<!doctype html><title>canary</title><form>";
    let page = answer("200 OK", "content-type: audio/mpeg\r\nconnection: close\r\n", login);
    let to_login = Origin::in_turn(vec![Answer::Send(redirect("/login?canary")), Answer::Send(page)]).await?;
    let nowhere = sends(answer("302 Found", "content-length: 0\r\n", b"")).await?;
    let mut cases = vec![
        ("a login page", to_login, retry("not_audio: the answer is a page or other text")),
        ("nowhere", nowhere, retry("redirect_without_location")),
    ];
    for (location, rule) in [
        ("data:audio/wav;base64,UklGRgAAAABXQVZFZm10IA==", "scheme"),
        ("file:///etc/passwd?canary", "scheme"),
        ("ftp://127.0.0.1/canary", "scheme"),
        ("javascript:canary", "scheme"),
        ("http://10.0.0.1/canary", "ip_literal"),
        ("//169.254.169.254/canary", "ip_literal"),
        ("http://2852039166/canary", "ip_literal"),
        ("http://[::ffff:169.254.169.254]/canary", "ip_literal"),
        ("http://[fd00:ec2::254]/canary", "ip_literal"),
        ("http://canary:canary@127.0.0.1/", "userinfo"),
        ("//canary@127.0.0.1/", "userinfo"),
        ("/\\169.254.169.254/canary", "malformed"),
        ("http:/127.0.0.1/canary", "malformed"),
        ("http://127.0.0.1/can ary", "control_character"),
        ("http://127.0.0.1:65536/canary", "port"),
        ("", "too_many_redirects"),
        ("?canary", "too_many_redirects"),
    ] {
        cases.push((location, sends(redirect(location)).await?, rejected(rule)));
    }
    Trial::start().await?.expect(&cases).await
}

#[tokio::test]
async fn credentials_stay_with_their_origin_and_do_not_come_back() -> anyhow::Result<()> {
    /// Where the requests went, and whether the credentials were with them.
    fn went(origin: &Origin) -> Vec<(String, bool)> {
        let request = |head: &String| {
            let host = head.split("host: ").nth(1)?.split(':').next()?;
            let path = head.split(' ').nth(1)?;
            Some((format!("{host}{path}"), head.contains("authorization: bearer canary\r\n")))
        };
        origin.heads().iter().filter_map(request).collect()
    }
    let source =
        json!({ "recording_hosts": ["127.0.0.1", "localhost"], "recording_authorization": "Bearer canary" });
    for (way, expected) in [
        // Everything on one origin, however it is said.
        (
            ["/1", "2?canary", "//127.0.0.1:{port}/3"],
            ["127.0.0.1/1 yes", "127.0.0.1/2?canary yes", "127.0.0.1/3 yes"],
        ),
        // To another host that would get them if it were asked first, and back.
        (
            ["/1", "http://localhost:{port}/2", "http://127.0.0.1:{port}/3"],
            ["127.0.0.1/1 yes", "localhost/2 no", "127.0.0.1/3 no"],
        ),
        (["/1", "//localhost:{port}/2", "3"], ["127.0.0.1/1 yes", "localhost/2 no", "localhost/3 no"]),
    ] {
        let next = [way[1], way[2]];
        let origin = Origin::start(move |head| {
            let port = head.split("host: ").nth(1).and_then(|host| host.split([':', '\r']).nth(1));
            let step = next.iter().zip(["get /1", "get /2"]).find(|(_, from)| head.starts_with(from));
            Answer::Send(match (step, port) {
                (Some((to, _)), Some(port)) => {
                    let cookie = "HTTP/1.1 302 Found\r\nset-cookie: a=canary; path=/\r\n";
                    let location = redirect(&to.replace("{port}", port));
                    [cookie.as_bytes(), &location["HTTP/1.1 302 Found\r\n".len()..]].concat()
                }
                _ => ok("", &wav(100)),
            })
        })
        .await?;
        let trial = Trial::with(impatient(), source.clone()).await?;
        let key = trial.bed.announce("c", &origin.url(way[0])).await?;
        trial.bed.sweep().await?;
        assert_eq!(trial.outcome(&key).await?, stored(&wav(100)), "{way:?}");
        let told = went(&origin);
        let told: Vec<_> = told
            .iter()
            .map(|(place, with)| format!("{place} {}", if *with { "yes" } else { "no" }))
            .collect();
        assert_eq!(told, expected, "{way:?}");
        ensure!(origin.heads().iter().all(|head| !head.contains("cookie") && !head.contains("referer")));
    }
    Ok(())
}

// Downloads that are lost, and origins that go on with something else.

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
    // Each answer is complete in itself, and all the same only a part of the rest.
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
