//! Hostile or broken origins: a copy has all that the origin promised, or there is no copy.
//!
//! Every link has a canary in its path and its query. Each item is searched for it, as the log is in all
//! tests.

use std::fmt::Display;
use std::time::Duration;

use anyhow::ensure;
use recordings::Policy;
use recordings::guard::Limits;
use serde_json::{Value, json};
use shared::ledger::key::Key;

use crate::bed::text;
use crate::copier::{Bed, number};
use crate::origin::{Answer, Origin, ok, wav};

mod bodies;
mod codings;
mod redirects;
mod resumes;

const CANARY: &str = "canary";
const PATH: &str = "/canary/a?token=canary";

/// The result for a link.
#[derive(Clone, PartialEq, Eq)]
enum Outcome {
    /// These bytes are in the bucket.
    Stored(Vec<u8>),
    /// It will be tried again; the item's `last_error`.
    Retry(String),
    /// It will not; the item's state and `reason`.
    Ended(String, String),
}

/// A case's name, its origin, and the expected result.
type Case = (&'static str, Origin, Outcome);

/// A copier, and the results of its attempts.
struct Trial {
    bed: Bed,
}

impl Trial {
    async fn start() -> anyhow::Result<Self> {
        Self::with(impatient(), json!({})).await
    }

    async fn with(policy: Policy, source: Value) -> anyhow::Result<Self> {
        Ok(Self { bed: Bed::with(policy, source).await? })
    }

    /// Copies once from every origin, all at the same time, and compares the results.
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

    /// The result for a link; it must not hold the canary.
    async fn outcome(&self, key: &Key) -> anyhow::Result<Outcome> {
        let mut item = self.bed.item(key).await?;
        item.remove("url");
        ensure!(!format!("{item:?}").contains(CANARY), "the item shows the link: {item:?}");
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

/// The policy of these tests, with short waits.
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
