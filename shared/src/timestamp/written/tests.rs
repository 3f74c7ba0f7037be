use super::*;
use crate::timestamp::rfc3339;

fn stated(text: &str) -> Option<String> {
    read(text, None).filter(|time| time.zone == Zone::Stated).map(|time| rfc3339(time.at))
}

#[test]
fn one_time_in_all_its_spellings() {
    for text in [
        "2021-04-28T21:51:18Z",
        "2021-04-28t21:51:18z",
        "2021-04-28 21:51:18Z",
        " 2021-04-28  21:51:18 UTC ",
        "2021/04/28 21:51:18 GMT",
        "20210428T215118Z",
        "2021-04-28T23:51:18+02:00",
        "2021-04-28T23:51:18+0200",
        "2021-04-28T23:51:18+02",
        "2021-04-28 23:51:18 +02:00",
        "2021-04-28 23:51:18 +0200",
        "2021-04-28 23:51:18 UTC+2",
        "2021-04-29T03:21:18+05:30[Asia/Kolkata]",
        "Wed, 28 Apr 2021 21:51:18 +0000",
        "Wed, 28 Apr 2021 23:51:18 +02:00",
        "28 Apr 2021 21:51:18 GMT",
        "Wed, 28 Apr 2021 17:51:18 EDT",
        "Wed, 28 Apr 2021 16:51:18 EST",
        "wed, 28 apr 2021 14:51:18 pdt",
        "Wed, 28 Apr 2021 21:51:18 UT",
        "Wed, 28 Apr 21 21:51:18 Z",
        "Wednesday, 28 April 2021 21:51:18 UTC",
        // The day of the week is wrong, and nothing depends on it.
        "Mon, 28 Apr 2021 21:51:18 +0000",
        "Wed, 28 Apr 2021 21:51:18 +0000 (UTC)",
        "Wed Apr 28 21:51:18 2021 UTC",
        "Wed Apr 28 2021 23:51:18 GMT+0200 (Central European Summer Time)",
        "1619646678",
        "1619646678.000",
        "1619646678000",
        "1.619646678e9",
        "1619646678000000",
        "1619646678000000000",
    ] {
        assert_eq!(stated(text).as_deref(), Some("2021-04-28T21:51:18.000Z"), "{text}");
    }
    assert_eq!(stated("1619646678.25").as_deref(), Some("2021-04-28T21:51:18.250Z"));
    assert_eq!(stated("1619646678250.5").as_deref(), Some("2021-04-28T21:51:18.250Z"));
}

#[test]
fn a_time_without_a_zone_gets_the_readers() {
    let kolkata = TimeZone::get("Asia/Kolkata").unwrap();
    for text in [
        "2021-04-29 03:21:18",
        "2021-04-29T03:21:18",
        "Thu, 29 Apr 2021 03:21:18",
        "Thu Apr 29 03:21:18 2021",
        // A name of several zones.
        "Thu, 29 Apr 2021 03:21:18 IST",
    ] {
        let time = read(text, Some(&kolkata)).unwrap();
        assert_eq!((&*rfc3339(time.at), time.zone), ("2021-04-28T21:51:18.000Z", Zone::Assumed), "{text}");
        assert_eq!(read(text, None), None, "{text}");
    }
}

#[test]
fn what_stands_for_no_time_is_unset() {
    let kolkata = TimeZone::get("Asia/Kolkata").unwrap();
    for text in [
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00",
        "0001-01-01 00:00:00+05:30",
        "0000-01-01T00:00:00Z",
        "0000-00-00 00:00:00",
        "0000-00-00T00:00:00.000Z",
        "-009999-01-02T01:59:59Z",
        "1601-01-01T00:00:00Z",
        "1753-01-01T00:00:00",
        "1899-12-30T00:00:00Z",
        "1900-01-01",
        "1969-12-31T19:00:00-05:00",
        "1970-01-01T00:00:00Z",
        "1970-01-01 05:30:00",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "9999-12-31T23:59:59Z",
        "9999-12-31 23:59:59.9999999",
        "0",
        "0.0",
        "-1",
        "-62135596800",
        "-62135596800000",
    ] {
        assert!(read(text, Some(&kolkata)).is_some_and(Written::is_unset), "{text}");
    }
    for text in
        ["1971-01-01T00:00:00Z", "1999-12-31T23:59:59Z", "2038-01-19T03:14:08Z", "9998-12-31T00:00:00Z"]
    {
        assert!(!read(text, None).is_some_and(Written::is_unset), "{text}");
    }
}

#[test]
fn other_text_is_no_time() {
    let long = "9".repeat(10_000);
    for text in [
        "",
        "yesterday",
        "2026",
        "5",
        "10:05",
        "2026-06-27T25:00:00Z",
        "2026-13-01T00:00:00Z",
        "10000-01-01T00:00:00Z",
        "20260627100500",
        "27 Nov 2026",
        "4/28/2021 9:51:18 PM",
        "2021-04-28 09:51:18 PM",
        "é 28 Apr 2021 21:51:18",
        "Wed, 28 éèà 2021 21:51:18 GMT",
        "2021-04-28 21:51:18 +9x:00",
        "(",
        ":+",
        "+",
        "]",
        "1e400",
        "NaN",
        &long,
    ] {
        assert_eq!(read(text, None), None, "{text}");
    }
}
