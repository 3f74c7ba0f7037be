//! Tokens, methods, paths and downloads.

use http::Method;
use jiff::Timestamp;
use query::Query;
use serde_json::{Value, json};
use shared::provider::Provider;
use shared::sources::Sources;
use tokio::net::TcpListener;

use super::bundle::{
    BUCKET, Bundle, NOW, TOKEN, authorized, aws, ok, problem, reader, recording_ready, request, text,
};

#[tokio::test]
async fn a_stored_recording_is_downloaded_through_the_redirect() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let (call_id, recording_id) = ("c/1 📞", "r\"1\" é");
    let ready = recording_ready(call_id, recording_id, "2026-06-27T10:06:00Z".parse()?);
    bundle.deliver(Provider::Sautikit, "default", &ready, "accepted").await?;
    let reply = bundle.recording(call_id, recording_id).await;
    assert_eq!(problem(&reply), (409, "recording_not_stored".to_owned()));
    assert!(
        reply.body.contains("its state is pending, the next attempt is due at 2026-06-27T10:06:01.500Z"),
        "{}",
        reply.body
    );
    for (call_id, recording_id) in [(call_id, "r2"), ("c2", recording_id), (call_id, &*"x".repeat(2048))] {
        let reply = bundle.recording(call_id, recording_id).await;
        assert_eq!(problem(&reply), (404, "recording_unknown".to_owned()));
    }

    let key = "recordings/sautikit/default/2026/06/27/c%2F1/r%221%22.mp3";
    let sound = b"sound \xff\x00".to_vec();
    bundle.aws.s3().put_object().bucket(BUCKET).key(key).body(sound.clone().into()).send().await?;
    let stored = [("state", text("stored")), ("s3_key", text(key))];
    bundle.set_recording(call_id, recording_id, &stored).await?;
    let reply = bundle.recording(call_id, recording_id).await;
    assert_eq!(reply.status, 302, "{}", reply.body);
    let location = reply.headers["location"].to_str()?;
    assert!(location.contains("X-Amz-Expires=900") && !reply.body.contains("X-Amz"), "{location}");

    let _ = rustls::crypto::ring::default_provider().install_default();
    let download = reqwest::get(location).await?;
    assert_eq!(download.status(), 200);
    assert_eq!(download.headers()["content-disposition"], "attachment; filename=\"r_1___.mp3\"");
    assert_eq!(download.bytes().await?, sound);

    let failed = [("state", text("expired")), ("reason", text("link_expired"))];
    bundle.set_recording(call_id, recording_id, &failed).await?;
    let reply = bundle.recording(call_id, recording_id).await;
    assert_eq!(problem(&reply), (409, "recording_not_stored".to_owned()));
    assert!(reply.body.contains("it is expired (link_expired)"), "{}", reply.body);

    // With a newer link there is something to try, and nothing of the end is left.
    let newer = ready.replace("e-c/1", "e2-c/1").replace("11:06:00.000Z", "12:06:00.000Z");
    bundle.deliver(Provider::Sautikit, "default", &newer, "accepted").await?;
    let call = ok(&bundle.call(Provider::Sautikit, "default", call_id).await)?;
    let recording = &call["recordings"][0];
    assert_eq!((&recording["state"], &recording["reason"]), (&json!("pending"), &Value::Null));
    assert_eq!(recording["next_attempt_at"], NOW);
    Ok(())
}

#[tokio::test]
async fn only_bearers_of_a_token_are_answered() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let answer = async |authorization: Option<&[u8]>, method: Method, path: &[(&str, &str)]| {
        let mut request = request(method, path, "day=2026-06-27");
        if let Some(value) = authorization.and_then(|value| value.try_into().ok()) {
            request.headers.insert("authorization", value);
        }
        bundle.query.respond(request, Timestamp::now()).await
    };
    for accepted in [format!("Bearer {TOKEN}"), format!("bEARER   {TOKEN}")] {
        assert_eq!(answer(Some(accepted.as_bytes()), Method::GET, &[]).await.status, 200, "{accepted}");
    }
    let twice = format!("Bearer {TOKEN}, Bearer {TOKEN}");
    for (authorization, code) in [
        (None, "token_missing"),
        (Some(""), "token_missing"),
        (Some("Bearer"), "token_missing"),
        (Some("Bearer "), "token_missing"),
        (Some(TOKEN), "token_missing"),
        (Some("Basic cXVlcnk6dG9rZW4="), "token_missing"),
        (Some("Bearer x"), "token_mismatch"),
        (Some("Bearer query-token-0123456789abcde"), "token_mismatch"),
        (Some("Bearer query-token-0123456789abcdef0"), "token_mismatch"),
        (Some(twice.as_str()), "token_mismatch"),
    ] {
        for path in [&[][..], &[("provider", "agni"), ("source", "default"), ("call_id", "c")], &[("x", "y")]]
        {
            let reply = answer(authorization.map(str::as_bytes), Method::GET, path).await;
            assert_eq!(problem(&reply), (401, code.to_owned()), "{authorization:?}");
            assert_eq!(reply.headers["www-authenticate"], "Bearer");
        }
    }
    assert_eq!(answer(Some(b"Bearer \xff\xfe"), Method::GET, &[]).await.status, 401);

    let (_, nobody) =
        (&bundle, Query::new(bundle.ledger.clone(), bundle.aws.s3(), BUCKET.to_owned(), Sources::default()));
    let reply = nobody.respond(authorized(Method::GET, &[], "day=2026-06-27"), Timestamp::now()).await;
    assert_eq!(problem(&reply), (401, "token_mismatch".to_owned()));
    Ok(())
}

#[tokio::test]
async fn methods_and_paths_that_are_not_there_say_what_is() -> anyhow::Result<()> {
    let bundle = Bundle::start().await?;
    let call = [("provider", "agni"), ("source", "default"), ("call_id", "c")];
    for method in [Method::POST, Method::HEAD, Method::DELETE, Method::OPTIONS] {
        for path in [&[][..], &call] {
            let reply = bundle.query.respond(authorized(method.clone(), path, ""), Timestamp::now()).await;
            assert_eq!(problem(&reply), (405, "method_not_allowed".to_owned()));
            assert_eq!(reply.headers["allow"], "GET");
        }
    }
    for path in [&[("proxy", "calls/x")][..], &call[..2], &[call[0], call[1], call[2], ("x", "y")]] {
        let reply = bundle.query.respond(authorized(Method::GET, path, ""), Timestamp::now()).await;
        assert_eq!(problem(&reply), (404, "path_unknown".to_owned()));
    }
    for query in ["", "day=2026-06-27&limit=0", "day=2026-06-27&cursor=bm9uZQ", "day=2026-06-27&%F0%9F=%00"] {
        let reply = bundle.query.respond(authorized(Method::GET, &[], query), Timestamp::now()).await;
        assert_eq!(problem(&reply), (400, "parameter_invalid".to_owned()), "{query}");
    }
    Ok(())
}

#[tokio::test]
async fn a_store_that_is_down_is_not_the_readers_mistake() -> anyhow::Result<()> {
    let unused = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    let (_, query) = reader(&aws(unused, unused));
    let call = [("provider", "agni"), ("source", "default"), ("call_id", "c"), ("recording_id", "r")];
    for (path, parameters) in [(&call[..0], "day=2026-06-27"), (&call[..3], ""), (&call, "")] {
        let reply = query.respond(authorized(Method::GET, path, parameters), Timestamp::now()).await;
        assert_eq!(problem(&reply), (503, "unavailable".to_owned()));
        assert_eq!(reply.headers["retry-after"], "1");
    }
    Ok(())
}
