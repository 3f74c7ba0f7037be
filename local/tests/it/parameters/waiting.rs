//! Throttling of Parameter Store is waited out while the start has time, and strangers cause no load.

use std::time::{Duration, Instant};

use anyhow::ensure;
use shared::provider::Provider;
use shared::sources::{LiveSources, Pace};

use super::{EAGER, Parameters, deliver, deliver_to, local_secret, secrets};
use crate::bed::Bed;
use crate::watch::{self, lines_with};

#[tokio::test(flavor = "multi_thread")]
async fn a_start_waits_for_its_turn_and_asks_no_more_than_it_must() -> anyhow::Result<()> {
    let parameters = Parameters::default();
    let aws = parameters.start().await?;
    for index in 0..3 {
        parameters.put(&format!("/turn/sautikit/s{index}"), secrets(&["a-secret"]));
    }
    parameters.kept().throttles = 3;
    let sources = LiveSources::from_parameters(&aws, "/turn", &["sautikit"], Pace::default()).await.current();
    assert!((0..3).all(|index| sources.get(Provider::Sautikit, &format!("s{index}")).is_ok()));
    // Three in vain, and one for each of the two pages.
    assert_eq!(parameters.kept().asked, 5);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_gets_no_turn_takes_nothing_until_it_does() -> anyhow::Result<()> {
    watch::logs();
    let (bed, parameters) = (Bed::start().await?, Parameters::default());
    let aws = parameters.start().await?;
    parameters.put("/throttled/sautikit/default", secrets(&[&local_secret()?]));
    parameters.kept().throttles = usize::MAX;
    let (began, pace) = (Instant::now(), Pace { start: Duration::from_millis(700), ..EAGER });
    let sources = LiveSources::from_parameters(&aws, "/throttled", &["sautikit"], pace).await;
    ensure!(began.elapsed() < Duration::from_secs(3), "a start must end in time: {:?}", began.elapsed());
    ensure!(parameters.kept().asked > 1, "it gave up at once");
    let told = lines_with(&["sources could not be read", "/throttled/sautikit", "ThrottlingException"]);
    assert_eq!(told.len(), 1);
    for source in ["default", "nobody"] {
        let answer = deliver_to(&bed, &sources, source, "a").await?;
        assert_eq!(answer, (503, "source_unreadable".to_owned(), Some("1".to_owned())), "{source}");
    }
    parameters.kept().throttles = 0;
    assert_eq!(deliver(&bed, &sources, "a").await?, 200);
    assert_eq!(deliver_to(&bed, &sources, "nobody", "a").await?.0, 404);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_will_not_pass_is_not_waited_for() -> anyhow::Result<()> {
    let parameters = Parameters::default();
    let aws = parameters.start().await?;
    parameters.kept().fails = true;
    LiveSources::from_parameters(&aws, "/forbidden", &["sautikit"], Pace::default()).await;
    assert_eq!(parameters.kept().asked, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_of_throttling_while_keys_hold_calls_nobody() -> anyhow::Result<()> {
    watch::logs();
    let (bed, parameters) = (Bed::start().await?, Parameters::default());
    let aws = parameters.start().await?;
    parameters.put("/moment/sautikit/default", secrets(&[&local_secret()?]));
    let sources = LiveSources::from_parameters(&aws, "/moment", &["sautikit"], EAGER).await;
    parameters.kept().throttles = usize::MAX;
    // A guess at a name has the sources read again, in vain, and within the time that a request waits.
    let began = Instant::now();
    assert_eq!(deliver_to(&bed, &sources, "nobody", "a").await?.0, 404);
    ensure!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    assert_eq!(deliver(&bed, &sources, "a").await?, 200);
    assert!(!lines_with(&["sources were not read again", "/moment/sautikit", "WARN"]).is_empty());
    assert_eq!(lines_with(&["sources could not be read", "/moment/sautikit"]), [""; 0]);
    Ok(())
}
