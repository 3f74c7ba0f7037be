//! The parameters of a list. An unknown parameter or value is an error: if a filter were ignored, the list
//! would be wrong.

use std::collections::BTreeMap;

use http::StatusCode;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use shared::form;
use shared::ledger::read::{By, Filter, Listing};
use shared::party;
use shared::provider::Provider;
use shared::reader::Scope;
use shared::reply::Problem;
use shared::status::Status;
use shared::timestamp::Timestamp;

use crate::cursor;

const NAMES: [&str; 8] = ["day", "from", "to", "provider", "source", "status", "limit", "cursor"];

/// The most members of a page, if the request does not say.
pub(crate) const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// Reads a query string, without its `?`. The list is of all sources that the parameters take.
///
/// # Errors
/// `parameter_invalid`; the message names the parameter and the values that it takes.
pub(crate) fn listing(query: &str) -> Result<Listing, Problem> {
    let given = Given::read(query, &NAMES)?;
    let by = given.by()?;
    let provider = given.provider()?;
    let source = given.get("source").map(source).transpose()?;
    let status = given.get("status").map(status).transpose()?;
    let limit = given.get("limit").map_or(Ok(DEFAULT_LIMIT), limit)?;
    let before = given.get("cursor").map(|text| {
        let problem = "cursor is not one of this list; send the cursor of the last page with the same day, from or to, or leave it out to start again.";
        cursor::decode(&by, text).ok_or_else(|| invalid(problem))
    });
    let before = before.transpose()?;
    Ok(Listing { by, filter: Filter { provider, source, status, scope: Scope::All }, limit, before })
}

/// The parameters of a request that were given, by name.
pub(crate) struct Given(BTreeMap<&'static str, String>);

impl Given {
    /// Reads a query string that may have parameters of these names, each once.
    pub(crate) fn read(query: &str, names: &[&'static str]) -> Result<Self, Problem> {
        let mut given = BTreeMap::new();
        for (name, value) in form::pairs(query) {
            let Some(known) =
                form::decode(name).and_then(|name| names.iter().copied().find(|known| *known == name))
            else {
                let name: String = name.chars().take(40).collect();
                return Err(invalid(format!(
                    "{name} is not a parameter of this list; it takes {}.",
                    names.join(", ")
                )));
            };
            let value =
                form::decode(value).ok_or_else(|| invalid(format!("{known} must be encoded as UTF-8.")))?;
            if given.insert(known, value.into_owned()).is_some() {
                return Err(invalid(format!("{known} is given more than once; give it once.")));
            }
        }
        Ok(Self(given))
    }

    /// The value of a parameter, if it was given.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn by(&self) -> Result<By, Problem> {
        match (self.get("day"), self.get("from"), self.get("to")) {
            (Some(text), None, None) => day(text).map(By::Day),
            (None, Some(text), None) => party("from", text).map(By::From),
            (None, None, Some(text)) => party("to", text).map(By::To),
            (None, None, None) => Err(invalid(
                "day is missing; give one of day=YYYY-MM-DD, from=<number or address> and to=<number or address>.",
            )),
            _ => Err(invalid("day, from and to don't go together; give one of them.")),
        }
    }

    /// The provider, if one is given.
    pub(crate) fn provider(&self) -> Result<Option<Provider>, Problem> {
        let Some(name) = self.get("provider") else { return Ok(None) };
        let known = Provider::ALL.map(Provider::name).join(", ");
        let provider =
            Provider::from_name(name).ok_or_else(|| invalid(format!("provider must be one of {known}.")))?;
        Ok(Some(provider))
    }
}

fn day(text: &str) -> Result<String, Problem> {
    let date: Option<Date> = text.parse().ok();
    // The parser takes other forms, too. The index has this one only.
    date.map(|date| date.to_string())
        .filter(|date| date == text)
        .ok_or_else(|| invalid("day must be a UTC day as YYYY-MM-DD, such as 2026-06-27."))
}

/// A party as lists show it: a number in its international form, or an address or short code. An unencoded
/// `+` arrives as a space.
fn party(name: &str, text: &str) -> Result<String, Problem> {
    let plus = text.strip_prefix(' ').map(|rest| format!("+{rest}"));
    let text = plus.as_deref().unwrap_or(text);
    let number = party::e164(text).map(|(number, _)| number);
    // Some digits with a plus stand for a caller who is not known.
    let is_address = |address: &String| !address.starts_with('+') || party::is_nobody(text);
    let address = || party::listed(text).filter(is_address);
    number.or_else(address).ok_or_else(|| {
        invalid(format!(
            "{name} must be a number as +<country><number>, such as {name}=%2B254700000001, or an address."
        ))
    })
}

/// RFC 3339, or a date, which means its start in UTC. An unencoded `+` arrives as a space.
pub(crate) fn time(name: &str, text: &str) -> Result<Timestamp, Problem> {
    let date: Option<Date> = text.parse().ok().filter(|date: &Date| date.to_string() == text);
    let time = date.and_then(start).or_else(|| text.replace(' ', "+").parse().ok());
    time.ok_or_else(|| {
        invalid(format!(
            "{name} must be a date as YYYY-MM-DD, or a time such as {name}=2026-06-27T10:05:00Z."
        ))
    })
}

/// The start of a day in UTC.
pub(crate) fn start(date: Date) -> Option<Timestamp> {
    date.to_zoned(TimeZone::UTC).ok().map(|start| start.timestamp())
}

/// The name of a source.
pub(crate) fn source(name: &str) -> Result<String, Problem> {
    let valid = shared::source::is_name(name).then(|| name.to_owned());
    valid.ok_or_else(|| invalid("source must be 1 to 64 lower-case letters, digits and hyphens."))
}

fn status(name: &str) -> Result<String, Problem> {
    let known = Status::ALL.map(Status::name).join(", ");
    let status = Status::from_name(name).ok_or_else(|| invalid(format!("status must be one of {known}.")))?;
    Ok(status.name().to_owned())
}

/// The most members of a page.
pub(crate) fn limit(text: &str) -> Result<usize, Problem> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let limit = text.parse().ok().filter(|limit| digits && (1..=MAX_LIMIT).contains(limit));
    limit.ok_or_else(|| invalid(format!("limit must be a whole number from 1 to {MAX_LIMIT}.")))
}

/// The answer to a parameter that is not right.
pub(crate) fn invalid(message: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "parameter_invalid", message)
}

#[cfg(test)]
mod tests;
