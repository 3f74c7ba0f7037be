use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::timestamp::rfc3339;

/// The body as JSON.
fn json(body: &str) -> Body<'_> {
    Body::new(BodyFormat::Json, body.as_bytes())
}

/// What a reader makes of a field of a JSON object, and the `extensions` and `warnings` that are left.
fn read<T>(value: &str, reader: impl FnOnce(&mut Payload<'_>) -> T) -> (T, Vec<Value>, usize) {
    let body = format!(r#"{{"x":{value}}}"#);
    let body = json(&body);
    let mut payload = Payload::read(&body, None).unwrap();
    let read = reader(&mut payload);
    let Leftovers { extensions, warnings } = payload.into_leftovers();
    (read, extensions.into_iter().map(|(_, value)| value).collect(), warnings.len())
}

#[test]
fn whole_numbers_are_read_by_value() {
    let integer = |value| read(value, |payload| payload.integer("x"));
    for value in ["120", r#""120""#, "1.2E+2", r#"" 1.2e2 ""#, "120.0", r#""+120""#] {
        assert_eq!(integer(value), (Some(120), vec![], 0), "{value}");
    }
    assert_eq!(integer("1.5"), (None, vec![json!(1.5)], 1));
    assert_eq!(integer("1e30"), (None, vec![json!(1e30)], 1));
    assert_eq!(read("-3", |payload| payload.count("x")), (None, vec![json!(-3)], 1));
}

#[test]
fn seconds_are_cut_and_kept_and_within_a_year() {
    let seconds = |value| read(value, |payload| payload.seconds("x"));
    assert_eq!(seconds("12.75"), (Some(12), vec![json!(12.75)], 0));
    assert_eq!(seconds(r#""4.5e1""#), (Some(45), vec![], 0));
    assert_eq!(seconds(r#""120.00""#), (Some(120), vec![], 0));
    assert_eq!(seconds("31536000"), (Some(31_536_000), vec![], 0));
    for value in ["31536001", "-1", "-0.5", "1e400", "9223372036854775808"] {
        let (seconds, kept, warnings) = seconds(value);
        assert_eq!((seconds, kept.len(), warnings), (None, 1, 1), "{value}");
    }
    for value in [r#""Infinity""#, r#""NaN""#, r#""00:01:59""#, "true", "[1]"] {
        assert_eq!((seconds(value).0, seconds(value).2), (None, 1), "{value}");
    }
}

#[test]
fn money_is_exact_and_without_an_exponent() {
    let decimal = |value: &str| read(value, |payload| payload.decimal("x")).0;
    for (value, expected) in [
        ("3E-8", "0.00000003"),
        ("1.20", "1.20"),
        (r#""12.50""#, "12.50"),
        (r#""+.5""#, "0.5"),
        ("1.5e2", "150"),
        ("0.10000000000000000001", "0.10000000000000000001"),
        ("-3", "-3"),
        ("0e0", "0"),
    ] {
        assert_eq!(decimal(value).as_deref(), Some(expected), "{value}");
    }
    let long = format!("0.{}", "7".repeat(10_000));
    assert_eq!(decimal(&long), Some(long.clone()));
    for value in [r#""free""#, r#""1,50""#, r#""$1""#, "1e9999999999", "{}", "true"] {
        assert_eq!(decimal(value), None, "{value}");
    }
}

#[test]
fn what_is_empty_is_absent_without_a_warning() {
    for value in ["null", r#""""#] {
        assert_eq!(read(value, |payload| payload.text("x")), (None, vec![], 0));
        assert_eq!(read(value, |payload| payload.id("x")), (None, vec![], 0));
        assert_eq!(read(value, |payload| payload.list("x").len()), (0, vec![], 0));
        assert_eq!(read(value, |payload| payload.map("x").len()), (0, vec![], 0));
    }
    for value in ["null", r#""""#, r#""  ""#] {
        assert_eq!(read(value, |payload| payload.seconds("x")), (None, vec![], 0));
        assert_eq!(read(value, |payload| payload.boolean("x")), (None, vec![], 0));
        assert_eq!(read(value, |payload| payload.time("x")), (None, vec![], 0));
        assert_eq!(read(value, |payload| payload.party("x")), (None, vec![], 0));
    }
}

#[test]
fn what_stands_for_no_link_is_none_and_blanks_are_escaped() {
    let link = |value: &str| read(value, |payload| payload.link("x"));
    for value in [
        "null",
        r#""""#,
        r#"" N/A ""#,
        r#""n / a""#,
        r#""None""#,
        r#""NULL""#,
        r#""undefined""#,
        "false",
        r#""-""#,
    ] {
        assert_eq!(link(value), (None, vec![], 0), "{value}");
    }
    for (value, expected) in [
        (r#"" https://h.example/a b.mp3\n""#, "https://h.example/a%20b.mp3"),
        (r#""https://h.example/a\u00a0b.mp3""#, "https://h.example/a%C2%A0b.mp3"),
        (r#""https://h.example/none""#, "https://h.example/none"),
        // Whoever follows it refuses it.
        (r#""https://h.example/a\tb""#, "https://h.example/a\tb"),
    ] {
        assert_eq!(link(value), (Some(expected.to_owned()), vec![], 0), "{value}");
    }
}

#[test]
fn a_party_may_be_a_number_in_json() {
    let party = |value: &str| read(value, |payload| payload.party("x")).0;
    for (value, expected) in [
        ("919812345670", Some("919812345670")),
        ("919812345670.0", Some("919812345670.0")),
        ("9.19812345670E+11", Some("919812345670")),
        (r#"" +254 700""#, Some(" +254 700")),
        ("9.1e-1", None),
        ("true", None),
        ("[]", None),
    ] {
        assert_eq!(party(value).as_deref(), expected, "{value}");
    }
}

#[test]
fn a_time_in_another_zone_or_too_exact_for_the_record_is_kept_as_it_was() {
    let nairobi = TimeZone::get("Africa/Nairobi").unwrap();
    let body = json(
        r#"{"stated":"2026-06-27 10:05:00 +0000","exact":"2026-06-27T10:05:00.1234Z","assumed":"2026-06-27 13:05:00","unset":"0001-01-01 00:00:00","number":1782554700}"#,
    );
    let mut payload = Payload::read(&body, Some(&nairobi)).unwrap();
    let mut time = |name| payload.time(name).map(|time| rfc3339(time.at));
    for name in ["stated", "assumed", "number"] {
        assert_eq!(time(name).as_deref(), Some("2026-06-27T10:05:00.000Z"), "{name}");
    }
    assert_eq!(time("exact").as_deref(), Some("2026-06-27T10:05:00.123Z"));
    assert_eq!(time("unset"), None);
    let Leftovers { extensions, warnings } = payload.into_leftovers();
    let kept: Vec<_> = extensions.iter().map(|(path, _)| &**path).collect();
    assert_eq!((kept, warnings), (vec!["extensions.assumed", "extensions.exact"], vec![]));
}

#[test]
fn of_a_repeated_name_the_last_value_counts_and_none_is_lost() {
    let form =
        Body::new(BodyFormat::Form, b"Sid=a&Tag[]=1&Sid=b&Said=one&Said=two&Said=&Sid=&Tag[]=1&n=x&n=y");
    let mut payload = Payload::read(&form, None).unwrap();
    assert_eq!(payload.id("Sid").as_deref(), Some("b"));
    assert_eq!(payload.integer("n"), None);
    let Leftovers { extensions, warnings } = payload.into_leftovers();
    let kept: std::collections::BTreeMap<_, _> = extensions.into_iter().collect();
    assert_eq!(
        serde_json::to_value(&kept).unwrap(),
        json!({ "extensions.Sid": "a", "extensions.Said": ["one", "two", ""], "extensions.Tag[]": ["1", "1"], "extensions.n": ["x", "y"] })
    );
    assert_eq!(warnings, ["n is not a whole number; see extensions"]);
}

#[test]
fn an_id_with_a_character_that_could_not_be_read_is_none() {
    let body = Body::new(BodyFormat::Form, b"Sid=a%E9&Name=b%E9");
    let mut payload = Payload::read(&body, None).unwrap();
    assert_eq!((payload.id("Sid"), payload.text("Name")), (None, Some("b\u{fffd}".to_owned())));
    let Leftovers { extensions, warnings } = payload.into_leftovers();
    assert_eq!(extensions, [("extensions.Sid".into(), json!("a\u{fffd}"))]);
    assert_eq!(
        warnings,
        [
            "2 characters could not be read; each is shown as U+FFFD",
            "Sid is not an identifier; see extensions"
        ]
    );
    // One that was sent so is the provider's own.
    assert_eq!(read(r#""a\ufffd""#, |payload| payload.id("x")).0.as_deref(), Some("a\u{fffd}"));
}

/// What stands in a text in place of one character, and can't be read.
fn damage() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (0xd800_u16..=0xdfff).prop_map(|unit| format!("\\u{unit:04x}").into_bytes()),
        (0xd800_u16..=0xdfff).prop_map(|unit| format!("\\u{unit:04X}").into_bytes()),
        Just(b"\xe9".to_vec()),
        Just(b"\xff".to_vec()),
        Just(b"\xf0\x9f\x93".to_vec()),
        Just(b"\xed\xa0\xbd".to_vec()),
    ]
}

proptest! {
    #[test]
    fn what_can_not_be_read_costs_one_character_and_nothing_else(
        before in "\\PC{0,12}", after in "[ -~é📞]{0,12}", name in "\\PC{0,6}", damage in damage()
    ) {
        let quoted = |text: &str| { let text = Value::from(text).to_string(); text[1..text.len() - 1].to_owned() };
        // What follows must not complete what is damaged.
        let (start, rest) = (quoted(&before), [" ", &quoted(&after)].concat());
        let text = [start.as_bytes(), &damage, rest.as_bytes()].concat();
        let other = Value::from(after.as_str()).to_string();
        let key = Value::from(["k", &name].concat()).to_string();
        let body = [b"{\"a\":\"", &*text, b"\",\"deep\":[{\"b\":\"", &*text, b"\"},1]," , key.as_bytes(), b":", other.as_bytes(), b"}"].concat();
        let body = Body::new(BodyFormat::Json, &body);
        let payload = Payload::read(&body, None).unwrap();
        let Leftovers { extensions, warnings } = payload.into_leftovers();
        let read: serde_json::Map<_, _> = extensions.into_iter().map(|(path, value)| (path.into_owned(), value)).collect();
        let mended = format!("{before}\u{fffd} {after}");
        let expected = json!({ "extensions.a": mended, "extensions.deep": [{ "b": mended }, 1], (format!("extensions.k{name}")): after });
        prop_assert_eq!(Value::Object(read), expected);
        prop_assert_eq!(warnings, ["2 characters could not be read; each is shown as U+FFFD"]);
    }

    #[test]
    fn no_body_makes_a_reader_panic(body in proptest::collection::vec(any::<u8>(), 0..200), is_form in any::<bool>()) {
        let format = if is_form { BodyFormat::Form } else { BodyFormat::Json };
        let body = Body::new(format, &body);
        if let Ok(mut payload) = Payload::read(&body, None) {
            let _ = payload.object("a", "a.");
            let _ = payload.into_leftovers();
        }
    }
}
