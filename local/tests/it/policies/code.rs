//! The code as the policies see it: which operations of the SDK it calls, and what they need.

use std::collections::{BTreeMap, BTreeSet};

use shared::provider::Provider;

use super::calls::{By, CALLS, Calls};
use super::operations::{MEMBERS, NO_CALLS, OPERATIONS};
use crate::tidy::sources;

/// The sources of `shared` and of the functions, without tests, comments and white space.
#[derive(Clone)]
pub(super) struct Code {
    pub(super) files: BTreeMap<String, String>,
}

/// A call in the code.
struct Call {
    path: String,
    operation: String,
    /// Whether what is written is tagged.
    tagged: bool,
    /// Whether it is about a version of an object.
    versioned: bool,
}

/// An action that a function's calls need.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Need {
    pub(super) action: &'static str,
    pub(super) resource: String,
    /// Whether the object is put in parts.
    pub(super) in_parts: bool,
    /// The partition keys that it is limited to.
    pub(super) under: Vec<String>,
}

impl Code {
    pub(super) fn read() -> Self {
        let files = ["shared/src", "functions"].into_iter().flat_map(sources);
        let files = files.filter(|(path, _)| !path.contains("/tests"));
        Self { files: files.map(|(path, text)| (path, compact(&text))).collect() }
    }

    /// Every call of an operation, and whatever else is called on a client without arguments.
    fn calls(&self) -> Vec<Call> {
        let mut calls = Vec::new();
        for (path, text) in &self.files {
            for (end, _) in text.match_indices("()") {
                let before = &text[..end];
                let word = |text: &str| {
                    let begin = text.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                    text[begin.map_or(0, |begin| begin + 1)..].to_owned()
                };
                let operation = word(before);
                let Some(before) = before[..before.len() - operation.len()].strip_suffix('.') else {
                    continue;
                };
                let receiver = word(before);
                let known = OPERATIONS.iter().any(|(name, _)| *name == operation);
                let is_client = matches!(receiver.as_str(), "client" | "s3" | "ssm" | "dynamodb");
                let is_none = NO_CALLS.contains(&(path.as_str(), &format!("{receiver}.{operation}()")));
                if (known || is_client) && !is_none && operation != "clone" {
                    let rest = text[end..].split(';').next().unwrap_or_default();
                    let (tagged, versioned) = (rest.contains(".tagging("), rest.contains(".version_id("));
                    calls.push(Call { path: path.clone(), operation, tagged, versioned });
                }
            }
        }
        // An operation that this project makes itself has its name in the call.
        for (path, text) in &self.files {
            for rest in text.split(".operation(\"").skip(1) {
                let name = rest.split('"').next().unwrap_or_default();
                let operation = snake_case(name);
                calls.push(Call { path: path.clone(), operation, tagged: false, versioned: false });
            }
        }
        calls
    }

    /// The calls that the tables do not have, and the entries of the tables that no call needs.
    pub(super) fn problems(&self) -> Vec<String> {
        let calls = self.calls();
        let mut problems = Vec::new();
        for Call { path, operation, .. } in &calls {
            if !CALLS.iter().any(|row| row.takes(path, operation)) {
                problems.push(format!("{path} calls {operation}, which is not in CALLS"));
            }
        }
        for row in CALLS {
            for operation in row.of {
                if !calls.iter().any(|call| call.operation == *operation && row.takes(&call.path, operation))
                {
                    problems.push(format!("{} does not call {operation} any more", row.at));
                }
            }
        }
        let ours = ["shared/src/ledger", "functions/recordings/src/name"];
        let ours: String = self
            .files
            .iter()
            .filter(|(path, _)| ours.iter().any(|at| path.starts_with(at)))
            .map(|(_, text)| &**text)
            .collect();
        for resource in CALLS.iter().flat_map(|row| row.on) {
            // The name of an index, or the beginning of the objects' keys.
            let place = resource.split_once("/index/").map(|(_, name)| format!("\"{name}\""));
            let place =
                place.or_else(|| Some(format!("\"{}/", resource.strip_suffix("/*")?.rsplit('/').next()?)));
            if place.is_some_and(|place| !ours.contains(&place)) {
                problems.push(format!("{resource} is not in the code any more"));
            }
        }
        for pattern in CALLS.iter().flat_map(|row| row.under) {
            let beginning = pattern.trim_end_matches('*').replace("<reader>", "{provider}");
            if !ours.contains(&format!("\"{beginning}")) {
                problems.push(format!("no key begins like {pattern} any more"));
            }
        }
        let led: BTreeSet<_> = CALLS
            .iter()
            .flat_map(|row| if let By::Ledger(names) = row.by { names } else { &[] as &[&str] })
            .collect();
        for (path, text) in self.files.iter().filter(|(path, _)| path.starts_with("shared/src/ledger")) {
            for rest in text.split("pubasyncfn").skip(1) {
                let name = rest.split(['(', '<']).next().unwrap_or_default();
                if !led.contains(&name) {
                    problems.push(format!("{path}: no row of CALLS says what {name} leads to"));
                }
            }
        }
        problems
    }

