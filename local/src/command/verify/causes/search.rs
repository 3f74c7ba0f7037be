//! The search for causes: what may have changed is undone, and the provider's check is asked again.

use super::super::question::Question;
use super::super::target::Target;
use super::body::{self, Body};
use super::owner::{self, Owner};
use super::written::{self, Written};
use super::{Cause, token};

/// The most causes at once.
const MOST_CAUSES: usize = 4;

/// The most questions.
const MOST_QUESTIONS: usize = 20_000;

/// The most bytes of bodies that are made and asked about. It bounds the search for a large body.
const MOST_BYTES: usize = 512 * 1024 * 1024;

/// The fewest causes that, once they are undone, make a request genuine; `None` if none do.
pub(super) fn search(question: &Question, target: &Target) -> Option<Vec<Cause>> {
    if let Some(other) = owner::other_provider(question, target) {
        return Some(vec![other]);
    }
    let owners = owner::owners(question, target);
    if question.provider.route().ends_with("{token}") {
        let written = token::written(question, target);
        return first(question, &owners, &written, |_| Box::new([Body::as_it_is(question)].into_iter()));
    }
    let written = written::readable(question);
    first(question, &owners, &written, |most| body::bodies(question, most))
}

/// Asks about each combination, those with the fewest causes first.
fn first<'a>(
    question: &Question,
    owners: &[Owner],
    written: &[Written],
    bodies: impl Fn(usize) -> Box<dyn Iterator<Item = Body> + 'a>,
) -> Option<Vec<Cause>> {
    let (mut questions, mut bytes) = (0, 0);
    for total in 0..=MOST_CAUSES {
        for body in bodies(total) {
            bytes += body.body.len();
            for owner in owners {
                for written in written {
                    let parts = [&owner.causes, &written.causes, &body.causes];
                    if parts.iter().map(|causes| causes.len()).sum::<usize>() != total {
                        continue;
                    }
                    questions += 1;
                    bytes += body.body.len();
                    if questions > MOST_QUESTIONS || bytes > MOST_BYTES {
                        return None;
                    }
                    let changed = Question {
                        source: owner.source.clone(),
                        headers: written.headers.clone(),
                        token: written.token.clone(),
                        body: body.body.clone(),
                        ..question.clone()
                    };
                    if changed.ask().is_ok() {
                        return Some(parts.into_iter().flatten().cloned().collect());
                    }
                }
            }
        }
    }
    None
}
