//! Names: their addresses are checked at every lookup, before a connection is made.

use super::served::{Names, Server, fetcher};
use super::{CopyError, Policy, copied, rejected, short, source};
use crate::guard::DEFAULT_MAX_BYTES;
use crate::guard::hostile::{hosts, urls};

/// An address that the local policy refuses as well.
const METADATA: &str = "169.254.169.254";

fn production() -> Policy {
    short(Policy::production(DEFAULT_MAX_BYTES))
}

fn local() -> Policy {
    short(Policy::local())
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

#[tokio::test]
async fn nothing_is_resolved_or_connected_to_for_a_hostile_url() {
    let names = Names::answering(&[&["127.0.0.1"]]);
    let (fetcher, connects) = fetcher(production(), &names);
    let source = source(&format!(r#","recording_hosts":{:?}"#, hosts()));
    let urls = urls();
    assert!(urls.len() >= 150, "{}", urls.len());
    for (rule, url) in &urls {
        let fault = copied(&fetcher, &source, url, None).await.unwrap_err();
        assert_eq!(rejected(fault), *rule, "{}", url.escape_debug());
    }
    assert_eq!((names.asked(), connects.count()), (vec![], 0));
    // The counters do count: for a name that is permitted, although it resolves to this machine.
    let permitted = "https://media.example.com/r.mp3";
    let fault = copied(&fetcher, &source, permitted, None).await.unwrap_err();
    assert_eq!(rejected(fault), "address_not_public");
    assert_eq!((names.asked(), connects.count()), (vec!["media.example.com".to_owned()], 1));
}

#[tokio::test]
async fn an_address_is_connected_to_without_a_lookup_and_counted_all_the_same() {
    let (names, server) = (Names::default(), Server::answering([ok("RIFF")]).await);
    let (fetcher, connects) = fetcher(local(), &names);
    let url = format!("http://127.0.0.1:{}/r", server.port);
    assert_eq!(copied(&fetcher, &source(""), &url, None).await, Ok(b"RIFF".to_vec()));
    assert_eq!((names.asked(), connects.count(), server.connections()), (vec![], 1, 1));
}

#[tokio::test]
async fn a_name_with_one_address_that_is_not_public_is_connected_to_nowhere() {
    for bad in [
        "127.0.0.1",
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        METADATA,
        "192.168.1.1",
        "255.255.255.255",
        "::",
        "::1",
        "::ffff:127.0.0.1",
        "::ffff:8.8.8.8",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "fd00:ec2::254",
        "fe80::1",
        "ff02::1",
    ] {
        for answer in [&[bad][..], &["8.8.8.8", bad], &[bad, "2606:4700:4700::1111"]] {
            let names = Names::answering(&[answer]);
            let (fetcher, _) = fetcher(production(), &names);
            let fault = copied(&fetcher, &source(""), "https://media.example.com/r", None).await.unwrap_err();
            assert_eq!(rejected(fault), "address_not_public", "{answer:?}");
            assert_eq!(names.asked().len(), 1);
        }
    }
}

#[tokio::test]
async fn a_listener_behind_a_refused_name_sees_nothing() {
    // The local policy admits this machine, so that the address beside it would be connected to.
    let server = Server::answering([ok("RIFF")]).await;
    let url = format!("http://media.example.com:{}/r", server.port);
    for answer in [&["127.0.0.1", METADATA][..], &[METADATA, "127.0.0.1"]] {
        let (fetcher, _) = fetcher(local(), &Names::answering(&[answer]));
        let fault = copied(&fetcher, &source(""), &url, None).await.unwrap_err();
        assert_eq!(rejected(fault), "address_not_public");
        assert_eq!(server.connections(), 0);
    }
    let (fetcher, _) = fetcher(local(), &Names::answering(&[&["127.0.0.1"]]));
    assert_eq!(copied(&fetcher, &source(""), &url, None).await, Ok(b"RIFF".to_vec()));
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_checked_every_time_and_looked_up_once_per_connection() {
    let first_then_metadata = || Names::answering(&[&["127.0.0.1"], &[METADATA]]);
    // Once checked, the address is connected to; nobody asks again in between.
    let (names, server) = (first_then_metadata(), Server::answering([ok("RIFF")]).await);
    let url = format!("http://media.example.com:{}/r", server.port);
    let (again, connects) = fetcher(local(), &names);
    assert_eq!(copied(&again, &source(""), &url, None).await, Ok(b"RIFF".to_vec()));
    assert_eq!((names.asked().len(), connects.count(), server.connections()), (1, 1, 1));
    // The next fetch looks it up again.
    let fault = copied(&again, &source(""), &url, None).await.unwrap_err();
    assert_eq!(rejected(fault), "address_not_public");
    assert_eq!((names.asked().len(), server.connections()), (2, 1));

    // So do a redirect and a download that is resumed.
    let redirect = "HTTP/1.1 302 Found\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n".to_owned();
    let cut = "HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: 9\r\n\r\nRIFF".to_owned();
    for answer in [redirect, cut] {
        let (names, server) = (first_then_metadata(), Server::answering([answer.clone()]).await);
        let url = format!("http://media.example.com:{}/r", server.port);
        let (fetcher, _) = fetcher(local(), &names);
        let fault = copied(&fetcher, &source(""), &url, None).await.unwrap_err();
        assert_eq!(rejected(fault), "address_not_public", "{answer}");
        assert_eq!((names.asked().len(), server.connections()), (2, 1), "{answer}");
    }
}

#[tokio::test]
async fn a_name_without_an_address_is_asked_for_another_time() {
    for policy in [production(), local()] {
        let names = Names::answering(&[&[]]);
        let (fetcher, _) = fetcher(policy, &names);
        let fault = copied(&fetcher, &source(""), "https://media.example.com/r", None).await.unwrap_err();
        assert_eq!(fault, CopyError::transient("dns"));
        assert_eq!(names.asked(), ["media.example.com"]);
    }
}
