//! Keys that are another source's, and sources that are not there.

use local::gateway::HttpRequest;
use local::sample::Sample;
use serde_json::{Value, json};
use shared::provider::Provider::{self, Sautikit, Telnyx};

use super::{
    ask, ask_with, event, is_caused, now, other_keys, sample, signed, sources, with_body, with_header,
};

const SAMPLES: [(&str, Provider); 2] =
    [("sautikit-call-completed", Sautikit), ("telnyx-call-completed", Telnyx)];

#[tokio::test]
async fn the_key_of_another_source() -> anyhow::Result<()> {
    for (name, provider) in SAMPLES {
        let request = Sample::load(name)?.request_with(&other_keys(provider), "default", now());
        let said = is_caused(&request, &["another_source"]).await?;
        assert!(said.text.contains(&format!("{}/other", provider.name())), "{}", said.text);
    }
    Ok(())
}

#[tokio::test]
async fn a_key_that_nobody_here_has() -> anyhow::Result<()> {
    for (name, provider) in SAMPLES {
        let mut sources = sources();
        sources[provider.name()] = json!({ "default": sources[provider.name()]["other"] });
        let said = ask_with(&sources, &event(&sample(name)), &[]).await?;
        assert_eq!((said.causes(), said.proven()), (vec!["another_key"], false), "{}", said.text);
        assert!(said.text.contains("Likely cause: the key of"), "{}", said.text);
    }
    Ok(())
}

#[tokio::test]
async fn a_body_that_was_cut_emptied_or_lost_characters() -> anyhow::Result<()> {
    for (name, _) in SAMPLES {
        let request = sample(name);
        let announced = with_header(&request, "content-length", &request.body.len().to_string());
        let cut = with_body(&announced, &request.body[..request.body.len() - 9]);
        let said = ask(&cut).await?;
        assert_eq!(said.causes(), ["body_changed", "another_key"], "{}", said.text);
        assert!(said.text.contains("but content-length says"), "{}", said.text);
        assert_eq!(ask(&with_body(&request, "")).await?.causes(), ["body_empty", "another_key"]);
        let said = ask(&with_body(&request, "a\u{fffd}b")).await?;
        assert_eq!(said.causes(), ["characters_lost", "another_key"], "{}", said.text);
    }
    Ok(())
}

#[tokio::test]
async fn a_source_that_is_not_there() -> anyhow::Result<()> {
    for (name, provider) in SAMPLES {
        // The source's name is misspelled in the URL, and the key is the one of a source that is there.
        let request = Sample::load(name)?.request_with(&other_keys(provider), "othr", now());
        let said = is_caused(&request, &["source_unknown"]).await?;
        assert_eq!(said.answer(), (404, "source_unknown"));
        assert!(said.text.contains(&format!("one of {}/other", provider.name())), "{}", said.text);
        let unknown = with_body(&request, "another");
        let said = ask(&unknown).await?;
        assert_eq!((said.causes(), said.proven()), (vec!["source_unknown"], false), "{}", said.text);
        assert!(said.text.contains("are: default, other"), "{}", said.text);
    }
    Ok(())
}

#[tokio::test]
async fn a_request_of_another_provider() -> anyhow::Result<()> {
    let telnyx = sample("telnyx-call-completed");
    let request = HttpRequest { path: "/webhooks/sautikit/default".to_owned(), ..telnyx };
    let said = is_caused(&request, &["another_provider"]).await?;
    assert!(said.text.contains("a request of telnyx/default"), "{}", said.text);
    Ok(())
}

/// The sources with another secret of Sautikit's.
fn with_secret(secret: &str) -> Value {
    let mut sources = sources();
    sources["sautikit"]["default"] = json!({ "secrets": [secret] });
    sources
}

#[tokio::test]
async fn a_secret_that_was_copied_badly() -> anyhow::Result<()> {
    let request = sample("sautikit-call-completed");
    let said = ask_with(&with_secret("whsec_local_sautikit\n"), &event(&request), &[]).await?;
    assert_eq!((said.causes(), said.proven()), (vec!["secret_padded"], true), "{}", said.text);
    let bare = local::keys::of(Sautikit);
    let bare = shared::proof::SenderKeys { secret: "local_sautikit".to_owned(), ..bare };
    let request = Sample::load("sautikit-call-completed")?.request_with(&bare, "default", now());
    let said = ask_with(&with_secret("whsec_local_sautikit"), &event(&request), &[]).await?;
    assert_eq!((said.causes(), said.proven()), (vec!["secret_prefix"], true), "{}", said.text);
    Ok(())
}

#[tokio::test]
async fn either_of_two_keys_fits_and_is_told() -> anyhow::Result<()> {
    let mut sources = sources();
    sources["sautikit"]["default"]["secrets"] = json!(["whsec_new", "whsec_local_sautikit"]);
    let said = ask_with(&sources, &event(&signed(Sautikit, r#"{"kind":"a"}"#)), &[]).await?;
    assert!(said.text.contains("over exactly these bytes, key 2 of the source"), "{}", said.text);
    Ok(())
}
