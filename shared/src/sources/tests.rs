use serde_json::json;

use super::*;
use crate::reader::{Right, Scope};
use crate::source::Late;

/// What a person is told about sources in JSON that are not right.
fn problem(json: &str) -> String {
    Sources::from_json(json).map(|_| ()).unwrap_err().to_string()
}

#[test]
fn a_person_is_told_every_problem_with_its_place_and_no_value() {
    let sources = json!({
        "sautikit": { "default": { "secrets": ["canary"] }, "Kenya": { "secrets": [] } },
        "agni": { "default": { "tokens": ["canary"], "account": 5 }, "short": { "tokens": ["canary"] } },
        "telnyx": { "default": { "public_keys": ["canary"], "canary-1": "x" } },
        "other": {},
    });
    insta::assert_snapshot!(problem(&sources.to_string()).replace("; ", "\n"), @r"
    agni.default: a field has the wrong type or is none of the words that it takes
    agni.short: tokens must have at least 22 characters: the URL is all that keeps strangers out
    other is neither a provider nor query
    sautikit.Kenya: a source's name is 1 to 64 lower-case letters, digits and hyphens
    sautikit.Kenya: secrets must hold one key, or two while rotating
    telnyx.default: it has a field that is not one of `secrets`, `public_keys`, `tokens`, `account`, `scheme`, `tolerance_seconds`, `late`, `time_zone`, `recording_hosts`, `recording_authorization`, `recording_authorization_hosts`
    ");
}

#[test]
fn sources_that_are_no_sources_at_all_are_a_problem_with_a_place() {
    for (json, place) in [("{", "line 1, column 1"), ("[]", "line 1, column 0"), (r#"{"agni":[]}"#, "line 1")]
    {
        let said = problem(json);
        assert!(said.starts_with("the sources are not {") && said.contains(place), "{json}: {said}");
    }
}

#[test]
fn a_source_is_found_unknown_or_unreadable() {
    let sources = json!({ "sautikit": { "default": { "secrets": ["a-secret"] } } }).to_string();
    let mut sources = Sources::from_json(&sources).unwrap();
    assert!(sources.put("sautikit", "kenya", Ok(json!({}))).is_err());
    let get = |provider, name: &str| sources.get(provider, name).map(|source| source.name.clone());
    assert_eq!(get(Provider::Sautikit, "default").as_deref(), Ok("default"));
    assert_eq!(get(Provider::Sautikit, "kenya"), Err(SourceError::Unreadable));
    assert_eq!(get(Provider::Sautikit, "uganda"), Err(SourceError::Unknown));
    assert_eq!(get(Provider::Telnyx, "default"), Err(SourceError::Unknown));
}

#[test]
fn a_reader_may_read_and_act_everywhere_unless_it_says_otherwise() {
    let readers = json!({ "query": {
        "default": { "tokens": ["0123456789abcdef"] },
        "viewer": { "tokens": ["1123456789abcdef"], "may": ["read"], "sources": ["telnyx/default", "agni/kenya"] },
    } });
    let sources = Sources::from_json(&readers.to_string()).unwrap();
    let readers: Vec<_> = sources.readers().collect();
    let [default, viewer] = &readers[..] else { panic!("{readers:?}") };
    assert_eq!(default.rights, [Right::Read, Right::Act].into());
    assert_eq!(default.scope, Scope::All);
    assert_eq!((viewer.name.as_str(), &viewer.rights), ("viewer", &[Right::Read].into()));
    for (provider, source, has) in [
        ("telnyx", "default", true),
        ("agni", "kenya", true),
        ("telnyx", "kenya", false),
        ("agni", "default", false),
        ("", "default", false),
    ] {
        assert_eq!(viewer.scope.has(provider, source), has, "{provider}/{source}");
        assert!(default.scope.has(provider, source));
    }
}

#[test]
fn a_reader_that_is_not_right_is_named_with_what_is_wrong() {
    let token = "0123456789abcdef";
    for (reader, expected) in [
        (json!({}), "tokens must hold one token, or two while rotating"),
        (json!({ "tokens": [token, token, token] }), "tokens must hold one token, or two while rotating"),
        (json!({ "tokens": ["0123456789abcde"] }), "tokens must have at least 16 characters"),
        (json!({ "tokens": [token], "may": ["read", "canary"] }), "may[1] is not one of read, act, erase"),
        (json!({ "tokens": [token], "may": [] }), "may is empty; leave it out for read and act"),
        (json!({ "tokens": [token], "sources": [] }), "sources is empty; leave it out for all sources"),
        (
            json!({ "tokens": [token], "sources": ["telnyx/default", "canary"] }),
            "sources[1] is not <provider>/<source>, such as telnyx/default",
        ),
        (
            json!({ "tokens": [token], "sources": ["telnyx/*"] }),
            "sources[0] is not <provider>/<source>, such as telnyx/default",
        ),
        (
            json!({ "tokens": [token], "account": "a" }),
            "it has a field that is not one of `tokens`, `may`, `sources`",
        ),
        (
            json!({ "tokens": [token], "may": "read" }),
            "a field has the wrong type or is none of the words that it takes",
        ),
    ] {
        let sources = json!({ "query": { "default": reader } }).to_string();
        assert_eq!(problem(&sources), format!("query.default: {expected}"));
    }
    let same =
        json!({ "query": { "a": { "tokens": [token] }, "b": { "tokens": [token], "may": ["erase"] } } });
    assert_eq!(problem(&same.to_string()), "query.b: it has a token of the reader a");
}

#[test]
fn hosts_are_hosts_and_credentials_need_whole_names() {
    let source = |more: Value| {
        let mut source = json!({ "secrets": ["a-secret"] });
        source.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Sources::from_json(&json!({ "sautikit": { "default": source } }).to_string())
    };
    for good in [
        json!({ "recording_hosts": ["media.example.com", ".example.com", "münchen.example", "127.0.0.1"] }),
        json!({ "recording_authorization": "Bearer x", "recording_authorization_hosts": ["API.example.com."] }),
    ] {
        assert!(source(good.clone()).is_ok(), "{good}");
    }
    for host in [
        "",
        ".",
        "..example.com",
        "*.example.com",
        "https://a.example",
        "a.example/b",
        "a.example:443",
        "a b",
    ] {
        let said = source(json!({ "recording_hosts": [host] })).unwrap_err().to_string();
        assert!(said.contains("recording_hosts[0] is not a host such as"), "{host}: {said}");
    }
    let whole = "recording_authorization_hosts[0] is not the whole name of a host";
    for (more, problem) in [
        (
            json!({ "recording_authorization": "x" }),
            "recording_authorization needs recording_authorization_hosts",
        ),
        (
            json!({ "recording_hosts": ["a.example"], "recording_authorization": "x" }),
            "recording_authorization needs recording_authorization_hosts",
        ),
        (
            json!({ "recording_authorization_hosts": ["a.example"] }),
            "recording_authorization_hosts needs recording_authorization",
        ),
        (json!({ "recording_authorization": "x", "recording_authorization_hosts": [".example"] }), whole),
        (json!({ "recording_authorization": "x", "recording_authorization_hosts": ["a.example/"] }), whole),
        (
            json!({ "recording_authorization": "x\n", "recording_authorization_hosts": ["a.example"] }),
            "recording_authorization is not a header's value",
        ),
    ] {
        let said = source(more.clone()).unwrap_err().to_string();
        assert!(said.starts_with(&format!("sautikit.default: {problem}")), "{more}: {said}");
    }
}

#[test]
fn late_deliveries_are_applied_unless_the_source_says_quarantine() {
    let late = |late: Value| {
        let mut source = json!({ "secrets": ["a-secret"], "late": late });
        if source["late"].is_null() {
            source.as_object_mut().unwrap().remove("late");
        }
        let sources = Sources::from_json(&json!({ "sautikit": { "default": source } }).to_string());
        sources.map(|sources| sources.get(Provider::Sautikit, "default").unwrap().late)
    };
    assert_eq!(late(Value::Null).unwrap(), Late::Apply);
    assert_eq!(late(json!("apply")).unwrap(), Late::Apply);
    assert_eq!(late(json!("quarantine")).unwrap(), Late::Quarantine);
    for wrong in [json!("Quarantine"), json!("refuse"), json!(true)] {
        let said = late(wrong).unwrap_err().to_string();
        assert_eq!(
            said,
            "sautikit.default: a field has the wrong type or is none of the words that it takes"
        );
    }
}
