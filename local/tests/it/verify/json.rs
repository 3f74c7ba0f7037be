//! JSON that was parsed and printed again, and signatures over parsed JSON. The texts are what these programs
//! print.

use shared::provider::Provider::Sautikit;

use super::{is_caused, sample, signed, text, with_body};

/// One value, as JavaScript, Rust, Go without HTML escapes, and PHP without escapes print it.
const JAVASCRIPT: &str = r#"{"kind":"call.completed","event_id":"e","data":{"call_id":"a/b","from":"+4917","name":"Zoë <z>","list":[1,2.50],"none":{}}}"#;
const PYTHON: &str = r#"{"kind": "call.completed", "event_id": "e", "data": {"call_id": "a/b", "from": "+4917", "name": "Zo\u00eb <z>", "list": [1, 2.50], "none": {}}}"#;
const PHP: &str = r#"{"kind":"call.completed","event_id":"e","data":{"call_id":"a\/b","from":"+4917","name":"Zo\u00eb <z>","list":[1,2.50],"none":{}}}"#;
const GO: &str = r#"{"kind":"call.completed","event_id":"e","data":{"call_id":"a/b","from":"+4917","name":"Zoë \u003cz\u003e","list":[1,2.50],"none":{}}}"#;
const DOT_NET: &str = r#"{"kind":"call.completed","event_id":"e","data":{"call_id":"a/b","from":"\u002B4917","name":"Zo\u00EB \u003Cz\u003E","list":[1,2.50],"none":{}}}"#;
const LINES: &str = "{\n  \"kind\": \"call.completed\",\n  \"event_id\": \"e\",\n  \"data\": {\n    \"call_id\": \"a/b\",\n    \"from\": \"+4917\",\n    \"name\": \"Zoë <z>\",\n    \"list\": [\n      1,\n      2.50\n    ],\n    \"none\": {}\n  }\n}";

#[tokio::test]
async fn json_that_was_printed_again_on_the_way() -> anyhow::Result<()> {
    for (signed_text, arrived, style) in [
        (
            PYTHON,
            JAVASCRIPT,
            "with a blank behind each comma and colon, as Python prints it, with \\u escapes",
        ),
        (PHP, PYTHON, "as PHP prints it"),
        (GO, JAVASCRIPT, "as Go prints it"),
        (DOT_NET, PHP, "as .NET prints it"),
        (JAVASCRIPT, PYTHON, "without white space, as JavaScript prints it"),
        (LINES, JAVASCRIPT, "in lines, indented by 2 blanks"),
    ] {
        let damaged = with_body(&signed(Sautikit, signed_text), arrived);
        let said = is_caused(&damaged, &["body_printed_again"]).await?;
        assert!(said.text.contains(style), "{style}: {}", said.text);
    }
    Ok(())
}

#[tokio::test]
async fn a_signature_over_parsed_json() -> anyhow::Result<()> {
    // The sender signs `JSON.stringify(body)`, and sends the body as a person wrote it.
    let said =
        is_caused(&with_body(&signed(Sautikit, JAVASCRIPT), LINES), &["signature_over_parsed_json"]).await?;
    assert!(said.text.contains("not over the bytes of the body"), "{}", said.text);
    // The provider's own sample, as it is documented: in lines.
    let documented = sample("sautikit-call-completed");
    let compact: String =
        text(&documented).lines().map(|line| line.trim_start().replacen("\": ", "\":", 1)).collect();
    is_caused(&with_body(&signed(Sautikit, compact), documented.body), &["signature_over_parsed_json"])
        .await?;
    Ok(())
}

#[tokio::test]
async fn json_that_was_printed_again_and_given_a_line_end() -> anyhow::Result<()> {
    // White space around JSON goes when it is printed again.
    is_caused(&with_body(&signed(Sautikit, PYTHON), format!("{JAVASCRIPT}\n")), &["body_printed_again"])
        .await?;
    let damaged = with_body(&signed(Sautikit, format!("{PYTHON}\n")), JAVASCRIPT);
    is_caused(&damaged, &["body_printed_again", "newline_dropped"]).await?;
    Ok(())
}

#[tokio::test]
async fn members_in_another_order_can_not_be_proven_and_are_named() -> anyhow::Result<()> {
    let sorted = r#"{"data":{"call_id":"a/b"},"event_id":"e","kind":"call.completed","workspace_id":"w"}"#;
    let sent = r#"{"kind":"call.completed","event_id":"e","workspace_id":"w","data":{"call_id":"a/b"}}"#;
    let said = super::ask(&with_body(&signed(Sautikit, sent), sorted)).await?;
    assert_eq!(said.causes(), ["members_sorted", "another_key"], "{}", said.text);
    assert!(!said.proven());
    // The other way round, the order can be found.
    is_caused(&with_body(&signed(Sautikit, sorted), sent), &["body_printed_again"]).await?;
    Ok(())
}
