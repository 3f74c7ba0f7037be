//! The guard: which URLs may be fetched, and which addresses connected to.
//!
//! A link comes from a payload, and a payload from whoever holds a provider's key. So a link is
//! checked as text, as a URL, and again when its name is resolved: the connection goes to the checked
//! addresses and to no others. Every redirect is checked like a link.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use url::{Host, ParseError, Url};

use self::address::Class;

pub mod address;
#[cfg(test)]
pub(crate) mod hostile;
mod hosts;
mod error;

pub use error::GuardError;
pub use hosts::is_listed;
pub(crate) use hosts::is_listed_exactly;

/// The longest link that is followed, in bytes.
const MAX_URL_BYTES: usize = 8 * 1024;

/// The most redirects that are followed.
pub(crate) const MAX_REDIRECTS: usize = 2;

/// The largest recording that is copied, unless another size is configured.
pub const DEFAULT_MAX_BYTES: u64 = 1 << 30;

/// What may be fetched, how long that may take, and how large it may be.
///
/// A value, and not a configuration: nothing in the environment can make the production policy allow
/// more than public addresses over https.
#[derive(Clone, Debug)]
pub struct Policy {
    reach: Reach,
    /// The largest recording that is copied.
    pub max_bytes: u64,
    /// The limits of one fetch.
    pub limits: Limits,
}

/// The limits of one fetch. Its total time is limited by the invocation.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The longest wait for an answer's head, with resolving, connecting and the handshake.
    pub head: Duration,
    /// The longest wait for the next piece of the body.
    pub idle: Duration,
    /// The time over which the speed is averaged.
    pub window: Duration,
    /// The slowest average speed.
    pub min_bytes_per_second: u64,
    /// The pause before a lost download is resumed for the first time. It doubles with each resume.
    pub resume_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: Duration::from_secs(20),
            idle: Duration::from_secs(20),
            window: Duration::from_secs(30),
            min_bytes_per_second: 8 * 1024,
            resume_pause: Duration::from_millis(250),
        }
    }
}

/// How far a policy reaches. Private, so that only the constructors below choose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Public addresses by name, over https, on port 443.
    Public,
    /// This machine too, by any name, over http too, on any port.
    Loopback,
}

/// A URL that passed. [`Policy::check`] is the only way to get one.
#[derive(Clone)]
pub struct Target {
    url: Url,
}

impl Policy {
    /// The policy of the deployed function: public addresses, by name, over https.
    pub fn production(max_bytes: u64) -> Self {
        Self { reach: Reach::Public, max_bytes, limits: Limits::default() }
    }

    /// The policy of local runs and tests: this machine as well, also over http.
    ///
    /// Only the crate `local` calls this. No environment variable can select it.
    pub fn local() -> Self {
        Self { reach: Reach::Loopback, ..Self::production(DEFAULT_MAX_BYTES) }
    }

    /// Checks a link before anything is sent. `hosts` are the source's recording hosts, if it has any.
    ///
    /// # Errors
    /// The first rule it breaks. Trying again does not help.
    pub fn check(&self, link: &str, hosts: &[String]) -> Result<Target, GuardError> {
        if link.chars().any(is_invisible) {
            return Err(GuardError::ControlCharacter);
        }
        if link.len() > MAX_URL_BYTES {
            return Err(GuardError::TooLong);
        }
        self.check_text(link)?;
        let mut url = Url::parse(link).map_err(|error| match error {
            ParseError::InvalidIpv4Address | ParseError::InvalidIpv6Address => GuardError::IpLiteral,
            ParseError::InvalidPort => GuardError::Port,
            _ => GuardError::Malformed,
        })?;
        self.check_host(&mut url, hosts)?;
        if self.reach == Reach::Public && url.port_or_known_default() != Some(443) {
            return Err(GuardError::Port);
        }
        url.set_fragment(None);
        Ok(Target { url })
    }

    /// Checks the target of a redirect by all the rules for a link. `to` may be relative to `from`.
    ///
    /// # Errors
    /// The first rule it breaks.
    pub fn check_redirect(&self, from: &Target, to: &str, hosts: &[String]) -> Result<Target, GuardError> {
        // Checked before parsing: the parser would drop these characters.
        if to.chars().any(is_invisible) {
            return Err(GuardError::ControlCharacter);
        }
        let place = &to[..to.find(['?', '#']).unwrap_or(to.len())];
        if place.contains('\\') {
            return Err(GuardError::Malformed);
        }
        match place.split_once(':') {
            Some((scheme, _)) if !scheme.contains('/') => self.check(to, hosts),
            _ => {
                let absolute = from.url.join(to).map_err(|_| GuardError::Malformed)?;
                self.check(absolute.as_str(), hosts)
            }
        }
    }

