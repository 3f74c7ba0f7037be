//! JSON as it is written: the order of members, members that are there twice, and numbers digit by digit.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// How deep a body may be nested.
const MAX_DEPTH: usize = 100;

/// A value of JSON.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    /// A number, true, false or null, as it is written.
    Word(String),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads an object or a list; `None` if it is none, is nested too deep, or has a text that is no Unicode.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let raw: &RawValue = serde_json::from_slice(body).ok()?;
        raw.get().starts_with(['{', '[']).then(|| Self::of(raw, MAX_DEPTH))?
    }

    fn of(raw: &RawValue, depth: usize) -> Option<Self> {
        let text = raw.get();
        let depth = depth.checked_sub(1)?;
        Some(match text.as_bytes().first()? {
            b'"' => Self::Text(serde_json::from_str(text).ok()?),
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                Self::List(items.into_iter().map(|item| Self::of(item, depth)).collect::<Option<_>>()?)
            }
            b'{' => {
                let Members(members) = serde_json::from_str(text).ok()?;
                let member = |(name, value)| Some((name, Self::of(value, depth)?));
                Self::Object(members.into_iter().map(member).collect::<Option<_>>()?)
            }
            _ => Self::Word(text.to_owned()),
        })
    }

    /// The same with the members of each object in the order of their names.
    pub(super) fn sorted(&self) -> Self {
        match self {
            Self::Object(members) => {
                let mut members: Vec<_> =
                    members.iter().map(|(name, value)| (name.clone(), value.sorted())).collect();
                members.sort_by(|one, other| one.0.cmp(&other.0));
                Self::Object(members)
            }
            Self::List(items) => Self::List(items.iter().map(Self::sorted).collect()),
            other => other.clone(),
        }
    }
}

struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;

        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(MembersVisitor)
    }
}
