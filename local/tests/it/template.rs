//! The template as JSON, with CloudFormation's short forms written out, and what must hold in all of it.

use std::collections::BTreeSet;

use saphyr::{LoadableYamlNode as _, Scalar, Yaml};
use serde_json::{Map, Value, json};

use crate::tidy::read;

mod alarms;
mod rendered;

/// The fields of a request that an access log may have: none can hold a token or a person's data.
const LOGGED: &[&str] = &[
    "requestTime",
    "requestId",
    "routeKey",
    "status",
    "responseLatency",
    "error.responseType",
    "integrationErrorMessage",
];

/// The template of the deployment: `!Ref X` as `{"Ref": "X"}`, `!Sub …` as `{"Fn::Sub": …}`.
pub(crate) fn template() -> Value {
    let text = read("template.yaml");
    let documents = Yaml::load_from_str(&text).expect("YAML");
    json(documents.first().expect("a document"))
}

fn json(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Value(Scalar::String(text)) => Value::from(&**text),
        Yaml::Value(Scalar::Integer(number)) => Value::from(*number),
        Yaml::Value(Scalar::Boolean(value)) => Value::from(*value),
        Yaml::Sequence(entries) => entries.iter().map(json).collect(),
        Yaml::Mapping(entries) => {
            let entry = |(key, value): (&Yaml<'_>, &Yaml<'_>)| {
                (key.as_str().expect("a key that is text").to_owned(), json(value))
            };
            Value::Object(entries.iter().map(entry).collect::<Map<_, _>>())
        }
        Yaml::Tagged(tag, value) => match tag.suffix.as_str() {
            name @ ("Ref" | "Condition") => json!({ name: json(value) }),
            name => json!({ format!("Fn::{name}"): json(value) }),
        },
        other => panic!("template.yaml has {other:?}"),
    }
}

/// The resources of a type, with their logical ids.
pub(crate) fn of_type<'a>(template: &'a Value, kind: &str) -> Vec<(&'a str, &'a Value)> {
    let resources = template["Resources"].as_object().expect("resources");
    let of_type = resources.iter().filter(|(_, resource)| resource["Type"] == kind);
    of_type.map(|(id, resource)| (id.as_str(), resource)).collect()
}

/// Everything that is text, with the keys of mappings.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.clone()),
        Value::Array(entries) => entries.iter().for_each(|entry| texts(entry, found)),
        Value::Object(entries) => {
            for (key, entry) in entries {
                found.push(key.clone());
                texts(entry, found);
            }
        }
        _ => {}
    }
}

#[test]
fn every_parameter_is_explained_bounded_and_used() {
    let mut template = template();
    let parameters = template["Parameters"].take();
    let mut used = Vec::new();
    texts(&template, &mut used);
    for (name, parameter) in parameters.as_object().expect("parameters") {
        let has = |key: &str| parameter.get(key).is_some();
        assert!(has("Description") && has("Default"), "{name} has no description or no default");
        let bounded = has("AllowedPattern") || (has("MinValue") && has("MaxValue"));
        assert!(has("AllowedValues") || bounded, "{name} takes anything");
        assert!(has("AllowedValues") || has("ConstraintDescription"), "{name} does not say what it takes");
        assert!(!has("NoEcho"), "{name} is a secret; secrets are in Parameter Store");
        let inside = format!("${{{name}}}");
        assert!(used.iter().any(|text| text == name || text.contains(&inside)), "nothing uses {name}");
    }
}

#[test]
fn every_variable_of_the_template_is_read_by_the_functions() {
    let (template, env) = (template(), read("shared/src/env.rs"));
    let variables = &template["Globals"]["Function"]["Environment"]["Variables"];
    for name in variables.as_object().expect("variables").keys() {
        assert!(env.contains(&format!("pub const {name}: &str")), "shared/src/env.rs has no {name}");
    }
}

