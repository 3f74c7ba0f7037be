//! What a recording is, by its first bytes. What the origin calls it proves nothing, and counts only where a
//! container holds audio or video and its bytes do not tell which.

use self::told::Kind;

mod told;
mod mp4;

pub(crate) use told::Told;

/// How many of the first bytes are looked at.
pub(crate) const ENOUGH_BYTES: usize = 4096;

/// The extensions of all kinds, the most common first.
pub(crate) const EXTENSIONS: [&str; 11] =
    ["mp3", "wav", "ogg", "m4a", "mp4", "flac", "webm", "aac", "amr", "awb", "bin"];

/// A kind of recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Media {
    pub(crate) content_type: &'static str,
    /// The extension of the object's name.
    pub(crate) extension: &'static str,
}

/// Why bytes are not a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SniffError {
    /// There are no bytes.
    Empty,
    /// A page or a document: HTML, XML, JSON or other text.
    Text,
}

/// The kind of the recording that starts with these bytes.
///
/// Unknown bytes that are no text are taken for a recording all the same: a strange recording in the
/// bucket is worth more than a known one that is lost.
pub(crate) fn sniff(start: &[u8], told: &Told) -> Result<Media, SniffError> {
    if start.is_empty() {
        return Err(SniffError::Empty);
    }
    if let Some((content_type, extension)) = known(start, told) {
        return Ok(Media { content_type, extension });
    }
    let start = beginning(start);
    if is_text(start) {
        return Err(SniffError::Text);
    }
    Ok(Media { content_type: "application/octet-stream", extension: "bin" })
}

/// Whether a recording of a known kind starts with these bytes.
pub(crate) fn is_known(start: &[u8]) -> bool {
    known(start, &Told::default()).is_some()
}

fn beginning(start: &[u8]) -> &[u8] {
    &start[..start.len().min(ENOUGH_BYTES)]
}

fn known(start: &[u8], told: &Told) -> Option<(&'static str, &'static str)> {
    if let Some(kind) = mp4::kind(start, told) {
        return Some(match kind {
            Kind::Audio => ("audio/mp4", "m4a"),
            Kind::Video => ("video/mp4", "mp4"),
        });
    }
    let start = beginning(start);
    // A text in UTF-16 starts like a frame of MPEG audio.
    if start.starts_with(&[0xff, 0xfe]) && start.get(3) == Some(&0) {
        return None;
    }
    Some(match start {
        [b'R', b'I' | b'F', b'F' | b'6', b'F' | b'X' | b'4', _, _, _, _, b'W', b'A', b'V', b'E', ..] => {
            ("audio/wav", "wav")
        }
        [b'I', b'D', b'3', ..] => ("audio/mpeg", "mp3"),
        [b'O', b'g', b'g', b'S', ..] => ("audio/ogg", "ogg"),
        [b'f', b'L', b'a', b'C', ..] => ("audio/flac", "flac"),
        [0x1a, 0x45, 0xdf, 0xa3, ..] if contains(start, b"webm") => {
            let has = |codecs: &[&[u8]]| codecs.iter().any(|codec| contains(start, codec));
            let is_video = has(&[b"V_VP8", b"V_VP9", b"V_AV1"])
                || (!has(&[b"A_OPUS", b"A_VORBIS"]) && told.kind() == Some(Kind::Video));
            (if is_video { "video/webm" } else { "audio/webm" }, "webm")
        }
        _ if start.starts_with(b"#!AMR-WB") => ("audio/amr-wb", "awb"),
        _ if start.starts_with(b"#!AMR") => ("audio/amr", "amr"),
        // ADTS: the layer is 0, which MPEG audio reserves.
        [0xff, 0xf0 | 0xf1 | 0xf8 | 0xf9, ..] => ("audio/aac", "aac"),
        [0xff, second, third, ..] if is_mpeg_frame(*second, *third) => ("audio/mpeg", "mp3"),
        _ => return None,
    })
}

/// Whether these are the second and third byte of a frame of MPEG audio, with no reserved value.
fn is_mpeg_frame(second: u8, third: u8) -> bool {
    let sync = second & 0xe0 == 0xe0;
    let (version, layer) = ((second >> 3) & 3, (second >> 1) & 3);
    let (bitrate, rate) = (third >> 4, (third >> 2) & 3);
    sync && version != 1 && layer != 0 && bitrate != 15 && rate != 3
}

