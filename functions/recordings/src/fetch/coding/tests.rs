use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};

use super::*;

fn coding(values: &[&str]) -> Option<Coding> {
    let mut headers = HeaderMap::new();
    for value in values {
        headers.append(CONTENT_ENCODING, value.parse().unwrap());
    }
    Coding::of(&headers)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A recording that compresses a little.
fn recording() -> Vec<u8> {
    let mut recording = b"RIFF\x24\x00\x00\x00WAVEfmt ".to_vec();
    recording.extend((0..100_000_u32).flat_map(|sample| (sample / 3).to_le_bytes()));
    recording
}

/// Unpacks a body that arrives in pieces of a size, and returns the largest piece, too.
fn unpacked(coding: Coding, body: &[u8], piece_bytes: usize) -> Result<(Vec<u8>, usize), Damaged> {
    let mut unpacking = Unpacking::of(coding).unwrap();
    let (mut all, mut largest) = (Vec::new(), 0);
    for piece in body.chunks(piece_bytes) {
        unpacking.feed(piece);
        while let Some(piece) = unpacking.next()? {
            largest = largest.max(piece.len());
            all.extend_from_slice(&piece);
        }
    }
    while let Some(piece) = unpacking.rest()? {
        all.extend_from_slice(&piece);
    }
    Ok((all, largest))
}

#[test]
fn most_codings_mean_nothing() {
    for plain in [
        "",
        "identity",
        "Identity",
        "aws-chunked",
        "AWS-Chunked",
        "binary",
        "utf-8",
        "UTF-8",
        "identity, binary",
        " , ",
    ] {
        assert_eq!(coding(&[plain]), Some(Coding::Plain), "{plain}");
    }
    assert_eq!(coding(&[]), Some(Coding::Plain));
    assert_eq!(coding(&["aws-chunked,gzip"]), Some(Coding::Gzip));
    assert_eq!(coding(&["identity", "X-GZIP"]), Some(Coding::Gzip));
    assert_eq!(coding(&["deflate"]), Some(Coding::Deflate));
    for unknown in [&["br"][..], &["zstd"], &["gzip, gzip"], &["gzip", "deflate"], &["canary"]] {
        assert_eq!(coding(unknown), None, "{unknown:?}");
    }
}

#[test]
fn what_is_compressed_is_unpacked_however_it_arrives() {
    let recording = recording();
    let twice = [gzip(&recording[..1000]), gzip(&recording[1000..])].concat();
    for (coding, body) in [
        (Coding::Gzip, gzip(&recording)),
        (Coding::Gzip, twice),
        (Coding::Deflate, zlib(&recording)),
        (Coding::Deflate, deflate(&recording)),
    ] {
        for piece_bytes in [1, 7, 1024, 65_536, usize::MAX] {
            let (all, _) = unpacked(coding, &body, piece_bytes).unwrap();
            assert!(all == recording, "{coding:?}, {piece_bytes}");
        }
    }
    for coding in [Coding::Gzip, Coding::Deflate] {
        assert_eq!(
            unpacked(coding, &[], 1),
            if coding == Coding::Gzip { Ok((vec![], 0)) } else { Err(Damaged) }
        );
    }
}

#[test]
fn what_is_not_compressed_is_taken_as_it_is() {
    let recording = recording();
    for coding in [Coding::Gzip, Coding::Deflate] {
        for piece_bytes in [1, 1000, usize::MAX] {
            assert!(unpacked(coding, &recording, piece_bytes).unwrap().0 == recording, "{coding:?}");
        }
        assert!(
            unpacked(coding, b"RIFF", 1).is_ok_and(|(all, _)| coding == Coding::Deflate || all == b"RIFF")
                || coding == Coding::Deflate
        );
    }
}

#[test]
fn a_body_that_unpacks_to_far_more_comes_in_small_pieces() {
    let zeros = vec![0; 50_000_000];
    for (coding, body) in [(Coding::Gzip, gzip(&zeros)), (Coding::Deflate, zlib(&zeros))] {
        assert!(body.len() < 100_000);
        let (all, largest) = unpacked(coding, &body, usize::MAX).unwrap();
        assert!(all.len() == zeros.len() && largest <= 2 << 20, "{coding:?}: {largest}");
    }
}

#[test]
fn what_is_damaged_or_cut_is_no_recording() {
    let recording = recording();
    for (coding, body) in [
        (Coding::Gzip, gzip(&recording)),
        (Coding::Deflate, zlib(&recording)),
        (Coding::Deflate, deflate(&recording)),
    ] {
        let mut flipped = body.clone();
        flipped[body.len() / 2] ^= 0xff;
        let more = [&*body, b"more"].concat();
        for (what, body) in
            [("cut", &body[..body.len() - 1]), ("half", &body[..body.len() / 2]), ("more", &more)]
        {
            assert_eq!(unpacked(coding, body, 1000), Err(Damaged), "{coding:?}, {what}");
        }
        assert!(unpacked(coding, &flipped, 1000).is_err() || coding == Coding::Deflate, "{coding:?}");
    }
}
