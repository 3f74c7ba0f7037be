//! The routes of the read API, and the route of a request.

use std::borrow::Cow;

use http::Method;
use shared::lambda::Request;
use shared::path;
use shared::provider::Provider;
use shared::reader::Right;
use shared::source;

const CALLS: &str = "/calls";
const AUDIT: &str = "/audit";
const CALL: &str = "/calls/{provider}/{source}/{call_id}";
const RECORDING: &str = "/calls/{provider}/{source}/{call_id}/recordings/{recording_id}";
const DELIVERY: &str = "/calls/{provider}/{source}/{call_id}/deliveries/{delivery_id}";
const RETRY: &str = "/calls/{provider}/{source}/{call_id}/recordings/{recording_id}/retry";

/// Every route, as the template has them.
const ALL: [&str; 6] = [CALLS, CALL, RECORDING, DELIVERY, RETRY, AUDIT];

/// The route of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// The list of calls.
    Calls,
    /// One call.
    Call(CallName<'a>),
    /// The copy of a recording.
    Recording(CallName<'a>, &'a str),
    /// A delivery as it came.
    Delivery(CallName<'a>, &'a str),
    /// Another attempt to copy a recording.
    Retry(CallName<'a>, &'a str),
    /// The audit trail.
    Audit,
}

/// The parts of a call's path, as they were sent. [`CallName::parts`] checks them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallName<'a> {
    provider: &'a str,
    source: &'a str,
    call_id: &'a str,
}

impl<'a> Route<'a> {
    /// Returns the route of a request; `None` for a route that this API does not have.
    ///
    /// API Gateway names the route that it matched. `cargo lambda watch` does not: there, the path is
    /// matched with the same routes.
    pub(crate) fn of(request: &'a Request) -> Option<Self> {
        let route = if request.route.is_empty() { matched(&request.raw_path)? } else { &request.route };
        let part = |name: &str| request.path.get(name).map(String::as_str);
        let call = || {
            Some(CallName { provider: part("provider")?, source: part("source")?, call_id: part("call_id")? })
        };
        match route {
            CALLS => Some(Self::Calls),
            AUDIT => Some(Self::Audit),
            CALL => Some(Self::Call(call()?)),
            RECORDING => Some(Self::Recording(call()?, part("recording_id")?)),
            DELIVERY => Some(Self::Delivery(call()?, part("delivery_id")?)),
            RETRY => Some(Self::Retry(call()?, part("recording_id")?)),
            _ => None,
        }
    }

    /// Returns the method that the route takes.
    pub(crate) fn method(self) -> Method {
        match self {
            Self::Calls | Self::Call(_) | Self::Recording(..) | Self::Delivery(..) | Self::Audit => {
                Method::GET
            }
            Self::Retry(..) => Method::POST,
        }
    }

    /// Returns the right that a reader must have for it.
    pub(crate) fn right(self) -> Right {
        match self {
            Self::Calls | Self::Call(_) | Self::Recording(..) | Self::Delivery(..) => Right::Read,
            Self::Retry(..) | Self::Audit => Right::Act,
        }
    }

    /// Returns the call it is about; `None` for a list.
    pub(crate) fn call(self) -> Option<CallName<'a>> {
        match self {
            Self::Calls | Self::Audit => None,
            Self::Call(call) | Self::Recording(call, _) | Self::Delivery(call, _) | Self::Retry(call, _) => {
                Some(call)
            }
        }
    }

    /// Returns the route as the template has it, for the log. It does not name the call.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Calls => CALLS,
            Self::Call(_) => CALL,
            Self::Recording(..) => RECORDING,
            Self::Delivery(..) => DELIVERY,
            Self::Retry(..) => RETRY,
            Self::Audit => AUDIT,
        }
    }
}

impl<'a> CallName<'a> {
    /// Returns the provider as the path has it.
    pub(crate) fn provider(self) -> &'a str {
        self.provider
    }

    /// Returns the source as the path has it.
    pub(crate) fn source(self) -> &'a str {
        self.source
    }

    /// Returns the provider, source and call id, if calls can have such names.
    pub(crate) fn parts(self) -> Option<(Provider, &'a str, Cow<'a, str>)> {
        let provider = Provider::from_name(self.provider)?;
        let call_id = path::decode(self.call_id)?;
        source::is_name(self.source).then_some((provider, self.source, call_id))
    }
}

/// Returns the route that takes a path.
fn matched(path: &str) -> Option<&'static str> {
    let takes = |route: &str| {
        let fits =
            |(part, name): (&str, &str)| if name.starts_with('{') { !part.is_empty() } else { part == name };
        path.split('/').count() == route.split('/').count() && path.split('/').zip(route.split('/')).all(fits)
    };
    ALL.into_iter().find(|route| takes(route))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(route: &str, raw_path: &str, names: &[&str]) -> Request {
        let path = names.iter().map(|name| ((*name).to_owned(), format!("a-{name}"))).collect();
        Request {
            route: route.to_owned(),
            raw_path: raw_path.to_owned(),
            path,
            method: http::Method::GET,
            headers: http::HeaderMap::new(),
            query: String::new(),
            body: None,
            request_id: String::new(),
        }
    }

    const NAMES: [&str; 4] = ["provider", "source", "call_id", "recording_id"];

    #[test]
    fn a_request_has_the_route_that_api_gateway_matched() {
        for (route, names) in [(CALLS, 0), (AUDIT, 0), (CALL, 3), (RECORDING, 4), (RETRY, 4)] {
            let request = request(route, "/elsewhere", &NAMES[..names]);
            assert_eq!(Route::of(&request).map(Route::name), Some(route));
        }
        let delivery = request(DELIVERY, "/elsewhere", &["provider", "source", "call_id", "delivery_id"]);
        assert_eq!(Route::of(&delivery).map(Route::name), Some(DELIVERY));
        let unknown = request("/calls/{provider}", CALLS, &NAMES[..1]);
        assert_eq!(Route::of(&unknown), None);
        assert_eq!(Route::of(&request("$default", CALLS, &[])), None);
        assert_eq!(Route::of(&request(CALL, "", &NAMES[..2])), None);
    }

    #[test]
    fn without_a_route_the_path_says_which_it_is() {
        for (path, names, route) in [
            ("/calls", 0, Some(CALLS)),
            ("/audit", 0, Some(AUDIT)),
            ("/calls/agni/default/c", 3, Some(CALL)),
            ("/calls/agni/default/c%2Fd", 3, Some(CALL)),
            ("/calls/agni/default/c/recordings/r", 4, Some(RECORDING)),
            ("/calls/agni/default/c/recordings/retry", 4, Some(RECORDING)),
            ("/calls/agni/default/c/recordings/r/retry", 4, Some(RETRY)),
            ("/calls/agni/default/c/recordings/r/again", 4, None),
            ("/calls/agni/default/c/deliveries", 3, None),
            ("/calls/agni/default", 2, None),
            ("/calls/agni/default/", 3, None),
            ("/other", 0, None),
            ("", 0, None),
        ] {
            let request = request("", path, &NAMES[..names]);
            assert_eq!(Route::of(&request).map(Route::name), route, "{path}");
        }
    }
}
