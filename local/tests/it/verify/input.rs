//! The ways to give a request, and the questions that can't be answered.

use std::collections::BTreeSet;
use std::fs;

use regex::Regex;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::tidy;

use super::{event, keeps_secrets, run, sample, sources, value};

/// A folder with the sources, an event, and headers and body as files.
fn folder() -> anyhow::Result<TempDir> {
    let folder = TempDir::new()?;
    let request = sample("telnyx-call-completed");
    fs::write(folder.path().join("mine.json"), sources().to_string())?;
    fs::write(folder.path().join("event.json"), event(&request).to_string())?;
    fs::write(folder.path().join("body.bin"), &request.body)?;
    let curl = format!(
        "*   Trying 192.0.2.1:443...\n> POST /webhooks/telnyx/default HTTP/2\n> Host: ledger.example\n\
         > Content-Type: application/x-www-form-urlencoded\n> Telnyx-Signature-Ed25519: {}\n\
         > Telnyx-Timestamp: {}\n>\n< HTTP/2 401\n",
        value(&request, "telnyx-signature-ed25519"),
        value(&request, "telnyx-timestamp"),
    );
    fs::write(folder.path().join("curl.txt"), curl)?;
    Ok(folder)
}

const AT: [&str; 2] = ["--at", "2026-06-27T10:06:00Z"];

#[tokio::test]
async fn a_request_is_read_from_an_event_from_files_and_from_standard_input() -> anyhow::Result<()> {
    let folder = folder()?;
    let (event, body) =
        (fs::read(folder.path().join("event.json"))?, fs::read(folder.path().join("body.bin"))?);
    let genuine: [(&[&str], &[u8]); 5] = [
        (&["event.json", "--sources", "mine.json"], b""),
        (&["-", "--sources", "mine.json"], &event),
        (&["--headers", "curl.txt", "--body", "body.bin", "--sources", "mine.json"], b""),
        (&["--headers", "curl.txt", "--body", "-"], &body),
        (
            &[
                "--headers",
                "curl.txt",
                "--body",
                "body.bin",
                "--path",
                "https://x/prod/webhooks/telnyx/default?a=b",
            ],
            b"",
        ),
    ];
    for (arguments, input) in genuine {
        let said = run(&folder, &[arguments, &AT].concat(), input).await?;
        assert_eq!(
            (said.code, &said.report["genuine"]),
            (Some(0), &json!(true)),
            "{arguments:?}: {}{}",
            said.text,
            said.stderr
        );
    }
    // Without the path, the headers tell the provider.
    let bare = fs::read_to_string(folder.path().join("curl.txt"))?
        .replace("POST /webhooks/telnyx/default HTTP/2", "");
    fs::write(folder.path().join("bare.txt"), bare.replace("> \n", ""))?;
    let said =
        run(&folder, &[&["--headers", "bare.txt", "--body", "body.bin"], &AT[..]].concat(), b"").await?;
    assert_eq!(said.code, Some(0), "{}{}", said.text, said.stderr);
    // An event that was cut down by hand to what counts.
    let whole: Value = serde_json::from_slice(&event)?;
    let least = json!({
        "headers": whole["headers"], "body": whole["body"], "isBase64Encoded": true,
        "rawPath": "/webhooks/telnyx/default",
    });
    let said = run(&folder, &[&["-"], &AT[..]].concat(), least.to_string().as_bytes()).await?;
    assert_eq!(said.code, Some(0), "{}{}", said.text, said.stderr);
    Ok(())
}

#[tokio::test]
async fn a_body_is_enough_where_the_url_is_the_proof() -> anyhow::Result<()> {
    let folder = folder()?;
    let request = sample("agni-call-completed");
    fs::write(folder.path().join("agni.json"), &request.body)?;
    let arguments = ["--body", "agni.json", "--path", &request.path, "--sources", "mine.json"];
    let said = run(&folder, &arguments, b"").await?;
    assert_eq!(said.code, Some(0), "{}{}", said.text, said.stderr);
    keeps_secrets(&sources(), &json!({}), &said);
    let without = request.path.rsplit_once('/').map(|(path, _)| path).unwrap_or_default();
    let said = run(&folder, &["--body", "agni.json", "--path", without], b"").await?;
    assert_eq!((said.code, said.causes()), (Some(1), vec!["path_unknown"]), "{}{}", said.text, said.stderr);
    assert!(said.text.contains("/webhooks/agni/{source}/{token}"), "{}", said.text);
    let said = run(&folder, &["--body", "body.bin", "--path", "/webhooks/telnyx/default/more"], b"").await?;
    assert_eq!((said.code, said.causes()), (Some(1), vec!["path_unknown"]), "{}{}", said.text, said.stderr);
    Ok(())
}

