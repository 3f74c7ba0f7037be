//! Who is on a call: phone numbers and SIP addresses.

use std::borrow::Cow;

/// Returns a phone number in E.164 form, and whether its `+` was added.
///
/// Spaces, dots, hyphens and parentheses are left out. Digits without `+` are international if there are 11 to
/// 15 of them and the first is not 0. Fewer are a short code or a local number: then the result is `None`.
pub fn e164(raw: &str) -> Option<(String, Derivation)> {
    let international = raw.trim().strip_prefix('+');
    let written = international.unwrap_or(raw);
    let digits: Cow<'_, str> = if written.bytes().all(|byte| byte.is_ascii_digit()) {
        written.into()
    } else {
        written.chars().filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')')).collect()
    };
    let (shortest, derivation) =
        if international.is_some() { (7, Derivation::AsWritten) } else { (11, Derivation::Completed) };
    let plausible = (shortest..=15).contains(&digits.len())
        && digits.bytes().all(|digit| digit.is_ascii_digit())
        && !digits.starts_with('0');
    plausible.then(|| (["+", &digits].concat(), derivation))
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
    /// The `+` was added.
    Completed,
}

/// Whether a party is a SIP address.
pub fn is_sip(raw: &str) -> bool {
    let scheme = |name: &str| raw.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
    scheme("sip:") || scheme("sips:")
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
}
