//! Genuine bodies that are refused for their account, or go to quarantine.

use local::sample::Sample;
use serde_json::json;
use shared::provider::Provider::{Agni, Callkaro, Sautikit, Telnyx};

use super::{ask, ask_with, event, now, signed, sources};

#[tokio::test]
async fn another_account_than_the_pinned_one() -> anyhow::Result<()> {
    let mut sample = Sample::load("agni-call-completed")?;
    sample.set("org_id", "somebody-else")?;
    let said = ask(&sample.request("default", now())).await?;
    assert_eq!(
        (said.answer(), said.causes()),
        ((403, "account_mismatch"), vec!["account_mismatch"]),
        "{}",
        said.text
    );
    assert!(said.text.contains("FAILS account"), "{}", said.text);
    assert!(!said.text.contains("somebody-else"), "{}", said.text);

    // Another source with the same key takes this account.
    let mut both = sources();
    both["agni"]["other"]["tokens"] = both["agni"]["default"]["tokens"].clone();
    sample.set("org_id", "another-account")?;
    let said = ask_with(&both, &event(&sample.request("default", now())), &[]).await?;
    assert_eq!(said.causes(), ["account_mismatch"]);
    assert!(said.text.contains("another source is pinned to: agni/other"), "{}", said.text);

    for (name, provider) in [("telnyx-call-completed", "telnyx"), ("sautikit-call-completed", "sautikit")] {
        let mut pinned = sources();
        pinned[provider]["default"]["account"] = json!("mine");
        let said = ask_with(&pinned, &event(&Sample::load(name)?.request("default", now())), &[]).await?;
        assert_eq!((said.code, said.answer()), (Some(1), (403, "account_mismatch")), "{}", said.text);
    }
    Ok(())
}

#[tokio::test]
async fn a_genuine_body_that_goes_to_quarantine() -> anyhow::Result<()> {
    let long =
        format!(r#"{{"kind":"call.completed","event_id":"e","data":{{"call_id":"{}"}}}}"#, "x".repeat(3_000));
    for (provider, body, says) in [
        (Sautikit, r#"{"kind":"call.completed","data":"#, "body_unreadable: it is no JSON: line 1, column "),
        (Sautikit, r#"["kind"]"#, "body_unreadable: it is JSON, but no object"),
        (
            Sautikit,
            r#"{"event":"call.completed"}"#,
            "body_unreadable: it does not name a kind of event, as sautikit does",
        ),
        (Sautikit, r#"{"kind":"call.completed","data":{}}"#, "call_id_missing: it does not say which call"),
        (Sautikit, &long, "call_id_too_long: it names its call with an id of more than"),
        (Telnyx, "AccountSid=a", "call_id_missing: it does not say which call"),
    ] {
        let said = ask(&signed(provider, body)).await?;
        assert_eq!((said.code, said.answer()), (Some(0), (200, "quarantined")), "{}", said.text);
        assert_eq!(said.causes(), ["quarantined"], "{}", said.text);
        assert!(said.text.contains(says), "{says}: {}", said.text);
        assert!(said.text.starts_with("ok ") && said.text.contains("Genuine: "), "{}", said.text);
    }
    Ok(())
}

#[tokio::test]
async fn a_kind_that_adds_nothing_to_a_record_is_genuine() -> anyhow::Result<()> {
    for (provider, body) in [
        (Sautikit, r#"{"kind":"number.bought","event_id":"e"}"#),
        (Callkaro, r#"{"event":"call_started","data":{"callSid":"a"}}"#),
        (Agni, r#"{"event":"call.started","org_id":"1268c1f0-19f3-47db-aefb-c16a7c3ace6e"}"#),
    ] {
        let said = ask(&signed(provider, body)).await?;
        assert_eq!((said.answer(), said.causes().len()), ((200, "ignored"), 0), "{}", said.text);
        assert!(said.text.contains("which adds nothing to a record"), "{}", said.text);
    }
    Ok(())
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_before_its_proof_is_checked() -> anyhow::Result<()> {
    let said = ask(&signed(Sautikit, " ".repeat(4 * 1024 * 1024 + 1))).await?;
    assert_eq!(
        (said.answer(), said.causes()),
        ((413, "body_too_large"), vec!["body_too_large"]),
        "{}",
        said.text
    );
    assert!(said.text.contains("4194305 bytes, where 4194304 are the most"), "{}", said.text);
    Ok(())
}

#[tokio::test]
async fn a_large_body_is_searched_and_given_up() -> anyhow::Result<()> {
    let members: Vec<_> = (0..9_000).map(|index| format!(r#""field {index}":"Zoë / {index}""#)).collect();
    let body = format!(r#"{{"kind":"call.completed",{}}}"#, members.join(","));
    let request = signed(Sautikit, format!("{body}\n"));
    let said = ask(&super::with_body(&request, body.clone())).await?;
    assert_eq!(said.causes(), ["newline_dropped"], "{}", said.text);
    // Nothing fits, and all is tried.
    let said = ask(&super::with_body(&request, format!("{body}x"))).await?;
    assert_eq!(said.causes(), ["another_key"], "{}", said.text);
    Ok(())
}
