//! MP4 and its kin (ISO/IEC 14496-12): whether there is something to see in them.

use super::told::{Kind, Told};

/// Brands of files with nothing to see.
const AUDIO_BRANDS: [&[u8; 4]; 5] = [b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "];

/// Brands of files with something to see, or of the way in which it is packed.
const VIDEO_BRANDS: [&[u8; 4]; 9] =
    [b"M4V ", b"M4VH", b"M4VP", b"F4V ", b"avc1", b"hvc1", b"hev1", b"av01", b"MSNV"];

/// The kind of a file that starts so, if it is one of these.
///
/// A brand for audio tells it, then the tracks as far as they are there, then the other brands, then what the
/// origin says. Where nothing does, there may be something to see.
pub(super) fn kind(start: &[u8], told: &Told) -> Option<Kind> {
    let file_type = boxes(start).next().filter(|first| &first.kind == b"ftyp" && first.content.len() >= 4)?;
    let (brand, compatible) = (&file_type.content[..4], file_type.content.get(8..).unwrap_or_default());
    if AUDIO_BRANDS.iter().any(|audio| brand == *audio) {
        return Some(Kind::Audio);
    }
    if let Some(kind) =
        boxes(start).find(|found| &found.kind == b"moov").and_then(|movie| kind_of_tracks(&movie))
    {
        return Some(kind);
    }
    let is_video = |brand: &[u8]| VIDEO_BRANDS.iter().any(|video| brand == *video);
    if is_video(brand) || compatible.chunks(4).any(is_video) {
        return Some(Kind::Video);
    }
    Some(told.kind().unwrap_or(Kind::Video))
}

/// A box of a file.
struct Found<'a> {
    kind: [u8; 4],
    content: &'a [u8],
    /// Whether all of it is there.
    is_whole: bool,
}

/// The kind that the tracks of a movie tell. Without its end there may be more of them.
fn kind_of_tracks(movie: &Found<'_>) -> Option<Kind> {
    let handlers = || {
        let tracks = boxes(movie.content).filter(|found| &found.kind == b"trak");
        let media = tracks.flat_map(|track| boxes(track.content)).filter(|found| &found.kind == b"mdia");
        let handlers = media.flat_map(|media| boxes(media.content)).filter(|found| &found.kind == b"hdlr");
        handlers.filter_map(|handler| handler.content.get(8..12))
    };
    if handlers().any(|handler| handler == b"vide") {
        return Some(Kind::Video);
    }
    (movie.is_whole && handlers().any(|handler| handler == b"soun")).then_some(Kind::Audio)
}

/// The boxes that stand one after the other in some bytes.
fn boxes(mut bytes: &[u8]) -> impl Iterator<Item = Found<'_>> {
    std::iter::from_fn(move || {
        let size = u32::from_be_bytes(*bytes.first_chunk()?);
        let kind = *bytes.get(4..)?.first_chunk()?;
        let (head, size) = match size {
            // To the end of the file.
            0 => (8, u64::MAX),
            1 => (16, u64::from_be_bytes(*bytes.get(8..)?.first_chunk()?)),
            size => (8, u64::from(size)),
        };
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        let end = size.min(bytes.len());
        let content = bytes.get(head..end)?;
        bytes = &bytes[end..];
        Some(Found { kind, content, is_whole: size == end })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], content: &[u8]) -> Vec<u8> {
        let size = u32::try_from(8 + content.len()).unwrap();
        [&size.to_be_bytes(), kind.as_slice(), content].concat()
    }

    fn file_type(brands: &[u8]) -> Vec<u8> {
        boxed(b"ftyp", &[&brands[..4], &[0; 4], &brands[4..]].concat())
    }

    fn movie(handlers: &[&[u8; 4]]) -> Vec<u8> {
        let track = |handler: &&[u8; 4]| {
            let handler = boxed(b"hdlr", &[&[0; 8], handler.as_slice(), &[0; 12]].concat());
            boxed(
                b"trak",
                &[boxed(b"tkhd", &[0; 80]), boxed(b"mdia", &[boxed(b"mdhd", &[0; 20]), handler].concat())]
                    .concat(),
            )
        };
        boxed(b"moov", &[boxed(b"mvhd", &[0; 100]), handlers.iter().flat_map(track).collect()].concat())
    }

    const AUDIO: Option<Kind> = Some(Kind::Audio);
    const VIDEO: Option<Kind> = Some(Kind::Video);

    fn told(content_type: &str) -> Told {
        let headers = [(http::header::CONTENT_TYPE, content_type.parse().unwrap())].into_iter().collect();
        Told::of(&headers, &"https://h.example/r.mp4".parse().unwrap())
    }

    #[test]
    fn a_brand_for_audio_is_enough() {
        assert_eq!(kind(&file_type(b"M4A isom"), &told("video/mp4")), AUDIO);
        assert_eq!(kind(&file_type(b"M4V isom"), &told("audio/mp4")), VIDEO);
        assert_eq!(kind(&file_type(b"isomisomiso2avc1mp41"), &told("audio/mp4")), VIDEO);
    }

    #[test]
    fn the_tracks_tell_where_they_are_there() {
        let general = file_type(b"isomisomiso2mp41");
        for (handlers, expected) in [
            (&[b"soun"][..], AUDIO),
            (&[b"soun", b"text"], AUDIO),
            (&[b"vide"], VIDEO),
            (&[b"soun", b"vide"], VIDEO),
            (&[], VIDEO),
        ] {
            let first = [&*general, &movie(handlers), &boxed(b"mdat", &[7; 100])].concat();
            let last =
                [&*general, &boxed(b"free", b""), &boxed(b"mdat", &[7; 100]), &movie(handlers)].concat();
            for file in [first, last] {
                assert_eq!(kind(&file, &Told::default()), expected, "{handlers:?}");
            }
        }
        // The second track is not there yet.
        let whole = [&*general, &movie(&[b"soun", b"vide"])].concat();
        assert_eq!(kind(&whole[..whole.len() - 30], &Told::default()), VIDEO);
        assert_eq!(kind(&whole[..general.len() + 250], &told("audio/mp4")), AUDIO);
    }

    #[test]
    fn the_origin_tells_where_the_file_does_not() {
        let general = [file_type(b"isomisomiso2mp41"), boxed(b"mdat", &[7; 100])].concat();
        assert_eq!(kind(&general, &told("audio/mp4")), AUDIO);
        assert_eq!(kind(&general, &told("video/mp4")), VIDEO);
        assert_eq!(kind(&general, &Told::default()), VIDEO);
    }

    #[test]
    fn sizes_that_are_wrong_end_the_file() {
        let general = file_type(b"isom");
        for rest in [
            &[0, 0, 0, 1][..],
            &[0, 0, 0, 7, b'm', b'o', b'o', b'v'],
            &[0, 0, 0, 1, b'm', b'o', b'o', b'v', 0, 0, 0, 0, 0, 0, 0, 3],
            &[0xff; 40],
        ] {
            assert_eq!(kind(&[&*general, rest].concat(), &Told::default()), VIDEO);
        }
        assert_eq!(kind(b"RIFF", &Told::default()), None);
        assert_eq!(kind(b"", &Told::default()), None);
    }
}
