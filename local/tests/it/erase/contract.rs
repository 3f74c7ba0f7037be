//! The rows of the contract: receipts, rights, the audit trail, and what is answered about what is gone.

use http::Method;
use local::client::call_path;
use local::keys::{ERASER_TOKEN, QUERY_TOKEN};
use serde_json::{Value, json};

use super::scene::{CALL_ID, Gate, Scene, request};
use crate::bed::text;

fn call() -> String {
    call_path("telnyx", "default", CALL_ID)
}

async fn send(scene: &Scene, method: Method, path: &str, token: &str) -> anyhow::Result<(u16, Value)> {
    let answer = scene.bed.client.send(request(method, path, token)?).await?;
    Ok((answer.status.as_u16(), answer.body))
}

#[tokio::test]
async fn a_receipt_says_what_was_erased_and_where_traces_may_remain() -> anyhow::Result<()> {
    let scene = Scene::copied().await?;
    let (status, receipt) = send(&scene, Method::DELETE, &call(), ERASER_TOKEN).await?;
    assert_eq!((status, &receipt["status"], &receipt["path"]), (200, &json!("erased"), &json!(call())));
    let erased = &receipt["erased"];
    for (kind, count) in
        [("records", 1), ("deliveries", 3), ("recordings", 1), ("copies", 1), ("large_values", 1)]
    {
        assert_eq!(erased[kind]["count"], json!(count), "{kind}: {erased}");
        assert!(erased[kind]["bytes"].as_u64() > Some(0), "{kind}: {erased}");
    }
    assert_eq!(erased["large_bodies"]["count"], json!(2), "{erased}");
    assert_eq!(erased["copies"]["bytes"], json!(5_000));
    let places: Vec<_> =
        receipt["traces"].as_array().into_iter().flatten().map(|trace| &trace["place"]).collect();
    assert_eq!(places, ["stream", "point_in_time_recovery", "events", "exports"]);
    scene.is_gone().await?;

    assert_eq!(send(&scene, Method::DELETE, &call(), ERASER_TOKEN).await?, (200, receipt));
    let audit = scene.bed.client.get("/audit").await?.body;
    let entry = &audit["entries"][0];
    assert_eq!((&entry["action"], &entry["reader"]), (&json!("erased"), &json!("eraser")), "{audit}");
    assert_eq!(entry["call_path"], json!(call()));

    let recording = format!("{}/recordings/r1", call());
    for (method, path, error) in [
        (Method::GET, call(), "call_unknown"),
        (Method::GET, recording.clone(), "recording_unknown"),
        (Method::POST, format!("{recording}/retry"), "recording_unknown"),
    ] {
        let (status, answer) = send(&scene, method, &path, QUERY_TOKEN).await?;
        assert_eq!((status, &answer["error"]), (404, &json!(error)), "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn who_may_not_erase_is_refused_before_anything_is_looked_up() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let unknown = call_path("telnyx", "default", "nobody");
    for path in [call(), unknown.clone(), format!("/quarantine/{}", scene.quarantine_id().await?)] {
        let (status, answer) = send(&scene, Method::DELETE, &path, QUERY_TOKEN).await?;
        assert_eq!((status, &answer["error"]), (403, &json!("not_allowed")), "{path}");
        let (status, _) = send(&scene, Method::DELETE, &path, "no token at all").await?;
        assert_eq!(status, 401, "{path}");
    }
    scene.is_there().await?;
    let (status, answer) = send(&scene, Method::DELETE, &unknown, ERASER_TOKEN).await?;
    assert_eq!((status, &answer["error"]), (404, &json!("call_unknown")));
    for id in ["x", "AAAA"] {
        let (status, answer) =
            send(&scene, Method::DELETE, &format!("/quarantine/{id}"), ERASER_TOKEN).await?;
        assert_eq!((status, &answer["error"]), (404, &json!("delivery_unknown")), "{id}");
    }
    Ok(())
}

#[tokio::test]
async fn a_delivery_that_names_no_call_is_erased_by_itself() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let body = format!("telltalewords, which is no form {}", "x".repeat(40));
    // Signed, and not readable.
    assert_eq!(scene.deliver(&body, 0).await?["status"], "quarantined");
    let of_none = |items: Vec<_>| {
        items.into_iter().filter(|item| text(item, "pk").starts_with("EVENT#")).collect::<Vec<_>>()
    };
    let [item] = &of_none(scene.bed.items().await?)[..] else { panic!("not one") };
    let key = shared::ledger::key::Key { pk: text(item, "pk").to_owned(), sk: text(item, "sk").to_owned() };
    let path = format!("/quarantine/{}", shared::ledger::key::quarantine_id(&key).expect("an id"));
    let (status, receipt) = send(&scene, Method::DELETE, &path, ERASER_TOKEN).await?;
    assert_eq!((status, &receipt["erased"]["deliveries"]["count"]), (200, &json!(1)), "{receipt}");
    assert_eq!(send(&scene, Method::DELETE, &path, ERASER_TOKEN).await?, (200, receipt));
    let [left] = &of_none(scene.bed.items().await?)[..] else { panic!("not one") };
    assert!(!format!("{left:?}").contains("telltale") && !left.contains_key("evidence"), "{left:?}");

    // It is not listed, not replayed, and not stored again.
    let listed = scene.bed.client.get("/quarantine").await?.body;
    assert_eq!(listed["deliveries"].as_array().map(Vec::len), Some(1), "{listed}");
    let (status, answer) = send(&scene, Method::POST, &format!("{path}/replay"), QUERY_TOKEN).await?;
    assert_eq!((status, &answer["error"]), (409, &json!("erased")));
    assert_eq!(send(&scene, Method::GET, &path, QUERY_TOKEN).await?.0, 404);
    assert_eq!(scene.deliver(&body, 0).await?["status"], "ignored");
    assert_eq!(&of_none(scene.bed.items().await?)[..], std::slice::from_ref(left));
    Ok(())
}

#[tokio::test]
async fn what_was_put_aside_can_be_erased_and_what_is_not_there_leaves_no_entry() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let path = format!("/quarantine/{}", scene.quarantine_id().await?);
    assert_eq!(send(&scene, Method::POST, &format!("{path}/discard"), QUERY_TOKEN).await?.0, 200);
    let unknown = "/calls/telnyx/default/nobody-knows-it";
    assert_eq!(send(&scene, Method::DELETE, unknown, ERASER_TOKEN).await?.0, 404);
    let (status, receipt) = send(&scene, Method::DELETE, &path, ERASER_TOKEN).await?;
    assert_eq!((status, &receipt["erased"]["large_bodies"]["count"]), (200, &json!(1)), "{receipt}");
    let trail = scene.bed.client.get("/audit").await?.body;
    let actions: Vec<_> =
        trail["entries"].as_array().into_iter().flatten().map(|entry| &entry["action"]).collect();
    assert_eq!(actions, ["erased", "discarded"], "{trail}");
    // With the call, its tombstone goes, too. The receipt is then the call's.
    let call = send(&scene, Method::DELETE, &call(), ERASER_TOKEN).await?.1;
    let (status, again) = send(&scene, Method::DELETE, &path, ERASER_TOKEN).await?;
    assert_eq!((status, &again["erased"]), (200, &call["erased"]));
    Ok(())
}

