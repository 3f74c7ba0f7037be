//! Times as providers write them.

use jiff::civil::{DateTime, date};
use jiff::fmt::rfc2822;
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

use crate::decimal::Decimal;

/// A time as a provider wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The time.
    pub at: Timestamp,
    /// The zone that it was written in.
    pub zone: Zone,
}

/// The zone that a time was written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zone {
    /// It is part of the time.
    Stated,
    /// It is not part of the time, or has a name that means several zones: the reader's was taken.
    Assumed,
}

/// The first second of 1971: no call is older. What programs write for "no time" is: the year 1, the Unix
/// epoch in any zone, the first days of spreadsheets and databases.
const FIRST_SECOND: i64 = 365 * 24 * 60 * 60;

/// The first second of 9999, the year that programs write for "no end".
const NO_END: i64 = 253_370_764_800;

/// The longest text that is read as a time.
const MAX_BYTES: usize = 128;

/// The days of the week, in full.
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

/// Names of zones that mean one offset, in hours.
const ZONES: [(&str, i8); 27] = [
    ("z", 0),
    ("ut", 0),
    ("utc", 0),
    ("gmt", 0),
    ("wet", 0),
    ("west", 1),
    ("cet", 1),
    ("cest", 2),
    ("eet", 2),
    ("eest", 3),
    ("sast", 2),
    ("eat", 3),
    ("msk", 3),
    ("pkt", 5),
    ("sgt", 8),
    ("jst", 9),
    ("kst", 9),
    ("aest", 10),
    ("aedt", 11),
    ("est", -5),
    ("edt", -4),
    ("cst", -6),
    ("cdt", -5),
    ("mst", -7),
    ("mdt", -6),
    ("pst", -8),
    ("pdt", -7),
];

impl Written {
    /// Whether it stands for no time.
    pub fn is_unset(self) -> bool {
        !(FIRST_SECOND..NO_END).contains(&self.at.as_second())
    }
}

/// Reads a time: RFC 3339 and RFC 2822, also with blanks and offsets in other places, and numbers of seconds,
/// milliseconds, microseconds and nanoseconds since the Unix epoch.
///
/// What has no zone is taken to be in `zone`; without one it is no time at all.
pub fn read(text: &str, zone: Option<&TimeZone>) -> Option<Written> {
    let text = text.trim();
    if text.len() > MAX_BYTES {
        return None;
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(Written { at, zone: Zone::Stated });
    }
    if let Some(at) = since_epoch(text) {
        return Some(Written { at, zone: Zone::Stated });
    }
    if text.ends_with(']') {
        return text.parse::<Zoned>().ok().map(|time| Written { at: time.timestamp(), zone: Zone::Stated });
    }
    let text = text.split_once('(').map_or(text, |(text, _comment)| text.trim_end());
    let (civil, offset) = without_zone(text);
    let civil = civil_time(civil)?;
    let at = |zone: &TimeZone| match zone.to_timestamp(civil) {
        Ok(at) => at,
        // The first and the last day there are may be none in UTC.
        Err(_) if civil.year() > 0 => Timestamp::MAX,
        Err(_) => Timestamp::MIN,
    };
    match offset {
        Some(offset) => Some(Written { at: at(&offset.to_time_zone()), zone: Zone::Stated }),
        None => zone.map(|zone| Written { at: at(zone), zone: Zone::Assumed }),
    }
}

/// A time as a number. Its size says its unit: the units do not overlap between the years 1973 and 2286.
fn since_epoch(text: &str) -> Option<Timestamp> {
    let number = Decimal::parse(text)?;
    let whole = number.truncated()?;
    if whole <= 0 {
        // The epoch itself, or a number for "no time".
        return Some(Timestamp::UNIX_EPOCH);
    }
    let nanoseconds_of_unit = match whole {
        FIRST_SECOND..10_000_000_000 => 1_000_000_000,
        100_000_000_000..10_000_000_000_000 => 1_000_000,
        100_000_000_000_000..10_000_000_000_000_000 => 1000,
        100_000_000_000_000_000.. => 1,
        _ => return None,
    };
    let fraction = text.split_once('.').filter(|_| !number.is_whole() && !text.contains(['e', 'E']));
    let fraction = fraction.map_or(0, |(_, digits)| nanoseconds(digits, nanoseconds_of_unit));
    let nanoseconds = i128::from(whole) * i128::from(nanoseconds_of_unit) + i128::from(fraction);
    Timestamp::from_nanosecond(nanoseconds).ok()
}

