//! What must agree agrees: template, routes, events, providers, workspace.

use std::fs;
use std::path::Path;

use local::gateway::{Function, ROUTES};
use local::sample;
use serde_json::Value;
use shared::provider::Provider;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn a_provider_has_all_that_belongs_to_it() {
    let (template, readme, env) = (read("template.yaml"), read("README.md"), read("events/env.json"));
    let sources: Value = serde_json::from_str(&read("events/sources.json")).expect("JSON");
    let events = sample::names().expect("events");
    for provider in Provider::ALL {
        let name = provider.name();
        let main = read(&format!("functions/{name}/src/main.rs"));
        assert!(
            main.contains("shared::webhook::run(Provider::"),
            "functions/{name}/src/main.rs runs no webhook"
        );
        assert!(
            read(&format!("functions/{name}/Cargo.toml")).contains(&format!("name = \"{name}\"")),
            "functions/{name}/Cargo.toml"
        );
        assert!(root().join(format!("shared/src/provider/{name}.rs")).exists(), "no module for {name}");
        assert!(events.iter().any(|event| event.starts_with(&format!("{name}-"))), "no event of {name}");
        assert!(template.contains(&format!("Binary: {name}\n")), "template.yaml builds no {name}");
        assert!(sources[name]["default"].is_object(), "events/sources.json has no {name}.default");
        assert!(env.contains(&format!("\\\"{name}\\\"")), "events/env.json has no sources for {name}");
        assert!(readme.contains(&format!("/webhooks/{name}/")), "README.md does not show the URL of {name}");
        assert!(
            ROUTES.iter().any(|(_, _, function)| *function == Function::Webhook(provider)),
            "no route to {name}"
        );
    }
}

#[test]
fn the_template_has_the_local_routes_and_no_others() {
    let template = read("template.yaml");
    let value = |line: &str, key: &str| {
        line.trim().strip_prefix(key).map(|value| value.trim().trim_matches('"').to_owned())
    };
    let paths: Vec<_> = template.lines().filter_map(|line| value(line, "Path:")).collect();
    let methods: Vec<_> = template.lines().filter_map(|line| value(line, "Method:")).collect();
    let mut found: Vec<_> =
        methods.iter().zip(&paths).map(|(method, path)| format!("{method} {path}")).collect();
    let mut expected: Vec<_> = ROUTES.iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn every_environment_variable_of_the_functions_is_in_the_template() {
    let (env, template) = (read("shared/src/env.rs"), read("template.yaml"));
    let names = env.lines().filter_map(|line| line.strip_prefix("pub const ")?.split(':').next());
    // Lambda sets these itself.
    let names = names.filter(|name| {
        !matches!(*name, "AWS_REGION" | "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY" | "AWS_SESSION_TOKEN")
    });
    for name in names {
        assert!(template.contains(&format!("{name}:")), "template.yaml does not declare {name}");
    }
}

#[test]
fn the_dynamodb_sdk_and_lambda_are_imported_in_one_place_each() {
    let allowed = |path: &str, word: &str| match word {
        "aws_sdk_dynamodb" => path.starts_with("shared/src/ledger") || path == "shared/src/aws.rs",
        _ => path == "shared/src/lambda.rs",
    };
    for folder in ["shared/src", "functions"] {
        for (path, text) in sources(folder) {
            for word in ["aws_sdk_dynamodb", "lambda_http"] {
                assert!(!text.contains(word) || allowed(&path, word), "{path} uses {word}");
            }
        }
    }
}

fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).expect("a folder").flatten() {
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                folders.push(path);
            } else if path.ends_with(".rs") {
                let text = fs::read_to_string(entry.path()).expect("text");
                found.push((path, text));
            }
        }
    }
    found
}

#[test]
fn ci_runs_every_command_of_the_readme() {
    let (readme, ci) = (read("README.md"), read(".ci/run"));
    let mut shell = false;
    let mut commands = 0;
    for line in readme.lines() {
        match line.trim() {
            "```sh" => shell = true,
            "```" => shell = false,
            command if shell && !command.is_empty() => {
                assert!(ci.contains(command), ".ci/run does not run: {command}");
                commands += 1;
            }
            _ => {}
        }
    }
    assert!(commands >= 4, "README.md has lost its commands");
}
