//! The memory of client request tokens: which transactions were written in the last ten minutes.
//!
//! A client that got no answer sends its transaction again with the same token. DynamoDB then answers
//! success and does not write again.

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long DynamoDB remembers a token.
pub(super) const REMEMBERED_FOR: Duration = Duration::from_secs(600);

/// How many tokens are remembered at most, about 4 MB. Under load the oldest ones go before their ten
/// minutes are over, but not within the seconds in which a client repeats a request.
pub(super) const MOST_TOKENS: usize = 50_000;

/// The tokens of successful transactions, each with a digest of what the transaction wrote.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    digests: HashMap<Name, u64>,
    /// In the order of their times, so that only expired tokens are touched when they are removed.
    by_time: VecDeque<(Instant, Name)>,
}

/// A token as it is remembered: its hash, since texts that come and go would leave holes in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Name(u64, u64);

impl Name {
    fn of(token: &str) -> Self {
        let half = |number: u8| {
            let mut hasher = DefaultHasher::new();
            (number, token).hash(&mut hasher);
            hasher.finish()
        };
        Self(half(0), half(1))
    }
}

/// The result of looking a token up.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// No transaction with this token was written.
    New,
    /// The same transaction was written.
    Written,
    /// Another transaction with this token was written.
    OtherParameters,
}

impl Tokens {
    /// Looks a token up, and first removes those that are older than ten minutes at `now`.
    pub(super) fn look_up(&mut self, token: &str, digest: u64, now: Instant) -> Known {
        while self.by_time.front().is_some_and(|(at, _)| now.duration_since(*at) >= REMEMBERED_FOR) {
            self.remove_oldest();
        }
        match self.digests.get(&Name::of(token)) {
            None => Known::New,
            Some(known) if *known == digest => Known::Written,
            Some(_) => Known::OtherParameters,
        }
    }

    /// Remembers that a transaction was written; its token must be new.
    pub(super) fn remember(&mut self, token: &str, digest: u64, now: Instant) {
        let name = Name::of(token);
        if let Entry::Vacant(place) = self.digests.entry(name) {
            self.by_time.push_back((now, name));
            place.insert(digest);
        }
        if self.by_time.len() > MOST_TOKENS {
            self.remove_oldest();
        }
    }

    fn remove_oldest(&mut self) {
        if let Some((_, token)) = self.by_time.pop_front() {
            self.digests.remove(&token);
        }
    }
}

/// A digest of a JSON value that does not depend on the order of the names in its objects.
pub(super) fn digest(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    match value {
        Value::Object(object) => {
            let of_member = |(name, value): (&String, &Value)| {
                let mut hasher = DefaultHasher::new();
                (name, digest(value)).hash(&mut hasher);
                hasher.finish()
            };
            let members = object.iter().map(of_member).fold(0, u64::wrapping_add);
            ("object", object.len(), members).hash(&mut hasher);
        }
        Value::Array(list) => {
            ("array", list.len()).hash(&mut hasher);
            list.iter().for_each(|value| digest(value).hash(&mut hasher));
        }
        leaf => leaf.hash(&mut hasher),
    }
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn knows_a_token_for_ten_minutes() {
        let (mut tokens, now) = (Tokens::default(), Instant::now());
        assert_eq!(tokens.look_up("a", 1, now), Known::New);
        tokens.remember("a", 1, now);
        let last = now + REMEMBERED_FOR - Duration::from_millis(1);
        assert_eq!(tokens.look_up("a", 1, last), Known::Written);
        assert_eq!(tokens.look_up("a", 2, last), Known::OtherParameters);
        assert_eq!(tokens.look_up("b", 1, last), Known::New);
        assert_eq!(tokens.look_up("a", 2, now + REMEMBERED_FOR), Known::New);
        assert!(tokens.digests.is_empty() && tokens.by_time.is_empty(), "{tokens:?}");
    }

    #[test]
    fn remembers_no_more_tokens_than_it_may() {
        let (mut tokens, now) = (Tokens::default(), Instant::now());
        for index in 0..=MOST_TOKENS {
            tokens.remember(&index.to_string(), 1, now);
        }
        assert_eq!((tokens.digests.len(), tokens.by_time.len()), (MOST_TOKENS, MOST_TOKENS));
        assert_eq!(tokens.look_up("0", 1, now), Known::New);
        assert_eq!(tokens.look_up("1", 1, now), Known::Written);
    }

    #[test]
    fn a_digest_depends_on_values_and_not_on_the_order_of_names() {
        let mut other = serde_json::Map::new();
        other.insert("b".to_owned(), json!([1, 2]));
        other.insert("a".to_owned(), json!({ "S": "x" }));
        let value = json!({ "a": { "S": "x" }, "b": [1, 2] });
        assert_eq!(digest(&value), digest(&Value::Object(other)));
        for different in [
            json!({ "a": { "S": "y" }, "b": [1, 2] }),
            json!({ "a": { "S": "x" }, "b": [2, 1] }),
            json!({ "b": { "S": "x" }, "a": [1, 2] }),
            json!({ "a": { "S": "x" } }),
        ] {
            assert_ne!(digest(&value), digest(&different), "{different}");
        }
    }
}
