//! The events that were ever applied to a call. None is ever removed, so dedupe lasts for ever.

use sha2::{Digest as _, Sha256};

/// The most bodies that are applied to one call. They take 128 KB of its item.
const MAX_BODIES: usize = 4_000;

/// The bytes of a hash that are kept. Another text with the same 128 bits of SHA-256 can't be found in practice.
pub(super) const HASH_BYTES: usize = 16;

/// An event and one of its bodies: 16 bytes each of the SHA-256 of its dedupe key and of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventBody {
    /// Of the dedupe key.
    pub event: [u8; HASH_BYTES],
    /// Of the body.
    pub body: [u8; HASH_BYTES],
}

/// The events and bodies that a call's record was made of, in the order in which they were applied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied(Vec<u8>);

/// The result of [`Applied::know`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// Neither the event nor the body.
    Nothing,
    /// The event, but only with other bodies.
    Event,
    /// The event with this body.
    Body,
}

/// The attribute is not a list of pairs of hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the list of applied events is damaged")]
pub struct AppliedError;

impl Applied {
    /// Reads the attribute's bytes.
    ///
    /// # Errors
    /// They are not a whole number of pairs.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, AppliedError> {
        if bytes.len().is_multiple_of(2 * HASH_BYTES) { Ok(Self(bytes.to_vec())) } else { Err(AppliedError) }
    }

    /// The attribute's bytes.
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns what is known of an event and its body.
    pub(super) fn know(&self, EventBody { event, body }: &EventBody) -> Known {
        let mut known = Known::Nothing;
        for pair in self.0.chunks_exact(2 * HASH_BYTES) {
            let (other_event, other_body) = pair.split_at(HASH_BYTES);
            if other_event == event {
                if other_body == body {
                    return Known::Body;
                }
                known = Known::Event;
            }
        }
        known
    }

    /// Returns the list with one more body; `None` if it is full.
    pub(super) fn with(&self, EventBody { event, body }: &EventBody) -> Option<Self> {
        (self.len() < MAX_BODIES).then(|| Self([&self.0[..], event, body].concat()))
    }

    /// The hash of the body at a place, from 0.
    pub(super) fn body(&self, place: usize) -> Option<[u8; HASH_BYTES]> {
        let pair = self.0.chunks_exact(2 * HASH_BYTES).nth(place)?;
        pair[HASH_BYTES..].try_into().ok()
    }

    /// The first place of a body, from 0.
    pub(super) fn place_of(&self, body: &[u8; HASH_BYTES]) -> Option<usize> {
        self.0.chunks_exact(2 * HASH_BYTES).position(|pair| pair[HASH_BYTES..] == body[..])
    }

    /// Every event with its body.
    pub(super) fn bodies(&self) -> impl Iterator<Item = EventBody> {
        self.0.chunks_exact(2 * HASH_BYTES).map(|pair| EventBody {
            event: std::array::from_fn(|index| pair[index]),
            body: std::array::from_fn(|index| pair[HASH_BYTES + index]),
        })
    }

    /// Each event and body in hex, `<event> <body>`.
    pub(super) fn hashes(&self) -> Vec<String> {
        let pairs = self.0.chunks_exact(2 * HASH_BYTES).map(|pair| pair.split_at(HASH_BYTES));
        pairs.map(|(event, body)| format!("{} {}", hex::encode(event), hex::encode(body))).collect()
    }

    /// The number of bodies.
    pub(super) fn len(&self) -> usize {
        self.0.len() / (2 * HASH_BYTES)
    }
}

/// Returns the first bytes of the SHA-256 of some bytes.
pub(super) fn hash(bytes: &[u8]) -> [u8; HASH_BYTES] {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    first_bytes(&digest)
}

/// The first bytes of a SHA-256.
pub(super) fn first_bytes(digest: &[u8; 32]) -> [u8; HASH_BYTES] {
    std::array::from_fn(|index| digest[index])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(event: u8, body: u8) -> EventBody {
        EventBody { event: [event; HASH_BYTES], body: [body; HASH_BYTES] }
    }

    #[test]
    fn an_event_is_known_by_its_body_or_without_it() {
        let applied = Applied::default().with(&pair(1, 1)).unwrap().with(&pair(2, 3)).unwrap();
        assert_eq!(applied.know(&pair(1, 1)), Known::Body);
        assert_eq!(applied.know(&pair(1, 3)), Known::Event);
        assert_eq!(applied.know(&pair(3, 1)), Known::Nothing);
        assert_eq!(Applied::from_bytes(applied.as_bytes()), Ok(applied));
    }

    #[test]
    fn a_body_is_found_by_its_place() {
        let applied = Applied::default().with(&pair(1, 1)).unwrap().with(&pair(2, 3)).unwrap();
        assert_eq!((applied.place_of(&[3; HASH_BYTES]), applied.place_of(&[2; HASH_BYTES])), (Some(1), None));
        assert_eq!((applied.body(1), applied.body(2)), (Some([3; HASH_BYTES]), None));
    }

    #[test]
    fn a_list_of_odd_length_is_damaged() {
        for length in [1, 16, 31, 33] {
            assert_eq!(Applied::from_bytes(&vec![0; length]), Err(AppliedError));
        }
    }

    #[test]
    fn a_full_list_takes_no_more() {
        let full = Applied(vec![0; MAX_BODIES * 2 * HASH_BYTES]);
        assert_eq!(full.with(&pair(1, 1)), None);
    }
}
