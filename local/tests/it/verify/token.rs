//! Tokens in the URL that were damaged when the URL was copied.

use local::gateway::HttpRequest;
use local::keys::{AGNI_TOKEN, CALLKARO_TOKEN};

use super::{ask, is_caused, other_keys, sample};
use shared::provider::Provider;

const SAMPLES: [(&str, &str); 2] =
    [("agni-call-completed", AGNI_TOKEN), ("callkaro-call-ended", CALLKARO_TOKEN)];

/// The sample, sent to the URL with this at the place of the token, as it stands in the URL.
fn with_token(name: &str, token: &str, written: &str) -> HttpRequest {
    let request = sample(name);
    HttpRequest { path: request.path.replace(token, written), ..request }
}

#[tokio::test]
async fn a_token_that_was_damaged() -> anyhow::Result<()> {
    for (name, token) in SAMPLES {
        let end = token.len() - 7;
        for (written, cause) in [
            (format!("{token}%20"), "token_padded"),
            (format!("%22{token}%22"), "token_padded"),
            (format!("%7B{token}%7D"), "token_padded"),
            (format!("{token}."), "token_padded"),
            (format!("{token}&x=1"), "token_padded"),
            (token.replace('-', "%252D"), "token_escaped"),
            (token.to_uppercase(), "token_case"),
            (token[..end].to_owned(), "token_cut"),
            (token[7..].to_owned(), "token_cut"),
        ] {
            let said = is_caused(&with_token(name, token, &written), &[cause]).await?;
            assert_eq!(said.answer(), (401, "token_mismatch"), "{}", said.text);
        }
        let said = ask(&with_token(name, token, &token[..end])).await?;
        assert!(said.text.contains(&format!("after {end} of {} characters", token.len())), "{}", said.text);
    }
    Ok(())
}

#[tokio::test]
async fn the_token_of_another_source() -> anyhow::Result<()> {
    for (name, token) in SAMPLES {
        let provider = name.split('-').next().and_then(Provider::from_name).expect("a provider");
        let other = other_keys(provider).url_token;
        let said = is_caused(&with_token(name, token, &other), &["another_source"]).await?;
        assert!(said.text.contains(&format!("{}/other", provider.name())), "{}", said.text);
    }
    let said =
        is_caused(&with_token("agni-call-completed", AGNI_TOKEN, CALLKARO_TOKEN), &["another_provider"])
            .await?;
    assert!(said.text.contains("a request of callkaro/default"), "{}", said.text);
    Ok(())
}

#[tokio::test]
async fn a_token_that_is_not_known() -> anyhow::Result<()> {
    for (name, token) in SAMPLES {
        let said = ask(&with_token(name, token, "a-token-from-before-the-rotation")).await?;
        assert_eq!((said.causes(), said.proven()), (vec!["another_token"], false), "{}", said.text);
        assert!(said.text.contains("it has 32 characters, and those of the source have 4"), "{}", said.text);
        for placeholder in ["%7Btoken%7D", "%3Ctoken%3E", "token"] {
            let said = ask(&with_token(name, token, placeholder)).await?;
            assert_eq!(said.causes(), ["token_placeholder"], "{}", said.text);
        }
    }
    Ok(())
}
