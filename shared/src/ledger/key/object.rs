//! The names of recordings in the bucket: `recordings/<provider>/<source>/<yyyy>/<mm>/<dd>/<call>/<recording>.<extension>`.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use sha2::{Digest as _, Sha256};

use super::{HASHED, name};

/// The characters that are encoded in a key: all but RFC 3986's unreserved ones.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The longest encoded name in a key or in metadata. So a key, which has two of them, stays below S3's limit
/// of 1,024 bytes, and all metadata below 2,048.
const MAX_PART_BYTES: usize = 420;

/// The number of characters of the suffix in the name of an object whose plain name was taken.
const SUFFIX_CHARS: usize = 12;

/// The folder of the recordings of a call whose copy jobs were made on a day, `yyyy/mm/dd`; ends with a slash.
pub fn recordings_folder(provider: &str, source: &str, object_day: &str, call_id: &str) -> String {
    format!("recordings/{provider}/{}/{object_day}/{}/", object_part(source), object_part(call_id))
}

/// A name as a part of an object's key: encoded, hashed if it would be too long, and never `.` or `..`.
pub fn object_part(name_of: &str) -> String {
    let encode = |name: &str| percent_encode(name.as_bytes(), ENCODED).to_string();
    let encoded = encode(&name(name_of));
    if encoded.len() > MAX_PART_BYTES {
        return encode(&hashed(name_of));
    }
    if encoded.is_empty() || encoded.bytes().all(|byte| byte == b'.') {
        return if encoded.is_empty() { "%00".to_owned() } else { encoded.replace('.', "%2E") };
    }
    encoded
}

/// The hash that stands for a long name, as in the table's keys.
pub fn hashed(name: &str) -> String {
    format!("{HASHED}{}", hex::encode(Sha256::digest(name.as_bytes())))
}

/// Returns the suffix of the name of an object whose plain name was taken, made of the content's hash.
pub fn object_suffix(sha256_hex: &str) -> String {
    sha256_hex.chars().take(SUFFIX_CHARS).collect()
}

/// Whether an object is one that the beginning of a key stands for: everything in a folder, the object of that
/// very key, or every copy of a recording.
pub fn covers(beginning: &str, key: &str) -> bool {
    let Some(rest) = key.strip_prefix(beginning) else { return false };
    if beginning.ends_with('/') || rest.is_empty() {
        return true;
    }
    let suffix = rest.strip_prefix('-').and_then(|rest| rest.split_at_checked(SUFFIX_CHARS));
    let (suffix, extension) = suffix.unwrap_or(("", rest));
    let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    beginning.starts_with("recordings/")
        && suffix.bytes().all(|byte| byte.is_ascii_hexdigit())
        && extension.strip_prefix('.').is_some_and(is_word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_covers_its_folder_its_object_or_the_copies_of_its_recording() {
        let folder = "recordings/telnyx/default/2026/06/27/c/";
        let recording = format!("{folder}r");
        for (beginning, key, covered) in [
            (folder, format!("{folder}r.mp3"), true),
            (folder, "recordings/telnyx/default/2026/06/27/c2/r.mp3".to_owned(), false),
            (&*recording, format!("{folder}r.mp3"), true),
            (&*recording, format!("{folder}r-0123456789ab.mp3"), true),
            (&*recording, format!("{folder}r2.mp3"), false),
            (&*recording, format!("{folder}r-2.mp3"), false),
            (&*recording, format!("{folder}r.2.mp3"), false),
            (&*recording, format!("{folder}r"), true),
            ("evidence/telnyx/default/f/aa", "evidence/telnyx/default/f/aa".to_owned(), true),
            ("evidence/telnyx/default/f/aa", "evidence/telnyx/default/f/aa.mp3".to_owned(), false),
        ] {
            assert_eq!(covers(beginning, &key), covered, "{beginning} {key}");
        }
    }
}
