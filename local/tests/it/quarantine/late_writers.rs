//! A writer that made its plan before something was done, and writes after it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use local::gateway::{self, HttpRequest};
use local::stack::{BUCKET, TABLE, aws};
use shared::aws::Bucket;
use shared::lambda::{ApiGatewayV2httpRequest, Request};
use shared::ledger::Ledger;
use shared::provider::Provider;
use shared::sources::Sources;
use shared::webhook::Webhook;
use tokio::sync::Notify;
use tokio::time::sleep;
use upkeep::Upkeep;

use super::{act, bed, deliver, only, said, signed, sources, states};
use crate::bed::{Bed, post};
use crate::proxy::{self, Call, Fate};

const EVENT: &str = "CallSid=c&CallStatus=completed&CallbackSource=s&SequenceNumber=3";
const OTHER: &str =
    "CallSid=c&CallStatus=completed&CallbackSource=s&SequenceNumber=3&HangupCause=normal_clearing";

/// Functions whose writes to the table are held back until they are let go.
struct Late {
    webhook: Webhook,
    upkeep: Upkeep,
    /// Told when a write has come.
    came: Arc<Notify>,
    let_go: Arc<AtomicBool>,
}

impl Late {
    async fn start(bed: &Bed) -> anyhow::Result<Self> {
        let (came, let_go) = (Arc::new(Notify::new()), Arc::new(AtomicBool::new(false)));
        let (told, free) = (came.clone(), let_go.clone());
        let decide = move |call: &Call| -> proxy::Decision {
            let is_act = matches!(call.operation(), "TransactWriteItems" | "UpdateItem");
            let (told, free) = (told.clone(), free.clone());
            Box::pin(async move {
                if is_act && !free.load(Ordering::SeqCst) {
                    told.notify_one();
                    while !free.load(Ordering::SeqCst) {
                        sleep(Duration::from_millis(5)).await;
                    }
                }
                Fate::Forward
            })
        };
        let table = proxy::start(bed.stack.dynamodb, decide).await?;
        let aws = aws(table, bed.stack.s3);
        let ledger = Ledger::new(&aws, TABLE, BUCKET, 400);
        let sources = Sources::from_json(&sources().to_string())?;
        let webhook = Webhook::new(Provider::Telnyx, sources.clone(), ledger.clone());
        let bucket = Bucket { client: aws.s3(), name: BUCKET.to_owned() };
        Ok(Self { webhook, upkeep: Upkeep::new(ledger, bucket, sources), came, let_go })
    }

    /// Does something, late. Returns the answer as it is told in the table of this test.
    async fn perform(&self, writer: &str, id: &str) -> anyhow::Result<String> {
        let request = match writer {
            "same" => signed(EVENT, 0),
            "other" => signed(OTHER, 0),
            writer => {
                let path = format!("/quarantine/{id}/{writer}");
                post(&path, &[("authorization", super::BEARER)], "")
            }
        };
        let reply = match writer {
            "same" | "other" => self.webhook.respond(read(&request)?, Timestamp::now()).await,
            _ => self.upkeep.respond(read(&request)?, Timestamp::now()).await,
        };
        let body: serde_json::Value = serde_json::from_str(&reply.body)?;
        let word = body["status"].as_str().or_else(|| body["error"].as_str()).unwrap_or_default();
        Ok(if reply.status == 200 { word.to_owned() } else { format!("{} {word}", reply.status.as_u16()) })
    }
}

/// A request as a function gets it from the gateway.
fn read(request: &HttpRequest) -> anyhow::Result<Request> {
    let Some((_, event)) = gateway::event(request, Timestamp::now()) else { anyhow::bail!("no route") };
    Ok(Request::from(serde_json::from_value::<ApiGatewayV2httpRequest>(event)?))
}

