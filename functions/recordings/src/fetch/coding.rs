//! Content codings: which of them mean that a body comes as it is, and how the others are unpacked.
//!
//! Nothing but the body as it is was asked for. Some origins name a coding all the same: most of these mean
//! nothing, and a few bodies really are compressed. Those are unpacked piece by piece, in little memory
//! whatever they unpack to. What is stored and hashed is what was unpacked.

use std::io::Write as _;

use bytes::{Bytes, BytesMut};
use flate2::write::MultiGzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use http::header::{CONTENT_ENCODING, HeaderMap};

use crate::sniff;

/// Codings that change nothing: what an upload was sent in, or another thing's name.
const PLAIN: [&str; 9] = ["", "identity", "none", "aws-chunked", "binary", "8bit", "base64", "utf-8", "utf8"];

/// How much is unpacked at a time. It becomes a thousand times as much at most.
const STEP_BYTES: usize = 1024;

/// How much of a body tells whether it really is compressed.
const TELLING_BYTES: usize = 16;

/// How a body comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coding {
    /// As it is.
    Plain,
    /// As gzip, or so it is said.
    Gzip,
    /// As zlib or bare DEFLATE, or so it is said.
    Deflate,
}

/// The bytes are not what they are said to be, or their end is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Damaged;

/// A body that is said to be compressed.
pub(super) struct Unpacking {
    coding: Coding,
    /// What arrived and is not unpacked yet.
    packed: BytesMut,
    decoder: Decoder,
}

enum Decoder {
    /// Too little has arrived.
    Undecided,
    /// It is not compressed, whatever is said.
    Plain,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
    Deflate {
        decoder: Decompress,
        is_over: bool,
    },
}

impl Coding {
    /// The coding of a body; `None` for one that can't be unpacked here, and for several.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut found = Self::Plain;
        let values = headers.get_all(CONTENT_ENCODING).iter();
        for coding in values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')) {
            let coding = String::from_utf8_lossy(coding).trim().to_ascii_lowercase();
            found = match (&*coding, found) {
                (plain, found) if PLAIN.contains(&plain) => found,
                ("gzip" | "x-gzip", Self::Plain) => Self::Gzip,
                ("deflate", Self::Plain) => Self::Deflate,
                _ => return None,
            };
        }
        Some(found)
    }
}

impl Unpacking {
    /// Unpacks a body; `None` if it comes as it is.
    pub(super) fn of(coding: Coding) -> Option<Self> {
        let unpacking = Self { coding, packed: BytesMut::new(), decoder: Decoder::Undecided };
        (coding != Coding::Plain).then_some(unpacking)
    }

    /// Takes what arrived.
    pub(super) fn feed(&mut self, packed: &[u8]) {
        self.packed.extend_from_slice(packed);
    }

    /// The next unpacked piece of what was fed; `None` if there is none yet.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Damaged> {
        if matches!(self.decoder, Decoder::Undecided) {
            if self.packed.len() < TELLING_BYTES {
                return Ok(None);
            }
            self.decide();
        }
        self.unpack()
    }

    /// The next unpacked piece, now that nothing more comes; `None` if there is no more.
    pub(super) fn rest(&mut self) -> Result<Option<Bytes>, Damaged> {
        if matches!(self.decoder, Decoder::Undecided) {
            self.decide();
        }
        if let Some(piece) = self.unpack()? {
            return Ok(Some(piece));
        }
        let rest = match &mut self.decoder {
            Decoder::Gzip(decoder) => {
                decoder.try_finish().map_err(|_| Damaged)?;
                let rest = std::mem::take(decoder.get_mut());
                // All is checked, and there is nothing to finish any more.
                self.decoder = Decoder::Plain;
                rest
            }
            Decoder::Deflate { is_over: false, .. } => return Err(Damaged),
            Decoder::Deflate { .. } | Decoder::Plain | Decoder::Undecided => Vec::new(),
        };
        Ok((!rest.is_empty()).then(|| rest.into()))
    }

    /// What the bytes are, and not what they are said to be.
    fn decide(&mut self) {
        let start = &*self.packed;
        self.decoder = match self.coding {
            Coding::Gzip if start.starts_with(&[0x1f, 0x8b]) => {
                Decoder::Gzip(Box::new(MultiGzDecoder::new(Vec::new())))
            }
            Coding::Deflate if is_zlib(start) => {
                Decoder::Deflate { decoder: Decompress::new(true), is_over: false }
            }
            Coding::Deflate if !sniff::is_known(start) => {
                Decoder::Deflate { decoder: Decompress::new(false), is_over: false }
            }
            Coding::Plain | Coding::Gzip | Coding::Deflate => Decoder::Plain,
        };
    }

    fn unpack(&mut self) -> Result<Option<Bytes>, Damaged> {
        while !self.packed.is_empty() {
            let step = match self.decoder {
                Decoder::Plain | Decoder::Undecided => self.packed.len(),
                Decoder::Gzip(_) | Decoder::Deflate { .. } => STEP_BYTES.min(self.packed.len()),
            };
            let packed = self.packed.split_to(step).freeze();
            let piece: Bytes = match &mut self.decoder {
                Decoder::Plain | Decoder::Undecided => packed,
                Decoder::Gzip(decoder) => {
                    decoder.write_all(&packed).map_err(|_| Damaged)?;
                    std::mem::take(decoder.get_mut()).into()
                }
                Decoder::Deflate { decoder, is_over } => inflate(decoder, is_over, &packed)?.into(),
            };
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }
}

fn inflate(decoder: &mut Decompress, is_over: &mut bool, mut packed: &[u8]) -> Result<Vec<u8>, Damaged> {
    let mut unpacked = Vec::new();
    while !packed.is_empty() || unpacked.len() == unpacked.capacity() {
        if *is_over {
            return if packed.is_empty() { Ok(unpacked) } else { Err(Damaged) };
        }
        unpacked.reserve(16 * STEP_BYTES);
        let (taken, given) = (decoder.total_in(), unpacked.len());
        let status = decoder.decompress_vec(packed, &mut unpacked, FlushDecompress::None);
        *is_over = status.map_err(|_| Damaged)? == Status::StreamEnd;
        let taken = usize::try_from(decoder.total_in() - taken).map_err(|_| Damaged)?;
        packed = &packed[taken..];
        if taken == 0 && unpacked.len() == given && !*is_over {
            break;
        }
    }
    Ok(unpacked)
}

/// Whether bytes start as zlib does ([RFC 1950](https://www.rfc-editor.org/rfc/rfc1950#section-2.2)).
fn is_zlib(start: &[u8]) -> bool {
    let [method, flags, ..] = start else { return false };
    method & 0x8f == 0x08 && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0
}

#[cfg(test)]
mod tests;
