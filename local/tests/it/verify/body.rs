//! Bodies that are not the bytes that were signed.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use shared::provider::Provider::{Sautikit, Telnyx};

use super::{ask_with, event, is_caused, sample, signed, sources, text, with_body};

const NAMES: [&str; 2] = ["sautikit-call-completed", "telnyx-call-completed"];

#[tokio::test]
async fn a_line_end_that_was_added() -> anyhow::Result<()> {
    for name in NAMES {
        for end in ["\n", "\r\n"] {
            let request = sample(name);
            let damaged = with_body(&request, format!("{}{end}", text(&request)));
            let said = is_caused(&damaged, &["newline_added"]).await?;
            assert!(said.text.contains("FAILS signature"), "{}", said.text);
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_line_end_that_was_dropped() -> anyhow::Result<()> {
    for name in NAMES {
        for end in ["\n", "\r\n"] {
            let request = sample(name);
            let provider = if name.starts_with("telnyx") { Telnyx } else { Sautikit };
            let whole = signed(provider, format!("{}{end}", text(&request)));
            is_caused(&with_body(&whole, request.body), &["newline_dropped"]).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn line_ends_that_were_changed() -> anyhow::Result<()> {
    let request = sample("sautikit-call-completed");
    let unix = text(&request);
    let windows = unix.replace('\n', "\r\n");
    let said = is_caused(&with_body(&request, windows.clone()), &["line_ends"]).await?;
    assert!(said.text.contains("from LF to CR LF"), "{}", said.text);
    let said = is_caused(&with_body(&signed(Sautikit, windows), unix), &["line_ends"]).await?;
    assert!(said.text.contains("from CR LF to LF"), "{}", said.text);
    Ok(())
}

#[tokio::test]
async fn white_space_and_a_byte_order_mark() -> anyhow::Result<()> {
    for name in NAMES {
        let request = sample(name);
        let body = text(&request);
        is_caused(&with_body(&request, format!("  {body} \n\n")), &["white_space"]).await?;
        is_caused(&with_body(&request, format!("\u{feff}{body}")), &["byte_order_mark"]).await?;
    }
    let marked = signed(Sautikit, format!("\u{feff}{}", text(&sample("sautikit-call-completed"))));
    let bare = with_body(&marked, sample("sautikit-call-completed").body);
    is_caused(&bare, &["byte_order_mark"]).await?;
    Ok(())
}

/// Asks about an event whose body is changed in the event itself.
async fn is_caused_in_event(event: &Value, by: &[&str]) -> anyhow::Result<()> {
    let said = ask_with(&sources(), event, &[]).await?;
    assert_eq!((said.causes(), said.proven()), (by.to_vec(), true), "{}", said.text);
    Ok(())
}

#[tokio::test]
async fn base64_that_was_not_decoded() -> anyhow::Result<()> {
    // The flag is lost: the function gets the base64 as the body.
    let mut telnyx = event(&sample("telnyx-call-completed"));
    telnyx["isBase64Encoded"] = json!(false);
    is_caused_in_event(&telnyx, &["base64_not_decoded"]).await?;
    // Encoded once more than it is decoded, and wrapped in lines as `base64` prints it.
    let request = sample("sautikit-call-completed");
    let encoded = BASE64_STANDARD.encode(&request.body);
    let lines: Vec<_> = encoded.as_bytes().chunks(76).map(String::from_utf8_lossy).collect();
    is_caused(&with_body(&request, lines.join("\n")), &["base64_not_decoded"]).await?;
    Ok(())
}

#[tokio::test]
async fn base64_that_was_decoded_twice() -> anyhow::Result<()> {
    // Somebody decoded the body in the event, and left the flag.
    let request = sample("telnyx-call-completed");
    let mut decoded = event(&request);
    decoded["body"] = json!(text(&request));
    is_caused_in_event(&decoded, &["base64_decoded_twice"]).await?;
    // The same, and a line end behind it.
    decoded["body"] = json!(format!("{}\n", text(&request)));
    is_caused_in_event(&decoded, &["base64_decoded_twice", "newline_added"]).await?;
    // The sender signed base64.
    let body = sample("sautikit-call-completed").body;
    let encoded = signed(Sautikit, BASE64_STANDARD.encode(&body));
    is_caused(&with_body(&encoded, body), &["base64_decoded_twice"]).await?;
    Ok(())
}

#[tokio::test]
async fn a_text_inside_json_and_another_charset() -> anyhow::Result<()> {
    let request = signed(Sautikit, r#"{"kind":"call.completed","data":{"call_id":"Zoë"}}"#);
    let quoted = json!(text(&request)).to_string();
    is_caused(&with_body(&request, quoted.clone()), &["text_in_json"]).await?;
    // A log without the quotes around it.
    is_caused(&with_body(&request, quoted.trim_matches('"')), &["text_in_json"]).await?;
    let mojibake: String = request.body.iter().map(|byte| char::from(*byte)).collect();
    is_caused(&with_body(&request, mojibake), &["charset"]).await?;
    let latin1: Vec<u8> =
        text(&request).chars().filter_map(|character| u8::try_from(u32::from(character)).ok()).collect();
    is_caused(&with_body(&request, latin1), &["charset"]).await?;
    Ok(())
}
