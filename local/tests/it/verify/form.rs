//! Forms that were decoded and encoded again.

use serde_json::json;
use shared::provider::Provider::Telnyx;
use url::form_urlencoded;

use super::{ask, is_caused, sample, signed, text, with_body};

/// A form as Telnyx sends it, and the same fields as other programs encode them.
const SENT: &str = "CallSid=v3%3A9X_-~*&CallerId=John+Doe&From=%2B353&Empty=&CallStatus=completed";

#[tokio::test]
async fn a_form_that_was_encoded_again() -> anyhow::Result<()> {
    for arrived in [
        "CallSid=v3%3A9X_-~*&CallerId=John%20Doe&From=%2B353&Empty=&CallStatus=completed",
        "CallSid=v3%3a9X_-%7e*&CallerId=John+Doe&From=%2b353&Empty=&CallStatus=completed",
        "CallSid=v3:9X_-~%2A&CallerId=John%20Doe&From=%2B353&Empty=&CallStatus=completed",
    ] {
        // Browsers keep `*` and escape `~`; the sender keeps both, as JavaScript's encodeURIComponent does.
        let sent = signed(Telnyx, SENT.replace('+', "%20"));
        if arrived.as_bytes() != sent.body {
            is_caused(&with_body(&sent, arrived), &["form_encoded_again"]).await?;
        }
    }
    // The provider's sample through a program that writes %20 and small letters.
    let request = sample("telnyx-call-completed");
    let small = text(&request).replace('+', "%20").replace("%3A", "%3a").replace("%2B", "%2b");
    let said = is_caused(&with_body(&request, small), &["form_encoded_again"]).await?;
    assert!(said.text.contains("the same fields with + for a blank"), "{}", said.text);
    Ok(())
}

#[tokio::test]
async fn a_form_that_was_decoded() -> anyhow::Result<()> {
    let request = sample("telnyx-call-no-answer");
    let fields = form_urlencoded::parse(&request.body).map(|(name, value)| format!("{name}={value}"));
    let decoded = fields.collect::<Vec<_>>().join("&");
    assert_ne!(decoded, text(&request));
    let said = ask(&with_body(&request, decoded)).await?;
    assert_eq!((said.causes(), said.proven()), (vec!["form_decoded"], true), "{}", said.text);
    Ok(())
}

#[tokio::test]
async fn a_form_that_became_json() -> anyhow::Result<()> {
    let request = signed(Telnyx, "CallSid=v3%3A9X&CallerId=John+Doe&CallStatus=completed");
    let members = r#"{"CallSid":"v3:9X","CallerId":"John Doe","CallStatus":"completed"}"#;
    is_caused(&with_body(&request, members), &["form_became_json"]).await?;
    // Twice in JSON, and the order is lost: not proven.
    let said = ask(&with_body(&request, json!({ "CallStatus": "completed" }).to_string())).await?;
    assert_eq!((said.causes(), said.proven()), (vec!["another_key"], false), "{}", said.text);
    Ok(())
}
