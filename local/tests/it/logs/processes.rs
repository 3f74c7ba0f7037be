//! Processes of their own: a suite that must fail, a panic, and a deployed function.

use std::collections::VecDeque;
use std::env;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use axum::Router;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post as on_post};
use http::StatusCode;
use jiff::Timestamp;
use local::sample::Sample;
use local::stack::{self, Options};
use serde_json::{Value, json};
use shared::provider::Provider;
use shared::reply::Reply;
use shared::{lambda, telemetry};
use tokio::net::TcpListener;
use tokio::process::Command;

use crate::bed::Bed;
use crate::watch::{self, in_answer, in_log};

/// This test binary again, as a process that does one thing and ends.
fn child(does: &str) -> anyhow::Result<Command> {
    let mut child = Command::new(env::current_exe()?);
    child.args([
        "--exact",
        "logs::processes::whoever_logs_or_answers_what_must_not_get_out_ends_the_suite",
        "--nocapture",
    ]);
    child.env("LOGS_CHILD", does);
    child
        .env_remove("RUST_LOG")
        .env_remove("RUST_BACKTRACE")
        .env("AWS_LAMBDA_LOG_FORMAT", "JSON")
        .env("AWS_LAMBDA_LOG_LEVEL", "TRACE");
    child.stdin(Stdio::null()).kill_on_drop(true);
    Ok(child)
}

