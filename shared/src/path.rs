//! Paths of calls: ids as parts of a path that API Gateway leaves as they are.
//!
//! API Gateway decodes percent escapes before it matches a route, so an id with a slash in it would match
//! none. Here `~` and two hex digits stand for each byte that is not `A-Z a-z 0-9 - . _ :`.

use std::borrow::Cow;

use crate::lambda::Request;
use crate::ledger::read::Columns;
use crate::provider::Provider;
use crate::source;

/// The parts of a call's path, as they were sent. [`CallName::parts`] checks them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallName<'a> {
    provider: &'a str,
    source: &'a str,
    call_id: &'a str,
}

impl<'a> CallName<'a> {
    /// Returns the parts `{provider}`, `{source}` and `{call_id}` of a request's path, if its route has them.
    pub fn of(request: &'a Request) -> Option<Self> {
        let part = |name: &str| request.path.get(name).map(String::as_str);
        Some(Self { provider: part("provider")?, source: part("source")?, call_id: part("call_id")? })
    }

    /// Returns the provider as the path has it.
    pub fn provider(self) -> &'a str {
        self.provider
    }

    /// Returns the source as the path has it.
    pub fn source(self) -> &'a str {
        self.source
    }

    /// Returns the provider, source and call id, if calls can have such names.
    pub fn parts(self) -> Option<(Provider, &'a str, Cow<'a, str>)> {
        let provider = Provider::from_name(self.provider)?;
        let call_id = decode(self.call_id)?;
        source::is_name(self.source).then_some((provider, self.source, call_id))
    }
}

/// Returns which of some routes, as the template has them, takes a path.
///
/// API Gateway names the route that it matched. `cargo lambda watch` does not.
pub fn matched<'a>(routes: &[&'a str], path: &str) -> Option<&'a str> {
    let takes = |route: &str| {
        let fits =
            |(part, name): (&str, &str)| if name.starts_with('{') { !part.is_empty() } else { part == name };
        path.split('/').count() == route.split('/').count() && path.split('/').zip(route.split('/')).all(fits)
    };
    routes.iter().copied().find(|route| takes(route))
}

/// The path of a call: `/calls/<provider>/<source>/<call id>`.
pub fn of(columns: &Columns) -> String {
    call(&columns.provider, &columns.source, &columns.call_id)
}

/// The path of the call with these names.
pub fn call(provider: &str, source: &str, call_id: &str) -> String {
    format!("/calls/{provider}/{source}/{}", encode(call_id))
}

/// An id as a part of a path.
pub fn encode(id: &str) -> String {
    let only_dots = !id.is_empty() && id.bytes().all(|byte| byte == b'.');
    let mut part = String::with_capacity(id.len());
    for byte in id.bytes() {
        let is_kept = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b':')
            || (byte == b'.' && !only_dots);
        if is_kept { part.push(char::from(byte)) } else { part.push_str(&format!("~{byte:02X}")) }
    }
    part
}

/// The id in a part of a path; `None` if it is not UTF-8. A `~` without two hex digits stands for itself.
pub fn decode(part: &str) -> Option<Cow<'_, str>> {
    if !part.contains('~') {
        return Some(Cow::Borrowed(part));
    }
    let mut id = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escaped =
            (byte == b'~').then(|| after.get(..2)).flatten().and_then(|digits| hex::decode(digits).ok());
        match escaped {
            Some(escaped) => {
                id.extend(escaped);
                rest = &after[2..];
            }
            None => {
                id.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(id).ok().map(Cow::Owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_comes_back_from_its_path() {
        for (id, part) in [
            ("01900000-0000-7000", "01900000-0000-7000"),
            ("v3:a_b.c", "v3:a_b.c"),
            ("a/b?c#d%2F e", "a~2Fb~3Fc~23d~252F~20e"),
            ("~41", "~7E41"),
            ("..", "~2E~2E"),
            ("\u{1f4de}\n", "~F0~9F~93~9E~0A"),
            ("", ""),
        ] {
            assert_eq!(encode(id), part);
            assert_eq!(decode(part).as_deref(), Some(id));
        }
    }

    #[test]
    fn what_is_no_escape_stands_for_itself() {
        for (part, id) in [("~", "~"), ("a~", "a~"), ("~4", "~4"), ("~zz~4a", "~zzJ"), ("~~41", "~A")] {
            assert_eq!(decode(part).as_deref(), Some(id));
        }
        assert_eq!(decode("~FF"), None);
    }
}
