//! Statements of policies as a test reads them.

use serde_json::{Value, json};

/// The only actions that AWS allows on all resources or not at all.
const ON_ALL: &[&str] = &["xray:PutTraceSegments", "xray:PutTelemetryRecords"];

/// A statement as `<action> on <resource>`, with its condition if it has one.
pub(super) fn permission(statement: &Value) -> Result<String, String> {
    let conditional = &statement["Fn::If"];
    let (statement, condition) = match conditional.as_array().map(Vec::as_slice) {
        Some([condition, statement, otherwise]) if *otherwise == json!({ "Ref": "AWS::NoValue" }) => {
            (statement, format!(" if {}", text(condition)))
        }
        Some(_) => return Err(format!("{statement} allows something in either case")),
        None => (statement, String::new()),
    };
    let keys: Vec<_> = statement.as_object().into_iter().flat_map(|statement| statement.keys()).collect();
    if keys.iter().any(|key| !matches!(key.as_str(), "Effect" | "Action" | "Resource" | "Condition"))
        || statement["Effect"] != "Allow"
    {
        return Err(format!("{statement} is not Allow, Action, Resource and Condition"));
    }
    let Some(action) = statement["Action"].as_str() else {
        return Err(format!("{statement} does not have one action"));
    };
    if action.contains(['*', '?']) {
        return Err(format!("{action} stands for many"));
    }
    let resource = text(&statement["Resource"]);
    if resource == "*" && !ON_ALL.contains(&action) {
        return Err(format!("{action} is allowed on everything"));
    }
    let limited = statement.get("Condition").map_or(Ok(String::new()), limit)?;
    Ok(format!("{action} on {resource}{condition}{limited}"))
}

/// What a condition limits a permission to: services that act in the function's name, partition keys, or the prefixes
/// of a list of objects.
fn limit(condition: &Value) -> Result<String, String> {
    let services = &condition["StringEquals"]["kms:ViaService"];
    if *condition == json!({ "StringEquals": { "kms:ViaService": services } }) && !list(services).is_empty() {
        let services: Vec<_> = list(services).iter().map(text).collect();
        return Ok(format!(", via {}", services.join(", ")));
    }
    let prefixes = &condition["StringLike"]["s3:prefix"];
    if *condition == json!({ "StringLike": { "s3:prefix": prefixes } }) && !list(prefixes).is_empty() {
        return Ok(under(&list(prefixes).iter().map(text).collect::<Vec<_>>()));
    }
    let keys = &condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
    // All of no values are like anything, so a request without a key is refused beside.
    let expected = json!({
        "ForAllValues:StringLike": { "dynamodb:LeadingKeys": keys },
        "Null": { "dynamodb:LeadingKeys": "false" },
    });
    if *condition == expected && !list(keys).is_empty() {
        return Ok(under(&list(keys).iter().map(text).collect::<Vec<_>>()));
    }
    Err(format!("{condition} is a condition that no test reads"))
}

pub(super) fn under(keys: &[String]) -> String {
    if keys.is_empty() { String::new() } else { format!(", under {}", keys.join(", ")) }
}

/// A reference as it would stand in a `!Sub`.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        _ => match (&value["Ref"], &value["Fn::GetAtt"], &value["Fn::Sub"]) {
            (Value::String(name), _, _) | (_, Value::String(name), _) => format!("${{{name}}}"),
            (_, _, Value::String(text)) => text.clone(),
            _ => value.to_string(),
        },
    }
}

pub(super) fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Every list of statements, and every index in it.
pub(super) fn find_statements(value: &Value, path: String, found: &mut Vec<(String, usize)>) {
    match value {
        Value::Object(entries) => {
            for (key, entry) in entries {
                let path = format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
                if key == "Statement" {
                    found.extend((0..list(entry).len()).map(|index| (path.clone(), index)));
                }
                find_statements(entry, path, found);
            }
        }
        Value::Array(entries) => {
            for (index, entry) in entries.iter().enumerate() {
                find_statements(entry, format!("{path}/{index}"), found);
            }
        }
        _ => {}
    }
}