#[tokio::test]
async fn a_get_and_the_local_keys_are_told() -> anyhow::Result<()> {
    let folder = folder()?;
    let mut get: Value = serde_json::from_slice(&fs::read(folder.path().join("event.json"))?)?;
    get["requestContext"]["http"]["method"] = json!("GET");
    let said = run(&folder, &["-"], get.to_string().as_bytes()).await?;
    assert_eq!(
        (said.answer(), said.causes()),
        ((405, "method_not_allowed"), vec!["method_not_allowed"]),
        "{}",
        said.text
    );
    let mut changed = get;
    changed["requestContext"]["http"]["method"] = json!("POST");
    changed["isBase64Encoded"] = json!(false);
    changed["body"] = json!("CallSid=a");
    let said = run(&folder, &["-"], changed.to_string().as_bytes()).await?;
    assert_eq!(said.causes(), ["another_key", "local_keys"], "{}", said.text);
    assert!(said.text.contains("--sources FILE"), "{}", said.text);
    Ok(())
}

#[tokio::test]
async fn a_question_that_can_not_be_answered_ends_with_2() -> anyhow::Result<()> {
    let folder = folder()?;
    fs::write(folder.path().join("agni.json"), "{}")?;
    fs::write(folder.path().join("broken.txt"), "POST / HTTP/1.1\n9a9cb6bee508f07165600b99643be197\n")?;
    let rest = json!({ "version": "1.0", "headers": {}, "multiValueHeaders": {} }).to_string();
    let questions: [(&[&str], &[u8], &[&str]); 13] = [
        (&["missing.json"], b"", &["missing.json can't be read"]),
        (&["-"], b"CallSid=a", &["- is not JSON: line 1, column 1", "--headers", "--body"]),
        (&["-"], b"{}", &["it has no `headers`"]),
        (&["-"], br#"{"headers":{"a":"canary"},"isBase64Encoded":"canary"}"#, &["a field has another type"]),
        (&["-"], rest.as_bytes(), &["payload format 1.0"]),
        (&["--body", "agni.json"], b"", &["name it with --provider: sautikit, callkaro, telnyx, agni"]),
        (&["--body", "agni.json", "--path", "/calls"], b"", &["--path is no webhook's"]),
        (
            &["--headers", "broken.txt", "--body", "agni.json"],
            b"",
            &["broken.txt: line 2: this is no header"],
        ),
        (&["--headers", "-", "--body", "-"], b"", &["can't both be standard input"]),
        (&["event.json", "--sources", "missing.json"], b"", &["missing.json can't be read", "--sources"]),
        (
            &["event.json", "--source", "nobody", "--sources", "mine.json"],
            b"",
            &["mine.json has no source nobody of telnyx; --source names one of: default, other"],
        ),
        (
            &["event.json", "--provider", "twilio"],
            b"",
            &["the providers are sautikit, callkaro, telnyx, agni"],
        ),
        (&["event.json", "--body", "body.bin"], b"", &["cannot be used with"]),
    ];
    for (arguments, input, says) in questions {
        let said = run(&folder, arguments, input).await?;
        assert_eq!((said.code, said.text.as_str()), (Some(2), ""), "{arguments:?}: {}", said.stderr);
        for text in says {
            assert!(said.stderr.contains(text), "{arguments:?} does not say {text}: {}", said.stderr);
        }
        for noise in ["canary", "9a9cb6bee508", "Caused by", "backtrace"] {
            assert!(!said.stderr.contains(noise), "{arguments:?} says {noise}: {}", said.stderr);
        }
    }
    assert_eq!(run(&folder, &[], b"").await?.code, Some(2));
    Ok(())
}

#[test]
fn the_document_has_every_cause_and_no_other() {
    let source: String = tidy::sources("local/src/command/verify/causes")
        .into_iter()
        .chain([("".to_owned(), tidy::read("local/src/command/verify/causes.rs"))])
        .map(|(_, text)| text)
        .collect();
    let made =
        Regex::new(r#"(?:new|likely|add|undo|push)\(\(?\s*"([a-z0-9]+_[a-z0-9_]+)"|=> \("(form_[a-z_]+)""#);
    let made = made.expect("a pattern");
    let code = |found: regex::Captures<'_>| {
        found.get(1).or(found.get(2)).map(|code| code.as_str().to_owned()).unwrap_or_default()
    };
    let mut made: BTreeSet<_> = made.captures_iter(&source).map(code).collect();
    made.extend(["charset".to_owned(), "quarantined".to_owned()]);
    let document = tidy::read("docs/verify.md");
    let rows = document.lines().filter(|line| line.starts_with("| `"));
    let codes = rows.filter_map(|row| row.split('|').nth(1)).flat_map(|codes| codes.split(", "));
    let codes: BTreeSet<_> = codes.map(|code| code.trim_matches([' ', '`']).to_owned()).collect();
    assert_eq!(made, codes);
}
