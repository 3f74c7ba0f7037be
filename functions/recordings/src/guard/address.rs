//! Classes of addresses: which ones are on the public internet.
//!
//! They follow the IANA registries of special-purpose addresses, for
//! [IPv4](https://www.iana.org/assignments/iana-ipv4-special-registry/) and
//! [IPv6](https://www.iana.org/assignments/iana-ipv6-special-registry/). In IPv6, only 2000::/3 is public, so
//! everything else is refused, known or not. An IPv6 address with an IPv4 address in it is refused even if that
//! one is public: no provider publishes a host in this way.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The use of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// On the public internet; the only class that is connected to.
    Public,
    /// This machine.
    Loopback,
    /// No address, or this network.
    Unspecified,
    /// A private network, IPv6's unique local addresses among them.
    Private,
    /// This link; the cloud's metadata service is here. IPv6's site-local addresses too.
    LinkLocal,
    /// Between a carrier and its customers.
    Cgnat,
    /// A group of machines.
    Multicast,
    /// For documentation.
    Documentation,
    /// For benchmarks.
    Benchmarking,
    /// Reserved for protocols or for the future, or not allocated.
    Reserved,
    /// IPv4 in IPv6: mapped, `::ffff:0:0/96`.
    Mapped,
    /// IPv4 in IPv6: compatible, `::/96`.
    Compatible,
    /// IPv4 in IPv6: translated, `64:ff9b::/96` and `64:ff9b:1::/48`.
    Nat64,
    /// IPv4 in IPv6: 6to4, and its relays in IPv4.
    SixToFour,
    /// IPv4 in IPv6: Teredo.
    Teredo,
}

/// An address's class.
pub fn class(address: IpAddr) -> Class {
    match address {
        IpAddr::V4(address) => class_v4(address),
        IpAddr::V6(address) => class_v6(address),
    }
}

fn class_v4(address: Ipv4Addr) -> Class {
    match address.octets() {
        [0, ..] => Class::Unspecified,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Class::Private,
        [100, 64..=127, ..] => Class::Cgnat,
        [127, ..] => Class::Loopback,
        [169, 254, ..] => Class::LinkLocal,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Class::Documentation,
        // Protocol assignments, AS112 (twice) and automatic multicast tunnels.
        [192, 0, 0, _] | [192, 31, 196, _] | [192, 175, 48, _] | [192, 52, 193, _] => Class::Reserved,
        [192, 88, 99, _] => Class::SixToFour,
        [198, 18..=19, ..] => Class::Benchmarking,
        [224..=239, ..] => Class::Multicast,
        [240..=255, ..] => Class::Reserved,
        _ => Class::Public,
    }
}

fn class_v6(address: Ipv6Addr) -> Class {
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Class::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => Class::Loopback,
        [0, 0, 0, 0, 0, 0, _, _] => Class::Compatible,
        [0, 0, 0, 0, 0, 0xffff, _, _] | [0, 0, 0, 0, 0xffff, 0, _, _] => Class::Mapped,
        [0x64, 0xff9b, 0, 0, 0, 0, _, _] | [0x64, 0xff9b, 1, ..] => Class::Nat64,
        [0xfc00..=0xfdff, ..] => Class::Private,
        [0xfe80..=0xfeff, ..] => Class::LinkLocal,
        [0xff00..=0xffff, ..] => Class::Multicast,
        [0x2001, 0, ..] => Class::Teredo,
        [0x2001, 2, 0, ..] => Class::Benchmarking,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => Class::Documentation,
        [0x2002, ..] => Class::SixToFour,
        // Protocol assignments (ORCHID among them), AS112 and the former 6bone.
        [0x2001, 0..=0x1ff, ..] | [0x2620, 0x4f, 0x8000, ..] | [0x3ffe, ..] => Class::Reserved,
        [0x2000..=0x3fff, ..] => Class::Public,
        _ => Class::Reserved,
    }
}

impl fmt::Display for Class {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Public => "public",
            Self::Loopback => "loopback",
            Self::Unspecified => "unspecified",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Cgnat => "carrier-grade NAT",
            Self::Multicast => "multicast",
            Self::Documentation => "documentation",
            Self::Benchmarking => "benchmarking",
            Self::Reserved => "reserved",
            Self::Mapped => "IPv4-mapped",
            Self::Compatible => "IPv4-compatible",
            Self::Nat64 => "NAT64",
            Self::SixToFour => "6to4",
            Self::Teredo => "Teredo",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classifies_the_first_and_the_last_address_of_every_block() {
        let table = [
            (Class::Unspecified, "0.0.0.0 0.255.255.255 ::"),
            (Class::Private, "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255"),
            (Class::Private, "fc00:: fd00:ec2::254 fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
            (Class::Cgnat, "100.64.0.0 100.127.255.255"),
            (Class::Loopback, "127.0.0.0 127.0.0.1 127.255.255.255 ::1"),
            (Class::LinkLocal, "169.254.0.0 169.254.169.254 169.254.255.255"),
            (Class::LinkLocal, "fe80:: fe80::1 febf:ffff:: fec0:: feff:ffff::"),
            (Class::Documentation, "192.0.2.0 192.0.2.255 198.51.100.7 203.0.113.255"),
            (Class::Documentation, "2001:db8:: 2001:db8:ffff:: 3fff:: 3fff:fff:ffff::"),
            (Class::Benchmarking, "198.18.0.0 198.19.255.255 2001:2:: 2001:2:0:ffff::"),
            (Class::Multicast, "224.0.0.0 239.255.255.255 ff00:: ff02::1 ffff::"),
            (Class::Reserved, "192.0.0.0 192.0.0.255 192.31.196.1 192.52.193.1 192.175.48.1"),
            (Class::Reserved, "240.0.0.0 255.255.255.254 255.255.255.255"),
            (Class::Reserved, "100:: 2001:1::1 2001:10:: 2001:20:: 2001:1ff:: 2620:4f:8000:: 3ffe::"),
            (Class::Reserved, "1:: 1fff:ffff:: 4000:: 5f00:: 8000:: fbff:ffff:: fe00:: 0:0:0:1::"),
            (Class::Mapped, "::ffff:0.0.0.0 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:0:8.8.8.8"),
            (Class::Compatible, "::2 ::127.0.0.1 ::8.8.8.8 ::255.255.255.255"),
            (
                Class::Nat64,
                "64:ff9b:: 64:ff9b::169.254.169.254 64:ff9b::8.8.8.8 64:ff9b:1:: 64:ff9b:1:ffff::",
            ),
            (Class::SixToFour, "2002:: 2002:7f00:1:: 2002:ffff:: 192.88.99.0 192.88.99.255"),
            (Class::Teredo, "2001:: 2001:0:4136:e378:8000:63bf:3fff:fdd2"),
            (Class::Public, "1.0.0.0 1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0"),
            (
                Class::Public,
                "126.255.255.255 128.0.0.0 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0",
            ),
            (Class::Public, "191.255.255.255 192.0.1.0 192.0.3.0 192.167.255.255 192.169.0.0 198.17.255.255"),
            (Class::Public, "198.20.0.0 198.51.99.255 203.0.112.255 203.0.114.0 223.255.255.255"),
            (Class::Public, "2000:: 2001:200:: 2001:4860:4860::8888 2003:: 2600:: 2a00:: 3ffd:: 3fff:1000::"),
        ];
        for (expected, addresses) in table {
            for address in addresses.split(' ') {
                assert_eq!(class(address.parse().unwrap()), expected, "{address}");
            }
        }
    }
}