#[tokio::test]
async fn an_erased_call_is_not_replayed_and_not_rebuilt() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let path = format!("/quarantine/{}/replay", scene.quarantine_id().await?);
    scene.erase(&Gate::open()).await?;
    for path in [path, format!("{}/rebuild", call())] {
        let (status, answer) = send(&scene, Method::POST, &path, QUERY_TOKEN).await?;
        assert_eq!((status, &answer["error"]), (409, &json!("erased")), "{path}");
    }
    scene.is_gone().await
}

#[tokio::test]
async fn a_call_without_a_record_is_erased_too() -> anyhow::Result<()> {
    let scene = Scene::new().await?;
    let other = scene.completed("e9").replace(CALL_ID, "call-2");
    assert_eq!(scene.deliver(&other, -4_000).await?["status"], "quarantined");
    let path = call_path("telnyx", "default", "call-2");
    let (status, receipt) = send(&scene, Method::DELETE, &path, ERASER_TOKEN).await?;
    assert_eq!(status, 200);
    assert!(receipt["erased"]["records"].is_null(), "{receipt}");
    assert_eq!(receipt["erased"]["deliveries"]["count"], json!(1));
    assert_eq!(scene.deliver(&other, 0).await?["status"], "ignored");
    let left: Vec<_> =
        scene.bed.items().await?.into_iter().filter(|item| text(item, "pk").ends_with("call-2")).collect();
    assert_eq!(left.len(), 1, "{left:?}");
    scene.is_there().await
}

#[tokio::test]
async fn a_tombstone_leaves_the_work_index_after_a_day() -> anyhow::Result<()> {
    let scene = Scene::copied().await?;
    scene.erase(&Gate::open()).await?;
    let due = async || {
        let items = scene.bed.items_of("CALL").await?;
        anyhow::Ok(items.iter().filter(|item| item.contains_key("work_due")).count())
    };
    for (minutes, left) in [(0, 1), (21, 1), (60, 1), (24 * 60 + 1, 0), (48 * 60, 0)] {
        scene.schedule(minutes).await?;
        assert_eq!(due().await?, left, "after {minutes} minutes");
        scene.is_gone().await?;
    }
    Ok(())
}
