//! A store that throttles, conflicts, fails, loses answers or is slow: nothing is lost or applied twice.

use std::future::ready;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use local::gateway;
use local::sample::{self, Sample};
use local::stack::{self, Options, TABLE};
use serde_json::{Value, json};
use shared::ledger::Ledger;
use shared::ledger::jobs::Leased;
use shared::ledger::key::{self, Key};
use shared::provider::Provider;
use shared::sources::Sources;
use shared::webhook::Webhook;

use crate::bed::{Bed, text, what_is_said};
use crate::proxy::{self, Call, Decision, Fate};

/// The faults between the SDK and the store.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    Throttled,
    Conflict,
    ServerError,
    /// The store commits; the answer is a 500.
    ErrorAfterCommit,
    /// The store commits; the connection drops.
    DropAfterCommit,
    /// The connection drops before the store sees anything.
    DropBeforeCommit,
    Slow,
    /// Another change is made before the store sees the request.
    Meanwhile,
}

const FAULTS: [Fault; 7] = [
    Fault::Throttled,
    Fault::Conflict,
    Fault::ServerError,
    Fault::ErrorAfterCommit,
    Fault::DropAfterCommit,
    Fault::DropBeforeCommit,
    Fault::Slow,
];

/// The faults to come.
#[derive(Default)]
struct Script {
    /// The faults to come, last first; without any, all is well.
    faults: Mutex<Vec<Fault>>,
    /// The change that [`Fault::Meanwhile`] makes.
    meanwhile: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl Script {
    fn plan(&self, faults: impl IntoIterator<Item = Fault>) {
        let mut faults: Vec<_> = faults.into_iter().collect();
        faults.reverse();
        *self.faults.lock().expect("no test panics with the lock") = faults;
    }

    async fn fate(self: Arc<Self>, writes: usize) -> Fate {
        let fault = self.faults.lock().expect("the lock").pop().unwrap_or(Fault::None);
        match fault {
            Fault::None => Fate::Forward,
            Fault::Throttled => Fate::error(400, "ThrottlingException"),
            Fault::Conflict => {
                let reasons = vec![json!({ "Code": "TransactionConflict", "Message": "busy" }); writes];
                let body = json!({ "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                    "Message": "Transaction cancelled", "CancellationReasons": reasons });
                Fate::Answer(400, body.to_string())
            }
            Fault::ServerError => Fate::error(500, "InternalServerError"),
            Fault::ErrorAfterCommit => Fate::error(500, "InternalServerError").late(),
            Fault::DropAfterCommit => Fate::Drop.late(),
            Fault::DropBeforeCommit => Fate::Drop,
            Fault::Slow => {
                tokio::time::sleep(Duration::from_secs(2)).await;
                Fate::Forward
            }
            Fault::Meanwhile => {
                let change = self.meanwhile.lock().expect("the lock").take();
                change.expect("something happens meanwhile").await;
                Fate::Forward
            }
        }
    }
}

/// The result of a request: the script is for transactions.
fn scripted(script: &Arc<Script>, call: &Call) -> Decision {
    if call.operation() != "TransactWriteItems" {
        return Box::pin(ready(Fate::Forward));
    }
    let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
    let writes = body["TransactItems"].as_array().map_or(0, Vec::len);
    Box::pin(script.clone().fate(writes))
}

/// The webhook functions behind a proxy, in front of a bed's store.
struct Faulty {
    bed: Bed,
    script: Arc<Script>,
    sources: Sources,
    ledger: Ledger,
}

impl Faulty {
    async fn start() -> anyhow::Result<Self> {
        Self::before(Bed::start().await?).await
    }

    async fn before(bed: Bed) -> anyhow::Result<Self> {
        let script = Arc::<Script>::default();
        let decide = {
            let script = script.clone();
            move |call: &Call| scripted(&script, call)
        };
        let address = proxy::start(bed.stack.dynamodb, decide).await?;
        let aws = stack::aws(address, bed.stack.s3);
        let ledger = Ledger::new(&aws, TABLE, stack::BUCKET, 1);
        let sources = Sources::from_json(&Options::in_memory()?.sources)?;
        Ok(Self { bed, script, sources, ledger })
    }

    async fn deliver(&self, provider: Provider, body: &str) -> anyhow::Result<(i64, Value)> {
        let webhook = Webhook::new(provider, self.sources.clone(), self.ledger.clone());
        let at = Timestamp::now();
        let request = sample::request(provider, "default", body.into(), at);
        let (_, event) = gateway::event(&request, at).context("no route")?;
        let event = serde_json::from_value(event)?;
        let answer = shared::lambda::answer(|request| webhook.respond(request, at), event).await;
        Ok((answer.status_code, serde_json::from_slice(answer.body.as_deref().unwrap_or_default())?))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_fault_of_any_kind_is_ridden_out() -> anyhow::Result<()> {
    let faulty = Faulty::start().await?;
    for (index, fault) in FAULTS.into_iter().enumerate() {
        let body =
            json!({ "kind": "call.completed", "event_id": "e", "data": { "call_id": index.to_string() } })
                .to_string();
        faulty.script.plan([fault]);
        let (status, answer) = faulty.deliver(Provider::Sautikit, &body).await?;
        // Also where the answer was lost: the transaction's token knows that it was ours.
        assert_eq!((status, &answer["status"]), (200, &json!("accepted")), "{fault:?}");
        let call = faulty.bed.call(Provider::Sautikit, &index.to_string()).await?;
        assert_eq!(call["revision"], 1, "{fault:?}");
        let (_, again) = faulty.deliver(Provider::Sautikit, &body).await?;
        assert_eq!(again["status"], "duplicate", "{fault:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_stays_down_is_answered_503_in_time_and_the_retry_is_applied_once() -> anyhow::Result<()>
{
    let faulty = Faulty::start().await?;
    for (index, fault) in
        [Fault::Throttled, Fault::Conflict, Fault::DropBeforeCommit, Fault::DropAfterCommit, Fault::Slow]
            .into_iter()
            .enumerate()
    {
        let body =
            json!({ "kind": "call.completed", "event_id": "e", "data": { "call_id": index.to_string() } })
                .to_string();
        faulty.script.plan(std::iter::repeat_n(fault, 1000));
        let started = std::time::Instant::now();
        let (status, answer) = faulty.deliver(Provider::Sautikit, &body).await?;
        assert_eq!((status, &answer["error"]), (503, &json!("unavailable")), "{fault:?}");
        assert!(started.elapsed() < Duration::from_secs(5), "{fault:?}: CallKaro waits five seconds");
        faulty.script.plan([]);
        let (status, answer) = faulty.deliver(Provider::Sautikit, &body).await?;
        // Where it was committed and the answer lost, the sender's retry is a duplicate.
        ensure!(
            status == 200 && (answer["status"] == "accepted" || answer["status"] == "duplicate"),
            "{fault:?}: {answer}"
        );
        let call = faulty.bed.call(Provider::Sautikit, &index.to_string()).await?;
        assert_eq!(
            (&call["revision"], call["deliveries"].as_array().map(Vec::len)),
            (&json!(1), Some(1)),
            "{fault:?}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_storm_of_faults_loses_or_doubles_an_effect() -> anyhow::Result<()> {
    let calm = Bed::start().await?;
    let faulty = Faulty::start().await?;
    let mut random = fastrand::Rng::with_seed(7);
    let quick: Vec<_> = FAULTS.into_iter().filter(|fault| *fault != Fault::Slow).collect();
    let mut events = Vec::new();
    for name in sample::names() {
        let mut sample = Sample::load(name)?;
        if let Some(path) = sample.recording_path() {
            sample.set(path, "https://media.invalid/r.wav")?;
        }
        events.push(sample);
    }
    let mut calls = std::collections::BTreeSet::new();
    for _ in 0..3 {
        random.shuffle(&mut events);
        for sample in &events {
            let faults: Vec<_> =
                (0..random.usize(0..6)).map(|_| quick[random.usize(0..quick.len())]).collect();
            faulty.script.plan(faults.clone());
            let mut tries = 0;
            let call_id = loop {
                let (status, answer) = faulty.deliver(sample.provider, &sample.body).await?;
                ensure!(status == 200 || status == 503, "{faults:?}: {status} {answer}");
                if status == 200 {
                    break answer["call_id"].as_str().unwrap_or_default().to_owned();
                }
                tries += 1;
                ensure!(tries < 10, "{faults:?} never ends");
            };
            calls.insert((sample.provider, call_id));
            calm.deliver(sample.provider, sample.body.clone()).await?;
        }
    }
    for (provider, call_id) in calls {
        let (stormy, calm) =
            (faulty.bed.call(provider, &call_id).await?, calm.call(provider, &call_id).await?);
        assert_eq!(stormy["revision"], calm["revision"], "{call_id}");
        let without_jobs = |call: &Value| {
            let mut call = what_is_said(call);
            call["recordings"] = Value::Null;
            call
        };
        assert_eq!(without_jobs(&stormy), without_jobs(&calm), "{call_id}");
    }
    let count = async |bed: &Bed, kind| {
        anyhow::Ok(
            bed.items_of(kind)
                .await?
                .iter()
                .map(|item| text(item, "sk").to_owned())
                .collect::<std::collections::BTreeSet<_>>(),
        )
    };
    for kind in ["CALL", "DELIVERY", "RECORDING"] {
        assert_eq!(count(&faulty.bed, kind).await?, count(&calm, kind).await?);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_link_that_comes_while_a_copier_takes_the_job_leaves_the_lease_alone() -> anyhow::Result<()> {
    let bed = Bed::with(Options { schedule: None, ..Options::in_memory()? }).await?;
    let faulty = Faulty::before(bed).await?;
    let ready = |event_id: &str, url: &str, expires_at: &str| {
        json!({ "kind": "call.recording.ready", "event_id": event_id, "data":
            { "call_id": "c", "recording_id": "r", "download_url": url, "expires_at": expires_at } })
        .to_string()
    };
    let first = ready("1", "https://media.invalid/1", "2096-06-27T11:00:00Z");
    faulty.deliver(Provider::Sautikit, &first).await?;

    let job = Key { sk: key::recording_sk("r"), ..key::call("sautikit", "default", "c") };
    let ledger = faulty.bed.stack.ledger.clone();
    let leasing = async move {
        let leased = ledger.lease(&job, Timestamp::now(), 60).await;
        assert!(matches!(leased, Ok(Leased::Taken(_))), "{leased:?}");
    };
    *faulty.script.meanwhile.lock().expect("the lock") = Some(Box::pin(leasing));
    // The first transaction learns that call and job are there; the second one is too late.
    faulty.script.plan([Fault::None, Fault::Meanwhile]);
    let second = ready("2", "https://media.invalid/2", "2096-06-27T12:00:00Z");
    let (status, answer) = faulty.deliver(Provider::Sautikit, &second).await?;
    assert_eq!((status, &answer["status"]), (200, &json!("accepted")));
    let jobs = faulty.bed.items_of("RECORDING").await?;
    assert_eq!((text(&jobs[0], "state"), text(&jobs[0], "url")), ("copying", "https://media.invalid/2"));
    assert!(jobs[0].contains_key("lease"), "the copier's lease is gone");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_that_fails_loses_and_doubles_no_large_delivery() -> anyhow::Result<()> {
    let refusal = |status, code| Fate::Answer(status, format!("<Error><Code>{code}</Code></Error>"));
    let fates = [
        refusal(409, "ConditionalRequestConflict"),
        refusal(409, "ConditionalRequestConflict").late(),
        refusal(412, "PreconditionFailed").late(),
        refusal(500, "InternalError").late(),
        refusal(503, "SlowDown"),
        Fate::Drop,
        Fate::Drop.late(),
    ];
    let bed = Bed::start().await?;
    let next = Arc::<Mutex<Option<Fate>>>::default();
    let down = Arc::<AtomicBool>::default();
    let decide = {
        let (next, down) = (next.clone(), down.clone());
        move |call: &Call| -> Decision {
            let fails = call.operation() == "PutObject" && down.load(Ordering::Relaxed);
            let planned = if fails { Some(Fate::Drop) } else { next.lock().expect("the lock").take() };
            Box::pin(ready(planned.unwrap_or(Fate::Forward)))
        }
    };
    let aws = stack::aws(bed.stack.dynamodb, proxy::start(bed.stack.s3, decide).await?);
    let ledger = Ledger::new(&aws, TABLE, stack::BUCKET, 1);
    let sources = Sources::from_json(&Options::in_memory()?.sources)?;
    let faulty = Faulty { bed, script: Arc::default(), sources, ledger };
    // Too large for an item, as a value and as a body.
    let large = |id: &str| {
        let pad: String = (0..40_000).map(|_| fastrand::alphanumeric()).collect();
        json!({ "kind": "call.completed", "event_id": id, "data": { "call_id": id, "pad": pad } }).to_string()
    };
    for (index, fate) in fates.into_iter().enumerate() {
        let (id, body) = (index.to_string(), large(&index.to_string()));
        *next.lock().expect("the lock") = Some(fate);
        let (status, answer) = faulty.deliver(Provider::Sautikit, &body).await?;
        assert_eq!((status, &answer["status"]), (200, &json!("accepted")), "fate {index}");
        ensure!(next.lock().expect("the lock").is_none(), "fate {index} met nothing");
        let call = faulty.bed.call(Provider::Sautikit, &id).await?;
        assert_eq!(call["extensions"]["data.pad"].as_str().map(str::len), Some(40_000), "fate {index}");
        let (_, again) = faulty.deliver(Provider::Sautikit, &body).await?;
        assert_eq!(again["status"], "duplicate", "fate {index}");
    }

    let body = large("down");
    down.store(true, Ordering::Relaxed);
    let started = std::time::Instant::now();
    let (status, answer) = faulty.deliver(Provider::Sautikit, &body).await?;
    assert_eq!((status, &answer["error"]), (503, &json!("unavailable")));
    assert!(started.elapsed() < Duration::from_secs(5), "CallKaro waits five seconds");
    down.store(false, Ordering::Relaxed);
    let (status, answer) = faulty.deliver(Provider::Sautikit, &body).await?;
    assert_eq!((status, &answer["status"]), (200, &json!("accepted")));
    Ok(())
}
