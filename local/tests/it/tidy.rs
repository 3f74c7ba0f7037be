//! The template, routes, events, providers and workspace agree with each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use local::gateway::{Function, ROUTES};
use local::{keys, sample};
use serde_json::Value;
use shared::provider::Provider;

use crate::template::{of_type, template};

pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn a_provider_has_all_that_belongs_to_it() {
    let (template, readme, env) = (read("template.yaml"), read("README.md"), read("events/env.json"));
    let sources: Value = serde_json::from_str(&read("events/sources.json")).expect("JSON");
    let events = sample::names();
    for provider in Provider::ALL {
        let name = provider.name();
        let main = read(&format!("functions/{name}/src/main.rs"));
        assert!(
            main.contains("shared::webhook::run(Provider::"),
            "functions/{name}/src/main.rs runs no webhook"
        );
        assert!(
            main.contains("#[global_allocator]\nstatic ALLOCATOR: MiMalloc"),
            "functions/{name}/src/main.rs leaves the allocator as it is"
        );
        assert!(
            read(&format!("functions/{name}/Cargo.toml")).contains(&format!("name = \"{name}\"")),
            "functions/{name}/Cargo.toml"
        );
        for file in [format!("{name}.rs"), format!("{name}/tests.rs")] {
            assert!(root().join("shared/src/provider").join(&file).exists(), "no shared/src/provider/{file}");
        }
        assert!(events.iter().any(|event| event.starts_with(&format!("{name}-"))), "no event of {name}");
        assert!(template.contains(&format!("Binary: {name}\n")), "template.yaml builds no {name}");
        let keys = provider.source_keys(&keys::of(provider));
        for (field, keys) in keys.as_object().expect("keys") {
            assert_eq!(sources[name]["default"][field], *keys, "events/sources.json: {name}.default.{field}");
        }
        assert!(env.contains(&format!("\\\"{name}\\\"")), "events/env.json has no sources for {name}");
        assert!(readme.contains(&format!("/webhooks/{name}/")), "README.md does not show the URL of {name}");
        assert!(
            ROUTES.iter().any(|(_, _, function)| *function == Function::Webhook(provider)),
            "no route to {name}"
        );
    }
}

#[test]
fn every_function_is_a_crate_a_block_of_the_template_and_a_row_of_the_architecture() {
    let (template, architecture) = (template(), read("ARCHITECTURE.md"));
    let functions = of_type(&template, "AWS::Serverless::Function");
    let built: BTreeSet<_> = functions
        .iter()
        .map(|(id, function)| {
            let name = function["Metadata"]["BuildProperties"]["Binary"].as_str().expect("a binary");
            let (first, rest) = name.split_at(1);
            assert_eq!(*id, format!("{}{rest}Function", first.to_uppercase()));
            assert_eq!(function["Metadata"]["BuildMethod"], "rust-cargolambda", "{id}");
            name.to_owned()
        })
        .collect();
    let folders = fs::read_dir(root().join("functions")).expect("functions").flatten();
    let crates: BTreeSet<_> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    assert_eq!(built, crates);
    assert!(read("Cargo.toml").contains("members = [\"shared\", \"functions/*\", \"local\"]"));
    let events: Vec<_> = fs::read_dir(root().join("events")).expect("events").flatten().collect();
    for name in built {
        let manifest = read(&format!("functions/{name}/Cargo.toml"));
        assert!(manifest.contains(&format!("name = \"{name}\"")), "functions/{name} is another package");
        let is_of = |file: &str| file.starts_with(&format!("{name}-")) && file.ends_with(".json");
        assert!(
            events.iter().any(|event| is_of(&event.file_name().to_string_lossy())),
            "no event for {name}"
        );
        let is_provider = Provider::from_name(&name).is_some();
        let row = if is_provider { "`functions/<provider>`" } else { &*format!("`functions/{name}`") };
        assert!(architecture.contains(row), "ARCHITECTURE.md does not say what functions/{name} is");
    }
}

#[test]
fn template_local_runs_and_cargo_lambda_have_the_same_routes() {
    let template = template();
    let function = |function: &Function| match function {
        Function::Webhook(provider) => provider.name(),
        Function::Query => "query",
        Function::Upkeep => "upkeep",
    };
    let expected: BTreeMap<_, _> = ROUTES
        .iter()
        .map(|(method, path, leads_to)| (format!("{method} {path}"), function(leads_to).to_owned()))
        .collect();

    let mut found = BTreeMap::new();
    for (_, function) in of_type(&template, "AWS::Serverless::Function") {
        let name = function["Metadata"]["BuildProperties"]["Binary"].as_str().expect("a binary");
        for (_, event) in function["Properties"]["Events"].as_object().expect("events") {
            let event = if event["Type"] == "HttpApi" { &event["Properties"] } else { continue };
            let (method, path) = (event["Method"].as_str(), event["Path"].as_str());
            found.insert(format!("{} {}", method.expect("a method"), path.expect("a path")), name.to_owned());
        }
    }
    assert_eq!(found, expected, "template.yaml");

    let manifest = read("Cargo.toml");
    let router = manifest.split("[workspace.metadata.lambda.watch.router]\n").nth(1).expect("a router");
    let routes = router.lines().map_while(|line| line.split_once(" = "));
    let unquoted = |text: &str| text.trim_matches('"').to_owned();
    let mut found = BTreeMap::new();
    for (path, leads_to) in routes {
        let path = unquoted(path);
        if !leads_to.starts_with('[') {
            found.insert(format!("ANY {path}"), unquoted(leads_to));
        }
        // A path that leads to several functions names each method: there is no "any" beside others.
        for entry in leads_to.split('{').skip(1) {
            let word = |name: &str| entry.split(&format!("{name} = \"")).nth(1)?.split('"').next();
            let method = word("method").expect("a method");
            let method = if method == "GET" { "ANY" } else { method };
            found.insert(format!("{method} {path}"), word("function").expect("a function").to_owned());
        }
    }
    assert_eq!(found, expected, "Cargo.toml");
}

