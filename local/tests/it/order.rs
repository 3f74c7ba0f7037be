//! Order and repetition on the real store; the property over many more cases is beside the plan.

use anyhow::ensure;
use local::sample::{self, Sample};
use shared::provider::Provider;

use crate::bed::{Bed, what_is_said};

#[tokio::test(flavor = "multi_thread")]
async fn shuffled_and_repeated_deliveries_give_the_same_records() -> anyhow::Result<()> {
    let mut samples = Vec::new();
    for name in sample::names() {
        let mut sample = Sample::load(name)?;
        // Nothing to copy: what the copier does in between is not the question here.
        if let Some(path) = sample.recording_path() {
            sample.set(path, "")?;
        }
        samples.push(sample);
    }
    let mut expected = None;
    for seed in 0..12 {
        let bed = Bed::start().await?;
        let mut order: Vec<_> = samples.iter().chain(samples.iter().take(seed)).collect();
        if seed > 0 {
            fastrand::Rng::with_seed(seed as u64).shuffle(&mut order);
        }
        let mut calls = std::collections::BTreeSet::<(Provider, String)>::new();
        for sample in order {
            let answer = bed.deliver(sample.provider, sample.body.clone()).await?;
            ensure!(answer.status == 200, "{answer:?}");
            let call_id = answer.body["call_id"].as_str().unwrap_or_default();
            calls.insert((sample.provider, call_id.to_owned()));
        }
        let mut records = Vec::new();
        for (provider, call_id) in calls {
            records.push(what_is_said(&bed.call(provider, &call_id).await?).to_string());
        }
        match &expected {
            None => expected = Some(records),
            Some(expected) => assert_eq!(&records, expected, "seed {seed}"),
        }
        bed.stack.stop().await?;
    }
    Ok(())
}
