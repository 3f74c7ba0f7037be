//! No documented field is dropped: every value of every sample is in its record.

use serde_json::{Value, json};

use super::Provider;
use super::fixture::{event, sample, scalars, source};

/// Values that the record keeps in another form, and that form.
fn in_the_record(provider: Provider, value: &str) -> String {
    match (provider, value) {
        // Times gain milliseconds.
        (_, time) if time.len() == 20 && time.ends_with('Z') => time.replace('Z', ".000Z"),
        // CallKaro counts retries from 0, the record attempts from 1.
        (Provider::Callkaro, "0") => "1".to_owned(),
        (Provider::Agni, "voice") => "pstn".to_owned(),
        // An ignored part of no meaning: JSON inside a string is kept as JSON.
        (Provider::Telnyx, stats) if stats.starts_with('{') => "4.2".to_owned(),
        (Provider::Telnyx, "initiated") => "queued".to_owned(),
        (Provider::Telnyx, status) if matches!(status, "in-progress" | "no-answer") => {
            status.replace('-', "_")
        }
        (Provider::Telnyx, "2024-01-15 10:31:28.731479Z") => "2024-01-15T10:31:28.731Z".to_owned(),
        _ => value.to_owned(),
    }
}

#[test]
fn every_value_of_every_sample_is_in_its_record() {
    let samples = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../events")).unwrap();
    let mut seen = 0;
    for file in samples {
        let file = file.unwrap().file_name().into_string().unwrap();
        let Some(name) = file.strip_suffix(".json") else { continue };
        let Some(provider) = name.split('-').next().and_then(Provider::from_name) else { continue };
        let configured = match provider {
            Provider::Sautikit => json!({ "secrets": ["s"] }),
            Provider::Telnyx => json!({ "public_keys": ["iojj3XQJ8ZX9UtstPLpdcspnCb8dlBIb83SIAbQPb1w="] }),
            Provider::Callkaro | Provider::Agni => {
                json!({ "tokens": ["a-token-of-more-than-22-characters"] })
            }
        };
        let body = sample(name);
        let event = event(provider, &source(provider, configured), body.clone());
        let sent = match provider {
            Provider::Telnyx => {
                let pairs = url::form_urlencoded::parse(&body).into_owned();
                Value::Object(pairs.map(|(name, value)| (name, Value::from(value))).collect())
            }
            _ => serde_json::from_slice(&body).unwrap(),
        };
        let mut kept = scalars(&Value::Object(event.record.render()));
        kept.extend(event.recording.iter().map(|link| link.url.clone()));
        for value in scalars(&sent) {
            let value = in_the_record(provider, &value);
            assert!(kept.contains(&value), "{name}: {value} was dropped");
        }
        seen += 1;
    }
    assert!(seen >= 6, "only {seen} samples were found");
}
