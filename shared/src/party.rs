//! Who is on a call: phone numbers and SIP addresses.

/// The shortest number that has its country code.
const MIN_DIGITS: usize = 7;

/// The longest one, and the shortest that is taken for one without a `+`.
const MAX_DIGITS: usize = 15;
const MIN_DIGITS_WITHOUT_PLUS: usize = 11;

/// Words that networks and phones show for a caller who is not known, in lower case and letters only.
const NOBODY: [&str; 16] = [
    "anonymous",
    "unknown",
    "unavailable",
    "restricted",
    "private",
    "blocked",
    "withheld",
    "hidden",
    "nocallerid",
    "callerunknown",
    "unknowncaller",
    "anonymouscaller",
    "privatenumber",
    "privatecaller",
    "notavailable",
    "null",
];

/// The same words as telephones spell them: `266696687` is "anonymous" on the keys of a telephone.
const NOBODY_ON_KEYS: [&str; 8] =
    ["266696687", "8656696", "86282452253", "7378742833", "7748283", "2562533", "94844353", "443336"];

/// Countries whose numbers keep their first zero.
const KEEP_ZERO: [&str; 5] = ["39", "378", "225", "241", "242"];

/// A phone number in E.164 form from what a provider wrote, and whether it had to be completed; `None` where
/// the number is not certain.
///
/// Blanks, dots, hyphens, slashes and parentheses are left out. `00` is as good as `+`. Digits without either are
/// international where there are 11 to 15 of them and the first is not 0; anything shorter is a short code
/// or a local number. A trunk zero in parentheses, an extension and the `.0` of a spreadsheet are cut off.
pub fn e164(raw: &str) -> Option<(String, Derivation)> {
    let raw = raw.trim_matches(|end: char| end != '-' && is_separator(end));
    // A negative number is none.
    if raw.starts_with('-') {
        return None;
    }
    let raw = raw.strip_prefix("tel:").or_else(|| raw.strip_prefix("TEL:")).unwrap_or(raw);
    // Spreadsheets put one before digits that are text.
    let raw = raw.strip_prefix('\'').unwrap_or(raw);
    let number = without_extension(raw)?;
    let number = without_fraction(number);
    if has_fraction(number) {
        return None;
    }
    let (mut digits, mut trunk_zero) = (String::with_capacity(24), false);
    let mut rest = number.strip_prefix('+').unwrap_or(number);
    while let Some(character) = rest.chars().next() {
        // A country code has at most three digits, and `00` may be before it.
        if (1..=5).contains(&digits.len())
            && let Some(after) = trunk_zero_in_parentheses(rest)
        {
            (trunk_zero, rest) = (true, after);
            continue;
        }
        rest = &rest[character.len_utf8()..];
        match character {
            '0'..='9' => digits.push(character),
            separator if is_separator(separator) => {}
            _ => return None,
        }
        if digits.len() > MAX_DIGITS + 2 {
            return None;
        }
    }
    let has_plus = number.starts_with('+');
    let international = if has_plus { Some(&*digits) } else { digits.strip_prefix("00") };
    let shortest = if international.is_some() { MIN_DIGITS } else { MIN_DIGITS_WITHOUT_PLUS };
    let international = international.unwrap_or(&digits);
    let is_certain = (shortest..=MAX_DIGITS).contains(&international.len())
        && !international.starts_with('0')
        && !NOBODY_ON_KEYS.contains(&international);
    // There, the zero that was cut off is part of the number.
    let keeps_zero = KEEP_ZERO.iter().any(|code| international.starts_with(code));
    let is_certain = is_certain && !(trunk_zero && keeps_zero);
    let is_as_written = has_plus && !trunk_zero && number == raw;
    let derivation = if is_as_written { Derivation::AsWritten } else { Derivation::Completed };
    is_certain.then(|| (["+", international].concat(), derivation))
}

/// Whether a party says that the caller is not known, in words or in the digits that spell them.
pub fn is_nobody(raw: &str) -> bool {
    let address = strip_scheme(raw).unwrap_or(raw);
    if address.to_lowercase().contains("@anonymous.invalid") {
        return true;
    }
    let name = address.split(['@', ';']).next().unwrap_or_default();
    let letters: String = name.chars().filter(|character| character.is_alphabetic()).collect();
    let digits: String = name.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() {
        NOBODY.contains(&&*letters.to_lowercase())
    } else {
        letters.is_empty() && NOBODY_ON_KEYS.contains(&&*digits)
    }
}

