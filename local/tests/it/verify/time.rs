//! Signed times that are far from the time of arrival.

use jiff::SignedDuration;
use local::gateway::{self, HttpRequest};
use local::keys;
use local::sample::Sample;
use serde_json::Value;
use shared::provider::sign_sautikit_timestamped;
use tempfile::TempDir;

use super::{Said, ask_with, now, run, sample, sources, with_header};

/// A request that was signed some seconds before it arrives.
fn signed_before(seconds: i64) -> anyhow::Result<HttpRequest> {
    let at = now().checked_sub(SignedDuration::from_secs(seconds))?;
    Ok(Sample::load("telnyx-call-completed")?.request("default", at))
}

/// Asks about it at the time of its arrival. What the function answers is compared.
async fn ask(request: &HttpRequest) -> anyhow::Result<Said> {
    let event: Value = gateway::event(request, now()).expect("a route takes it").1;
    ask_with(&sources(), &event, &[]).await
}

#[tokio::test]
async fn a_request_that_is_late_is_genuine_and_the_seconds_are_told() -> anyhow::Result<()> {
    for (seconds, side) in
        [(301, "before"), (3_600, "before"), (86_400 * 3, "before"), (-301, "after"), (-7_200, "after")]
    {
        let said = ask(&signed_before(seconds)?).await?;
        assert_eq!((said.code, said.causes()), (Some(0), vec!["time_skew"]), "{}", said.text);
        let says = format!("signed {} seconds {side} it arrived; 300 are allowed", seconds.abs());
        assert!(said.text.contains(&format!("note  time       {says}")), "{}", said.text);
        assert!(said.text.contains(&format!("Note: it was {says}; it ")), "{}", said.text);
    }
    for (seconds, says) in
        [(300, "signed 300 seconds before"), (-300, "signed 300 seconds after"), (0, "signed 0 seconds")]
    {
        let said = ask(&signed_before(seconds)?).await?;
        assert_eq!((said.answer(), said.causes().len()), ((200, "accepted"), 0), "{}", said.text);
        assert!(said.text.contains(says), "{}", said.text);
    }
    Ok(())
}

#[tokio::test]
async fn a_form_with_a_time_is_late_and_one_without_is_not() -> anyhow::Result<()> {
    let plain = sample("sautikit-call-completed");
    let (name, late) = sign_sautikit_timestamped(&keys::sautikit(), &plain.body, now().as_second() - 4_000);
    let said = ask(&with_header(&plain, name, &late)).await?;
    assert!(said.text.contains("signed 4000 seconds before it arrived"), "{}", said.text);
    let said = ask(&plain).await?;
    assert!(said.text.contains("ok    time       no time is signed"), "{}", said.text);
    Ok(())
}

#[tokio::test]
async fn milliseconds_that_were_signed_as_seconds() -> anyhow::Result<()> {
    let plain = sample("sautikit-call-completed");
    let (name, far) = sign_sautikit_timestamped(&keys::sautikit(), &plain.body, now().as_millisecond());
    let said = ask(&with_header(&plain, name, &far)).await?;
    assert_eq!((said.code, said.causes()), (Some(0), vec!["time_not_in_seconds"]), "{}", said.text);
    assert!(said.text.contains("milliseconds"), "{}", said.text);
    Ok(())
}

#[tokio::test]
async fn the_arrival_is_given_or_now() -> anyhow::Result<()> {
    let folder = TempDir::new()?;
    let request = sample("telnyx-call-completed");
    let mut lines = String::new();
    for (name, value) in &request.headers {
        lines.push_str(&format!("{name}: {}\n", value.to_str()?));
    }
    std::fs::write(folder.path().join("headers.txt"), lines)?;
    std::fs::write(folder.path().join("body.bin"), &request.body)?;
    let files = ["--headers", "headers.txt", "--body", "body.bin"];
    let said = run(&folder, &files, b"").await?;
    assert!(said.text.contains(" now (--at says when it arrived)"), "{}", said.text);
    let said = run(&folder, &[&files[..], &["--at", "2026-06-27T10:16:40Z"]].concat(), b"").await?;
    assert!(said.text.contains("signed 640 seconds before it arrived; 300 are allowed"), "{}", said.text);
    Ok(())
}
