use super::*;

fn item() -> Item {
    let texts = [
        ("pk", "CALL#telnyx#default#c1"),
        ("sk", "RECORDING#r1"),
        ("url", "https://h.example/a?X-Amz-Signature=canary"),
        ("object_day", "2026/06/27"),
        ("created_at", "2026-06-27T10:05:00.000Z"),
        ("lease", "canary-lease"),
    ];
    let mut item: Item = texts.map(|(name, value)| (name.to_owned(), text(value))).into();
    item.insert("attempts".to_owned(), number(3));
    item
}

fn key() -> Key {
    Key { pk: "CALL#telnyx#default#c1".to_owned(), sk: "RECORDING#r1".to_owned() }
}

#[test]
fn reads_a_leased_item() {
    let job = Job::read(&key(), &item()).unwrap();
    assert_eq!((job.attempt, job.provider), (3, Provider::Telnyx));
    assert_eq!(job.due_since, job.created_at);
}

#[test]
fn a_link_lasts_as_announced_or_as_documented_whichever_is_shorter() {
    let expiry = |item: &Item| Job::read(&key(), item).unwrap().source_expires_at.map(rfc3339);
    let mut item = item();
    assert_eq!(expiry(&item).as_deref(), Some("2026-06-27T10:15:00.000Z"));
    item.insert("source_expires_at".to_owned(), text("2026-06-27T10:07:00.000Z"));
    assert_eq!(expiry(&item).as_deref(), Some("2026-06-27T10:07:00.000Z"));
    item.insert("source_expires_at".to_owned(), text("2026-06-27T10:30:00.000Z"));
    assert_eq!(expiry(&item).as_deref(), Some("2026-06-27T10:15:00.000Z"));
    item.remove("source_expires_at");
    item.insert("pk".to_owned(), text("CALL#agni#default#c1"));
    assert_eq!(expiry(&item), None);
}

#[test]
fn an_item_without_its_link_is_no_job() {
    let mut item = item();
    item.remove("url");
    assert!(Job::read(&key(), &item).is_none());
}

#[test]
fn the_link_does_not_show_in_debug_output() {
    let shown = format!("{:?}", Job::read(&key(), &item()).unwrap());
    assert!(!shown.contains("h.example") && !shown.contains("Signature"), "{shown}");
}
