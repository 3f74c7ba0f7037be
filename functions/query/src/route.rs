//! Which question a request asks.
//!
//! API Gateway has matched the path already; the parts it names say which path it was.

use std::collections::HashMap;

use http::Method;
use shared::lambda::Request;
use shared::provider::Provider;
use shared::source;

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// `/calls`
    Calls,
    /// `/calls/{provider}/{source}/{call_id}`
    Call(CallName<'a>),
    /// `/calls/{provider}/{source}/{call_id}/recordings/{recording_id}`
    Recording(CallName<'a>, &'a str),
    /// `/calls/{provider}/{source}/{call_id}/recordings/{recording_id}/retry`
    Retry(CallName<'a>, &'a str),
}

/// What names a call. The provider and the source may be no names at all: then there is no such call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallName<'a> {
    provider: &'a str,
    source: &'a str,
    call_id: &'a str,
}

impl<'a> Route<'a> {
    /// The route of a request, if there is one for the path parts it has.
    pub(crate) fn of(request: &'a Request) -> Option<Self> {
        let path: &HashMap<String, String> = &request.path;
        let part = |name| path.get(name).map(String::as_str);
        if path.is_empty() {
            return Some(Self::Calls);
        }
        let call =
            CallName { provider: part("provider")?, source: part("source")?, call_id: part("call_id")? };
        match (part("recording_id"), path.len()) {
            (None, 3) => Some(Self::Call(call)),
            (Some(recording_id), 4) if is_retry(request) => Some(Self::Retry(call, recording_id)),
            (Some(recording_id), 4) => Some(Self::Recording(call, recording_id)),
            _ => None,
        }
    }

    /// The methods that the path takes, as the `Allow` header lists them.
    pub(crate) fn allowed(self) -> &'static str {
        match self {
            Self::Calls | Self::Call(_) | Self::Recording(..) => "GET",
            Self::Retry(..) => "POST",
        }
    }

    /// The route's template, for the log: it names nobody.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Calls => "/calls",
            Self::Call(_) => "/calls/{provider}/{source}/{call_id}",
            Self::Recording(..) => "/calls/{provider}/{source}/{call_id}/recordings/{recording_id}",
            Self::Retry(..) => "/calls/{provider}/{source}/{call_id}/recordings/{recording_id}/retry",
        }
    }
}

impl<'a> CallName<'a> {
    /// The provider, source and call id, if calls can have such names.
    ///
    /// `#` separates them in the table's keys: a source with one in it would be another call's name.
    pub(crate) fn parts(self) -> Option<(Provider, &'a str, &'a str)> {
        let provider = Provider::from_name(self.provider)?;
        source::is_name(self.source).then_some((provider, self.source, self.call_id))
    }
}

/// Whether the path ends in `/retry`. `cargo lambda watch` does not say which route was matched; there, the
/// method does.
fn is_retry(request: &Request) -> bool {
    request.route.ends_with("/retry") || (request.route.is_empty() && request.method == Method::POST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_retry_is_known_by_its_route_or_without_one_by_its_method() {
        let name = CallName { provider: "agni", source: "default", call_id: "c" };
        let (recording, retry) = (Route::Recording(name, "r"), Route::Retry(name, "r"));
        for (route, method, expected) in [
            (recording.name(), Method::GET, recording),
            (recording.name(), Method::POST, recording),
            (retry.name(), Method::POST, retry),
            (retry.name(), Method::GET, retry),
            ("", Method::GET, recording),
            ("", Method::POST, retry),
        ] {
            let parts =
                [("provider", "agni"), ("source", "default"), ("call_id", "c"), ("recording_id", "r")];
            let request = Request {
                route: route.to_owned(),
                path: parts.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
                method: method.clone(),
                headers: http::HeaderMap::new(),
                query: String::new(),
                body: None,
                request_id: String::new(),
            };
            assert_eq!(Route::of(&request), Some(expected), "{method} {route}");
        }
    }
}
