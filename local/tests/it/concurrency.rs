use std::collections::BTreeMap;

use anyhow::ensure;
use shared::provider::Provider;
use tokio::task::JoinSet;

use crate::bed::{Bed, text};

#[tokio::test(flavor = "multi_thread")]
async fn of_200_concurrent_copies_one_is_accepted_and_199_are_duplicates() -> anyhow::Result<()> {
    let bed = std::sync::Arc::new(Bed::start().await?);
    let mut copies = JoinSet::new();
    for _ in 0..200 {
        let bed = bed.clone();
        copies.spawn(async move { bed.sample("sautikit-call-completed").await });
    }
    let mut answers = BTreeMap::<String, usize>::new();
    while let Some(answer) = copies.join_next().await {
        let answer = answer??;
        ensure!(answer.status == 200, "{answer:?}");
        *answers.entry(answer.body["status"].to_string()).or_default() += 1;
    }
    assert_eq!(answers, BTreeMap::from([("\"accepted\"".to_owned(), 1), ("\"duplicate\"".to_owned(), 199)]));
    let calls = bed.items_of("CALL").await?;
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0]["revision"].as_n(), Ok(&"1".to_owned()));
    assert_eq!(bed.items_of("DELIVERY").await?.len(), 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_events_of_one_call_are_each_applied_once() -> anyhow::Result<()> {
    let bed = std::sync::Arc::new(Bed::start().await?);
    let mut deliveries = JoinSet::new();
    for index in 0..60 {
        let bed = bed.clone();
        let body = format!(
            r#"{{"kind":"call.answered","event_id":"{}","data":{{"call_id":"c","extra-{}":1}}}}"#,
            index % 20,
            index % 20
        );
        deliveries.spawn(async move { bed.deliver(Provider::Sautikit, body).await });
    }
    let mut accepted = 0;
    while let Some(answer) = deliveries.join_next().await {
        let answer = answer??;
        ensure!(answer.status == 200, "{answer:?}");
        accepted += usize::from(answer.body["status"] == "accepted");
    }
    assert_eq!(accepted, 20);
    let call = bed.call(Provider::Sautikit, "c").await?;
    assert_eq!(call["revision"], 20);
    assert_eq!(call["events"].as_array().map(Vec::len), Some(20));
    assert_eq!(call["extensions"].as_object().map(serde_json::Map::len), Some(20));
    assert_eq!(
        bed.items_of("DELIVERY").await?.iter().filter(|item| text(item, "state") == "applied").count(),
        20
    );
    Ok(())
}
