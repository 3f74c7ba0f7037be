//! A question to a provider's own check.

use bytes::Bytes;
use http::HeaderMap;
use jiff::Timestamp;
use shared::proof::{Freshness, ProofError, Unverified};
use shared::provider::{Provider, Verified};
use shared::source::Source;

/// A request, and the source whose keys it is checked with.
///
/// It is the only way here to an answer about a proof: every cause that is named was found by changing the
/// request and asking again.
#[derive(Clone)]
pub(super) struct Question {
    pub(super) provider: Provider,
    pub(super) source: Source,
    pub(super) headers: HeaderMap,
    pub(super) token: Option<String>,
    pub(super) body: Bytes,
    /// When it arrived; now, where that is not known.
    pub(super) at: Timestamp,
    pub(super) is_arrival_known: bool,
}

/// When a request was signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignedAt {
    /// The proof has no time in it.
    Never,
    /// At this Unix second.
    Second(i64),
    /// After the year 9999.
    TooFar,
}

impl Question {
    /// The answer of the provider's check.
    pub(super) fn ask(&self) -> Result<Verified, ProofError> {
        let delivery = Unverified {
            headers: &self.headers,
            body: &self.body,
            token: self.token.as_deref(),
            received_at: self.at,
        };
        self.provider.verify(&self.source, delivery)
    }

    /// When a genuine request was signed: the arrival is moved until the check no longer says that the
    /// time is in the future.
    pub(super) fn signed_at(&self) -> SignedAt {
        let freshness = |second: i64| {
            let at = Timestamp::from_second(second).ok()?;
            let asked = Self { at, ..self.clone() };
            asked.ask().ok().map(|verified| verified.proof().freshness)
        };
        let (mut low, mut high) = (Timestamp::MIN.as_second(), Timestamp::MAX.as_second());
        match (freshness(low), freshness(high)) {
            (Some(Freshness::Fresh), _) | (None, _) | (_, None) => return SignedAt::Never,
            (_, Some(Freshness::Future(_))) => return SignedAt::TooFar,
            _ => {}
        }
        while low < high {
            let middle = low + (high - low) / 2;
            if matches!(freshness(middle), Some(Freshness::Future(_))) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let tolerance = i64::try_from(self.source.tolerance.as_secs()).unwrap_or(i64::MAX);
        SignedAt::Second(low.saturating_add(tolerance))
    }
}
