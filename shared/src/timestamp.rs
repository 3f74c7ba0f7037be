//! Points in time as the providers write them, and as the ledger does.

pub use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::TimeZone;

/// RFC 3339 in UTC with milliseconds, the one way the ledger writes a time.
///
/// Texts of the years 0 to 9999 sort as the times do.
pub fn rfc3339(timestamp: Timestamp) -> String {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
    let mut text = String::with_capacity(24);
    // Writing to a String cannot fail.
    let _ = PRINTER.print_timestamp(&timestamp, &mut text);
    text
}

/// The day of a time in UTC, `YYYY-MM-DD`.
pub fn day(timestamp: Timestamp) -> String {
    timestamp.to_zoned(TimeZone::UTC).date().to_string()
}

/// Reads RFC 3339, and what providers write instead: a space for the `T`, no offset.
///
/// A time without an offset is in `time_zone`. If that is `None`, the text is not a time.
pub fn parse(text: &str, time_zone: Option<&TimeZone>) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(timestamp) = text.parse::<Timestamp>() {
        return Some(timestamp);
    }
    let civil: DateTime = text.parse().ok()?;
    time_zone?.to_timestamp(civil).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_providers_write() {
        let utc = |text| parse(text, None).map(rfc3339);
        assert_eq!(utc("2026-06-27T10:05:00.000Z").as_deref(), Some("2026-06-27T10:05:00.000Z"));
        assert_eq!(utc("2021-04-28 21:51:18.731479Z").as_deref(), Some("2021-04-28T21:51:18.731Z"));
        assert_eq!(utc("2021-04-28T23:51:18+02:00").as_deref(), Some("2021-04-28T21:51:18.000Z"));
        assert_eq!(utc("0000-01-01T00:00:00Z").as_deref(), Some("0000-01-01T00:00:00.000Z"));
        assert_eq!(utc("9999-12-30T21:59:59.999Z").as_deref(), Some("9999-12-30T21:59:59.999Z"));
        for unreadable in
            ["", "yesterday", "2025-12-19 16:01:07", "2025-13-01T00:00:00Z", "10000-01-01T00:00:00Z"]
        {
            assert_eq!(utc(unreadable), None, "{unreadable}");
        }
    }

    #[test]
    fn reads_a_local_time_in_the_zone_of_its_source() {
        let kolkata = TimeZone::get("Asia/Kolkata").unwrap();
        let time = parse("2025-12-19 16:01:07", Some(&kolkata)).map(rfc3339);
        assert_eq!(time.as_deref(), Some("2025-12-19T10:31:07.000Z"));
    }
}
