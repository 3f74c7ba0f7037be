//! The checked-in `template.yaml` is what its source, `template.yaml.j2`, renders for all providers.

use std::fs;

use minijinja::{Environment, UndefinedBehavior, Value, context};
use shared::provider::Provider;

use crate::tidy::{read, root};

/// The environment variable that makes the test write `template.yaml` instead of comparing it.
const UPDATE: &str = "UPDATE_TEMPLATE";

#[test]
fn the_template_is_what_its_source_says() {
    let rendered = render(&read("template.yaml.j2"));
    if std::env::var_os(UPDATE).is_some() {
        fs::write(root().join("template.yaml"), &rendered).expect("template.yaml can be written");
    }
    let template = read("template.yaml");
    let line =
        template.lines().zip(rendered.lines()).take_while(|(found, expected)| found == expected).count();
    assert!(
        template == rendered,
        "template.yaml is not what template.yaml.j2 says, from line {} on; change template.yaml.j2, then run \
         {UPDATE}=1 cargo test -p local --test it the_template_is_what_its_source_says",
        line + 1
    );
}

fn render(source: &str) -> String {
    let mut environment = Environment::new();
    environment.set_trim_blocks(true);
    environment.set_lstrip_blocks(true);
    environment.set_keep_trailing_newline(true);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let providers: Vec<_> = Provider::ALL.into_iter().map(provider).collect();
    environment.render_str(source, context! { providers }).expect("template.yaml.j2 renders")
}

/// The values of a provider in the source: `id` begins its logical ids, and `title` is its name for people.
fn provider(provider: Provider) -> Value {
    let (title, portal) = match provider {
        Provider::Sautikit => ("Sautikit", "Sautikit's dashboard"),
        Provider::Callkaro => ("CallKaro", "CallKaro's dashboard"),
        Provider::Telnyx => ("Telnyx", "the Telnyx portal, as status callback and as recording callback"),
        Provider::Agni => ("Agni", "Agni's dashboard"),
    };
    let route = provider.route();
    let token =
        if route.ends_with("/{token}") { ", with {token} replaced by a token of the source" } else { "" };
    context! { id => format!("{provider:?}"), name => provider.name(), title, route, paste_into => format!("{portal}{token}") }
}
