//! Why a URL is refused.

use super::address::Class;
use super::{MAX_REDIRECTS, MAX_URL_BYTES};

/// The rule that a URL broke. Its text is for people and holds nothing of the URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GuardError {
    /// Control characters, white space, or characters that do not show.
    #[error("the URL has control characters or white space in it")]
    ControlCharacter,
    /// Too long.
    #[error("the URL is longer than {MAX_URL_BYTES} bytes")]
    TooLong,
    /// Not a URL, or one that two readers may read differently.
    #[error("the URL is malformed")]
    Malformed,
    /// Not https.
    #[error("the URL is not https")]
    Scheme,
    /// A user name, a password, or an `@` before the host.
    #[error("the URL carries a user name or password")]
    UserInfo,
    /// An IP address in any spelling.
    #[error("the URL names an IP address and not a host")]
    IpLiteral,
    /// Another port than 443.
    #[error("the URL names another port than 443")]
    Port,
    /// A name without a dot, or one that is not on the public internet, such as `.local`.
    #[error("the URL's host is not a public name")]
    HostNotPublic,
    /// Not among the source's recording hosts.
    #[error("the URL's host is not one of the source's recording_hosts")]
    HostNotListed,
    /// The name resolves to an address that is not public.
    #[error("the URL's host has an address that is not public ({0})")]
    AddressNotPublic(Class),
    /// More redirects than are followed.
    #[error("the URL redirects more than {MAX_REDIRECTS} times")]
    TooManyRedirects,
}

impl GuardError {
    /// The rule's name, as the item's `reason` has it.
    pub fn rule(self) -> &'static str {
        match self {
            Self::ControlCharacter => "control_character",
            Self::TooLong => "too_long",
            Self::Malformed => "malformed",
            Self::Scheme => "scheme",
            Self::UserInfo => "userinfo",
            Self::IpLiteral => "ip_literal",
            Self::Port => "port",
            Self::HostNotPublic => "host_not_public",
            Self::HostNotListed => "host_not_listed",
            Self::AddressNotPublic(_) => "address_not_public",
            Self::TooManyRedirects => "too_many_redirects",
        }
    }
}
