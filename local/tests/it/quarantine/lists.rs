//! The lists of what waits: who sees what, in which order, page by page.

use http::Method;
use local::gateway::HttpRequest;
use local::stack::Options;
use serde_json::{Value, json};
use shared::provider::Provider;

use super::{bed, deliver, only, sources, unread, waiting};
use crate::bed::{Bed, post};
use crate::watch::lines_with;

const KENYA: &str = "Bearer token-of-kenya-0123456789";

async fn get(bed: &Bed, bearer: &str, path: &str) -> anyhow::Result<(u16, Value)> {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let request = post(path, &[("authorization", bearer)], "");
    let request = HttpRequest { method: Method::GET, query: query.to_owned(), ..request };
    let answer = bed.client.send(request).await?;
    Ok((answer.status.as_u16(), answer.body))
}

fn ids(page: &Value) -> Vec<String> {
    let found = page["deliveries"].as_array().into_iter().flatten();
    found.filter_map(|found| found["quarantine_id"].as_str().map(str::to_owned)).collect()
}

#[tokio::test]
async fn quarantine_is_listed_newest_first_with_what_a_person_needs() -> anyhow::Result<()> {
    let bed = bed().await?;
    for call in 0..5 {
        let body = format!("CallSid=c{call}&CallStatus=completed&CallbackSource=s");
        assert_eq!(deliver(&bed, &body, 4_000).await?, "quarantined");
    }
    let list = bed.client.get("/quarantine").await?.body;
    assert_eq!(list["cursor"], Value::Null);
    let paths: Vec<_> =
        list["deliveries"].as_array().into_iter().flatten().map(|found| &found["path"]).collect();
    assert_eq!(paths, [4, 3, 2, 1, 0].map(|call| json!(format!("/calls/telnyx/default/c{call}"))).each_ref());
    let newest = &list["deliveries"][0];
    assert_eq!((&newest["reason"], &newest["kind"]), (&json!("stale"), &json!("call.completed")));
    assert_eq!((&newest["provider"], &newest["source"]), (&json!("telnyx"), &json!("default")));
    assert_eq!((&newest["call_id"], &newest["bytes"]), (&json!("c4"), &json!(48)));
    assert!(
        newest["message"].as_str().is_some_and(|said| said.contains("replay it to apply it")),
        "{newest}"
    );
    let all = ids(&list);

    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = bed.client.get(&format!("/quarantine?limit=2{cursor}")).await?.body;
        found.extend(ids(&page));
        match page["cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(found, all);
    // The range has its start and not its end.
    let third = list["deliveries"][2]["received_at"].as_str().unwrap_or_default();
    assert_eq!(ids(&bed.client.get(&format!("/quarantine?since={third}")).await?.body), all[..3]);
    assert_eq!(ids(&bed.client.get(&format!("/quarantine?until={third}")).await?.body), all[3..]);
    assert_eq!(ids(&bed.client.get("/quarantine?reason=future,stale&provider=telnyx").await?.body), all);
    for none in ["reason=future", "provider=agni", "source=kenya"] {
        assert_eq!(ids(&bed.client.get(&format!("/quarantine?{none}")).await?.body), [""; 0], "{none}");
    }
    let cursor =
        bed.client.get("/quarantine?limit=1").await?.body["cursor"].as_str().unwrap_or_default().to_owned();
    for wrong in [
        "/quarantine?state=pending",
        "/quarantine?reason=lost",
        "/quarantine?reason=",
        "/quarantine?since=2026-06-28&until=2026-06-27",
        &format!("/recordings?cursor={cursor}"),
        "/recordings?state=stored",
        "/recordings?state=retry&state=failed",
    ] {
        let answer = bed.client.get(wrong).await?;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["error"]),
            (400, &json!("parameter_invalid")),
            "{wrong}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn one_delivery_in_quarantine_is_read_as_it_came_and_the_trail_says_by_whom() -> anyhow::Result<()> {
    let bed = bed().await?;
    let body = "CallSid=read-as-it-came&CallStatus=completed&CallbackSource=s";
    deliver(&bed, body, 4_000).await?;
    let id = only(&bed).await?;
    let answer = bed.client.get(&format!("/quarantine/{id}")).await?;
    assert_eq!((answer.status.as_u16(), &answer.body["body"]), (200, &json!(body)));
    assert_eq!((&answer.body["reason"], &answer.body["quarantine_id"]), (&json!("stale"), &json!(id)));
    assert!(answer.body["headers"]["telnyx-timestamp"].is_string());
    assert!(answer.headers["content-disposition"].to_str()?.starts_with("attachment"));
    let trail = bed.client.get("/audit").await?.body;
    let entry = &trail["entries"][0];
    assert_eq!(
        (&entry["action"], &entry["call_path"]),
        (&json!("read_raw"), &json!("/calls/telnyx/default/read-as-it-came"))
    );
    // The log says where it is, and so does the answer to who asks for its call.
    assert_eq!(lines_with(&[r#""status":"quarantined""#, r#""reason":"stale""#, &id]).len(), 1);
    let call = bed.client.get("/calls/telnyx/default/read-as-it-came").await?;
    assert_eq!((call.status.as_u16(), &call.body["error"]), (404, &json!("call_unknown")));
    assert!(call.body["message"].as_str().is_some_and(|said| said.contains("/quarantine")), "{}", call.body);
    // A body that names no call has an id, too.
    let unread = unread(&bed).await?;
    assert_eq!(waiting(&bed).await?, [unread.as_str()]);
    let answer = bed.client.get(&format!("/quarantine/{unread}")).await?.body;
    assert_eq!((&answer["path"], &answer["body"]), (&Value::Null, &json!(body)));
    Ok(())
}

#[tokio::test]
async fn what_is_outside_the_scope_is_left_out_of_lists_and_refused_by_its_id() -> anyhow::Result<()> {
    let mut sources = sources();
    sources["telnyx"]["kenya"] = sources["telnyx"]["default"].clone();
    sources["query"]["kenya-only"] = json!({ "tokens": [&KENYA[7..]], "sources": ["telnyx/kenya"] });
    let options = Options { sources: sources.to_string(), schedule: None, ..Options::in_memory()? };
    let bed = Bed::with(options).await?;
    deliver(&bed, "CallSid=c&CallStatus=completed&CallbackSource=s", 4_000).await?;
    let id = only(&bed).await?;
    assert_eq!(ids(&get(&bed, KENYA, "/quarantine").await?.1), [""; 0]);
    // The same id for what is not there.
    let nowhere = format!("{}{}", if id.starts_with('A') { "B" } else { "A" }, &id[1..]);
    for id in [&id, &nowhere] {
        let (status, body) = get(&bed, KENYA, &format!("/quarantine/{id}")).await?;
        assert_eq!((status, &body["error"]), (403, &json!("not_allowed")));
        for act in ["replay", "discard"] {
            let request = post(&format!("/quarantine/{id}/{act}"), &[("authorization", KENYA)], "");
            let answer = bed.client.send(request).await?;
            assert_eq!(
                (answer.status.as_u16(), &answer.body["error"]),
                (403, &json!("not_allowed")),
                "{act}"
            );
        }
    }
    for foreign in [&nowhere, "x", &id[..44], &format!("{id}A"), "~FF"] {
        let answer = bed.client.get(&format!("/quarantine/{foreign}")).await?;
        let said = (answer.status.as_u16(), &answer.body["error"]);
        assert_eq!(said, (404, &json!("delivery_unknown")), "{foreign}");
    }
    Ok(())
}

#[tokio::test]
async fn recordings_that_are_not_stored_are_listed_by_state() -> anyhow::Result<()> {
    let bed = bed().await?;
    for (id, url) in [("a", "ftp://h.example/a"), ("b", "https://h.example/b"), ("c", "https://h.example/c")]
    {
        let data = json!({ "call_id": id, "recording_id": "r", "download_url": url });
        let body = json!({ "kind": "call.recording.ready", "event_id": id, "data": data });
        bed.deliver(Provider::Sautikit, body.to_string()).await?;
    }
    // The first is refused when it is tried; the others can't be reached.
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(60);
    bed.stack.recordings.handle(json!({}), deadline).await?;
    let list = async |query: &str| {
        let body = bed.client.get(&format!("/recordings{query}")).await?.body;
        let found = body["recordings"].as_array().cloned().unwrap_or_default();
        anyhow::Ok(found)
    };
    assert_eq!(list("").await?.len(), 3);
    let rejected = list("?state=rejected,failed").await?;
    let [rejected] = &rejected[..] else { anyhow::bail!("{rejected:?}") };
    assert_eq!(
        *rejected,
        json!({
            "recording_id": "r", "call_path": "/calls/sautikit/default/a", "state": "rejected", "reason": "scheme",
            "message": "The link is not a plain https link. Remove the cause, then retry it.",
            "next_attempt_at": null,
        })
    );
    let retry = list("?state=retry&provider=sautikit&source=default").await?;
    assert_eq!(retry.len(), 2);
    assert!(retry.iter().all(|found| found["next_attempt_at"].is_string()), "{retry:?}");
    assert!(
        retry
            .iter()
            .all(|found| found["message"].as_str().is_some_and(|said| said.ends_with("tried again.")))
    );
    assert_eq!(list("?state=pending,copying").await?.len(), 0);
    Ok(())
}
