//! JSON as a value in which no digit is lost.
//!
//! A number that 64 bits hold as it was written stays a number. Any other becomes text, digit by digit: most
//! readers of JSON would cut it. So does nothing else here depend on how a library keeps numbers.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use crate::decimal::Decimal;
use crate::mended;

/// How deep a value may be nested. What is read must be readable again inside a stored record, and
/// readers give up at 128 levels.
const MAX_DEPTH: usize = 64;

/// The most digits of a number that stays one: doubles have no more.
const MAX_DIGITS: usize = 17;

/// So many digits survive in a double, whichever they are.
const ALWAYS_HELD_DIGITS: usize = 15;

/// The beginning of names by which the JSON library recognizes its own types. An object with such a name
/// would be read as something else than it is.
const LIBRARY_NAMES: &str = "$serde_json::private::";

/// Reads JSON. `None` if it is none, or can't be read back inside a stored record: it is nested too deep or
/// has a name that the JSON library keeps for itself.
pub(crate) fn value(json: &str) -> Option<Value> {
    let json = mended::whole_pairs(json);
    let json = with_exact_numbers(&json);
    let mut deserializer = serde_json::Deserializer::from_str(&json);
    let value = Exact { depth: MAX_DEPTH }.deserialize(&mut deserializer).ok()?;
    deserializer.end().ok()?;
    Some(value)
}

/// Puts quotes around each number that 64 bits do not hold.
fn with_exact_numbers(json: &str) -> Cow<'_, str> {
    let bytes = json.as_bytes();
    let (mut exact, mut copied, mut at) = (String::new(), 0, 0);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => at = end_of_text(bytes, at),
            b'-' | b'0'..=b'9' => {
                let end = bytes[at..].iter().position(|byte| !is_of_number(*byte));
                let end = end.map_or(bytes.len(), |length| at + length);
                let number = &json[at..end];
                if !is_exact(number) {
                    exact.push_str(&json[copied..at]);
                    exact.extend(["\"", number, "\""]);
                    copied = end;
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    exact.push_str(&json[copied..]);
    Cow::Owned(exact)
}

/// The place after the text that starts at a place.
fn end_of_text(json: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) =
        json.get(at..).and_then(|rest| rest.iter().position(|byte| matches!(byte, b'"' | b'\\')))
    {
        at += found + 1;
        if json[at - 1] == b'"' {
            return at;
        }
        at += 1;
    }
    json.len()
}

fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E')
}

/// Whether 64 bits hold a number so that its value can be read back. What is no number is left to the reader.
fn is_exact(number: &str) -> bool {
    if number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') {
        return number.len() < 19 || number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok();
    }
    let digits =
        number.bytes().take_while(|byte| !matches!(byte, b'e' | b'E')).filter(u8::is_ascii_digit).count();
    if digits <= ALWAYS_HELD_DIGITS && !number.contains(['e', 'E']) {
        return true;
    }
    let Some(written) = Decimal::parse(number) else { return true };
    let held = || number.parse::<f64>().ok().filter(|held| held.is_finite()).map(|held| format!("{held:e}"));
    // The value, and no digits beyond what a double can have: more of them were written on purpose.
    digits <= MAX_DIGITS && held().is_some_and(|held| Decimal::parse(&held) == Some(written))
}

/// Reads a value that is nested no deeper than this.
#[derive(Clone, Copy)]
struct Exact {
    depth: usize,
}

impl Exact {
    fn inner<E: Error>(self) -> Result<Self, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("nested too deep"))?;
        Ok(Self { depth })
    }
}

impl<'de> DeserializeSeed<'de> for Exact {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Exact {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            if name.starts_with(LIBRARY_NAMES) {
                return Err(A::Error::custom("a name of the JSON library"));
            }
            let value = members.next_value_seed(inner)?;
            object.insert(name, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_that_64_bits_hold_stay_numbers() {
        for number in [
            "0",
            "-1",
            "25",
            "9223372036854775807",
            "-9223372036854775808",
            "18446744073709551615",
            "12.75",
            "0.1",
            "-3e-8",
            "1e300",
            "12.345678901234567",
            "100000.5",
        ] {
            let value = value(number).unwrap();
            assert!(value.is_number(), "{number}");
            assert_eq!(Decimal::parse(&value.to_string()), Decimal::parse(number));
        }
        assert_eq!(value(r#"{"a":[1,2.50,{"b":-0}]}"#), Some(json!({ "a": [1, 2.5, { "b": -0.0 }] })));
    }

    #[test]
    fn all_other_numbers_are_kept_as_text_digit_by_digit() {
        let long = "7".repeat(10_000);
        for number in [
            "92838584930183242888",
            "-9223372036854775809",
            "18446744073709551616",
            "0.1000000000000000055511151231257827",
            "0.10000000000000000000",
            "12.3456789012345678",
            "1e400",
            "-1E-400",
            "1e99999999999999999999",
            "9007199254740993.5",
            &long,
        ] {
            let inside = format!(r#"{{"deep":[{{"n":{number}}}, "{number}"]}}"#);
            assert_eq!(value(number), Some(json!(number)), "{number}");
            assert_eq!(value(&inside), Some(json!({ "deep": [{ "n": number }, number] })), "{number}");
        }
    }

    #[test]
    fn digits_in_texts_and_names_stay_where_they_are() {
        let text = r#"{"92838584930183242888":"a \" 92838584930183242888 \\"}"#;
        assert_eq!(value(text), Some(json!({ "92838584930183242888": r#"a " 92838584930183242888 \"# })));
    }

    #[test]
    fn what_is_no_json_is_no_value() {
        for broken in
            ["", "{", "01", "+1", ".5", "1-2", "1 2", "[1,]", "nul", r#""a"#, r#""\"#, "-", "NaN", "1e"]
        {
            assert_eq!(value(broken), None, "{broken}");
        }
        assert!(value(&format!("{}1{}", "[".repeat(64), "]".repeat(64))).is_some());
        assert_eq!(value(&format!("{}1{}", "[".repeat(65), "]".repeat(65))), None);
        assert_eq!(value(&"[".repeat(1_000_000)), None);
    }

    #[test]
    fn half_a_character_in_json_inside_json_costs_one_character() {
        assert_eq!(value(r#"["ok \ud83d bye",1]"#), Some(json!(["ok \u{fffd} bye", 1])));
    }

    #[test]
    fn no_object_is_taken_for_a_type_of_the_library() {
        for name in [
            "$serde_json::private::RawValue",
            "$serde_json::private::Number",
            r"\u0024serde_json::private::x",
        ] {
            assert_eq!(value(&format!(r#"[{{"{name}":"1"}}]"#)), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn digits_and_equality_survive_being_stored(number in "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?") {
            let read = value(&number).unwrap();
            let stored = serde_json::to_string(&json!([read])).unwrap();
            let restored: Value = serde_json::from_str(&stored).unwrap();
            prop_assert_eq!(&restored, &json!([read]));
            let shown = read.as_str().map_or_else(|| read.to_string(), str::to_owned);
            prop_assert_eq!(Decimal::parse(&shown), Decimal::parse(&number));
        }
    }
}