/// Whether the bytes are text, such as a page or an error message: markup, UTF-8 without control characters,
/// or UTF-16 with a byte order mark.
fn is_text(start: &[u8]) -> bool {
    if start.starts_with(&[0xff, 0xfe]) || start.starts_with(&[0xfe, 0xff]) {
        return true;
    }
    // A markup document in any encoding that extends ASCII, or in UTF-16.
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let mut first = start.iter().filter(|byte| !byte.is_ascii_whitespace() && **byte != 0);
    if first.next() == Some(&b'<') {
        return true;
    }
    let valid = match std::str::from_utf8(start) {
        Ok(_) => start,
        // The last character may be cut off.
        Err(error) if error.error_len().is_none() => &start[..error.valid_up_to()],
        Err(_) => return false,
    };
    !valid.iter().any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace())
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(start: &[u8]) -> (&'static str, &'static str) {
        let media = sniff(start, &Told::default()).unwrap();
        assert!(EXTENSIONS.contains(&media.extension));
        (media.content_type, media.extension)
    }

    #[test]
    fn knows_recordings_by_their_first_bytes() {
        assert_eq!(kind(b"RIFF\x24\x00\x00\x00WAVEfmt "), ("audio/wav", "wav"));
        assert_eq!(kind(b"RF64\xff\xff\xff\xffWAVEds64"), ("audio/wav", "wav"));
        assert_eq!(kind(b"ID3\x04\x00"), ("audio/mpeg", "mp3"));
        assert_eq!(kind(&[0xff, 0xfb, 0x90, 0x64]), ("audio/mpeg", "mp3"));
        assert_eq!(kind(&[0xff, 0xf3, 0x40, 0xc0]), ("audio/mpeg", "mp3"));
        assert_eq!(kind(&[0xff, 0xf1, 0x50, 0x80]), ("audio/aac", "aac"));
        assert_eq!(kind(b"OggS\x00\x02"), ("audio/ogg", "ogg"));
        assert_eq!(kind(b"fLaC\x00\x00"), ("audio/flac", "flac"));
        assert_eq!(kind(b"\x00\x00\x00\x20ftypM4A \x00"), ("audio/mp4", "m4a"));
        assert_eq!(kind(b"\x00\x00\x00\x20ftypisom\x00"), ("video/mp4", "mp4"));
        assert_eq!(kind(b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm\x00A_OPUS"), ("audio/webm", "webm"));
        assert_eq!(kind(b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm\x00V_VP8"), ("video/webm", "webm"));
        assert_eq!(kind(b"#!AMR\n\x3c"), ("audio/amr", "amr"));
        assert_eq!(kind(b"#!AMR-WB\n\x3c"), ("audio/amr-wb", "awb"));
        assert_eq!(kind(&[0x00, 0xff, 0x7f, 0x81]), ("application/octet-stream", "bin"));
    }

    #[test]
    fn a_page_is_not_a_recording() {
        let pages: [&[u8]; 12] = [
            b"\xef\xbb\xbf<html>\xe9",
            b"\0<\0h\0t",
            b"<!DOCTYPE html><html>",
            b"\n\n  <html lang=en>",
            b"\xef\xbb\xbf<?xml version=\"1.0\"?><Error>",
            b"<Error><Code>NoSuchKey</Code></Error>",
            b"<html>\xe9\x00",
            b"{\"error\":\"not ready\"}",
            b"Not found",
            b"\xff\xfe<\x00h\x00t\x00",
            b"\xfe\xff\x00<\x00h",
            "Bitte später".as_bytes(),
        ];
        for page in pages {
            assert_eq!(sniff(page, &Told::default()), Err(SniffError::Text), "{}", page.escape_ascii());
        }
        assert_eq!(sniff(b"", &Told::default()), Err(SniffError::Empty));
    }

    #[test]
    fn a_page_cut_within_a_character_is_still_a_page() {
        let mut page = "x".repeat(ENOUGH_BYTES - 1).into_bytes();
        page.extend("é".as_bytes());
        assert_eq!(sniff(&page, &Told::default()), Err(SniffError::Text));
    }
}
