//! The types that a field is read as.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::Reading::{All, Part};
use super::raw::Raw;
use super::{Payload, exact};
use crate::decimal::Decimal;
use crate::timestamp::{self, Written, Zone};

/// The longest time that is one: a year.
const MAX_SECONDS: i64 = 365 * 24 * 60 * 60;

/// Texts that stand where a link would be, in lower case and without blanks.
const NO_LINKS: [&str; 16] = [
    "null",
    "none",
    "n/a",
    "na",
    "#n/a",
    "n.a.",
    "nil",
    "nan",
    "undefined",
    "false",
    "0",
    "-",
    "--",
    "notavailable",
    "unavailable",
    "norecording",
];

impl<'a> Payload<'a> {
    /// The object under a name; an empty one if there is none.
    pub(crate) fn object(&mut self, name: &'static str, prefix: &'static str) -> Self {
        let fields = self.take(name, "an object", Raw::is_absent, |raw| raw.fields().map(All));
        Self::new(fields.unwrap_or_default(), prefix, self.zone, self.is_mended)
    }

    /// A text.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        self.take(name, "text", Raw::is_absent, |raw| raw.text().map(Cow::into_owned).map(All))
    }

    /// An identifier: text, or a whole number as text. One with a character that could not be read is none,
    /// since another may read the same.
    pub(crate) fn id(&mut self, name: &'static str) -> Option<String> {
        let is_mended = self.is_mended;
        self.take(name, "an identifier", Raw::is_absent, |raw| {
            let number = |text: &str| {
                let number = Decimal::parse(text)?;
                if number.is_whole() && !number.is_negative() { number.plain() } else { None }
            };
            let id = match raw.text() {
                Some(text) => Some(text.into_owned()),
                None => number(&raw.scalar()?),
            };
            id.filter(|id| !is_mended || !id.contains(char::REPLACEMENT_CHARACTER)).map(All)
        })
    }

    /// A telephone number or an address: text as it is, or a number as text.
    pub(crate) fn party(&mut self, name: &'static str) -> Option<String> {
        self.take(name, "text", Raw::is_blank, |raw| raw.text_or_number().map(All))
    }

    /// A time as it was written.
    pub(crate) fn written(&mut self, name: &'static str) -> Option<String> {
        self.take(name, "text", Raw::is_blank, |raw| raw.text_or_number().map(All))
    }

    /// A link, with blanks escaped. `null`, `N/A`, `None` and the like are no link, and no mistake either.
    pub(crate) fn link(&mut self, name: &'static str) -> Option<String> {
        let link = self.take(name, "text", is_no_link, |raw| raw.text().map(Cow::into_owned).map(All))?;
        let link = link.trim();
        if !link.contains(is_blank) {
            return Some(link.to_owned());
        }
        let escaped = |character: char| {
            let mut bytes = [0; 4];
            let bytes = character.encode_utf8(&mut bytes).bytes();
            bytes.map(|byte| format!("%{byte:02X}")).collect::<String>()
        };
        Some(link.chars().fold(String::with_capacity(link.len() + 16), |mut text, character| {
            if is_blank(character) {
                text.push_str(&escaped(character))
            } else {
                text.push(character)
            }
            text
        }))
    }

    /// A whole number, which may be sent as text.
    pub(crate) fn integer(&mut self, name: &'static str) -> Option<i64> {
        self.take(name, "a whole number", Raw::is_blank, |raw| {
            Decimal::parse(&raw.scalar()?)?.whole().map(All)
        })
    }

    /// A whole number that is not negative.
    pub(crate) fn count(&mut self, name: &'static str) -> Option<i64> {
        self.take(name, "a count", Raw::is_blank, |raw| {
            Decimal::parse(&raw.scalar()?)?.whole().filter(|count| *count >= 0).map(All)
        })
    }

    /// A whole number of seconds, not negative and not longer than a year. A fraction is cut off, and stays
    /// readable in `extensions`.
    pub(crate) fn seconds(&mut self, name: &'static str) -> Option<i64> {
        self.take(name, "a number of seconds", Raw::is_blank, |raw| {
            let written = raw.scalar()?;
            let number = Decimal::parse(&written).filter(|number| !number.is_negative())?;
            let seconds = number.truncated().filter(|seconds| *seconds <= MAX_SECONDS)?;
            Some(if number.is_whole() { All(seconds) } else { Part(seconds) })
        })
    }

    /// A number of milliseconds, not negative and not longer than a year.
    pub(crate) fn milliseconds(&mut self, name: &'static str) -> Option<Value> {
        self.take(name, "a number of milliseconds", Raw::is_blank, |raw| {
            let written = raw.scalar()?;
            let number = Decimal::parse(&written).filter(|number| !number.is_negative())?;
            number.truncated().filter(|milliseconds| *milliseconds <= MAX_SECONDS * 1000)?;
            exact::value(&number.plain()?).filter(Value::is_number).map(All)
        })
    }

    /// A decimal number as a string: digit by digit as it was sent, or, if it was sent with an exponent, the
    /// same without one.
    pub(crate) fn decimal(&mut self, name: &'static str) -> Option<String> {
        self.take(name, "a decimal number", Raw::is_blank, |raw| {
            let written = raw.scalar()?;
            let number = Decimal::parse(&written)?;
            let is_plain = written.starts_with(|start: char| start == '-' || start.is_ascii_digit())
                && written.ends_with(|end: char| end.is_ascii_digit())
                && !written.contains(['e', 'E']);
            if is_plain { Some(All(written.into_owned())) } else { number.plain().map(All) }
        })
    }

    /// True or false, which may be sent as text in any case.
    pub(crate) fn boolean(&mut self, name: &'static str) -> Option<bool> {
        self.take(name, "true or false", Raw::is_blank, |raw| {
            raw.scalar()?.to_ascii_lowercase().parse().ok().map(All)
        })
    }

    /// A time; `None` for one that stands for none, such as the Unix epoch. What the record's milliseconds
    /// can't hold and what was written without a zone stays in `extensions`.
    pub(crate) fn time(&mut self, name: &'static str) -> Option<Written> {
        let zone = self.zone;
        let time = self.take(name, "a time", Raw::is_blank, |raw| {
            let time = timestamp::read(&raw.scalar()?, zone)?;
            let is_all = time.zone == Zone::Stated && time.at.subsec_nanosecond() % 1_000_000 == 0;
            Some(if is_all || time.is_unset() { All(time) } else { Part(time) })
        });
        time.filter(|time| !time.is_unset())
    }

    /// A list.
    pub(crate) fn list(&mut self, name: &'static str) -> Vec<Value> {
        let list = self.take(name, "a list", Raw::is_absent, |raw| match raw.value()? {
            Value::Array(list) => Some(All(list)),
            _ => None,
        });
        list.unwrap_or_default()
    }

    /// An object whose names the provider or its customer chooses.
    pub(crate) fn map(&mut self, name: &'static str) -> Map<String, Value> {
        let map = self.take(name, "an object", Raw::is_absent, |raw| match raw.value()? {
            Value::Object(map) => Some(All(map)),
            _ => None,
        });
        map.unwrap_or_default()
    }
}

/// Whether something stands where a link would be, and says that there is none.
fn is_no_link(raw: &Raw<'_>) -> bool {
    raw.is_absent()
        || raw.scalar().is_some_and(|text| {
            let word: String = text.chars().filter(|character| !character.is_whitespace()).collect();
            word.is_empty() || NO_LINKS.contains(&&*word.to_lowercase())
        })
}

/// A blank that may stand in a name of a file. Tabs and ends of lines do not: a link with them stays as it
/// is, and is refused when it is followed.
fn is_blank(character: char) -> bool {
    character.is_whitespace() && !character.is_control()
}
