//! The guard refuses each URL of a table of hostile ones, and lets real links through.

use super::hostile::{hosts, urls};
use super::*;

fn production() -> Policy {
    Policy::production(DEFAULT_MAX_BYTES)
}

fn refused(policy: &Policy, url: &str, hosts: &[String]) -> Option<&'static str> {
    policy.check(url, hosts).err().map(GuardError::rule)
}

#[test]
fn refuses_every_hostile_url_by_its_rule() {
    assert!(urls().len() >= 150, "{}", urls().len());
    let mut wrong = Vec::new();
    for (rule, url) in urls() {
        let found = refused(&production(), &url, &hosts());
        if found != Some(rule) {
            wrong.push(format!("{found:?} and not {rule}: {}", url.escape_debug()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_redirect_to_a_hostile_url_leads_nowhere_else() {
    let from = production().check("https://media.example.com/a/b", &hosts()).unwrap();
    let mut followed = 0;
    for (_, url) in urls() {
        // Text that is malformed as a link may be a relative path on the same host.
        if let Ok(target) = production().check_redirect(&from, &url, &hosts()) {
            assert_eq!(target.host(), "media.example.com", "{}", url.escape_debug());
            assert_eq!(target.url().origin(), from.url().origin(), "{}", url.escape_debug());
            followed += 1;
        }
    }
    assert!((1..10).contains(&followed), "{followed}");
}

#[test]
fn lets_through_what_providers_send() {
    let links = [
        "https://media.example.com/recordings/2026/06/27/r.mp3",
        "https://MEDIA.EXAMPLE.COM/r.mp3",
        "https://media.example.com./r.mp3",
        "https://media.example.com:443/r.mp3",
        "https://media.example.com",
        "https://media.example.com/a%20b/ü.wav?X-Amz-Signature=0f&X-Amz-Expires=600#t=1",
        "https://cdn.example.org/a@b:c/d",
        "https://a.b.example.org/?redirect=https://127.0.0.1/",
        "HTTPS://media.example.com/r.mp3",
    ];
    for link in links {
        assert_eq!(refused(&production(), link, &hosts()), None, "{link}");
        assert_eq!(refused(&production(), link, &[]), None, "{link}");
    }
}

#[test]
fn drops_the_final_dot_and_the_fragment() {
    let target = production().check("https://media.example.com./r.mp3?a=b#c", &hosts()).unwrap();
    assert_eq!(target.url().as_str(), "https://media.example.com/r.mp3?a=b");
}

#[test]
fn refuses_a_link_that_is_too_long() {
    let link = format!("https://media.example.com/{}", "a".repeat(MAX_URL_BYTES));
    assert_eq!(refused(&production(), &link, &[]), Some("too_long"));
}

#[test]
fn a_name_with_one_address_that_is_not_public_is_refused_as_a_whole() {
    let addresses = |list: &[&str]| -> Vec<SocketAddr> {
        list.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 0)).collect()
    };
    assert_eq!(production().admit(&addresses(&["8.8.8.8", "2606:4700:4700::1111"])), Ok(()));
    for (bad, class) in [
        ("127.0.0.1", Class::Loopback),
        ("169.254.169.254", Class::LinkLocal),
        ("10.0.0.1", Class::Private),
        ("::ffff:8.8.8.8", Class::Mapped),
    ] {
        let found = production().admit(&addresses(&["8.8.8.8", bad]));
        assert_eq!(found, Err(GuardError::AddressNotPublic(class)), "{bad}");
    }
}

#[test]
fn a_redirect_passes_the_same_rules() {
    let from = production().check("https://media.example.com/a/b?c", &hosts()).unwrap();
    let to = |location: &str| {
        let target = production().check_redirect(&from, location, &hosts());
        target.map(|target| target.url().to_string()).map_err(GuardError::rule)
    };
    let there = |url: &str| Ok(url.to_owned());
    assert_eq!(to("https://cdn.example.org/x"), there("https://cdn.example.org/x"));
    assert_eq!(to("/x?y=https://z"), there("https://media.example.com/x?y=https://z"));
    assert_eq!(to("x"), there("https://media.example.com/a/x"));
    assert_eq!(to("?x:y"), there("https://media.example.com/a/b?x:y"));
    assert_eq!(to("//cdn.example.org/x"), there("https://cdn.example.org/x"));
    for (location, rule) in [
        ("http://media.example.com/x", "scheme"),
        ("https://127.0.0.1/x", "ip_literal"),
        ("//127.0.0.1/x", "ip_literal"),
        ("//user@media.example.com/x", "userinfo"),
        ("//media.example.com:8443/x", "port"),
        ("https://evil.net/x", "host_not_listed"),
        ("//evil.net/x", "host_not_listed"),
        ("/\\evil.net/x", "malformed"),
        ("\\\\evil.net/x", "malformed"),
        ("/\t/evil.net/x", "control_character"),
        ("file:///etc/passwd", "scheme"),
        ("https:///127.0.0.1/", "malformed"),
    ] {
        assert_eq!(to(location), Err(rule), "{location}");
    }
}

#[test]
fn the_local_policy_reaches_this_machine_and_the_internet_and_nothing_between() {
    let local = Policy::local();
    for link in [
        "http://127.0.0.1:9000/r.mp3",
        "http://localhost:9000/",
        "http://[::1]:1/",
        "https://media.example.com/",
    ] {
        assert_eq!(refused(&local, link, &[]), None, "{link}");
    }
    for link in ["http://10.0.0.1/", "http://169.254.169.254/", "https://[fd00:ec2::254]/", "http://0.0.0.0/"]
    {
        assert_eq!(refused(&local, link, &[]), Some("ip_literal"), "{link}");
    }
    assert_eq!(refused(&local, "file:///etc/passwd", &[]), Some("scheme"));
    assert_eq!(refused(&local, "http://127.0.0.1:9000/", &hosts()), Some("host_not_listed"));
    let link_local = [SocketAddr::from(([169, 254, 169, 254], 0))];
    assert_eq!(local.admit(&link_local), Err(GuardError::AddressNotPublic(Class::LinkLocal)));
}

#[test]
fn a_target_shows_no_more_than_its_host() {
    let target = production().check("https://media.example.com/r?X-Amz-Signature=canary", &[]).unwrap();
    assert!(!format!("{target:?}").contains("canary"));
}