async fn meanwhile(bed: &Bed, action: &str, id: &str) -> anyhow::Result<()> {
    match action {
        "same" => drop(deliver(bed, EVENT, 0).await?),
        "other" => drop(deliver(bed, OTHER, 0).await?),
        action => {
            let answer = act(bed, &format!("/quarantine/{id}/{action}")).await?;
            anyhow::ensure!(answer.status == 200, "{:?}", said(&answer));
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_late_writer_undoes_nothing() -> anyhow::Result<()> {
    // For a delivery that waits: the late writer, what is done meanwhile, the writer's answer, and the states then.
    // A rebuild is no row here: while no body was applied there is no record, so it has nothing to write.
    let table: [(&str, &str, &str, &[&str]); 16] = [
        ("same", "same", "duplicate", &["applied"]),
        ("same", "other", "revised", &["applied", "applied"]),
        ("same", "replay", "duplicate", &["applied"]),
        ("same", "discard", "accepted", &["applied"]),
        ("other", "same", "revised", &["applied", "applied"]),
        ("other", "other", "duplicate", &["applied", "quarantined"]),
        ("other", "replay", "revised", &["applied", "applied"]),
        ("other", "discard", "accepted", &["applied", "discarded"]),
        ("replay", "same", "duplicate", &["applied"]),
        ("replay", "other", "revised", &["applied", "applied"]),
        ("replay", "replay", "duplicate", &["applied"]),
        ("replay", "discard", "404 delivery_unknown", &["discarded"]),
        ("discard", "same", "404 delivery_unknown", &["applied"]),
        ("discard", "other", "discarded", &["applied", "discarded"]),
        ("discard", "replay", "404 delivery_unknown", &["applied"]),
        ("discard", "discard", "discarded", &["discarded"]),
    ];
    for (writer, action, answer, then) in table {
        let bed = bed().await?;
        deliver(&bed, EVENT, 4_000).await?;
        let id = only(&bed).await?;
        let late = Late::start(&bed).await?;
        let (said, ()) = tokio::try_join!(late.perform(writer, &id), async {
            late.came.notified().await;
            meanwhile(&bed, action, &id).await?;
            late.let_go.store(true, Ordering::SeqCst);
            Ok(())
        })?;
        assert_eq!(said, answer, "{writer} after {action}");
        assert_eq!(states(&bed).await?, then, "{writer} after {action}");
        let call = bed.client.get("/calls/telnyx/default/c").await?;
        assert_eq!(call.status == 200, then.contains(&"applied"), "{writer} after {action}");
    }
    Ok(())
}

#[tokio::test]
async fn a_late_rebuild_takes_in_what_came_meanwhile() -> anyhow::Result<()> {
    let bed = bed().await?;
    deliver(&bed, EVENT, 0).await?;
    // As an older mapping had read it, so that there is something to write.
    let update = bed.stack.aws.dynamodb().update_item().table_name(TABLE);
    let update = update.set_key(Some(shared::ledger::key::call("telnyx", "default", "c").attributes()));
    let failed = aws_sdk_dynamodb::types::AttributeValue::S("failed".to_owned());
    let update = update.update_expression("SET #s = :s").expression_attribute_names("#s", "status");
    update.expression_attribute_values(":s", failed).send().await?;
    let late = Late::start(&bed).await?;
    let request = post("/calls/telnyx/default/c/rebuild", &[("authorization", super::BEARER)], "");
    let rebuild = async {
        let reply = late
            .upkeep
            .respond(read(&HttpRequest { method: Method::POST, ..request })?, Timestamp::now())
            .await;
        anyhow::Ok(reply)
    };
    let (reply, ()) = tokio::try_join!(rebuild, async {
        late.came.notified().await;
        deliver(&bed, OTHER, 0).await?;
        late.let_go.store(true, Ordering::SeqCst);
        Ok(())
    })?;
    assert_eq!(reply.status, 200, "{}", reply.body);
    let call = bed.call(Provider::Telnyx, "c").await?;
    assert_eq!(call["status"], "completed");
    assert_eq!(call["hangup"]["cause"], "normal_clearing");
    assert_eq!(states(&bed).await?, ["applied", "applied"]);
    Ok(())
}
