//! Decimal numbers as providers write them, read by value: `1.2E+2` is 120, and no digit is lost.

use std::borrow::Cow;

/// The most zeros that [`Decimal::plain`] writes for an exponent: as many as a double can mean, and too few
/// to fill the memory.
const MAX_ZEROS: usize = 400;

/// A decimal number: its digits, without zeros at either end, and the power of ten of the last one.
///
/// Zero has no digits. Two numbers of the same value are equal, however they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Decimal<'a> {
    is_negative: bool,
    digits: Cow<'a, str>,
    exponent: i64,
}

impl<'a> Decimal<'a> {
    /// Reads digits with an optional sign, fraction and exponent; `None` for any other text.
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let is_negative = text.starts_with('-');
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, power(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all: Cow<'_, str> =
            if fraction.is_empty() { whole.into() } else { [whole, fraction].concat().into() };
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let end = all.trim_end_matches('0').len();
        if end == 0 {
            return Some(Self { is_negative: false, digits: "".into(), exponent: 0 });
        }
        let start = all.len() - all.trim_start_matches('0').len();
        let exponent = exponent - length(fraction) + length(&all[end..]);
        let digits = match all {
            Cow::Borrowed(all) => Cow::Borrowed(&all[start..end]),
            Cow::Owned(all) => Cow::Owned(all[start..end].to_owned()),
        };
        Some(Self { is_negative, digits, exponent })
    }

    /// Whether it is less than zero.
    pub(crate) fn is_negative(&self) -> bool {
        self.is_negative
    }

    /// Whether it has no fraction.
    pub(crate) fn is_whole(&self) -> bool {
        self.exponent >= 0
    }

    /// Its value without the fraction, if it is within 64 bits.
    pub(crate) fn truncated(&self) -> Option<i64> {
        let end = length(&self.digits).saturating_add(self.exponent);
        if end <= 0 {
            return Some(0);
        }
        // 64 bits have at most 19 digits.
        let end = usize::try_from(end).ok().filter(|end| *end <= 19)?;
        let digits = &self.digits[..end.min(self.digits.len())];
        let sign = if self.is_negative { "-" } else { "" };
        [sign, digits, &"0".repeat(end - digits.len())].concat().parse().ok()
    }

    /// Its value as a whole number, if it is one and within 64 bits.
    pub(crate) fn whole(&self) -> Option<i64> {
        self.truncated().filter(|_| self.is_whole())
    }

    /// The number without an exponent; `None` if that takes more than [`MAX_ZEROS`] zeros.
    pub(crate) fn plain(&self) -> Option<String> {
        let zeros = |count: i64| usize::try_from(count).ok().filter(|count| *count <= MAX_ZEROS);
        let sign = if self.is_negative { "-" } else { "" };
        if self.digits.is_empty() {
            return Some("0".to_owned());
        }
        if self.is_whole() {
            return Some([sign, &self.digits, &"0".repeat(zeros(self.exponent)?)].concat());
        }
        let point = length(&self.digits).saturating_add(self.exponent);
        Some(match usize::try_from(point) {
            Ok(point) if point > 0 => [sign, &self.digits[..point], ".", &self.digits[point..]].concat(),
            _ => [sign, "0.", &"0".repeat(zeros(point.saturating_neg())?), &self.digits].concat(),
        })
    }
}

/// The exponent that digits with an optional sign mean. One beyond all numbers is a large one.
fn power(text: &str) -> Option<i64> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let power = digits.parse::<i64>().unwrap_or(i64::MAX).min(i64::MAX / 4);
    Some(if text.starts_with('-') { -power } else { power })
}

fn length(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_by_value() {
        let plain = |text: &str| Decimal::parse(text).unwrap().plain().unwrap();
        for (written, expected) in [
            ("0", "0"),
            ("-0.00e7", "0"),
            ("120", "120"),
            ("1.2E+2", "120"),
            ("4.5e1", "45"),
            ("3E-8", "0.00000003"),
            ("-12.500", "-12.5"),
            ("+007.50", "7.5"),
            (".5", "0.5"),
            ("5.", "5"),
            ("92838584930183242888", "92838584930183242888"),
            ("1.0e0", "1"),
            ("100e-2", "1"),
            ("123.45e1", "1234.5"),
        ] {
            assert_eq!(plain(written), expected, "{written}");
        }
        assert_eq!(Decimal::parse("1.20e2"), Decimal::parse("0120"));
        assert_ne!(Decimal::parse("-1"), Decimal::parse("1"));
    }

    #[test]
    fn other_text_is_no_number() {
        for text in [
            "", "-", "+", ".", "e5", "1e", "1e+", "1.2.3", "1,5", "0x10", "1 2", "--1", "NaN", "inf", "١",
            "1e5.0", "∞",
        ] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn fractions_are_cut_toward_zero_and_only_whole_numbers_are_whole() {
        let number =
            |text: &str| Decimal::parse(text).map(|number| (number.truncated(), number.whole())).unwrap();
        assert_eq!(number("12.75"), (Some(12), None));
        assert_eq!(number("-12.75"), (Some(-12), None));
        assert_eq!(number("0.99"), (Some(0), None));
        assert_eq!(number("1e-999999999999999999999"), (Some(0), None));
        assert_eq!(number("1.2e2"), (Some(120), Some(120)));
        assert_eq!(number("9223372036854775807"), (Some(i64::MAX), Some(i64::MAX)));
        assert_eq!(number("-9223372036854775808"), (Some(i64::MIN), Some(i64::MIN)));
        for large in ["9223372036854775808", "1e19", "1e400", "1e999999999999999999999"] {
            assert_eq!(number(large), (None, None), "{large}");
        }
    }

    #[test]
    fn an_exponent_does_not_fill_the_memory() {
        for text in ["1e401", "1e-402", "1e999999999999999999999", "1e-999999999999999999999"] {
            assert_eq!(Decimal::parse(text).unwrap().plain(), None, "{text}");
        }
        let digits = "7".repeat(10_000);
        assert_eq!(Decimal::parse(&digits).unwrap().plain().as_ref(), Some(&digits));
    }
}
