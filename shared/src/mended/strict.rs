//! JSON of writers that do not follow the rules: control characters as they are, escapes that there are not,
//! and the numbers that JSON does not have.

/// The numbers that JSON does not have.
const NO_NUMBERS: [&[u8]; 3] = [b"NaN", b"Infinity", b"-Infinity"];

/// JSON that strict readers take, of JSON that they do not; `None` if there is nothing to change.
///
/// In texts, control characters become escapes, and a backslash that escapes nothing stands for itself. `NaN`
/// and the like become texts. No character is lost.
pub(crate) fn strict(json: &[u8]) -> Option<Vec<u8>> {
    let (mut strict, mut is_text, mut is_changed) = (Vec::with_capacity(json.len() + 64), false, false);
    let mut rest = json;
    while let Some((&byte, after)) = rest.split_first() {
        let mut length = 1;
        match byte {
            b'"' => is_text = !is_text,
            b'\\' if is_text => match escape_length(after) {
                Some(escape) => length += escape,
                None => {
                    strict.push(b'\\');
                    is_changed = true;
                }
            },
            0..=0x1f if is_text => {
                strict.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                (rest, is_changed) = (after, true);
                continue;
            }
            b'N' | b'I' | b'-' if !is_text => {
                if let Some(number) = NO_NUMBERS.into_iter().find(|number| rest.starts_with(number)) {
                    strict.extend_from_slice(&[b"\"", number, b"\""].concat());
                    (rest, is_changed) = (&rest[number.len()..], true);
                    continue;
                }
            }
            _ => {}
        }
        strict.extend_from_slice(&rest[..length]);
        rest = &rest[length..];
    }
    is_changed.then_some(strict)
}

/// The length of an escape after its backslash, if it is one.
fn escape_length(after: &[u8]) -> Option<usize> {
    match after {
        [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => Some(1),
        [b'u', digits @ ..] => digits.get(..4)?.iter().all(u8::is_ascii_hexdigit).then_some(5),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_breaks_the_rules_is_written_by_them() {
        let text = |json: &str| strict(json.as_bytes()).map(|json| String::from_utf8(json).unwrap());
        for (json, expected) in [
            ("{\"a\":\"x\ny\tz\0\"}", r#"{"a":"x\u000ay\u0009z\u0000"}"#),
            (r#"{"a":"It\'s \x41 \u12"}"#, r#"{"a":"It\\'s \\x41 \\u12"}"#),
            (r#"{"a":NaN,"b":[-Infinity,Infinity]}"#, r#"{"a":"NaN","b":["-Infinity","Infinity"]}"#),
        ] {
            assert_eq!(text(json).as_deref(), Some(expected), "{json}");
        }
    }

    #[test]
    fn what_follows_the_rules_stays_as_it_is() {
        for json in [
            "{\n\t\"a\": \"NaN \\\\ \\\" \\u00e9 \\/\",\r\n \"b\": -1\n}",
            "",
            "[[[",
            r#"{"a":"\"#,
            "null",
            "\u{feff}{\"\u{e9}\":1}",
        ] {
            let changed = strict(json.as_bytes());
            assert!(changed.is_none() || json.ends_with('\\'), "{json}");
        }
    }
}
