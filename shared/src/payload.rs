//! The fields of a verified body, which are taken out one by one.
//!
//! Normalizing takes each documented field by name and type. A field whose value is not of the
//! documented type is kept with a warning. A field that is not taken was not documented and is kept,
//! too. [`Payload::into_leftovers`] returns both for the record's `extensions` and `warnings`: no field
//! that a provider sends is dropped. Null and empty text are no values: a field that has them is absent.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::tz::TimeZone;
use serde_json::Value;

use self::raw::Raw;
use crate::event::{BodyFormat, Unusable};
use crate::form;
use crate::mended::Mended;
use crate::record::Path;

mod raw;
mod exact;
mod readers;
mod weight;

pub(crate) use exact::value as json_value;

/// A body that can be read as fields.
#[derive(Debug)]
pub(crate) enum Body<'a> {
    /// JSON as text.
    Json(Mended<'a>),
    /// A form as it was sent.
    Form(&'a [u8]),
}

/// The fields of one object of a payload.
#[derive(Debug)]
pub(crate) struct Payload<'a> {
    /// In the order they were sent.
    fields: Vec<Field<'a>>,
    /// The path of this object in the body, such as `data.`: it stands before the names of its fields
    /// in `extensions` and in warnings.
    prefix: &'static str,
    /// The zone of times that are written without one.
    zone: Option<&'a TimeZone>,
    /// Whether characters of the body could not be read.
    is_mended: bool,
    warnings: Vec<String>,
    /// How much a whole body says; 0 of an object inside it.
    weight: u32,
}

#[derive(Debug)]
struct Field<'a> {
    name: Cow<'a, str>,
    raw: Raw<'a>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It was not asked for.
    Unread,
    /// The record has its value.
    Read,
    /// It was asked for, and the record does not have all of it.
    Kept,
}

/// What a field is read as.
enum Reading<T> {
    /// Its whole value.
    All(T),
    /// Part of it: the field is kept as it was sent, too.
    Part(T),
}

/// The fields and warnings that reading a payload leaves for the record.
#[derive(Debug, Default)]
pub(crate) struct Leftovers {
    /// Entries of `extensions`: path and value.
    pub(crate) extensions: Vec<(Path, Value)>,
    /// Members of `warnings`.
    pub(crate) warnings: Vec<String>,
}

impl<'a> Body<'a> {
    /// Takes a body in a format.
    pub(crate) fn new(format: BodyFormat, body: &'a [u8]) -> Self {
        match format {
            BodyFormat::Json => Self::Json(Mended::json(body)),
            BodyFormat::Form => Self::Form(body),
        }
    }
}

impl<'a> Payload<'a> {
    /// Reads a body. Of a name that stands there more than once, the last value counts, and the others
    /// are kept. In a form, a broken escape stands for itself, as in browsers. `zone` is the zone of times
    /// that are written without one.
    ///
    /// # Errors
    /// The body is no JSON object.
    pub(crate) fn read(body: &'a Body<'_>, zone: Option<&'a TimeZone>) -> Result<Self, Unusable> {
        let mut replaced = 0;
        let fields = match body {
            Body::Json(json) => {
                replaced = json.replaced;
                raw::fields(&json.text).ok_or(Unusable::Unreadable)?
            }
            Body::Form(form) => {
                let field = |(name, value): (Mended<'a>, Mended<'a>)| {
                    replaced += name.replaced + value.replaced;
                    (name.text, Raw::Text(value.text))
                };
                form::fields(form).map(field).collect()
            }
        };
        let weight = match body {
            Body::Json(json) => weight::of_json(json.text.as_bytes()),
            Body::Form(_) => weight::of_fields(&fields),
        };
        let mut payload = Self { weight, ..Self::new(fields, "", zone, replaced > 0) };
        payload.warnings.extend(match replaced {
            0 => None,
            1 => Some("a character could not be read; it is shown as U+FFFD".to_owned()),
            more => Some(format!("{more} characters could not be read; each is shown as U+FFFD")),
        });
        Ok(payload)
    }

    fn new(
        fields: Vec<(Cow<'a, str>, Raw<'a>)>,
        prefix: &'static str,
        zone: Option<&'a TimeZone>,
        is_mended: bool,
    ) -> Self {
        let field = |(name, raw)| Field { name, raw, state: State::Unread };
        Self {
            fields: fields.into_iter().map(field).collect(),
            prefix,
            zone,
            is_mended,
            warnings: Vec::new(),
            weight: 0,
        }
    }

    /// How much the body says: the number of its values that are neither null nor an empty container.
    pub(crate) fn weight(&self) -> u32 {
        self.weight
    }

    /// Whether a field is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        let mut fields = self.fields.iter();
        fields.any(|field| field.name == name && field.state == State::Unread && !field.raw.is_absent())
    }

    /// Whether characters of the body could not be read.
    pub(crate) fn is_mended(&self) -> bool {
        self.is_mended
    }

    /// Returns the warnings, and every field that the record does not have all of: of a name with several
    /// values a list of them.
    pub(crate) fn into_leftovers(self) -> Leftovers {
        let Self { fields, prefix, warnings, .. } = self;
        let mut kept: BTreeMap<Cow<'_, str>, Vec<Value>> = BTreeMap::new();
        for Field { name, raw, state } in fields {
            if state != State::Read && !raw.is_null() {
                kept.entry(name).or_default().push(raw.into_value());
            }
        }
        let extension = |(name, mut values): (Cow<'_, str>, Vec<Value>)| {
            let path = ["extensions.", prefix, &name].concat();
            let only = if values.len() == 1 { values.pop() } else { None };
            (path.into(), only.unwrap_or(Value::Array(values)))
        };
        Leftovers { extensions: kept.into_iter().map(extension).collect(), warnings }
    }

    /// Takes the last value of a name that is not absent, and reads it. A value that can't be read is kept,
    /// with a warning.
    fn take<T>(
        &mut self,
        name: &'static str,
        expected: &str,
        is_absent: fn(&Raw<'a>) -> bool,
        read: impl FnOnce(&Raw<'a>) -> Option<Reading<T>>,
    ) -> Option<T> {
        let mut found = None;
        for field in self.fields.iter_mut().rev() {
            if field.name != name || field.state != State::Unread {
                continue;
            }
            if is_absent(&field.raw) {
                field.state = State::Read;
            } else if found.is_none() {
                found = Some(field);
            }
        }
        let field = found?;
        match read(&field.raw) {
            Some(Reading::All(value)) => {
                field.state = State::Read;
                Some(value)
            }
            Some(Reading::Part(value)) => {
                field.state = State::Kept;
                Some(value)
            }
            None => {
                field.state = State::Kept;
                self.warnings.push(format!("{}{name} is not {expected}; see extensions", self.prefix));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