    /// Checks all addresses of a name. If one is refused, all are.
    ///
    /// # Errors
    /// One of them may not be connected to.
    pub fn admit(&self, addresses: &[SocketAddr]) -> Result<(), GuardError> {
        for address in addresses {
            self.admit_one(address.ip())?;
        }
        Ok(())
    }

    /// Whether credentials may go to a target at all: over https, or without leaving the machine.
    pub(crate) fn may_carry_credentials(&self, target: &Target) -> bool {
        let stays_here = match target.url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        target.url.scheme() == "https" || (self.reach == Reach::Loopback && stays_here)
    }

    fn admit_one(&self, address: IpAddr) -> Result<(), GuardError> {
        match address::class(address) {
            Class::Public => Ok(()),
            Class::Loopback if self.reach == Reach::Loopback => Ok(()),
            class => Err(GuardError::AddressNotPublic(class)),
        }
    }

    /// Refuses malformed links that the URL parser would silently repair.
    fn check_text(&self, link: &str) -> Result<(), GuardError> {
        let (scheme, rest) = link.split_once(':').ok_or(GuardError::Malformed)?;
        let mut letters = scheme.bytes();
        let starts_well = letters.next().is_some_and(|byte| byte.is_ascii_alphabetic());
        if !starts_well || !letters.all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)) {
            return Err(GuardError::Malformed);
        }
        let is_http = scheme.eq_ignore_ascii_case("http") && self.reach == Reach::Loopback;
        if !scheme.eq_ignore_ascii_case("https") && !is_http {
            return Err(GuardError::Scheme);
        }
        let rest = rest.strip_prefix("//").ok_or(GuardError::Malformed)?;
        let end = rest.find(['/', '?', '#', '\\']).unwrap_or(rest.len());
        let (authority, after) = rest.split_at(end);
        if authority.contains('@') {
            return Err(GuardError::UserInfo);
        }
        // The parser takes a backslash for a slash; others take it for part of the host.
        if authority.is_empty() || after.starts_with('\\') {
            return Err(GuardError::Malformed);
        }
        Ok(())
    }

    /// Checks the host, and removes a final dot from it.
    fn check_host(&self, url: &mut Url, hosts: &[String]) -> Result<(), GuardError> {
        if !url.username().is_empty() || url.password().is_some() {
            return Err(GuardError::UserInfo);
        }
        let name = match url.host() {
            None => return Err(GuardError::Malformed),
            Some(Host::Domain(name)) => name.strip_suffix('.').unwrap_or(name).to_owned(),
            // The resolver never sees a literal, so it is checked here.
            Some(Host::Ipv4(address)) => return self.check_literal(address.into(), url, hosts),
            Some(Host::Ipv6(address)) => return self.check_literal(address.into(), url, hosts),
        };
        if name.parse::<IpAddr>().is_ok() {
            return Err(GuardError::IpLiteral);
        }
        if name.len() > 253 || name.split('.').any(|label| label.is_empty() || label.len() > 63) {
            return Err(GuardError::Malformed);
        }
        if self.reach == Reach::Public && !hosts::is_public(&name) {
            return Err(GuardError::HostNotPublic);
        }
        if !hosts.is_empty() && !hosts::is_listed(&name, hosts) {
            return Err(GuardError::HostNotListed);
        }
        url.set_host(Some(&name)).map_err(|_| GuardError::Malformed)
    }

    fn check_literal(&self, address: IpAddr, url: &Url, hosts: &[String]) -> Result<(), GuardError> {
        if self.reach == Reach::Public || self.admit_one(address).is_err() {
            return Err(GuardError::IpLiteral);
        }
        let name = url.host_str().unwrap_or_default();
        if hosts.is_empty() || hosts::is_listed(name, hosts) {
            Ok(())
        } else {
            Err(GuardError::HostNotListed)
        }
    }
}

impl Target {
    /// The checked URL, to fetch it.
    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// The host without a final dot.
    pub(crate) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Target").field("host", &self.host()).finish_non_exhaustive()
    }
}

/// Whether parsers drop a character or people can't see it, so that two readers may read different URLs.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || character.is_whitespace()
        || matches!(character, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests;
