//! Ids that a path, a key or a log could take for something else.

use anyhow::Context;
use serde_json::json;
use shared::provider::{Provider, sign_sautikit_timestamped};

use super::bundle::{Bundle, ODD_IDS, completed, keys, ok, problem};

#[tokio::test]
async fn calls_with_odd_ids_are_read_by_their_ids_and_others_are_unknown() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let long = ["x".repeat(2048), "é".repeat(1024), "📞".repeat(512), format!("sha256:{}", "0".repeat(64))];
    let ids = ODD_IDS.into_iter().chain(long.iter().map(String::as_str));
    for id in ids {
        assert_eq!(
            problem(&bundle.call(Provider::Sautikit, "default", id).await),
            (404, "call_unknown".to_owned())
        );
        let body = completed(id, "2026-06-27T10:00:00Z".parse()?, "completed", "anonymous");
        bundle.deliver(Provider::Sautikit, "default", &body, "accepted").await?;
        let call = ok(&bundle.call(Provider::Sautikit, "default", id).await)?;
        assert_eq!((&call["call_id"], &call["revision"]), (&json!(id), &json!(1)));
        assert_eq!(bundle.call(Provider::Sautikit, "kenya", id).await.status, 404);
    }
    // `a#b` of the source `default` is not `b` of a source `default#a`.
    let far = "y".repeat(5000);
    for (source, id) in [("default#a", "b"), ("", "📞"), ("DEFAULT", "📞"), (far.as_str(), far.as_str())]
    {
        let reply = bundle.call(Provider::Sautikit, source, id).await;
        assert_eq!(problem(&reply), (404, "call_unknown".to_owned()), "{source}");
    }
    let (calls, _) = bundle.pages("day=2026-06-27&limit=2").await?;
    assert_eq!(calls.len(), ODD_IDS.len() + long.len());
    // Each is read by the path that the list shows, which no gateway changes.
    for call in &calls {
        let part = call["path"].as_str().and_then(|path| path.rsplit('/').next()).context("no path")?;
        assert!(part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:~".contains(&byte)), "{part}");
        let read = ok(&bundle.call(Provider::Sautikit, "default", part).await)?;
        assert_eq!((&read["call_id"], &read["path"]), (&call["call_id"], &call["path"]));
    }
    Ok(())
}

#[tokio::test]
async fn a_call_that_was_never_applied_is_unknown() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let body = completed("c1", "2026-06-27T10:00:00Z".parse()?, "completed", "");
    let signature = sign_sautikit_timestamped(&keys().hmac_key(), body.as_bytes(), 1_700_000_000);
    bundle.deliver_signed(Provider::Sautikit, "default", &body, vec![signature], "quarantined").await?;
    let reply = bundle.call(Provider::Sautikit, "default", "c1").await;
    assert_eq!(problem(&reply), (404, "call_unknown".to_owned()));
    assert_eq!(bundle.list("day=2026-06-27").await?, json!({ "calls": [], "cursor": null }));
    Ok(())
}
