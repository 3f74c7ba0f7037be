//! The fields of an object, each as it was sent.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::Value;
use serde_json::value::RawValue;

use super::exact;
use crate::decimal::Decimal;

/// A field's value as it was sent.
#[derive(Clone, Debug)]
pub(super) enum Raw<'a> {
    /// JSON, checked to be well-formed and not read any further: a number too large for any type or
    /// nesting too deep for the stack is no reason to lose the fields beside it.
    Json(&'a RawValue),
    /// The text of a form field.
    Text(Cow<'a, str>),
}

impl<'a> Raw<'a> {
    /// Whether it is null.
    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Json(json) if json.get() == "null")
    }

    /// Whether there is nothing: null, or an empty text.
    pub(super) fn is_absent(&self) -> bool {
        match self {
            Self::Json(json) => matches!(json.get(), "null" | "\"\""),
            Self::Text(text) => text.is_empty(),
        }
    }

    /// Whether there is nothing, or a text of blanks.
    pub(super) fn is_blank(&self) -> bool {
        self.is_absent() || self.text().is_some_and(|text| text.trim().is_empty())
    }

    /// A text.
    pub(super) fn text(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Json(json) => {
                let quoted = json.get().strip_prefix('"')?.strip_suffix('"')?;
                // Without escapes, what stands between the quotes is the text.
                if quoted.contains('\\') {
                    serde_json::from_str(json.get()).ok().map(Cow::Owned)
                } else {
                    Some(Cow::Borrowed(quoted))
                }
            }
        }
    }

    /// A number, a boolean or a text, as text without blanks around it.
    pub(super) fn scalar(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Json(json) if json.get().starts_with(['{', '[']) => None,
            Self::Json(json) if !json.get().starts_with('"') => Some(Cow::Borrowed(json.get())),
            _ => Some(match self.text()? {
                Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
                Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
            }),
        }
    }

    /// A text as it is, or a number as text: without an exponent, if it is a whole number.
    pub(super) fn text_or_number(&self) -> Option<String> {
        match self {
            Self::Json(json)
                if json.get().starts_with(|start: char| start == '-' || start.is_ascii_digit()) =>
            {
                let number = json.get();
                if number.contains(['e', 'E']) {
                    return Decimal::parse(number).filter(Decimal::is_whole)?.plain();
                }
                Some(number.to_owned())
            }
            _ => self.text().map(Cow::into_owned),
        }
    }

    /// The object's fields, if it is one.
    pub(super) fn fields(&self) -> Option<Vec<(Cow<'a, str>, Raw<'a>)>> {
        match self {
            Self::Json(json) => fields(json.get()),
            Self::Text(_) => None,
        }
    }

    /// JSON as a value, unless it is nested too deep to be read back.
    pub(super) fn value(&self) -> Option<Value> {
        match self {
            Self::Text(_) => None,
            Self::Json(json) => exact::value(json.get()),
        }
    }

    /// The value for `extensions`; JSON that no value can hold is kept as its text.
    pub(super) fn into_value(self) -> Value {
        self.value().unwrap_or_else(|| match self {
            Self::Text(text) => Value::String(text.into_owned()),
            Self::Json(json) => Value::String(json.get().to_owned()),
        })
    }
}

/// The fields of a JSON object, in the order they were sent; `None` if the text is none.
pub(super) fn fields(json: &str) -> Option<Vec<(Cow<'_, str>, Raw<'_>)>> {
    serde_json::from_str(json).ok().map(|Fields(fields)| fields)
}

struct Fields<'a>(Vec<(Cow<'a, str>, Raw<'a>)>);

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FieldsVisitor;

        impl<'de> Visitor<'de> for FieldsVisitor {
            type Value = Fields<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut fields = Vec::with_capacity(24);
                while let Some((Name(name), json)) = map.next_entry::<Name<'de>, &RawValue>()? {
                    fields.push((name, Raw::Json(json)));
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(FieldsVisitor)
    }
}

/// A key, borrowed from the body unless it has escapes.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NameVisitor;

        impl<'de> Visitor<'de> for NameVisitor {
            type Value = Name<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a key")
            }

            fn visit_borrowed_str<E: de::Error>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Borrowed(name)))
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Name(Cow::Owned(name.to_owned())))
            }
        }

        deserializer.deserialize_str(NameVisitor)
    }
}