/// The nanoseconds of the digits of a fraction of a unit.
fn nanoseconds(digits: &str, unit: i64) -> i64 {
    let mut place = unit;
    digits.bytes().fold(0, |sum, digit| {
        place /= 10;
        sum + i64::from(digit - b'0') * place
    })
}

/// Whether a word is the beginning of a name, of at least three letters.
fn is_short_for(name: &str, word: &str) -> bool {
    word.len() >= 3 && name.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
}

/// Takes the zone off the end of a time. One whose name means several zones, or none, is no offset.
fn without_zone(text: &str) -> (&str, Option<Offset>) {
    let letters = text.len() - text.trim_end_matches(|end: char| end.is_ascii_alphabetic()).len();
    if letters > 0 {
        let (civil, name) = text.split_at(text.len() - letters);
        if ["am", "pm"].iter().any(|half| name.eq_ignore_ascii_case(half)) {
            return (text, None);
        }
        let known = ZONES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known));
        let offset = known.map(|(_, hours)| Offset::constant(*hours));
        return (civil.trim_end(), offset);
    }
    // A sign after a colon is an offset's; one before it is part of the date.
    let sign = text.rfind(['+', '-']).filter(|sign| text[..*sign].contains(':'));
    let Some(sign) = sign else { return (text, None) };
    let (civil, written) = text.split_at(sign);
    let digits: String = written[1..].chars().filter(|character| *character != ':').collect();
    let part = |range: std::ops::Range<usize>| match digits.get(range) {
        Some(digits) => digits.parse::<i8>().ok(),
        None => Some(0),
    };
    let is_offset = matches!(digits.len(), 1 | 2 | 4) && digits.bytes().all(|digit| digit.is_ascii_digit());
    let hours = if digits.len() == 1 { digits.parse().ok() } else { part(0..2) };
    let (Some(hours), Some(minutes), true) = (hours, part(2..4), is_offset) else { return (text, None) };
    let offset = if written.starts_with('-') { offset(-hours, -minutes) } else { offset(hours, minutes) };
    let Some(offset) = offset else { return (text, None) };
    // `GMT+0300`
    let civil = civil.trim_end();
    let named = ["GMT", "UTC", "UT"].into_iter().find_map(|name| civil.strip_suffix(name));
    (named.unwrap_or(civil).trim_end(), Some(offset))
}

fn offset(hours: i8, minutes: i8) -> Option<Offset> {
    let is_small = hours.abs() <= 18 && minutes.abs() <= 59;
    is_small.then(|| Offset::from_seconds((i32::from(hours) * 60 + i32::from(minutes)) * 60).ok())?
}

/// A date and a time of day without a zone. Zeros alone, as databases write them, are the Unix epoch.
fn civil_time(text: &str) -> Option<DateTime> {
    let mut digits = text.bytes().filter(u8::is_ascii_digit).peekable();
    let is_punctuation = |byte: u8| byte.is_ascii_digit() || b"-/:.T ".contains(&byte);
    if digits.peek().is_some() && digits.all(|digit| digit == b'0') && text.bytes().all(is_punctuation) {
        return Some(date(1970, 1, 1).at(0, 0, 0, 0));
    }
    if let Ok(civil) = text.parse::<DateTime>() {
        return Some(civil);
    }
    let mut words: Vec<&str> = text.split_ascii_whitespace().map(|word| word.trim_end_matches(',')).collect();
    if text.starts_with(|start: char| start.is_ascii_digit())
        && let Ok(civil) = words.join(" ").replace('/', "-").parse::<DateTime>()
    {
        return Some(civil);
    }
    let is_name = |word: &str| word.starts_with(|start: char| start.is_ascii_alphabetic());
    // The day of the week says nothing that the date does not.
    if words.first().is_some_and(|word| WEEKDAYS.iter().any(|day| is_short_for(day, word))) {
        words.remove(0);
    }
    if words.len() < 4 {
        return None;
    }
    // C and JavaScript write the month first, and C the year last.
    if is_name(words[0]) {
        words.swap(0, 1);
    }
    if words[2].contains(':') {
        words.swap(2, 3);
    }
    words[1] = words[1].get(..3)?;
    let text = [&words.join(" "), " +0000"].concat();
    rfc2822::DateTimeParser::new().parse_zoned(&text).ok().map(|time| time.datetime())
}

#[cfg(test)]
mod tests;