/// Whether two parties are one: the same number in two spellings, or the same address.
pub fn is_same(one: &str, other: &str) -> bool {
    fn spelling(party: &str) -> String {
        let number = e164(party).map(|(number, _)| number);
        number.unwrap_or_else(|| {
            let is_number =
                party.chars().all(|character| character.is_ascii_digit() || is_separator(character));
            let kept = |character: &char| !is_number || !is_separator(*character);
            party.trim().chars().filter(kept).collect::<String>().to_lowercase()
        })
    }
    one == other || spelling(one) == spelling(other)
}

/// What stands between the digits of a number, or around it, for the eye only.
fn is_separator(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '-' | '.' | '/' | '(' | ')' | '[' | ']')
        // Hyphens and dashes, and marks that tell the direction of writing.
        || matches!(character, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{200b}'..='\u{200f}')
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// What follows `(0)`, if a text starts with it.
fn trunk_zero_in_parentheses(text: &str) -> Option<&str> {
    let inside = text.strip_prefix('(')?.trim_start().strip_prefix('0')?;
    inside.trim_start().strip_prefix(')')
}

/// The number before an extension such as `;ext=12`, `x12` or `#12`; `None` if what follows is none.
fn without_extension(raw: &str) -> Option<&str> {
    let Some(start) = raw.find(['x', 'X', 'e', 'E', '#', ',', ';']) else { return Some(raw) };
    let (number, extension) = raw.split_at(start);
    let extension = extension.to_ascii_lowercase();
    let marks = [";ext=", "extension", "ext.", "ext", "x", "#", ",", ";"];
    let digits = marks.into_iter().find_map(|mark| extension.strip_prefix(mark))?;
    let digits = digits.trim_start_matches([' ', '.', ':', '=', ',']).trim_end();
    let is_extension = (1..=11).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_extension.then(|| number.trim_end())
}

/// Whether digits have a fraction, as a number that was counted has and no telephone number.
fn has_fraction(number: &str) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = number.strip_prefix('+').unwrap_or(number);
    let parts = unsigned.split_once('.');
    parts
        .is_some_and(|(whole, fraction)| whole.len() >= MIN_DIGITS && is_digits(whole) && is_digits(fraction))
}

/// The digits without the fraction that a spreadsheet or a program's float gave them.
fn without_fraction(number: &str) -> &str {
    let digits = number.strip_suffix(".0").or_else(|| number.strip_suffix(".00"));
    let is_plain = |digits: &&str| {
        let unsigned = digits.strip_prefix('+').unwrap_or(digits);
        unsigned.bytes().all(|byte| byte.is_ascii_digit())
    };
    digits.filter(is_plain).unwrap_or(number)
}

/// Returns a party as lists show and find it: a number as it is, anything else in lower case, so that an address
/// is found in any case. `None` if there is nothing to show.
pub fn listed(party: &str) -> Option<String> {
    let party = party.trim();
    (!party.is_empty()).then(|| party.to_lowercase())
}

/// How a number came to its form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Derivation {
    /// The provider wrote the international form.
    AsWritten,
    /// Something was added or cut off.
    Completed,
}

/// Whether a party is a SIP address.
pub fn is_sip(raw: &str) -> bool {
    strip_scheme(raw).is_some()
}

