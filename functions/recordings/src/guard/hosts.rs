//! Host names: the list of a source, and the names that are not on the public internet.

use url::Host;

/// The last labels of names that are not on the public internet (RFC 6761, RFC 6762, RFC 9476 and usage).
const SPECIAL: [&str; 12] = [
    "alt",
    "arpa",
    "corp",
    "home",
    "internal",
    "intranet",
    "invalid",
    "lan",
    "local",
    "localdomain",
    "localhost",
    "onion",
];

/// Whether a source's list names a host.
///
/// `media.example.com` names that host and no other. `.example.com` names every host below
/// `example.com`, but not `example.com` itself and not `badexample.com`. Case and a final dot do not
/// matter, on either side.
pub fn is_listed(host: &str, hosts: &[String]) -> bool {
    let host = plain(host);
    hosts.iter().any(|entry| match entry.strip_prefix('.') {
        Some(parent) => host.strip_suffix(&plain(parent)).is_some_and(|rest| {
            // The rest must end with a dot: `badexample.com` is not below `.example.com`.
            rest.len() > 1 && rest.ends_with('.')
        }),
        None => host == plain(entry),
    })
}

/// Whether a list names this very host, and not only a parent of it.
pub(crate) fn is_listed_exactly(host: &str, hosts: &[String]) -> bool {
    hosts.iter().any(|entry| !entry.starts_with('.') && plain(host) == plain(entry))
}

/// Whether a name can be on the public internet.
pub(super) fn is_public(name: &str) -> bool {
    match name.rsplit_once('.') {
        Some((_, last)) => !SPECIAL.contains(&last),
        None => false,
    }
}

/// A name as the URL parser writes it, without a final dot.
fn plain(name: &str) -> String {
    let name = name.strip_suffix('.').unwrap_or(name);
    Host::parse(name).map_or_else(|_| name.to_ascii_lowercase(), |host| host.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(entries: &[&str]) -> Vec<String> {
        entries.iter().map(|&entry| entry.to_owned()).collect()
    }

    #[test]
    fn an_entry_names_one_host() {
        let hosts = list(&["Media.Example.com.", "münchen.example"]);
        for listed in ["media.example.com", "MEDIA.example.com.", "xn--mnchen-3ya.example"] {
            assert!(is_listed(listed, &hosts), "{listed}");
        }
        for other in
            ["example.com", "a.media.example.com", "media.example.com.evil.net", "xmedia.example.com"]
        {
            assert!(!is_listed(other, &hosts), "{other}");
        }
    }

    #[test]
    fn an_entry_with_a_dot_names_the_hosts_below() {
        let hosts = list(&[".example.com"]);
        for listed in ["a.example.com", "a.b.example.com", "A.EXAMPLE.COM."] {
            assert!(is_listed(listed, &hosts), "{listed}");
        }
        for other in ["example.com", "badexample.com", ".example.com", "example.com.evil.net", "com"] {
            assert!(!is_listed(other, &hosts), "{other}");
        }
    }

    #[test]
    fn credentials_need_an_entry_of_their_own() {
        let hosts = list(&["api.example.com", ".example.com"]);
        assert!(is_listed_exactly("api.example.com", &hosts));
        assert!(!is_listed_exactly("cdn.example.com", &hosts));
    }
}
