//! The routes for acting, and the route of a request.

use http::Method;
use shared::lambda::Request;
use shared::path::{self, CallName};

const REPLAY: &str = "/quarantine/{quarantine_id}/replay";
const DISCARD: &str = "/quarantine/{quarantine_id}/discard";

const REBUILD: &str = "/calls/{provider}/{source}/{call_id}/rebuild";
const CALL: &str = "/calls/{provider}/{source}/{call_id}";
const DELIVERY: &str = "/quarantine/{quarantine_id}";

/// Every route, as the template has them.
const ALL: [&str; 5] = [REPLAY, DISCARD, REBUILD, CALL, DELIVERY];

/// The route of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    /// A delivery in quarantine is read again.
    Replay(&'a str),
    /// A delivery in quarantine is put aside.
    Discard(&'a str),
    /// A call's record is made anew.
    Rebuild(CallName<'a>),
    /// A call is erased.
    EraseCall(CallName<'a>),
    /// A delivery in quarantine is erased by itself.
    EraseDelivery(&'a str),
}

impl<'a> Route<'a> {
    /// Returns the route of a request; `None` for a route that this API does not have.
    pub(crate) fn of(request: &'a Request) -> Option<Self> {
        let route =
            if request.route.is_empty() { path::matched(&ALL, &request.raw_path)? } else { &request.route };
        let part = |name: &str| request.path.get(name).map(String::as_str);
        match route {
            REPLAY => Some(Self::Replay(part("quarantine_id")?)),
            DISCARD => Some(Self::Discard(part("quarantine_id")?)),
            REBUILD => Some(Self::Rebuild(CallName::of(request)?)),
            CALL => Some(Self::EraseCall(CallName::of(request)?)),
            DELIVERY => Some(Self::EraseDelivery(part("quarantine_id")?)),
            _ => None,
        }
    }

    /// Returns the method that the route takes.
    pub(crate) fn method(self) -> Method {
        match self {
            Self::Replay(_) | Self::Discard(_) | Self::Rebuild(_) => Method::POST,
            Self::EraseCall(_) | Self::EraseDelivery(_) => Method::DELETE,
        }
    }

    /// Returns the route as the template has it, for the log. It does not name the delivery.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Replay(_) => REPLAY,
            Self::Discard(_) => DISCARD,
            Self::Rebuild(_) => REBUILD,
            Self::EraseCall(_) => CALL,
            Self::EraseDelivery(_) => DELIVERY,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(route: &str, raw_path: &str) -> Request {
        let path = ["quarantine_id", "provider", "source", "call_id"];
        Request {
            route: route.to_owned(),
            raw_path: raw_path.to_owned(),
            path: path.map(|name| (name.to_owned(), format!("a-{name}"))).into(),
            method: Method::POST,
            headers: http::HeaderMap::new(),
            query: String::new(),
            body: None,
            request_id: String::new(),
        }
    }

    #[test]
    fn a_request_has_the_route_that_api_gateway_matched_or_else_the_one_of_its_path() {
        for route in ALL {
            assert_eq!(Route::of(&request(route, "/elsewhere")).map(Route::name), Some(route));
            let path = route.replace(['{', '}'], "");
            assert_eq!(Route::of(&request("", &path)).map(Route::name), Some(route));
        }
        for path in ["/quarantine", "/calls/a/b", "/quarantine/a/burn", "/quarantine//discard", "/calls", ""]
        {
            assert_eq!(Route::of(&request("", path)), None, "{path}");
        }
    }
}
