//! No documented field is dropped: if one is removed from a sample, the result is another.

use serde_json::{Map, Value};

use super::Provider;
use super::fixture::{normalize, sample, source};
use crate::event::{BodyFormat, Normalized};
use crate::proof::{Ed25519Signer, SenderKeys};

/// A body as the provider's module reads it.
fn read(provider: Provider, body: &Value) -> Normalized {
    let keys = SenderKeys {
        secret: "s".to_owned(),
        key_pair: Ed25519Signer::from_seed(&[1; 32]),
        url_token: "a-token-of-more-than-22-characters".to_owned(),
    };
    let body = match (provider.body_format(), body) {
        (BodyFormat::Form, Value::Object(fields)) => {
            let fields = fields.iter().map(|(name, value)| (name, value.as_str().unwrap()));
            url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
        }
        _ => body.to_string(),
    };
    normalize(provider, &source(provider, provider.source_keys(&keys)), body)
}

/// Everything that normalizing a body gives, as text.
fn meaning(provider: Provider, body: &Value) -> String {
    match read(provider, body) {
        Normalized::Event(event) => {
            let link = event.recording.as_ref().map(|link| (&link.url, link.expires_at, link.size_bytes));
            format!("{} {:?} {} {link:?}", event.kind, event.dedupe_key, Value::Object(event.record.render()))
        }
        other => format!("{other:?}"),
    }
}

/// The body of a sample. Ids that are the same in the documentation are made different, so that one
/// can't hide behind the other.
fn body(name: &str) -> Value {
    let body = sample(name);
    if body.starts_with(b"{") {
        return serde_json::from_slice(&body).unwrap();
    }
    let fields = url::form_urlencoded::parse(&body).into_owned();
    let distinct = |(name, value): (String, String)| {
        let value = if name == "CallControlId" { "control".to_owned() } else { value };
        (name, Value::from(value))
    };
    Value::Object(fields.map(distinct).collect::<Map<_, _>>())
}

/// Every path to a field, through objects and lists.
fn fields(value: &Value, path: &str, found: &mut Vec<String>) {
    let mut visit = |name: &str, value: &Value| {
        let path = format!("{path}/{name}");
        fields(value, &path, found);
        found.push(path);
    };
    match value {
        Value::Object(entries) => entries.iter().for_each(|(name, value)| visit(name, value)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, item)| visit(&index.to_string(), item))
        }
        _ => {}
    }
}

fn without(body: &Value, path: &str) -> Value {
    let mut body = body.clone();
    let (parent, name) = path.rsplit_once('/').unwrap();
    match body.pointer_mut(parent).unwrap() {
        Value::Object(entries) => drop(entries.remove(name)),
        Value::Array(items) => drop(items.remove(name.parse().unwrap())),
        other => panic!("{other} has no fields"),
    }
    body
}

/// Fields that the documents have twice: `post_call` and `post_call_detail` have the same value.
const SAID_TWICE: [&str; 3] =
    ["/data/post_call", "/data/post_call/lead_status", "/data/post_call_detail/lead_status/value"];

/// The names of all webhook samples, with their providers.
fn samples() -> Vec<(String, Provider)> {
    let files = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../events")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let sample = |name: String| {
        let name = name.strip_suffix(".json")?;
        let provider = Provider::from_name(name.split_once('-')?.0)?;
        Some((name.to_owned(), provider))
    };
    names.filter_map(sample).collect()
}

#[test]
fn without_any_one_field_a_sample_means_something_else() {
    let mut tried = 0;
    for (name, provider) in samples() {
        let body = body(&name);
        let whole = meaning(provider, &body);
        let mut paths = Vec::new();
        fields(&body, "", &mut paths);
        for path in paths.iter().filter(|path| !SAID_TWICE.contains(&path.as_str())) {
            assert_ne!(meaning(provider, &without(&body, path)), whole, "{name}: {path} is dropped");
            tried += 1;
        }
    }
    assert!(tried > 150, "only {tried} fields were found");
}

#[test]
fn every_provider_has_a_sample_whose_recording_field_links_a_recording() {
    let links = |provider, body: &Value| match read(provider, body) {
        Normalized::Event(event) => event.recording.is_some(),
        Normalized::Ignored { .. } | Normalized::Unusable(_) => false,
    };
    let mut missing = Provider::ALL.to_vec();
    for (name, provider) in samples() {
        let body = body(&name);
        if links(provider, &body) {
            let field = format!("/{}", provider.recording_field().replace('.', "/"));
            assert!(!links(provider, &without(&body, &field)), "{name}: {field} is not the link");
            missing.retain(|other| *other != provider);
        }
    }
    assert_eq!(missing, []);
}
