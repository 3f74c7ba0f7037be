//! The triggers of `recordings` and `upkeep`, as the template's event sources: the table's stream, and schedules.

use std::sync::Arc;
use std::time::Duration;

use dynoxide::Database;
use jiff::Timestamp;
use recordings::Recordings;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use upkeep::Upkeep;

use super::{TABLE, stopped};
use crate::stream::{self, Position, Reading};

/// How long one invocation may take.
const COPY_TIMEOUT: Duration = Duration::from_secs(300);

/// How many invocations go on at a time: some batches of the stream, and as many minutes as a long copy
/// may take. None waits for another, so that a slow host holds up nobody. No receiver lacks anything by it here.
const SIDE_BY_SIDE: usize = 15;

/// How long the invocations under way have to finish when everything ends.
const GRACE: Duration = Duration::from_millis(900);

/// The time between two scheduled runs of `upkeep`, as in the template.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(300);

/// Runs `upkeep`'s schedule until the end.
pub(super) async fn upkeep(upkeep: Arc<Upkeep>, stopped: impl Future<Output = ()>) {
    let mut ticks = interval(UPKEEP_INTERVAL);
    let ticking = async {
        loop {
            ticks.tick().await;
            if let Err(error) = upkeep.scheduled(Timestamp::now(), Instant::now() + COPY_TIMEOUT).await {
                tracing::error!("a run of upkeep failed: {error}");
            }
        }
    };
    tokio::select! { () = stopped => {}, () = ticking => {} }
}

/// The triggers of the copier.
#[derive(Clone)]
pub(super) struct Triggers {
    recordings: Arc<Recordings>,
    places: Arc<Semaphore>,
    stopping: watch::Receiver<bool>,
}

impl Triggers {
    pub(super) fn new(recordings: Arc<Recordings>, stopping: watch::Receiver<bool>) -> Self {
        Self { recordings, places: Arc::new(Semaphore::new(SIDE_BY_SIDE)), stopping }
    }

    /// Follows the table's stream from now on. The schedule finds the jobs that were written before.
    pub(super) fn follow(self, database: Database) -> anyhow::Result<impl Future<Output = ()> + Send> {
        let reading = Reading { from: Position::Latest, poll: Duration::from_millis(50), batch_size: 10 };
        let until = stopped(&self.stopping);
        let handler = move |event| self.clone().invoke(event);
        let following = stream::follow(database, TABLE, reading, handler, until)?;
        Ok(async move {
            if let Err(error) = following.await {
                tracing::error!("the table's stream can't be followed: {error:#}");
            }
        })
    }

    /// Invokes the copier at each interval until the end, and then waits for the invocations that still run.
    pub(super) async fn schedule(self, every: Duration) {
        let mut ticks = interval(every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ticking = async {
            loop {
                ticks.tick().await;
                let event = json!({ "source": "aws.events", "detail-type": "Scheduled Event" });
                if self.clone().invoke(event).await.is_err() {
                    return;
                }
            }
        };
        tokio::select! { () = stopped(&self.stopping) => {}, () = ticking => {} }
        let all = u32::try_from(SIDE_BY_SIDE).unwrap_or(u32::MAX);
        let _ = self.places.acquire_many(all).await;
    }

    /// Starts an invocation as soon as there is a place for one, and does not wait for its end.
    async fn invoke(self, event: Value) -> anyhow::Result<()> {
        let place = self.places.acquire_owned().await?;
        let (recordings, stopping) = (self.recordings, self.stopping);
        tokio::spawn(async move {
            let _place = place;
            let ended = async {
                stopped(&stopping).await;
                sleep(GRACE).await;
            };
            tokio::select! {
                () = ended => {}
                handled = recordings.handle(event, Instant::now() + COPY_TIMEOUT) => {
                    // No job is lost: those that are left are due, and the next run finds them.
                    if let Err(error) = handled {
                        tracing::error!("an invocation of recordings failed: {error:#}");
                    }
                }
            }
        });
        Ok(())
    }
}
