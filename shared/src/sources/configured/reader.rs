//! One reader as it is written in JSON.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::{MAX_LIVE_KEYS, unquoted};
use crate::proof::Token;
use crate::provider::Provider;
use crate::reader::{Reader, Right, Scope};
use crate::source::is_name;

/// The fewest characters of a reader's token.
const MIN_TOKEN_CHARS: usize = 16;

/// The rights of a reader that names none.
const DEFAULT_RIGHTS: [Right; 2] = [Right::Read, Right::Act];

/// A reader, for messages.
pub(in crate::sources) const EXAMPLE: &str = r#"{"tokens":["<at least 128 random bits>"]}"#;

/// A reader as it is written; a field that is not here is an error and not a default.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Configured {
    #[serde(default)]
    tokens: Vec<String>,
    may: Option<Vec<String>>,
    sources: Option<Vec<String>>,
}

/// Reads one reader.
///
/// # Errors
/// All that is wrong with it.
pub(in crate::sources) fn read(name: &str, value: serde_json::Value) -> Result<Reader, Vec<String>> {
    let Configured { tokens, may, sources } =
        serde_json::from_value(value).map_err(|error| vec![unquoted(&error)])?;
    let mut problems = Vec::new();
    if !is_name(name) {
        problems.push("a reader's name is 1 to 64 lower-case letters, digits and hyphens".to_owned());
    }
    if tokens.is_empty() || tokens.len() > MAX_LIVE_KEYS {
        problems.push("tokens must hold one token, or two while rotating".to_owned());
    }
    if tokens.iter().any(|token| token.trim().chars().count() < MIN_TOKEN_CHARS) {
        problems.push(format!("tokens must have at least {MIN_TOKEN_CHARS} characters"));
    }
    let rights = may.map_or_else(|| DEFAULT_RIGHTS.into(), |words| rights(&words, &mut problems));
    let scope = sources.map_or(Scope::All, |names| scope(&names, &mut problems));
    if !problems.is_empty() {
        return Err(problems);
    }
    let tokens = tokens.iter().map(|token| Token::new(token)).collect();
    Ok(Reader { name: name.to_owned(), tokens, rights, scope })
}

fn rights(words: &[String], problems: &mut Vec<String>) -> BTreeSet<Right> {
    if words.is_empty() {
        problems.push("may is empty; leave it out for read and act".to_owned());
    }
    let known = Right::ALL.map(Right::name).join(", ");
    let rights = words.iter().enumerate().filter_map(|(index, word)| {
        let right = Right::from_name(word);
        if right.is_none() {
            problems.push(format!("may[{index}] is not one of {known}"));
        }
        right
    });
    rights.collect()
}

fn scope(names: &[String], problems: &mut Vec<String>) -> Scope {
    if names.is_empty() {
        problems.push("sources is empty; leave it out for all sources".to_owned());
    }
    let sources = names.iter().enumerate().filter_map(|(index, name)| {
        let source = name.split_once('/').and_then(|(provider, source)| {
            Some((Provider::from_name(provider)?, is_name(source).then(|| source.to_owned())?))
        });
        if source.is_none() {
            problems.push(format!("sources[{index}] is not <provider>/<source>, such as telnyx/default"));
        }
        source
    });
    Scope::Only(sources.collect())
}
