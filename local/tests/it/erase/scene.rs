//! A call with something of every kind in it, and all who may work on it while it is erased.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use http::Method;
use jiff::{SignedDuration, Timestamp};
use local::client::call_path;
use local::gateway::{self, HttpRequest};
use local::keys::ERASER_TOKEN;
use local::sample;
use local::stack::{self, BUCKET, Options, TABLE};
use recordings::{Policy, Recordings};
use serde_json::{Value, json};
use shared::aws::{Aws, Bucket};
use shared::ledger::Ledger;
use shared::ledger::erase::Erasure;
use shared::ledger::item::describe::describe;
use shared::ledger::key;
use shared::ledger::packing;
use shared::provider::Provider;
use shared::sources::Sources;
use shared::webhook::Webhook;
use tokio::sync::Notify;
use tokio::time::Instant;
use upkeep::Upkeep;

use crate::bed::{Bed, text};
use crate::origin::{Origin, wav};
use crate::proxy::{self, Call, Decision, Fate};

/// What must not be left: a number, a name, a text and a link of the call.
pub(crate) const CANARIES: [&str; 4] = ["254799123456", "TelltaleAda", "telltalewords", "telltale-link"];

pub(crate) const CALL_ID: &str = "call-1";

/// A stack with a call that is to be erased.
pub(crate) struct Scene {
    pub(crate) bed: Bed,
    pub(crate) sources: Sources,
    pub(crate) origin: Origin,
}

/// Stops a program before one of its requests.
#[derive(Clone)]
pub(crate) struct Gate {
    at: usize,
    asked: Arc<AtomicUsize>,
    reached: Arc<Notify>,
    go: Arc<Notify>,
}

impl Gate {
    pub(crate) fn at(at: usize) -> Self {
        Self { at, asked: Arc::default(), reached: Arc::default(), go: Arc::default() }
    }

    pub(crate) fn open() -> Self {
        Self::at(usize::MAX)
    }

    fn decide(&self) -> Decision {
        let gate = self.clone();
        Box::pin(async move {
            if gate.asked.fetch_add(1, Ordering::SeqCst) == gate.at {
                gate.reached.notify_one();
                gate.go.notified().await;
            }
            Fate::Forward
        })
    }

    /// Runs one program until the gate, then another as a whole, then the rest of the first. Returns whether the gate
    /// was reached.
    pub(crate) async fn between(
        &self,
        first: impl Future<Output = anyhow::Result<()>>,
        second: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<bool> {
        let mut first = std::pin::pin!(first);
        let stopped = tokio::select! {
            ended = &mut first => { ended?; false }
            () = self.reached.notified() => true,
        };
        second.await?;
        self.go.notify_one();
        if stopped {
            first.await?;
        }
        Ok(stopped)
    }
}

impl Scene {
    /// No call. What is late goes to quarantine.
    pub(crate) async fn empty() -> anyhow::Result<Self> {
        let mut sources: Value = serde_json::from_str(&Options::in_memory()?.sources)?;
        sources["telnyx"]["default"]["late"] = json!("quarantine");
        let sources = sources.to_string();
        let options = Options { schedule: None, sources: sources.clone(), ..Options::in_memory()? };
        Ok(Self {
            bed: Bed::with(options).await?,
            sources: Sources::from_json(&sources)?,
            origin: Origin::of(wav(5_000)).await?,
        })
    }

    /// A call with a record, large values, large evidence, a delivery in quarantine, and a recording that is due.
    pub(crate) async fn new() -> anyhow::Result<Self> {
        let scene = Self::empty().await?;
        scene.deliver(&scene.completed("e1"), 0).await?;
        scene.deliver(&scene.ready("r1"), 0).await?;
        let late = scene.deliver(&scene.completed("e3"), -4_000).await?;
        ensure!(late["status"] == "quarantined", "{late}");
        Ok(scene)
    }

    /// The same with a recording that is stored.
    pub(crate) async fn copied() -> anyhow::Result<Self> {
        let scene = Self::new().await?;
        scene.copy(&Gate::open()).await?;
        ensure!(scene.objects("recordings/").await?.len() == 1, "no copy");
        Ok(scene)
    }

    /// The end of the call, as an event of a name.
    pub(crate) fn completed(&self, event: &str) -> String {
        // Random, so that it is as large when it is packed.
        let pad: String = (0..30_000).map(|_| fastrand::alphanumeric()).collect();
        form(&[
            ("CallSid", CALL_ID),
            ("CallStatus", "completed"),
            ("CallbackSource", event),
            ("From", "+254799123456"),
            ("To", "+254799123456"),
            ("CallerId", "TelltaleAda"),
            ("Note", "a telltalewords"),
            ("Pad", &format!("telltalewords {pad}")),
        ])
    }

