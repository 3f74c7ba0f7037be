//! Points in time as the providers write them, and as the ledger does.

pub use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::TimeZone;

mod written;

pub use written::{Written, Zone, read};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_providers_write() {
        let utc = |text| read(text, None).map(|time| rfc3339(time.at));
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
        let time = read("2025-12-19 16:01:07", Some(&kolkata)).unwrap();
        assert_eq!((&*rfc3339(time.at), time.zone), ("2025-12-19T10:31:07.000Z", Zone::Assumed));
    }
}
