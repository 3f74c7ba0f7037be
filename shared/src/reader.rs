//! A reader: who holds tokens of the read API, what the tokens allow, and on which sources' calls.

use std::collections::BTreeSet;

use crate::proof::Token;
use crate::provider::Provider;

/// One configured reader: a person, a program or a team.
#[derive(Clone, Debug)]
pub struct Reader {
    /// Its name, which is in the log and in the audit trail.
    pub name: String,
    /// Tokens, of which any may be presented.
    pub tokens: Vec<Token>,
    /// The rights that the tokens give.
    pub rights: BTreeSet<Right>,
    /// The sources that the rights are for.
    pub scope: Scope,
}

/// What a reader may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// Read calls, their recordings and what was delivered.
    Read,
    /// Retry, replay, discard and rebuild, and read the audit trail.
    Act,
    /// Erase calls.
    Erase,
}

/// The sources whose calls a reader may read and act on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Every source, whether it exists today or not.
    #[default]
    All,
    /// These, each a provider and the name of a source.
    Only(BTreeSet<(Provider, String)>),
}

impl Reader {
    /// Whether a token is one of this reader's and one of another's.
    pub(crate) fn shares_a_token_with(&self, other: &Self) -> bool {
        self.tokens.iter().any(|token| other.tokens.iter().any(|of_other| token.is_same(of_other)))
    }
}

impl Right {
    /// Every right.
    pub const ALL: [Self; 3] = [Self::Read, Self::Act, Self::Erase];

    /// Its name in the configuration of a reader.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Act => "act",
            Self::Erase => "erase",
        }
    }

    /// The right of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|right| right.name() == name)
    }
}

impl Scope {
    /// Whether a source is among them. What is no provider's name is in no list.
    pub fn has(&self, provider: &str, source: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(sources) => sources.iter().any(|(of, name)| of.name() == provider && name == source),
        }
    }
}
