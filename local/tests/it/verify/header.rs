//! Headers that were lost, renamed or rewritten.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use http::HeaderValue;
use local::keys;
use serde_json::json;
use shared::provider::sign_sautikit_timestamped;

use super::{ask, ask_with, event, is_caused, now, renamed, sample, sources, value, with_header};

const SAUTIKIT: &str = "x-sautikit-signature";
const TELNYX: &str = "telnyx-signature-ed25519";
const TIME: &str = "telnyx-timestamp";

fn sautikit() -> local::gateway::HttpRequest {
    sample("sautikit-call-completed")
}

fn telnyx() -> local::gateway::HttpRequest {
    sample("telnyx-call-completed")
}

/// Sautikit's sample, signed in the form with a time.
fn timestamped() -> local::gateway::HttpRequest {
    let request = sautikit();
    let (_, signature) = sign_sautikit_timestamped(&keys::sautikit(), &request.body, now().as_second());
    with_header(&request, SAUTIKIT, &signature)
}

#[tokio::test]
async fn a_header_that_is_missing_empty_or_has_another_name() -> anyhow::Result<()> {
    for (request, header) in [(sautikit(), SAUTIKIT), (telnyx(), TELNYX), (telnyx(), TIME)] {
        let mut missing = request.clone();
        missing.headers.remove(header);
        let said = ask(&missing).await?;
        assert_eq!(
            (said.answer(), said.causes()),
            ((401, "signature_missing"), vec!["header_missing"]),
            "{}",
            said.text
        );
        assert!(said.text.contains(header), "{}", said.text);
        let said = ask(&with_header(&request, header, "")).await?;
        assert_eq!(
            (said.answer(), said.causes()),
            ((401, "signature_missing"), vec!["header_empty"]),
            "{}",
            said.text
        );
    }
    for (request, header, name) in [
        (sautikit(), SAUTIKIT, "x_sautikit_signature"),
        (sautikit(), SAUTIKIT, "http_x_sautikit_signature"),
        (sautikit(), SAUTIKIT, "sautikit-signature"),
        (telnyx(), TELNYX, "x-forwarded-telnyx-signature-ed25519"),
        (telnyx(), TELNYX, "telnyx-signature"),
        (telnyx(), TIME, "x-telnyx-timestamp"),
    ] {
        let said = is_caused(&renamed(&request, header, name), &["header_misnamed"]).await?;
        assert!(said.text.contains(name), "{}", said.text);
    }
    let both =
        renamed(&renamed(&telnyx(), TELNYX, "http_telnyx_signature_ed25519"), TIME, "http_telnyx_timestamp");
    is_caused(&both, &["header_misnamed", "header_misnamed"]).await?;
    Ok(())
}

