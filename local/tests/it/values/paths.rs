//! Paths into a record: `from.raw`, `tool_calls[0].name`, and `transcript.turns[*].text` for the texts of all
//! turns.

use anyhow::{Context as _, bail};
use serde_json::Value;

/// The value at a path; null where there is none.
pub(crate) fn find(value: &Value, path: &str) -> anyhow::Result<Value> {
    let path = path.trim_start_matches('.');
    let Some((step, rest)) = split(path) else { return Ok(value.clone()) };
    match step {
        "*" => {
            let members = value.as_array().map(Vec::as_slice).unwrap_or_default();
            members.iter().map(|member| find(member, rest)).collect()
        }
        index if value.is_array() => {
            let index: usize = index.parse().with_context(|| format!("{path}: {index} is no index"))?;
            value.get(index).map_or(Ok(Value::Null), |member| find(member, rest))
        }
        // An entry's name may have dots.
        _ => match value.as_object() {
            None => Ok(Value::Null),
            Some(object) if object.contains_key(path) => Ok(object[path].clone()),
            Some(object) => object.get(step).map_or(Ok(Value::Null), |member| find(member, rest)),
        },
    }
}

/// The first step of a path, and the path from there on.
fn split(path: &str) -> Option<(&str, &str)> {
    let path = path.trim_start_matches(['.', '[']);
    if path.is_empty() {
        return None;
    }
    let end = path.find(['.', '[', ']']).unwrap_or(path.len());
    Some((&path[..end], path[end..].trim_start_matches(']')))
}

/// Every name, text and number in a value.
pub(crate) fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::String(text) => vec![text.clone()],
        Value::Array(members) => members.iter().flat_map(texts).collect(),
        Value::Object(members) => members
            .iter()
            .flat_map(|(name, member)| std::iter::once(name.clone()).chain(texts(member)))
            .collect(),
        other => vec![other.to_string()],
    }
}

#[test]
fn paths_lead_to_what_they_say() -> anyhow::Result<()> {
    let record = serde_json::json!({
        "turns": [{ "text": "a" }, { "text": "b" }, {}], "from": { "raw": 1 }, "extensions": { "data.x": 2 }
    });
    let found = |path: &str| find(&record, path).map(|found| found.to_string());
    assert_eq!(found("turns[*].text")?, r#"["a","b",null]"#);
    assert_eq!(found("turns[1].text")?, r#""b""#);
    assert_eq!(found("turns[9].text")?, "null");
    assert_eq!(found("from.raw")?, "1");
    assert_eq!(found("from.raw.deeper")?, "null");
    assert_eq!(found("extensions.data.x")?, "2");
    if found("turns[x]").is_ok() {
        bail!("x is no index");
    }
    assert_eq!(texts(&record["from"]), ["raw", "1"]);
    Ok(())
}