/// A SIP address without its scheme.
fn strip_scheme(raw: &str) -> Option<&str> {
    let raw = raw.trim_start();
    let (scheme, address) = raw.split_once(':')?;
    ["sip", "sips"].iter().any(|known| scheme.eq_ignore_ascii_case(known)).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_e164_only_where_that_is_certain() {
        let number = |raw| e164(raw);
        assert_eq!(number("+254700000001"), Some(("+254700000001".into(), Derivation::AsWritten)));
        assert_eq!(number("+1 (415) 555-0100"), Some(("+14155550100".into(), Derivation::AsWritten)));
        assert_eq!(number("919876543210"), Some(("+919876543210".into(), Derivation::Completed)));
        for local in [
            "",
            "+",
            "0919876543210",
            "12345",
            "9876543210",
            "anonymous",
            "+91x",
            "+0123456789",
            "١٢٣٤٥٦٧٨٩٠١",
        ] {
            assert_eq!(number(local), None, "{local}");
        }
    }

    #[test]
    fn what_is_written_around_a_number_is_left_out() {
        for (raw, number) in [
            ("+44 (0) 20 7946 0958", "+442079460958"),
            ("+44(0)20-7946-0958", "+442079460958"),
            ("0044 (0)20 7946 0958", "+442079460958"),
            ("00254700000001", "+254700000001"),
            ("00 254 700 000 001", "+254700000001"),
            ("919812345670.0", "+919812345670"),
            ("+919812345670.0", "+919812345670"),
            ("919812345670.00", "+919812345670"),
            ("'919812345670", "+919812345670"),
            ("tel:+1-415-555-0100", "+14155550100"),
            ("tel:+14155550100;ext=12", "+14155550100"),
            ("+1 415 555 0100 ext. 12", "+14155550100"),
            ("+1 (415) 555-0100 x12", "+14155550100"),
            ("+14155550100,,12", "+14155550100"),
            ("+14155550100#12", "+14155550100"),
            ("+49 30/123456", "+4930123456"),
            ("+1.415.555.0100", "+14155550100"),
            ("\u{202a}+1\u{a0}415\u{2011}555\u{2011}0100\u{202c}", "+14155550100"),
        ] {
            assert_eq!(e164(raw).map(|(number, _)| number).as_deref(), Some(number), "{raw}");
        }
        for (raw, derivation) in [
            ("+1 415 555 0100", Derivation::AsWritten),
            ("0014155550100", Derivation::Completed),
            ("+44 (0) 20 7946 0958", Derivation::Completed),
            ("+14155550100 x1", Derivation::Completed),
            ("14155550100.0", Derivation::Completed),
        ] {
            assert_eq!(e164(raw).map(|(_, derivation)| derivation), Some(derivation), "{raw}");
        }
    }

    #[test]
    fn what_is_not_certain_is_no_number() {
        for raw in [
            "(0)20 7946 0958",
            "0 20 7946 0958",
            // In Italy the zero is part of the number.
            "+39 (0)6 1234 5678",
            "011 44 20 7946 0958",
            "000254700000001",
            "+00254700000001",
            "9.19812345670E+11",
            "919812345670.5",
            "+919812345670.5",
            "+1 800 FLOWERS",
            "+14155550100/+14155550101",
            "-919812345670",
            "+1234567890123456",
            "+1 415 555 0100 ext",
            "+1 415 555 0100 x12y",
            "++14155550100",
            "919,812,345,670",
        ] {
            assert_eq!(e164(raw), None, "{raw}");
        }
    }

    #[test]
    fn nobody_is_nobody_in_words_and_in_digits() {
        for raw in [
            "anonymous",
            "Anonymous",
            " ANONYMOUS ",
            "No Caller ID",
            "Private Number",
            "unknown",
            "+266696687",
            "266696687",
            "+86282452253",
            "+7378742833",
            "sip:anonymous@anonymous.invalid",
            "SIP:Anonymous@1.2.3.4",
            "sips:restricted@example.com;user=phone",
            "sip:x@ANONYMOUS.invalid",
            "sip:+266696687@example.com",
            "<unknown>",
        ] {
            assert!(is_nobody(raw), "{raw}");
            assert_eq!(e164(raw), None, "{raw}");
        }
        for raw in ["", "+254700000001", "sip:anna@example.com", "Anonymous 2", "+2666966870", "anonymously"]
        {
            assert!(!is_nobody(raw), "{raw}");
        }
    }

    #[test]
    fn two_spellings_of_one_party_are_the_same() {
        for (one, other) in [
            ("+1 415-555-0100", "+14155550100"),
            ("14155550100", "+1 (415) 555-0100"),
            ("0014155550100", "14155550100.0"),
            ("0712 345 678", "0712-345678"),
            ("SIP:Anna@example.com", "sip:anna@example.com"),
        ] {
            assert!(is_same(one, other), "{one} {other}");
        }
        for (one, other) in [("+14155550100", "+14155550101"), ("4155550100", "+14155550100"), ("a-b", "ab")]
        {
            assert!(!is_same(one, other), "{one} {other}");
        }
    }
}