#[test]
fn the_outputs_have_what_a_person_needs_after_a_deployment() {
    let template = template();
    let outputs = template["Outputs"].as_object().expect("outputs");
    for (_, path, function) in ROUTES.iter() {
        if let Function::Webhook(provider) = function {
            let (first, rest) = provider.name().split_at(1);
            let output = format!("{}{rest}WebhookUrl", first.to_uppercase());
            let url = format!("${{WebhooksApi.ApiEndpoint}}{}", path.replace("{source}", "default"));
            assert_eq!(outputs[&output]["Value"]["Fn::Sub"], url);
        }
    }
    for output in ["QueryUrl", "SetSourceCommand", "TableName", "BucketName", "AlarmTopicArn", "DashboardUrl"]
    {
        assert!(outputs.contains_key(output), "no output {output}");
    }
    for (name, output) in outputs {
        assert!(output["Description"].is_string(), "{name} is not explained");
    }
}

#[test]
fn local_runs_override_only_variables_of_the_template() {
    let template = template();
    let variables = &template["Globals"]["Function"]["Environment"]["Variables"];
    let env: Value = serde_json::from_str(&read("events/env.json")).expect("JSON");
    for name in env["Parameters"].as_object().expect("parameters").keys() {
        // SAM sets these itself, from the shell that runs it.
        let of_sam = matches!(name.as_str(), "AWS_REGION" | "AWS_ACCESS_KEY_ID" | "AWS_SECRET_ACCESS_KEY");
        assert!(of_sam || variables.get(name).is_some(), "template.yaml does not declare {name}");
    }
}

#[test]
fn sam_and_cargo_lambda_run_the_functions_with_the_sources_of_local() {
    let env: Value = serde_json::from_str(&read("events/env.json")).expect("JSON");
    let env = env["Parameters"].as_object().expect("parameters");
    let watch = read("events/watch.env");
    let watch: BTreeMap<_, _> = watch
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once('=').expect("NAME=value"))
        .map(|(name, value)| (name, value.trim_matches('\'')))
        .collect();
    let sources: Value = serde_json::from_str(&read("events/sources.json")).expect("JSON");
    let names: BTreeSet<_> = env.keys().map(String::as_str).collect();
    assert_eq!(watch.keys().copied().collect::<BTreeSet<_>>(), names);
    for (name, value) in watch {
        let of_sam = env[name].as_str().expect("text").replace("host.docker.internal", "127.0.0.1");
        assert_eq!(of_sam, value, "events/env.json and events/watch.env differ in {name}");
        if name == "SOURCES" {
            assert_eq!(serde_json::from_str::<Value>(value).expect("JSON"), sources);
        }
    }
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

/// Every Rust file below a folder, with its path from the root.
pub(crate) fn sources(folder: &str) -> Vec<(String, String)> {
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
fn ci_runs_every_command_of_the_documents() {
    let documents = ["README.md", "docs/containers.md"].map(read).join("\n");
    // Commands that need an account are listed in `.ci/run` as such.
    let ci = [".ci/run", "tests/sam.sh", "tests/cargo-lambda.sh", "tests/lib.sh"].map(read).join("\n");
    // Cargo's lock is CI's to insist on.
    let ci = ci.replace(" --locked", "");
    let mut shell = false;
    let mut commands = 0;
    for line in documents.lines() {
        match line.trim() {
            "```sh" => shell = true,
            "```" => shell = false,
            command if shell && !command.is_empty() => {
                // A longer command is another one.
                let ends = |rest: &str| {
                    ["\n", " \\\n", " |", " >", " &", "\"", ")"].iter().any(|end| rest.starts_with(end))
                };
                let is_whole = ci.match_indices(command).any(|(at, _)| ends(&ci[at + command.len()..]));
                assert!(is_whole, ".ci/run neither runs nor lists: {command}");
                commands += 1;
            }
            _ => {}
        }
    }
    assert!(commands >= 20, "the documents have lost their commands");
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    let link = regex::Regex::new(r"\]\(([^)#:]+)(?:#[^)]*)?\)").expect("a pattern");
    let documents = fs::read_dir(root().join("docs")).expect("docs").flatten();
    let documents = documents.map(|file| format!("docs/{}", file.file_name().to_string_lossy()));
    let others = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(str::to_owned);
    for document in documents.chain(others) {
        let folder = root().join(&document).parent().expect("a folder").to_owned();
        for found in link.captures_iter(&read(&document)) {
            assert!(folder.join(&found[1]).exists(), "{document} links to {}, which is not there", &found[1]);
        }
    }
}
