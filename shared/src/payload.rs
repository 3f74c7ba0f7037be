//! The fields of a verified body, which are taken out one by one.
//!
//! Normalizing takes each documented field by name and type. A field whose value is not of the
//! documented type is kept with a warning. A field that is not taken was not documented and is kept,
//! too. [`Payload::into_leftovers`] returns both for the record's `extensions` and `warnings`: no field
//! that a provider sends is dropped.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::event::{BodyFormat, Unusable};
use crate::form;
use crate::record::Path;
use crate::timestamp::{self, Timestamp};

/// The fields of one object of a payload that have not been taken yet.
#[derive(Debug)]
pub(crate) struct Payload<'a> {
    /// In the order they were sent; what was taken out is `None`.
    fields: Vec<(Cow<'a, str>, Option<Raw<'a>>)>,
    /// The path of this object in the body, such as `data.`: it stands before the names of its fields
    /// in `extensions` and in warnings.
    prefix: &'static str,
    /// The fields and warnings that were kept while reading.
    leftovers: Leftovers,
}

/// The fields and warnings that reading a payload leaves for the record.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    /// Entries of `extensions`: path and value, of which the last one for a path counts.
    pub(crate) extensions: Vec<(Path, Value)>,
    /// Members of `warnings`.
    pub(crate) warnings: Vec<String>,
}

/// A field's value as it was sent.
#[derive(Clone, Debug)]
enum Raw<'a> {
    /// JSON, checked to be well-formed and not read any further: a number too large for any type or
    /// nesting too deep for the stack is no reason to lose the fields beside it.
    Json(&'a RawValue),
    /// The text of a form field.
    Text(Cow<'a, str>),
}

impl<'a> Payload<'a> {
    fn new(fields: Vec<(Cow<'a, str>, Option<Raw<'a>>)>, prefix: &'static str) -> Self {
        Self { fields, prefix, leftovers: Leftovers::default() }
    }

    /// Reads a body. If a name is there twice, the last one counts, as in most parsers. In a form, a broken escape
    /// stands for itself, as in browsers.
    ///
    /// # Errors
    /// The body is not a JSON object, or is a form that is not UTF-8 once it is decoded.
    pub(crate) fn from_body(format: BodyFormat, body: &'a [u8]) -> Result<Self, Unusable> {
        let fields = match format {
            BodyFormat::Json => serde_json::from_slice(body).ok().map(|Fields(fields)| fields),
            BodyFormat::Form => std::str::from_utf8(body).ok().and_then(|body| {
                let field =
                    |(name, value)| Some((form::decode(name)?, Some(Raw::Text(form::decode(value)?))));
                form::pairs(body).map(field).collect()
            }),
        };
        fields.map(|fields| Self::new(fields, "")).ok_or(Unusable::Unreadable)
    }

    /// The object under a name; an empty one if there is none.
    pub(crate) fn object(&mut self, name: &'static str, prefix: &'static str) -> Self {
        let fields = self.read(name, "an object", |raw| match raw {
            Raw::Json(json) => serde_json::from_str(json.get()).ok(),
            Raw::Text(_) => None,
        });
        Self::new(fields.map_or_else(Vec::new, |Fields(fields)| fields), prefix)
    }

    /// A text. An empty text counts as none.
    pub(crate) fn text(&mut self, name: &'static str) -> Option<String> {
        self.read(name, "text", |raw| raw.text().map(Cow::into_owned)).filter(|text| !text.is_empty())
    }

    /// An identifier: text, or a whole number as text.
    pub(crate) fn id(&mut self, name: &'static str) -> Option<String> {
        self.read(name, "an identifier", |raw| match raw {
            Raw::Json(json) => {
                let digits = json.get().as_bytes();
                let whole = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
                if whole { Some(json.get().to_owned()) } else { raw.text().map(Cow::into_owned) }
            }
            Raw::Text(_) => raw.text().map(Cow::into_owned),
        })
        .filter(|text| !text.is_empty())
    }

    /// A whole number, which may be sent as text.
    pub(crate) fn integer(&mut self, name: &'static str) -> Option<i64> {
        self.read(name, "a whole number", |raw| raw.scalar()?.parse().ok())
    }

    /// A whole number of seconds, not negative. A fraction is cut off, and stays readable in
    /// `extensions`.
    pub(crate) fn seconds(&mut self, name: &'static str) -> Option<i64> {
        if let Some(Raw::Json(json)) = self.peek(name)
            && json.get().contains('.')
        {
            let json = *json;
            self.keep(name, Raw::Json(json));
        }
        self.read(name, "a number of seconds", |raw| {
            let text = raw.scalar()?;
            let whole = text.split_once('.').map_or(&*text, |(whole, _)| whole);
            whole.parse().ok().filter(|seconds: &i64| *seconds >= 0)
        })
    }

    /// Any number, which may be sent as text.
    pub(crate) fn number(&mut self, name: &'static str) -> Option<Value> {
        self.read(name, "a number", |raw| serde_json::from_str(&raw.scalar()?).ok().filter(Value::is_number))
    }

    /// A decimal number as a string, digit by digit as it was sent.
    pub(crate) fn decimal(&mut self, name: &'static str) -> Option<String> {
        self.read(name, "a decimal number", |raw| {
            let text = raw.scalar()?;
            let digits = text.strip_prefix('-').unwrap_or(&text);
            let plain = digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            (plain && digits.parse::<f64>().is_ok()).then(|| text.into_owned())
        })
    }

    /// True or false, which may be sent as text.
    pub(crate) fn boolean(&mut self, name: &'static str) -> Option<bool> {
        self.read(name, "true or false", |raw| raw.scalar()?.parse().ok())
    }

    /// A time with an offset. What the record's milliseconds can't hold stays in `extensions`.
    pub(crate) fn time(&mut self, name: &'static str) -> Option<Timestamp> {
        let raw = self.peek(name).cloned();
        let time = self.read(name, "a time", |raw| timestamp::parse(&raw.scalar()?, None))?;
        if time.subsec_nanosecond() % 1_000_000 != 0
            && let Some(raw) = raw
        {
            self.keep(name, raw);
        }
        Some(time)
    }

    /// A list.
    pub(crate) fn list(&mut self, name: &'static str) -> Vec<Value> {
        let list = self.read(name, "a list", |raw| match raw.value()? {
            Value::Array(list) => Some(list),
            _ => None,
        });
        list.unwrap_or_default()
    }

    /// An object whose names the provider or its customer chooses.
    pub(crate) fn map(&mut self, name: &'static str) -> serde_json::Map<String, Value> {
        let map = self.read(name, "an object", |raw| match raw.value()? {
            Value::Object(map) => Some(map),
            _ => None,
        });
        map.unwrap_or_default()
    }

    /// Returns what was kept while reading, and every field that was not taken.
    pub(crate) fn into_leftovers(mut self) -> Leftovers {
        for (name, raw) in std::mem::take(&mut self.fields) {
            if let Some(raw) = raw {
                self.keep(&name, raw);
            }
        }
        self.leftovers
    }

    /// Whether a field is there and not null.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.peek(name).is_some()
    }

    fn peek(&self, name: &str) -> Option<&Raw<'a>> {
        let (_, raw) = self.fields.iter().rfind(|(known, raw)| known == name && raw.is_some())?;
        raw.as_ref().filter(|raw| !raw.is_null())
    }

    /// Takes a field and reads it. A value that can't be read is kept, with a warning.
    fn read<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        read: impl FnOnce(&Raw<'a>) -> Option<T>,
    ) -> Option<T> {
        let raw = self.take(name)?;
        let value = read(&raw);
        if value.is_none() {
            let warning = format!("{}{name} is not {expected}; see extensions", self.prefix);
            self.leftovers.warnings.push(warning);
            self.keep(name, raw);
        }
        value
    }

    fn take(&mut self, name: &str) -> Option<Raw<'a>> {
        let (_, raw) = self.fields.iter_mut().rfind(|(known, raw)| known == name && raw.is_some())?;
        let raw = raw.take()?;
        (!raw.is_null()).then_some(raw)
    }

    fn keep(&mut self, name: &str, raw: Raw<'a>) {
        let path = ["extensions.", self.prefix, name].concat();
        self.leftovers.extensions.push((path.into(), raw.into_value()));
    }
}

