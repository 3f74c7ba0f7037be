//! The routes of the read API, and the route of a request.

use http::Method;
use shared::lambda::Request;
use shared::path::{self, CallName};
use shared::reader::Right;

const CALLS: &str = "/calls";
const AUDIT: &str = "/audit";
const RECORDINGS: &str = "/recordings";
const QUARANTINE: &str = "/quarantine";
const QUARANTINED: &str = "/quarantine/{quarantine_id}";
const CALL: &str = "/calls/{provider}/{source}/{call_id}";
const RECORDING: &str = "/calls/{provider}/{source}/{call_id}/recordings/{recording_id}";
const DELIVERY: &str = "/calls/{provider}/{source}/{call_id}/deliveries/{delivery_id}";
const RETRY: &str = "/calls/{provider}/{source}/{call_id}/recordings/{recording_id}/retry";

/// Every route, as the template has them.
const ALL: [&str; 9] = [CALLS, CALL, RECORDING, DELIVERY, RETRY, RECORDINGS, QUARANTINE, QUARANTINED, AUDIT];

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
    /// The recordings that are not stored.
    Recordings,
    /// The deliveries in quarantine.
    Quarantine,
    /// One delivery in quarantine as it came.
    Quarantined(&'a str),
    /// The audit trail.
    Audit,
}

impl<'a> Route<'a> {
    /// Returns the route of a request; `None` for a route that this API does not have.
    ///
    /// API Gateway names the route that it matched. `cargo lambda watch` does not: there, the path is
    /// matched with the same routes.
    pub(crate) fn of(request: &'a Request) -> Option<Self> {
        let route =
            if request.route.is_empty() { path::matched(&ALL, &request.raw_path)? } else { &request.route };
        let part = |name: &str| request.path.get(name).map(String::as_str);
        let call = || CallName::of(request);
        match route {
            CALLS => Some(Self::Calls),
            RECORDINGS => Some(Self::Recordings),
            QUARANTINE => Some(Self::Quarantine),
            QUARANTINED => Some(Self::Quarantined(part("quarantine_id")?)),
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
            Self::Retry(..) => Method::POST,
            _ => Method::GET,
        }
    }

    /// Returns the right that a reader must have for it.
    pub(crate) fn right(self) -> Right {
        match self {
            Self::Retry(..) | Self::Audit => Right::Act,
            _ => Right::Read,
        }
    }

    /// Returns the call it is about; `None` for a list, and for a delivery in quarantine.
    pub(crate) fn call(self) -> Option<CallName<'a>> {
        match self {
            Self::Calls | Self::Recordings | Self::Quarantine | Self::Quarantined(_) | Self::Audit => None,
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
            Self::Recordings => RECORDINGS,
            Self::Quarantine => QUARANTINE,
            Self::Quarantined(_) => QUARANTINED,
            Self::Audit => AUDIT,
        }
    }
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
        for (route, names) in
            [(CALLS, 0), (AUDIT, 0), (RECORDINGS, 0), (QUARANTINE, 0), (CALL, 3), (RECORDING, 4), (RETRY, 4)]
        {
            let request = request(route, "/elsewhere", &NAMES[..names]);
            assert_eq!(Route::of(&request).map(Route::name), Some(route));
        }
        let delivery = request(DELIVERY, "/elsewhere", &["provider", "source", "call_id", "delivery_id"]);
        assert_eq!(Route::of(&delivery).map(Route::name), Some(DELIVERY));
        let quarantined = request(QUARANTINED, "/elsewhere", &["quarantine_id"]);
        assert_eq!(Route::of(&quarantined), Some(Route::Quarantined("a-quarantine_id")));
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
