//! Whose key fits: another source's, another provider's, or the source's own, written otherwise.

use shared::event::{Normalized, Unusable};
use shared::proof::HmacKey;
use shared::source::Source;

use super::super::question::Question;
use super::super::target::Target;
use super::Cause;

/// A source whose keys may fit.
pub(super) struct Owner {
    pub(super) causes: Vec<Cause>,
    pub(super) source: Source,
}

/// The source itself, what its keys may have been, and the provider's other sources.
pub(super) fn owners(question: &Question, target: &Target) -> Vec<Owner> {
    let source = &question.source;
    let mut owners = vec![Owner { causes: Vec::new(), source: source.clone() }];
    if source.scheme.is_some() {
        let cause = Cause::new(
            "signature_form_pinned",
            "the signature has the form that the source does not take: `scheme` pins the other one",
            "Remove `scheme` from the source, or let the provider sign in the pinned form.",
        );
        owners.push(Owner { causes: vec![cause], source: Source { scheme: None, ..source.clone() } });
    }
    for secret in &target.secrets {
        for (written, cause) in secrets(secret) {
            let source = Source { secrets: vec![HmacKey::new(written)], ..source.clone() };
            owners.push(Owner { causes: vec![cause], source });
        }
    }
    let others = target.others.iter().filter(|(provider, _)| *provider == question.provider);
    owners.extend(others.map(|(_, other)| Owner {
        causes: vec![another_source(&other.name, target)],
        source: Source { scheme: None, ..other.clone() },
    }));
    owners
}

/// What a secret may be without a slip of whoever copied it.
fn secrets(secret: &str) -> Vec<(&str, Cause)> {
    let remedy = "Put the secret into the source exactly as the provider signs with it.";
    let mut found = Vec::new();
    if secret.trim() != secret {
        let message = "the secret in the file of sources has white space before or behind it";
        found.push((secret.trim(), Cause::new("secret_padded", message, remedy)));
    }
    if let Some((_, bare)) = secret.split_once('_').filter(|(prefix, _)| prefix.len() <= 8) {
        let message = "the provider signs with the secret without its prefix";
        found.push((bare, Cause::new("secret_prefix", message, remedy)));
    }
    found
}

fn another_source(name: &str, target: &Target) -> Cause {
    let provider = target.provider.name();
    Cause::new(
        "another_source",
        format!("it is proved with the key of another source: {provider}/{name}"),
        format!("Give the provider the URL of {name}, or put that key into {}, too.", target.name),
    )
}

/// The source of the request's own provider that takes it just as it is.
pub(super) fn fitting(question: &Question, target: &Target) -> Option<Cause> {
    let same = target.others.iter().filter(|(provider, _)| *provider == question.provider);
    let mut takes = same.filter(|(_, source)| asked_of(question, source));
    let (_, source) = takes.next()?;
    let provider = target.provider.name();
    Some(Cause::new(
        "source_unknown",
        format!("the URL names a source that is not there; the request is one of {provider}/{}", source.name),
        format!("Give the provider the URL of {}, or add the source {}.", source.name, target.name),
    ))
}

fn asked_of(question: &Question, source: &Source) -> bool {
    Question { source: source.clone(), ..question.clone() }.ask().is_ok()
}

/// The cause, if it is a request of another provider.
pub(super) fn other_provider(question: &Question, target: &Target) -> Option<Cause> {
    let others = target.others.iter().filter(|(provider, _)| *provider != question.provider);
    let (provider, source) = others.into_iter().find(|(provider, source)| {
        Question { provider: *provider, source: source.clone(), ..question.clone() }.ask().is_ok()
    })?;
    let (wrong, right) = (question.provider.name(), provider.name());
    Some(Cause::new(
        "another_provider",
        format!("it is a request of {right}/{}, and was checked as one of {wrong}", source.name),
        format!("Give {right} the URL of its own source; it has {wrong} in its path now."),
    ))
}

/// The cause of a body of another account.
pub(super) fn of_account(question: &Question, target: &Target) -> Cause {
    let provider = question.provider;
    let same = target.others.iter().filter(|(other, _)| *other == provider);
    let taken = same.into_iter().find(|(_, source)| {
        let Ok(verified) = (Question { source: source.clone(), ..question.clone() }).ask() else {
            return false;
        };
        let normalized = provider.normalize(source, &verified);
        source.account.is_some() && !matches!(normalized, Normalized::Unusable(Unusable::AccountMismatch))
    });
    if let Some((_, source)) = taken {
        return Cause::new(
            "account_mismatch",
            format!(
                "it is of the account that another source is pinned to: {}/{}",
                provider.name(),
                source.name
            ),
            format!("Give the provider the URL of {}.", source.name),
        );
    }
    let open = Source { account: None, ..question.source.clone() };
    let proven = asked_of(question, &open);
    Cause {
        proven,
        ..Cause::new(
            "account_mismatch",
            "the body names another account than `account` of the source, or none",
            "If the account is yours, write it into the source as the body has it. If not, somebody else's \
             webhooks come to your URL.",
        )
    }
}
