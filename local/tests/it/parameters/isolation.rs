//! One source that can't be read takes nothing. The others work, and nothing that was removed stays.

use std::time::Duration;

use anyhow::ensure;
use jiff::Timestamp;
use local::stack::{BUCKET, Options};
use local::{origin, sample};
use query::Query;
use recordings::{Policy, Recordings};
use serde_json::{Value, json};
use shared::provider::Provider;
use shared::sources::{LiveSources, Pace, SourceError};
use tokio::time::Instant;

use super::{EAGER, Parameters, deliver, deliver_to, list, local_secret, secrets};
use crate::bed::{Bed, text};
use crate::watch::{self, lines_with};

fn unreadable() -> (i64, String, Option<String>) {
    (503, "source_unreadable".to_owned(), Some("1".to_owned()))
}

fn refused(status: i64, error: &str) -> (i64, String, Option<String>) {
    (status, error.to_owned(), None)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_source_is_told_apart_from_an_unknown_one_and_stops_no_other() -> anyhow::Result<()> {
    let (bed, parameters) = (Bed::start().await?, Parameters::default());
    let aws = parameters.start().await?;
    parameters.put("/alone/sautikit/default", secrets(&[&local_secret()?]));
    parameters.put("/alone/sautikit/kenya", r#"{"secrets":["#);
    let sources = LiveSources::from_parameters(&aws, "/alone", &["sautikit"], EAGER).await;
    assert_eq!(deliver_to(&bed, &sources, "kenya", "a").await?, unreadable());
    assert_eq!(deliver_to(&bed, &sources, "uganda", "a").await?, refused(404, "source_unknown"));
    assert_eq!(deliver(&bed, &sources, "a").await?, 200);
    assert_eq!(bed.items_of("DELIVERY").await?.len(), 1);
    // Put right, it works with the next delivery.
    parameters.put("/alone/sautikit/kenya", secrets(&[&local_secret()?]));
    assert_eq!(deliver_to(&bed, &sources, "kenya", "a").await?, refused(200, ""));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_named_and_its_value_is_not() -> anyhow::Result<()> {
    watch::logs();
    let parameters = Parameters::default();
    let aws = parameters.start().await?;
    for (name, value, problem) in [
        ("not-json", "whsec_canary".to_owned(), "it is not JSON: line 1, column 1"),
        ("field", json!({ "secret": "whsec_canary" }).to_string(), "unknown field `secret`"),
        ("pasted", json!({ "whsec_canary": ["x"] }).to_string(), "it has a field that is not one of `secrets`"),
        ("kind", json!({ "secrets": "whsec_canary" }).to_string(), "a field has the wrong type"),
        ("none", json!({}).to_string(), "secrets must hold one key, or two while rotating"),
        (
            "two",
            json!({ "secrets": ["whsec_canary"], "recording_authorization": "canary\n", "time_zone": "Nairobi" })
                .to_string(),
            "time_zone is not a name of the IANA time zone database, such as Asia/Kolkata; \
             recording_authorization needs recording_authorization_hosts: it is sent to no other host; \
             recording_authorization is not a header's value",
        ),
        ("Odd", secrets(&["whsec_canary"]).to_string(), "1 to 64 lower-case letters, digits and hyphens"),
    ] {
        let parameter = format!("/named/sautikit/{name}");
        parameters.put(&parameter, value);
        let read = LiveSources::from_parameters(&aws, "/named", &["sautikit"], EAGER).await;
        assert_eq!(
            read.current().get(Provider::Sautikit, name).err(),
            Some(SourceError::Unreadable),
            "{name}"
        );
        let source = format!("sautikit/{name}");
        let told = lines_with(&["a source could not be read", r#""level":"ERROR""#, &parameter, &source]);
        ensure!(told.len() == 1 && told[0].contains(problem), "{name}: {told:?}");
        let counted = lines_with(&[r#"\"sources_unread\":1"#, &source]);
        assert_eq!(counted.len(), 1, "nothing counts {name}");
        parameters.kept().values.clear();
    }
    parameters.kept().fails = true;
    let denied = LiveSources::from_parameters(&aws, "/denied", &["sautikit"], EAGER).await;
    assert_eq!(denied.current().get(Provider::Sautikit, "any").err(), Some(SourceError::Unreadable));
    let told =
        lines_with(&["sources could not be read", "/denied/sautikit", "AccessDeniedException", "ERROR"]);
    assert_eq!(told.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_that_was_removed_stays_because_something_is_damaged() -> anyhow::Result<()> {
    let (bed, parameters, name) = (Bed::start().await?, Parameters::default(), "/gone/sautikit/default");
    let aws = parameters.start().await?;
    parameters.put(name, secrets(&[&local_secret()?]));
    let sources = LiveSources::from_parameters(&aws, "/gone", &["sautikit"], EAGER).await;
    assert_eq!(deliver(&bed, &sources, "a").await?, 200);
    // Another source of the provider is damaged.
    parameters.put(name, secrets(&["the-next-secret"]));
    parameters.put("/gone/sautikit/kenya", "{");
    ensure!(sources.refresh_after_miss().await);
    assert_eq!(deliver_to(&bed, &sources, "default", "b").await?, refused(401, "signature_mismatch"));
    // The source itself is.
    parameters.put(name, "{");
    ensure!(sources.refresh_after_miss().await);
    assert_eq!(deliver_to(&bed, &sources, "default", "c").await?, unreadable());
    // It is not there any more.
    parameters.kept().values.clear();
    ensure!(sources.refresh_after_miss().await);
    assert_eq!(deliver_to(&bed, &sources, "default", "d").await?, refused(404, "source_unknown"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_store_does_not_answer_what_was_read_holds_and_not_for_ever() -> anyhow::Result<()> {
    watch::logs();
    let (bed, parameters) = (Bed::start().await?, Parameters::default());
    let aws = parameters.start().await?;
    parameters.put("/held/sautikit/default", secrets(&[&local_secret()?]));
    let pace = Pace { holds: Duration::from_millis(400), ..EAGER };
    let sources = LiveSources::from_parameters(&aws, "/held", &["sautikit"], pace).await;
    parameters.kept().fails = true;
    ensure!(!sources.refresh_after_miss().await);
    assert_eq!(deliver(&bed, &sources, "a").await?, 200);
    assert_eq!(lines_with(&["sources could not be read", "/held/sautikit", "ERROR"]).len(), 1);
    tokio::time::sleep(pace.holds).await;
    ensure!(!sources.refresh_after_miss().await);
    assert_eq!(deliver_to(&bed, &sources, "default", "b").await?, unreadable());
    parameters.kept().fails = false;
    assert_eq!(deliver(&bed, &sources, "b").await?, 200);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_providers_mistake_leaves_the_others_their_sources() -> anyhow::Result<()> {
    let parameters = Parameters::default();
    let aws = parameters.start().await?;
    parameters.put("/mistake/agni/default", "{");
    parameters.put("/mistake/sautikit/default", secrets(&["a-secret"]));
    let sources = LiveSources::from_parameters(&aws, "/mistake", &["agni", "sautikit"], EAGER).await;
    let known = |provider, name: &str| sources.current().get(provider, name).map(|_| ());
    assert_eq!(known(Provider::Sautikit, "default"), Ok(()));
    assert_eq!(known(Provider::Agni, "default"), Err(SourceError::Unreadable));

    parameters.put("/mistake/agni/default", json!({ "tokens": ["0123456789abcdef0123456789abcdef"] }));
    assert!(sources.refresh_after_miss().await);
    assert_eq!(known(Provider::Agni, "default"), Ok(()));

    parameters.put("/mistake/agni/default", "{");
    parameters.put("/mistake/sautikit/another", secrets(&["a-secret"]));
    assert!(sources.refresh_after_miss().await);
    assert_eq!(known(Provider::Agni, "default"), Err(SourceError::Unreadable));
    assert_eq!(known(Provider::Sautikit, "another"), Ok(()));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_without_a_source_starts_and_a_guess_raises_no_alarm() -> anyhow::Result<()> {
    watch::logs();
    let (bed, parameters) = (Bed::start().await?, Parameters::default());
    let aws = parameters.start().await?;
    let sources = LiveSources::from_parameters(&aws, "/nothing", &["sautikit"], EAGER).await;
    assert_eq!(lines_with(&["no source is configured", "/nothing", "WARN"]).len(), 1);
    for guess in ["default", "prod", "test"] {
        assert_eq!(deliver_to(&bed, &sources, guess, "a").await?, refused(404, "source_unknown"));
    }
    parameters.put("/nothing/sautikit/default", secrets(&["another-secret"]));
    assert_eq!(deliver_to(&bed, &sources, "default", "a").await?, refused(401, "signature_mismatch"));
    // The alarm reads the class `mismatched`.
    let counted = |outcome: &str| lines_with(&[&format!(r#"\"outcome\":\"{outcome}\""#)]);
    for (outcome, class, least) in [("source_unknown", "refused", 3), ("signature_mismatch", "mismatched", 1)]
    {
        let class = format!(r#"\"class\":\"{class}\""#);
        let lines = counted(outcome);
        ensure!(
            lines.len() >= least && lines.iter().all(|line| line.contains(&class)),
            "{outcome}: {lines:?}"
        );
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_can_not_be_read_is_our_fault_and_stops_no_other() -> anyhow::Result<()> {
    let (bed, parameters) = (Bed::start().await?, Parameters::default());
    let aws = parameters.start().await?;
    parameters.put("/reading/query/first", json!({ "tokens": ["the-first-canary-token"] }));
    parameters
        .put("/reading/query/second", json!({ "tokens": ["the-second-canary-token"], "may": ["look"] }));
    let sources = LiveSources::from_parameters(&aws, "/reading", &["query"], EAGER).await;
    let query = Query::new(bed.stack.ledger.clone(), bed.stack.aws.s3(), BUCKET.to_owned(), sources);
    let unreadable = (503, "source_unreadable".to_owned());
    assert_eq!(list(&query, Some("the-first-canary-token")).await?.0, 200);
    assert_eq!(list(&query, Some("the-second-canary-token")).await?, unreadable);
    assert_eq!(list(&query, None).await?, (401, "token_missing".to_owned()));
    // Put right, it reads with the next request.
    parameters.put("/reading/query/second", json!({ "tokens": ["the-second-canary-token"] }));
    assert_eq!(list(&query, Some("the-second-canary-token")).await?.0, 200);
    assert_eq!(list(&query, Some("the-third-canary-token")).await?, (401, "token_mismatch".to_owned()));
    // A second reader with the token of the first could have other rights.
    parameters
        .put("/reading/query/second", json!({ "tokens": ["the-first-canary-token"], "may": ["erase"] }));
    // A token that fits none has the readers read again.
    assert_eq!(list(&query, Some("the-third-canary-token")).await?, unreadable);
    assert_eq!(list(&query, Some("the-second-canary-token")).await?, unreadable);
    assert_eq!(list(&query, Some("the-first-canary-token")).await?.0, 200);
    ensure!(
        !lines_with(&["/reading/query/second", "it has a token of the reader first", "ERROR"]).is_empty()
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_of_a_source_that_can_not_be_read_waits() -> anyhow::Result<()> {
    let mut options = Options { schedule: None, ..Options::in_memory()? };
    let mut configured: Value = serde_json::from_str(&options.sources)?;
    configured["sautikit"]["kenya"] = configured["sautikit"]["default"].clone();
    options.sources = configured.to_string();
    let (bed, parameters) = (Bed::with(options).await?, Parameters::default());
    let aws = parameters.start().await?;
    let media = origin::serve().await?;
    for source in ["default", "kenya"] {
        let body = json!({ "kind": "call.recording.ready", "event_id": source, "data": { "call_id": source,
            "recording_id": "r", "download_url": format!("http://{media}/a.wav") } });
        bed.client
            .send(sample::request(Provider::Sautikit, source, body.to_string().into(), Timestamp::now()))
            .await?;
    }
    parameters.put("/copies/sautikit/default", secrets(&["a-secret"]));
    parameters.put("/copies/sautikit/kenya", "{");
    let sources = LiveSources::from_parameters(&aws, "/copies", &["sautikit"], EAGER).await;
    let (ledger, s3) = (bed.stack.ledger.clone(), bed.stack.aws.s3());
    let copier = Recordings::new(ledger, s3, BUCKET.to_owned(), sources, Policy::local())?;
    let summary = copier.handle(json!({}), Instant::now() + Duration::from_secs(60)).await?;
    assert_eq!((summary.stored, summary.retry), (1, 1));
    let items = bed.items_of("RECORDING").await?;
    let waiting = items.iter().find(|item| text(item, "pk").starts_with("CALL#sautikit#kenya#"));
    let waiting = waiting.map(|item| (text(item, "state"), text(item, "last_error")));
    ensure!(
        waiting.is_some_and(|(state, error)| state == "retry" && error.starts_with("source_unreadable")),
        "{waiting:?}"
    );
    Ok(())
}