#[tokio::test]
async fn a_header_that_was_sent_twice() -> anyhow::Result<()> {
    for (request, header) in
        [(sautikit(), SAUTIKIT), (timestamped(), SAUTIKIT), (telnyx(), TELNYX), (telnyx(), TIME)]
    {
        let mut twice = request.clone();
        twice.headers.append(header, HeaderValue::from_str(&value(&request, header))?);
        is_caused(&twice, &["header_twice"]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_signature_in_another_encoding() -> anyhow::Result<()> {
    let bytes = hex::decode(value(&sautikit(), SAUTIKIT))?;
    for encoded in [BASE64_STANDARD.encode(&bytes), BASE64_URL_SAFE_NO_PAD.encode(&bytes)] {
        is_caused(&with_header(&sautikit(), SAUTIKIT, &encoded), &["header_base64"]).await?;
    }
    let (time, code) = (now().as_second(), value(&timestamped(), SAUTIKIT));
    let code = hex::decode(code.rsplit('=').next().unwrap_or_default())?;
    let in_base64 = format!("t={time},v1={}", BASE64_STANDARD.encode(code));
    is_caused(&with_header(&timestamped(), SAUTIKIT, &in_base64), &["header_base64"]).await?;

    let bytes = BASE64_STANDARD.decode(value(&telnyx(), TELNYX))?;
    is_caused(&with_header(&telnyx(), TELNYX, &hex::encode(&bytes)), &["header_hex"]).await?;
    let for_urls = BASE64_URL_SAFE_NO_PAD.encode(&bytes);
    is_caused(&with_header(&telnyx(), TELNYX, &for_urls), &["header_base64url"]).await?;
    Ok(())
}

#[tokio::test]
async fn a_value_with_a_prefix_quotes_or_escapes() -> anyhow::Result<()> {
    let good = value(&sautikit(), SAUTIKIT);
    for prefix in ["sha256=", "hmac-sha256=", "v1=", "HMAC ", "sha256:"] {
        let said =
            is_caused(&with_header(&sautikit(), SAUTIKIT, &format!("{prefix}{good}")), &["header_prefix"])
                .await?;
        assert!(said.text.contains(&format!("has the prefix {prefix}")), "{}", said.text);
    }
    is_caused(&with_header(&sautikit(), SAUTIKIT, &format!("\"{good}\"")), &["header_quoted"]).await?;
    let escaped = value(&telnyx(), TELNYX).replace('=', "%3D").replace('+', "%2B").replace('/', "%2F");
    is_caused(&with_header(&telnyx(), TELNYX, &escaped), &["header_escaped"]).await?;
    Ok(())
}

#[tokio::test]
async fn the_other_of_two_forms() -> anyhow::Result<()> {
    // Signed with the time, and sent without it: the time is in a header of its own.
    let (time, signature) = (now().as_second(), value(&timestamped(), SAUTIKIT));
    let code = signature.rsplit('=').next().unwrap_or_default();
    let apart =
        with_header(&with_header(&sautikit(), SAUTIKIT, code), "x-sautikit-timestamp", &time.to_string());
    let said = is_caused(&apart, &["other_form"]).await?;
    assert!(said.text.contains("the time in x-sautikit-timestamp"), "{}", said.text);
    // Signed without the time, and sent with one.
    let with_time = format!("t={time},v1={}", value(&sautikit(), SAUTIKIT));
    is_caused(&with_header(&sautikit(), SAUTIKIT, &with_time), &["other_form"]).await?;
    let reordered = format!("v1={code}; t={time}");
    is_caused(&with_header(&sautikit(), SAUTIKIT, &reordered), &["header_order"]).await?;
    // The source is pinned to one form, and gets the other.
    for (request, scheme) in [(sautikit(), "timestamped"), (timestamped(), "plain")] {
        let mut sources = sources();
        sources["sautikit"]["default"]["scheme"] = json!(scheme);
        let said = ask_with(&sources, &event(&request), &[]).await?;
        assert_eq!((said.causes(), said.proven()), (vec!["signature_form_pinned"], true), "{}", said.text);
    }
    Ok(())
}

#[tokio::test]
async fn a_time_that_is_not_in_seconds() -> anyhow::Result<()> {
    let seconds = now().as_second();
    for (time, says) in [
        (format!("{seconds}000"), "milliseconds"),
        (format!("{seconds}000000"), "microseconds"),
        (format!("{seconds}.25"), "Unix seconds"),
        (now().to_string(), "Unix seconds"),
        ("Sat, 27 Jun 2026 10:06:00 GMT".to_owned(), "Unix seconds"),
    ] {
        let said = is_caused(&with_header(&telnyx(), TIME, &time), &["time_not_in_seconds"]).await?;
        assert!(said.text.contains(says), "{time}: {}", said.text);
    }
    let milliseconds = value(&timestamped(), SAUTIKIT).replace(',', "000,");
    is_caused(&with_header(&timestamped(), SAUTIKIT, &milliseconds), &["time_not_in_seconds"]).await?;
    Ok(())
}

#[tokio::test]
async fn a_value_that_was_cut_off_is_described_and_not_printed() -> anyhow::Result<()> {
    let good = value(&sautikit(), SAUTIKIT);
    let said = ask(&with_header(&sautikit(), SAUTIKIT, &good[..60])).await?;
    assert_eq!(
        (said.answer(), said.causes()),
        ((401, "signature_malformed"), vec!["header_malformed"]),
        "{}",
        said.text
    );
    assert!(said.text.contains("60 hexadecimal digits"), "{}", said.text);
    let good = value(&telnyx(), TELNYX);
    let said = ask(&with_header(&telnyx(), TELNYX, &good[..40])).await?;
    assert!(said.text.contains("the base64 of 30 bytes"), "{}", said.text);
    Ok(())
}