#[test]
fn the_sources_come_from_parameter_store_alone() {
    let template = template();
    let variables = &template["Globals"]["Function"]["Environment"]["Variables"];
    assert_eq!(variables["SOURCES"], "");
    assert_eq!(variables["SOURCES_PATH"], json!({ "Ref": "SourcesPath" }));
}

#[test]
fn what_configures_the_functions_makes_another_version() {
    let template = template();
    let globals = &template["Globals"]["Function"];
    let mut used = Vec::new();
    texts(globals, &mut used);
    // The roll-out is no part of a version.
    let configures = |name: &&String| used.contains(*name) && name.as_str() != "Rollout";
    let parameters = template["Parameters"].as_object().expect("parameters").keys().filter(configures);
    let description: Vec<_> = parameters.map(|name| format!("${{{name}}}")).collect();
    for (id, function) in of_type(&template, "AWS::Serverless::Function") {
        let version = &function["Properties"]["VersionDescription"]["Fn::Sub"];
        let version = version.as_str().unwrap_or_else(|| panic!("{id} describes no version"));
        for parameter in &description {
            assert!(version.contains(parameter.as_str()), "another {parameter} makes no version of {id}");
        }
    }
}

#[test]
fn what_can_not_be_had_again_outlives_the_stack() {
    let template = template();
    for id in ["CallsTable", "RecordingsBucket", "RecordingsBucketPolicy"] {
        let resource = &template["Resources"][id];
        for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
            assert_eq!(resource[policy], "Retain", "{id}.{policy}");
        }
    }
    let table = &template["Resources"]["CallsTable"]["Properties"];
    assert_eq!(table["DeletionProtectionEnabled"], true);
    assert_eq!(table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true);
}

#[test]
fn what_is_stored_is_encrypted_with_the_owners_key_if_there_is_one() {
    let template = template();
    let key = json!({ "Fn::If": ["HasKmsKey", { "Ref": "KmsKeyArn" }, { "Ref": "AWS::NoValue" }] });
    let resources = &template["Resources"];
    assert_eq!(resources["CallsTable"]["Properties"]["SSESpecification"]["KMSMasterKeyId"], key);
    let bucket = &resources["RecordingsBucket"]["Properties"]["BucketEncryption"];
    let rule = &bucket["ServerSideEncryptionConfiguration"][0]["ServerSideEncryptionByDefault"];
    assert_eq!(rule["KMSMasterKeyID"], key);
    assert_eq!(resources["AlarmTopic"]["Properties"]["KmsMasterKeyId"], key);
    for (id, group) in of_type(&template, "AWS::Logs::LogGroup") {
        assert_eq!(group["Properties"]["KmsKeyId"], key, "{id}");
    }
}

#[test]
fn every_log_is_kept_for_a_time_and_the_access_log_has_nothing_personal() {
    let template = template();
    let groups = of_type(&template, "AWS::Logs::LogGroup");
    for (id, group) in &groups {
        assert_eq!(group["Properties"]["RetentionInDays"], json!({ "Ref": "LogRetentionDays" }), "{id}");
    }
    let functions = of_type(&template, "AWS::Serverless::Function");
    let mut used: BTreeSet<_> = functions
        .iter()
        .map(|(id, function)| {
            let group = &function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"];
            group.as_str().unwrap_or_else(|| panic!("{id} has no log group"))
        })
        .collect();
    assert_eq!(used.len(), functions.len(), "two functions share a log group");
    let access = &template["Resources"]["WebhooksApi"]["Properties"]["AccessLogSettings"];
    used.insert(access["DestinationArn"]["Fn::GetAtt"].as_str().expect("a group").trim_end_matches(".Arn"));
    assert_eq!(used, groups.iter().map(|(id, _)| *id).collect::<BTreeSet<_>>());
    let format = access["Format"].as_str().expect("a format");
    assert!(serde_json::from_str::<Value>(format).is_ok(), "the access log is not JSON");
    for variable in format.split("$context.").skip(1) {
        let variable = variable.split('"').next().unwrap_or_default();
        assert!(LOGGED.contains(&variable), "the access log must not have {variable}");
    }
}
