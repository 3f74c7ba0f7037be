use super::*;

fn refusal(query: &str) -> String {
    let problem = listing(query).unwrap_err();
    assert_eq!((problem.status, problem.code), (StatusCode::BAD_REQUEST, "parameter_invalid"), "{query}");
    problem.message
}

#[test]
fn reads_a_day_with_every_filter() {
    let by = By::Day("2026-06-27".to_owned());
    let cursor = cursor::encode(&by, "2026-06-27T10:05:00.000Z#telnyx#default#c1");
    let query = format!(
        "day=2026-06-27&provider=telnyx&source=kenya-prod&status=no_answer&limit=200&cursor={cursor}"
    );
    let expected = Listing {
        by,
        filter: Filter {
            provider: Some(Provider::Telnyx),
            source: Some("kenya-prod".to_owned()),
            status: Some("no_answer".to_owned()),
            scope: Scope::All,
        },
        limit: 200,
        before: Some("2026-06-27T10:05:00.000Z#telnyx#default#c1".to_owned()),
    };
    assert_eq!(listing(&query).unwrap(), expected);
}

#[test]
fn a_day_alone_is_enough() {
    let listing = listing("&day=2026%2D06-27&").unwrap();
    assert_eq!((listing.by, listing.limit), (By::Day("2026-06-27".to_owned()), 50));
    assert_eq!((listing.filter, listing.before), (Filter::default(), None));
}

#[test]
fn a_number_may_be_written_as_people_write_it() {
    let number = By::From("+254700000001".to_owned());
    for written in ["%2B254700000001", "+254700000001", "254700000001", "%2b254%20700-000-001"] {
        assert_eq!(listing(&format!("from={written}")).unwrap().by, number, "{written}");
    }
    assert_eq!(listing("to=+1234567").unwrap().by, By::To("+1234567".to_owned()));
    // The digits of "anonymous" are no number, and calls are listed under them.
    assert_eq!(listing("from=%2B266696687").unwrap().by, By::From("+266696687".to_owned()));
}

#[test]
fn names_the_parameter_that_is_wrong_and_the_way_out() {
    for (query, parameter) in [
        ("", "day"),
        ("limit=5", "day"),
        ("day=", "day"),
        ("day", "day"),
        ("day=20260627", "day"),
        ("day=2026-6-27", "day"),
        ("day=2026-02-30", "day"),
        ("day=2026-06-27T00:00:00", "day"),
        ("day=today", "day"),
        ("day=2026-06-27&from=%2B254700000001", "day, from and to"),
        ("from=%2B254700000001&to=%2B254700000001", "day, from and to"),
        ("from=", "from"),
        ("to=%2B0123456789", "to"),
        ("day=2026-06-27&day=2026-06-27", "day"),
        ("day=2026-06-27&limit=0", "limit"),
        ("day=2026-06-27&limit=201", "limit"),
        ("day=2026-06-27&limit=%2B5", "limit"),
        ("day=2026-06-27&limit=99999999999999999999999", "limit"),
        ("day=2026-06-27&provider=Telnyx", "provider"),
        ("day=2026-06-27&provider=", "provider"),
        ("day=2026-06-27&source=a%23b", "source"),
        ("day=2026-06-27&status=done", "status"),
        ("day=2026-06-27&status=%ff", "status"),
        ("day=2026-06-27&cursor=", "cursor"),
        ("day=2026-06-27&cursor=AAAA", "cursor"),
        ("day=2026-06-27&colour=red", "colour"),
        ("day=2026-06-27&=red", " "),
        ("day=2026-06-27&%ff=red", "%ff"),
    ] {
        let message = refusal(query);
        assert!(message.starts_with(parameter), "{query}: {message}");
        assert!(message.contains(';') || message.contains(" must be "), "{query}: {message}");
    }
    let long = refusal(&format!("day=2026-06-27&{}=1", "📞".repeat(2000)));
    assert!(long.chars().count() < 200, "{long}");
}