impl<'a> Raw<'a> {
    fn is_null(&self) -> bool {
        matches!(self, Self::Json(json) if json.get() == "null")
    }

    /// A text.
    fn text(&self) -> Option<Cow<'_, str>> {
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

    /// A number, a boolean or a text, as text.
    fn scalar(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Json(json) if json.get().starts_with(['{', '[']) => None,
            Self::Json(json) if !json.get().starts_with('"') => Some(Cow::Borrowed(json.get())),
            _ => Some(match self.text()? {
                Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
                Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
            }),
        }
    }

    /// JSON as a value, unless no value can hold it or it is nested too deep to be read back.
    fn value(&self) -> Option<Value> {
        match self {
            Self::Text(_) => None,
            Self::Json(json) => shallow_json(json.get()).filter(|value| !is_cut(value, json.get())),
        }
    }

    /// The value for `extensions`; JSON that no value can hold is kept as its text.
    fn into_value(self) -> Value {
        self.value().unwrap_or_else(|| match self {
            Self::Text(text) => Value::String(text.into_owned()),
            Self::Json(json) => Value::String(json.get().to_owned()),
        })
    }
}

/// How deep a value may be nested. What is read must be readable again inside a stored record, and
/// readers give up at 128 levels.
const MAX_DEPTH: usize = 64;

/// JSON as a value; `None` if it is not JSON or is nested too deep to be read back inside a stored record.
pub(crate) fn shallow_json(json: &str) -> Option<Value> {
    serde_json::from_str(json).ok().filter(|value| is_shallow(value, MAX_DEPTH))
}

/// Whether a number lost digits on the way into a value.
fn is_cut(value: &Value, written: &str) -> bool {
    let is_whole = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    matches!(value, Value::Number(number) if is_whole(written) && number.to_string() != written)
}

fn is_shallow(value: &Value, depth: usize) -> bool {
    match value {
        Value::Array(items) => depth > 0 && items.iter().all(|item| is_shallow(item, depth - 1)),
        Value::Object(entries) => depth > 0 && entries.values().all(|item| is_shallow(item, depth - 1)),
        _ => true,
    }
}

struct Fields<'a>(Vec<(Cow<'a, str>, Option<Raw<'a>>)>);

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
                    fields.push((name, Some(Raw::Json(json))));
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
