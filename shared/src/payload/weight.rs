//! How much a body says: the number of its values that are neither null nor an empty container.
//!
//! Of two bodies of one event, the one that says more counts. It is counted in the body and not in what is
//! made of it, so that a better mapping of a provider's fields does not change which body counts.

use std::borrow::Cow;

use super::raw::Raw;

/// Counts the fields of a form that are not empty.
pub(super) fn of_fields(fields: &[(Cow<'_, str>, Raw<'_>)]) -> u32 {
    let says_something = |(_, raw): &&(_, Raw<'_>)| matches!(raw, Raw::Text(text) if !text.is_empty());
    u32::try_from(fields.iter().filter(says_something).count()).unwrap_or(u32::MAX)
}

/// Counts the values of JSON that is known to be well formed: every text, number, true and false.
pub(super) fn of_json(json: &[u8]) -> u32 {
    let mut count: u32 = 0;
    let mut bytes = json.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                count = count.saturating_add(1);
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'"' => break,
                        b'\\' => drop(bytes.next()),
                        _ => {}
                    }
                }
            }
            // The text before it was a name.
            b':' => count = count.saturating_sub(1),
            b't' | b'f' | b'-' | b'0'..=b'9' => {
                count = count.saturating_add(1);
                while bytes.next_if(|byte| !matches!(byte, b',' | b']' | b'}')).is_some() {}
            }
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_that_is_not_null_counts_and_no_name_does() {
        for (json, weight) in [
            ("{}", 0),
            (r#"{"a":null,"b":[],"c":{}}"#, 0),
            (r#"{"a":1,"b":-2.5e+3 ,"c":true, "d":false}"#, 4),
            (r#"{"a:\"1":"b:\\","c":["x","",{"y":[0,null,"z"]}]}"#, 5),
            (r#"[ "null", "n" ]"#, 2),
        ] {
            assert_eq!(of_json(json.as_bytes()), weight, "{json}");
        }
    }
}
