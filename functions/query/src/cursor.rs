//! Cursors: where the next page of a list begins, as text that means something to this API only.
//!
//! A cursor names its list. Another list refuses it, since it would return wrong pages there without an error.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use shared::ledger::read::By;

/// The first line of a cursor. It changes when the form of the other lines changes.
const VERSION: &str = "1";

/// The longest sort key of DynamoDB.
const MAX_KEY_BYTES: usize = 1024;

/// Returns the cursor for the calls of a list before a key.
pub(crate) fn encode(by: &By, before: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{}{before}", head(by)))
}

/// Returns the key in a cursor; `None` if it is not a cursor of this list.
pub(crate) fn decode(by: &By, cursor: &str) -> Option<String> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let before = text.strip_prefix(&head(by))?;
    (1..=MAX_KEY_BYTES).contains(&before.len()).then(|| before.to_owned())
}

/// Returns the cursor of a list that has a name and no value, such as `quarantine`.
pub(crate) fn of_list(list: &str, place: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{VERSION}\n{list}\n{place}"))
}

/// Returns the place in such a cursor; `None` if it is not a cursor of this list.
pub(crate) fn in_list(list: &str, cursor: &str) -> Option<String> {
    let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let place = text.strip_prefix(&format!("{VERSION}\n{list}\n"))?;
    (1..=MAX_KEY_BYTES).contains(&place.len()).then(|| place.to_owned())
}

fn head(by: &By) -> String {
    let (name, value) = match by {
        By::Day(day) => ("day", day),
        By::From(number) => ("from", number),
        By::To(number) => ("to", number),
    };
    format!("{VERSION}\n{name}\n{value}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_went() {
        let key = "2026-06-27T10:05:00.000Z#telnyx#default#a\n📞";
        for by in [By::Day("2026-06-27".into()), By::From("+254700000001".into()), By::To("+1".into())] {
            assert_eq!(decode(&by, &encode(&by, key)).as_deref(), Some(key));
        }
    }

    #[test]
    fn a_cursor_of_another_list_is_none() {
        let day = By::Day("2026-06-27".into());
        for other in [By::Day("2026-06-28".into()), By::From("2026-06-27".into()), By::To("+1".into())] {
            assert_eq!(decode(&day, &encode(&other, "key")), None);
        }
        assert_eq!(in_list("quarantine", &of_list("quarantine", "key")).as_deref(), Some("key"));
        assert_eq!(in_list("quarantine", &of_list("recordings", "key")), None);
        assert_eq!(in_list("quarantine", &of_list("quarantine", "")), None);
        let later = BASE64_URL_SAFE_NO_PAD.encode("2\nday\n2026-06-27\nkey");
        let long = encode(&day, &"k".repeat(MAX_KEY_BYTES + 1));
        for foreign in ["", "no base64!", "AAAA", "MQ==", "_w", &later, &long, &encode(&day, "")] {
            assert_eq!(decode(&day, foreign), None, "{foreign}");
        }
    }
}