    /// The permissions that a function's calls need.
    pub(super) fn needs(&self, function: &str) -> BTreeSet<Need> {
        let mut needs = BTreeSet::new();
        for Call { path, operation, tagged, versioned } in self.calls() {
            let rows = CALLS.iter().filter(|row| row.takes(&path, &operation));
            for row in rows.filter(|row| self.reaches(function, row)) {
                let mut actions: Vec<_> = OPERATIONS
                    .iter()
                    .filter(|(name, _)| *name == operation)
                    .flat_map(|(_, actions)| actions.iter().copied())
                    .collect();
                if operation == "delete_object" && versioned {
                    actions = vec!["s3:DeleteObjectVersion"];
                }
                if operation == "transact_write_items" {
                    actions.extend(self.members(&path));
                }
                if tagged {
                    actions.push("s3:PutObjectTagging");
                }
                let in_parts = operation.contains("part");
                let under: Vec<_> = row.under.iter().map(|keys| keys.replace("<reader>", function)).collect();
                for resource in row.on.iter().flat_map(|resource| resources(resource, function)) {
                    needs.extend(actions.iter().map(|action| Need {
                        action,
                        resource: resource.clone(),
                        in_parts: in_parts && *action == "s3:PutObject",
                        under: under.clone(),
                    }));
                }
            }
        }
        needs
    }

    /// The members of the transactions of a file.
    fn members<'a>(&'a self, path: &str) -> impl Iterator<Item = &'static str> + use<'a> {
        let text = self.files.get(path).map(String::as_str).unwrap_or_default();
        let builds = move |name: &str| {
            text.match_indices(&format!("{name}::builder()"))
                .any(|(begin, _)| !text[..begin].ends_with(|c: char| c.is_ascii_alphanumeric()))
        };
        MEMBERS.iter().filter(move |(name, _)| builds(name)).map(|(_, action)| *action)
    }

    fn reaches(&self, function: &str, row: &Calls) -> bool {
        match &row.by {
            By::Everyone => true,
            By::Own(owner) => *owner == function,
            By::Ledger(names) => self.own_files(function).any(|text| {
                let calls = |at: &str, name: &str| text.contains(&format!("{at}{name}("));
                names.iter().any(|name| calls("ledger.", name) || calls("api::", name))
            }),
        }
    }

    /// A function's own crate. A receiver's is a few lines; the rest of it is `shared::webhook`.
    fn own_files(&self, function: &str) -> impl Iterator<Item = &String> {
        let own = format!("functions/{function}/src/");
        let receives = Provider::from_name(function).is_some();
        let is_own =
            move |path: &str| path.starts_with(&own) || (receives && path.starts_with("shared/src/webhook"));
        self.files.iter().filter(move |(path, _)| is_own(path)).map(|(_, text)| text)
    }
}

impl Calls {
    fn takes(&self, path: &str, operation: &str) -> bool {
        path.starts_with(self.at) && self.of.contains(&operation)
    }
}

/// Whose sources a function reads: its own; all of them, to fetch their recordings or to read bodies again.
fn readers(function: &str) -> Vec<&str> {
    match function {
        "recordings" => Provider::ALL.map(Provider::name).into(),
        "upkeep" => Provider::ALL.map(Provider::name).into_iter().chain(["query"]).collect(),
        _ => vec![function],
    }
}

fn resources(resource: &str, function: &str) -> Vec<String> {
    match resource.strip_suffix("<reader>") {
        Some(path) => readers(function).iter().map(|reader| format!("{path}{reader}")).collect(),
        None => vec![resource.to_owned()],
    }
}

/// A file up to its tests, without comments and white space.
pub(crate) fn compact(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.flat_map(str::chars).filter(|c| !c.is_whitespace()).collect()
}

/// `GetItem` as `get_item`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (index, character) in name.char_indices() {
        if character.is_ascii_uppercase() && index > 0 {
            snake.push('_');
        }
        snake.push(character.to_ascii_lowercase());
    }
    snake
}