    /// A recording of the call.
    pub(crate) fn ready(&self, recording_id: &str) -> String {
        let url = self.origin.url("/telltale-link.wav?signature=telltale-link");
        form(&[
            ("CallSid", CALL_ID),
            ("RecordingSid", recording_id),
            ("RecordingStatus", "completed"),
            ("RecordingUrl", &url),
        ])
    }

    pub(crate) fn pk(&self) -> String {
        key::call("telnyx", "default", CALL_ID).pk
    }

    /// Delivers a body that was signed some seconds from now, past the gate.
    pub(crate) async fn deliver_past(&self, gate: &Gate, body: &str, seconds: i64) -> anyhow::Result<Value> {
        let (_, ledger) = self.behind(gate).await?;
        self.deliver_to(ledger, body, Timestamp::now(), seconds).await
    }

    /// Delivers a body some days from now, signed some seconds from then.
    pub(crate) async fn deliver_on(&self, days: i64, body: &str, seconds: i64) -> anyhow::Result<Value> {
        let at = Timestamp::now() + SignedDuration::from_hours(24 * days);
        self.deliver_to(self.bed.stack.ledger.clone(), body, at, seconds).await
    }

    async fn deliver_to(
        &self,
        ledger: Ledger,
        body: &str,
        at: Timestamp,
        seconds: i64,
    ) -> anyhow::Result<Value> {
        let webhook = Webhook::new(Provider::Telnyx, self.sources.clone(), ledger);
        let signed = at + SignedDuration::from_secs(seconds);
        let request = sample::request(Provider::Telnyx, "default", body.into(), signed);
        let (_, event) = gateway::event(&request, at).context("no route")?;
        let event = serde_json::from_value(event)?;
        let answer = shared::lambda::answer(|request| webhook.respond(request, at), event).await;
        Ok(serde_json::from_slice(answer.body.as_deref().unwrap_or_default())?)
    }

    pub(crate) async fn deliver(&self, body: &str, seconds: i64) -> anyhow::Result<Value> {
        self.deliver_past(&Gate::open(), body, seconds).await
    }

    /// Lets a copier handle all that is due.
    pub(crate) async fn copy(&self, gate: &Gate) -> anyhow::Result<()> {
        let (aws, ledger) = self.behind(gate).await?;
        let recordings =
            Recordings::new(ledger, aws.s3(), BUCKET.to_owned(), self.sources.clone(), Policy::local())?;
        recordings.handle(json!({}), Instant::now() + Duration::from_secs(60)).await?;
        Ok(())
    }

    pub(crate) async fn erase(&self, gate: &Gate) -> anyhow::Result<Option<Erasure>> {
        let (aws, ledger) = self.behind(gate).await?;
        Ok(ledger.erase_call(&bucket(&aws), &self.pk(), Timestamp::now()).await?)
    }

    pub(crate) async fn upkeep(&self, gate: &Gate) -> anyhow::Result<Upkeep> {
        let (aws, ledger) = self.behind(gate).await?;
        Ok(Upkeep::new(ledger, bucket(&aws), self.sources.clone()))
    }

    /// Runs the schedule at a time from now.
    pub(crate) async fn schedule(&self, minutes: i64) -> anyhow::Result<()> {
        let upkeep = self.upkeep(&Gate::open()).await?;
        let at = Timestamp::now() + SignedDuration::from_mins(minutes);
        let run = upkeep.scheduled(at, Instant::now() + Duration::from_secs(60)).await;
        run.map_err(|error| anyhow::anyhow!("the schedule: {error}"))
    }

    /// A request with the token that may erase, to upkeep past the gate.
    pub(crate) async fn act(&self, gate: &Gate, method: Method, path: &str) -> anyhow::Result<(i64, Value)> {
        let upkeep = self.upkeep(gate).await?;
        let now = Timestamp::now();
        let (_, event) = gateway::event(&request(method, path, ERASER_TOKEN)?, now).context("no route")?;
        let event = serde_json::from_value(event)?;
        let answer = shared::lambda::answer(|request| upkeep.respond(request, now), event).await;
        Ok((answer.status_code, serde_json::from_slice(answer.body.as_deref().unwrap_or_default())?))
    }

    async fn behind(&self, gate: &Gate) -> anyhow::Result<(Aws, Ledger)> {
        let decide = |gate: Gate| move |_: &Call| gate.decide();
        self.behind_proxies(decide(gate.clone()), decide(gate.clone())).await
    }

