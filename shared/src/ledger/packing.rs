//! Packing: text that nobody reads by eye, compressed with zstd and a dictionary per provider.
//!
//! Evidence and transcripts are packed. A frame ([RFC 8878]) carries its size, a checksum and the number
//! of its dictionary, so it can be read by itself. What is read is bounded, whatever a frame claims.
//!
//! Each provider has its own dictionaries (`Provider::dictionaries`). The parameters are the cheapest
//! that do well with a dictionary: higher levels save next to nothing, lower ones make new text larger, and a lazy
//! search saves no write unit and takes about 20 µs more of each delivery.
//!
//! [RFC 8878]: https://www.rfc-editor.org/rfc/rfc8878

use std::cell::RefCell;
use std::io;

use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::{self, CParameter, Strategy};

use crate::provider::Provider;

/// The most bytes that a frame may unpack to. A body has at most 4 MiB, and JSON may write a byte of it
/// as six.
const MAX_UNPACKED_BYTES: usize = 25 << 20;

const LEVEL: i32 = 6;

const PARAMETERS: [CParameter; 7] = [
    CParameter::WindowLog(17),
    CParameter::HashLog(13),
    CParameter::ChainLog(13),
    CParameter::SearchLog(3),
    CParameter::MinMatch(4),
    CParameter::Strategy(Strategy::ZSTD_greedy),
    CParameter::ChecksumFlag(true),
];

/// Why a frame can't be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    /// It is not a zstd frame, or was cut or changed.
    #[error("the packed bytes are damaged")]
    Damaged,
    /// It does not say how large it is when unpacked, or says more than any delivery has.
    #[error("the packed bytes do not say how large they are, or are too large")]
    TooLarge,
    /// It was made with a dictionary that this version does not have.
    #[error("the packed bytes need dictionary {0}, which this version does not have")]
    UnknownDictionary(u32),
}

thread_local! {
    /// The compressor of this thread and the provider it has the dictionary of. A function has one provider.
    static COMPRESSOR: RefCell<Option<(Provider, Compressor<'static>)>> = const { RefCell::new(None) };
}

/// Packs bytes with the provider's newest dictionary.
///
/// # Errors
/// The compressor could not be made: memory has run out.
pub fn pack(provider: Provider, bytes: &[u8]) -> io::Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|kept| {
        let (_, compressor) = match kept {
            Some(ready) if ready.0 == provider => ready,
            _ => kept.insert((provider, compressor(provider)?)),
        };
        compressor.compress(bytes)
    })
}

/// Unpacks a frame.
///
/// # Errors
/// The frame is damaged, too large, or of an unknown dictionary.
pub fn unpack(frame: &[u8]) -> Result<Vec<u8>, UnpackError> {
    let size = zstd_safe::get_frame_content_size(frame).map_err(|_| UnpackError::Damaged)?;
    let size = size.and_then(|size| usize::try_from(size).ok()).ok_or(UnpackError::TooLarge)?;
    if size > MAX_UNPACKED_BYTES {
        return Err(UnpackError::TooLarge);
    }
    let dictionary = match zstd_safe::get_dict_id_from_frame(frame).map_or(0, |number| number.get()) {
        0 => &[][..],
        number => {
            let all = Provider::ALL.into_iter().flat_map(Provider::dictionaries);
            let known = all.into_iter().find(|dictionary| dictionary.number == number);
            known.ok_or(UnpackError::UnknownDictionary(number))?.content
        }
    };
    Decompressor::with_dictionary(dictionary)
        .and_then(|mut decompressor| decompressor.decompress(frame, size))
        .map_err(|_| UnpackError::Damaged)
}

/// Digests the provider's dictionary now, so that the first delivery does not wait for it.
pub(super) fn warm_up(provider: Provider) {
    // Where memory has run out, the first delivery says so.
    let _ = pack(provider, b"");
}

fn compressor(provider: Provider) -> io::Result<Compressor<'static>> {
    let newest = provider.dictionaries().last().map_or(&[][..], |dictionary| dictionary.content);
    let mut compressor = Compressor::with_dictionary(LEVEL, newest)?;
    for parameter in PARAMETERS {
        compressor.set_parameter(parameter)?;
    }
    Ok(compressor)
}

#[cfg(test)]
mod tests;