/// The work of a child process, in place of the test that it was started as.
async fn play(does: &str) -> anyhow::Result<()> {
    match does {
        "log" => {
            watch::logs();
            // As in a task that no test waits for.
            tokio::spawn(async { tracing::error!(target: "shared::webhook", link = "canary", "seen") })
                .await?;
        }
        "log a field" => {
            watch::logs();
            tracing::warn!(target: "hyper", uri = %"/a", "seen");
        }
        "answer" => {
            watch::searched(StatusCode::OK, &http::HeaderMap::new(), r#"{"url":"https://h.example/a?b"}"#)
        }
        "child" => {
            let mut child = child("print")?.stderr(Stdio::piped()).spawn()?;
            watch::output("a child's log", child.stderr.take().context("no log")?);
            tokio::time::sleep(Duration::from_secs(30)).await;
        }
        "print" => eprintln!("canary"),
        "panic" => {
            telemetry::init();
            let event = Sample::load("agni-call-completed")?.event("default", Timestamp::now())?;
            let answer = lambda::answer(
                async |request| {
                    let text = format!("é{}", String::from_utf8_lossy(&request.body.unwrap_or_default()));
                    Reply::json(StatusCode::OK, &&text[1..])
                },
                serde_json::from_value(event)?,
            )
            .await;
            assert_eq!(answer.status_code, 500);
            let _ = tokio::spawn(async { assert_eq!("canary", "+254700000001") }).await;
        }
        "function" => {
            let ended = shared::webhook::run(Provider::Sautikit).await;
            assert!(ended.is_err(), "the runtime API never ends");
        }
        other => anyhow::bail!("a child can't {other}"),
    }
    Ok(())
}

#[tokio::test]
async fn whoever_logs_or_answers_what_must_not_get_out_ends_the_suite() -> anyhow::Result<()> {
    if let Ok(does) = env::var("LOGS_CHILD") {
        return play(&does).await;
    }
    const SIGABRT: i32 = 6;
    for (does, found) in [
        ("log", "a canary, \"canary\", is in a line of the log"),
        ("log a field", "a field that no line has, "),
        ("answer", "a URL's query, \"://h.example/a?\", is in an answer"),
        ("child", "a canary, \"canary\", is in a child's log"),
    ] {
        let ended = child(does)?.output().await?;
        let said = String::from_utf8_lossy(&ended.stderr);
        ensure!(
            ended.status.signal() == Some(SIGABRT) && said.contains(found),
            "{does}: {}: {said}",
            ended.status
        );
    }
    Ok(())
}

/// Every line of a child's, searched.
fn searched(ended: &std::process::Output) -> anyhow::Result<String> {
    let said = [&*String::from_utf8_lossy(&ended.stdout), &*String::from_utf8_lossy(&ended.stderr)].concat();
    for line in said.lines() {
        ensure!(in_log(line).is_none(), "{:?}: {line}", in_log(line));
    }
    Ok(said)
}

#[tokio::test]
async fn a_panic_is_logged_with_its_place_and_without_what_it_met() -> anyhow::Result<()> {
    let ended = child("panic")?.output().await?;
    let said = searched(&ended)?;
    ensure!(ended.status.success(), "{said}");
    ensure!(said.contains(r#""message":"the handler panicked""#), "{said}");
    let panics: Vec<_> = said.lines().filter(|line| line.contains(r#""message":"panicked""#)).collect();
    ensure!(panics.len() == 2 && panics.iter().all(|line| line.contains("logs/processes.rs:")), "{said}");
    Ok(())
}

/// A stand-in for Lambda's runtime API: the events to send, and the answers of the function.
#[derive(Default)]
struct Runtime {
    events: Mutex<VecDeque<String>>,
    answers: Mutex<Vec<(String, String)>>,
}

async fn next_event(State(runtime): State<Arc<Runtime>>) -> Response {
    let event = runtime.events.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    let Some(event) = event else { return StatusCode::GONE.into_response() };
    let deadline = Timestamp::now().as_millisecond() + 10_000;
    let head = [
        ("lambda-runtime-aws-request-id", "r1".to_owned()),
        ("lambda-runtime-deadline-ms", deadline.to_string()),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:us-east-1:123456789012:function:f".to_owned(),
        ),
    ];
    (head, event).into_response()
}

async fn take_answer(
    State(runtime): State<Arc<Runtime>>,
    Path((_, kind)): Path<(String, String)>,
    body: String,
) -> StatusCode {
    runtime.answers.lock().unwrap_or_else(PoisonError::into_inner).push((kind, body));
    StatusCode::ACCEPTED
}

#[tokio::test]
async fn a_deployed_function_logs_nothing_of_what_it_is_sent() -> anyhow::Result<()> {
    let bed = Bed::start().await?;
    let sample = Sample::load("sautikit-call-completed")?;
    let good = sample.event("default", Timestamp::now())?;
    let (mut forged, mut broken) = (good.clone(), good.clone());
    forged["headers"]["x-sautikit-signature"] = json!("canary");
    broken["headers"]["x-other"] = json!("canary\u{0}");
    let mut twisted = good.clone();
    twisted["requestContext"]["timeEpoch"] = json!("canary");
    let events = [&good, &forged, &broken, &twisted].map(Value::to_string);
    let runtime = Arc::new(Runtime { events: Mutex::new(events.into()), ..Runtime::default() });
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next_event))
        .route("/2018-06-01/runtime/invocation/{id}/{kind}", on_post(take_answer))
        .with_state(runtime.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });

    let mut function = child("function")?;
    for (name, value) in [
        ("AWS_LAMBDA_RUNTIME_API", address.to_string()),
        ("AWS_LAMBDA_FUNCTION_NAME", "f".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "1".to_owned()),
        ("AWS_REGION", stack::REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", stack::ACCESS_KEY_ID.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", stack::SECRET_ACCESS_KEY.to_owned()),
        ("AWS_ENDPOINT_URL_DYNAMODB", format!("http://{}", bed.stack.dynamodb)),
        ("AWS_ENDPOINT_URL_S3", format!("http://{}", bed.stack.s3)),
        ("TABLE_NAME", stack::TABLE.to_owned()),
        ("BUCKET_NAME", stack::BUCKET.to_owned()),
        ("SOURCES", Options::in_memory()?.sources),
    ] {
        function.env(name, value);
    }
    let ended =
        tokio::time::timeout(Duration::from_secs(30), function.output()).await.context("it hangs")??;
    let said = searched(&ended)?;
    ensure!(said.contains(r#""message":"delivery""#) && said.contains(r#""message":"refused""#), "{said}");
    ensure!(said.contains("not an event of the documented form"), "{said}");
    let answers = runtime.answers.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let kinds: Vec<_> = answers.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["response", "response", "error", "error"], "{said}");
    for (_, answer) in &answers {
        ensure!(in_answer(answer).is_none(), "{answer}");
    }
    Ok(())
}