    /// Clients of both stores behind proxies.
    pub(crate) async fn behind_proxies(
        &self,
        dynamodb: impl Fn(&Call) -> Decision + Send + Sync + 'static,
        s3: impl Fn(&Call) -> Decision + Send + Sync + 'static,
    ) -> anyhow::Result<(Aws, Ledger)> {
        let dynamodb = proxy::start(self.bed.stack.dynamodb, dynamodb).await?;
        let aws = stack::aws(dynamodb, proxy::start(self.bed.stack.s3, s3).await?);
        let ledger = Ledger::new(&aws, TABLE, BUCKET, 400);
        Ok((aws, ledger))
    }

    /// The id of the delivery that waits in quarantine.
    pub(crate) async fn quarantine_id(&self) -> anyhow::Result<String> {
        let items = self.bed.items_of("DELIVERY").await?;
        let waits = items.iter().find(|item| text(item, "state") == "quarantined").context("none waits")?;
        let key = key::Key { pk: text(waits, "pk").to_owned(), sk: text(waits, "sk").to_owned() };
        key::quarantine_id(&key).context("no id")
    }

    /// Every version of every object under a prefix: key, version and content.
    pub(crate) async fn objects(&self, prefix: &str) -> anyhow::Result<Vec<(String, Vec<u8>)>> {
        let s3 = self.bed.stack.aws.s3();
        let list = s3.list_object_versions().bucket(BUCKET).prefix(prefix).send().await?;
        ensure!(list.is_truncated() == Some(false), "a page is not enough");
        let mut objects = Vec::new();
        for version in list.versions() {
            let key = version.key().unwrap_or_default().to_owned();
            let get =
                s3.get_object().bucket(BUCKET).key(&key).set_version_id(version.version_id().map(Into::into));
            objects.push((key, get.send().await?.body.collect().await?.to_vec()));
        }
        objects.extend(
            list.delete_markers()
                .iter()
                .map(|marker| (marker.key().unwrap_or_default().to_owned(), b"a marker".to_vec())),
        );
        Ok(objects)
    }

    /// Nothing of the call is left but a tombstone, and nothing of it is in any item or object.
    pub(crate) async fn is_gone(&self) -> anyhow::Result<()> {
        let items = self.bed.items().await?;
        let pk = self.pk();
        let of_call: Vec<_> = items.iter().filter(|item| text(item, "pk") == pk).collect();
        ensure!(of_call.len() == 1 && text(of_call[0], "state") == "erased", "left: {of_call:?}");
        for item in &items {
            let shown = format!("{item:?} {}", describe(item));
            let found = CANARIES.into_iter().find(|canary| shown.contains(canary));
            ensure!(found.is_none(), "{found:?} is in {}", text(item, "sk"));
        }
        for (key, content) in self.objects("").await? {
            ensure!(key.starts_with("erasures/"), "left in the bucket: {key}");
            let content = packing::unpack(&content).unwrap_or(content);
            let shown = format!("{key} {}", String::from_utf8_lossy(&content));
            ensure!(!CANARIES.into_iter().any(|canary| shown.contains(canary)), "{shown}");
        }
        let listed = self.bed.client.get("/calls?from=%2B254799123456").await?;
        ensure!(listed.body["calls"] == json!([]), "{}", listed.body);
        let story = self.bed.client.get(&call_path("telnyx", "default", CALL_ID)).await?;
        ensure!(story.status == 404, "{}", story.status);
        Ok(())
    }

    /// The canaries are there, so that a search that finds nothing means something.
    pub(crate) async fn is_there(&self) -> anyhow::Result<()> {
        let items = self.bed.items().await?;
        let shown: String = items.iter().map(|item| format!("{item:?} {}", describe(item))).collect();
        for canary in CANARIES {
            ensure!(shown.contains(canary), "{canary} is in no item");
        }
        for kind in ["values/", "evidence/", "quarantine/"] {
            ensure!(!self.objects(kind).await?.is_empty(), "nothing in {kind}");
        }
        Ok(())
    }
}

pub(crate) fn bucket(aws: &Aws) -> Bucket {
    Bucket { client: aws.s3(), name: BUCKET.to_owned() }
}

pub(crate) fn request(method: Method, path: &str, token: &str) -> anyhow::Result<HttpRequest> {
    let headers = [(http::header::AUTHORIZATION, format!("Bearer {token}").parse()?)].into_iter().collect();
    Ok(HttpRequest { method, path: path.to_owned(), query: String::new(), headers, body: Vec::new() })
}

fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}
