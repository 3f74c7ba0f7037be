use super::*;
use crate::dictionary::Dictionary;

fn text(size: usize) -> Vec<u8> {
    let mut rng = fastrand::Rng::with_seed(7);
    (0..size).map(|_| if rng.bool() { rng.alphanumeric() as u8 } else { b' ' }).collect()
}

#[test]
fn what_was_packed_is_unpacked_byte_for_byte() {
    for provider in Provider::ALL {
        for bytes in
            [Vec::new(), b"{}".to_vec(), vec![0xff; 3], text(300), text(100_000), vec![b'a'; 4 << 20]]
        {
            let frame = pack(provider, &bytes).unwrap();
            assert_eq!(unpack(&frame).unwrap(), bytes, "{provider:?} {}", bytes.len());
        }
    }
}

#[test]
fn each_provider_has_the_dictionaries_of_its_number() {
    for (place, provider) in Provider::ALL.into_iter().enumerate() {
        for (version, Dictionary { number, content }) in provider.dictionaries().iter().enumerate() {
            let [place, version] = [place, version].map(|index| u32::try_from(index).unwrap() + 1);
            assert_eq!(*number, place << 4 | version, "{provider:?}");
            assert_eq!(content[4..8], number.to_le_bytes(), "{provider:?}");
        }
    }
}

#[test]
fn any_changed_or_missing_byte_is_noticed() {
    let bytes = text(600);
    let frame = pack(Provider::Agni, &bytes).unwrap();
    for index in 0..frame.len() {
        assert_eq!(unpack(&frame[..index]).ok(), None, "cut at {index}");
        for bit in 0..8 {
            let mut changed = frame.clone();
            changed[index] ^= 1 << bit;
            // A bit of the header that nothing depends on leaves the content as it was.
            let read = unpack(&changed).ok();
            assert!(read.is_none() || read.as_ref() == Some(&bytes), "byte {index}, bit {bit}");
        }
    }
    for garbage in [&b""[..], b"text", &[0; 64]] {
        assert!(unpack(garbage).is_err());
    }
}

#[test]
fn a_frame_that_grows_too_large_is_refused_whatever_it_claims() {
    let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 3).unwrap();
    assert_eq!(unpack(&bomb), Err(UnpackError::TooLarge));
    let mut lie = bomb;
    // Bytes 5 to 9 are the size, in a frame of one segment or of several.
    let at = if lie[4] & 32 == 0 { 6 } else { 5 };
    lie[at..at + 4].copy_from_slice(&1000_u32.to_le_bytes());
    assert_eq!(unpack(&lie), Err(UnpackError::Damaged));
}

#[test]
fn an_unknown_dictionary_is_named() {
    let mut frame = pack(Provider::Sautikit, b"some text, and some text").unwrap();
    let at = frame.iter().position(|byte| *byte == 17).unwrap();
    frame[at] = 250;
    assert_eq!(unpack(&frame), Err(UnpackError::UnknownDictionary(250)));
}
