//! Links that lead elsewhere.

use super::*;

#[tokio::test]
async fn a_redirect_leads_to_no_other_scheme_address_or_page() -> anyhow::Result<()> {
    let login = b"<!doctype html><title>canary</title><form>";
    let page = answer("200 OK", "content-type: audio/mpeg\r\nconnection: close\r\n", login);
    let to_login = Origin::in_turn(vec![Answer::Send(redirect("/login?canary")), Answer::Send(page)]).await?;
    let nowhere = sends(answer("302 Found", "content-length: 0\r\n", b"")).await?;
    let mut cases = vec![
        ("a login page", to_login, retry("not_audio: the answer is a page or other text")),
        ("nowhere", nowhere, retry("redirect_without_location")),
    ];
    for (location, rule) in [
        ("data:audio/wav;base64,UklGRgAAAABXQVZFZm10IA==", "scheme"),
        ("file:///etc/passwd?canary", "scheme"),
        ("ftp://127.0.0.1/canary", "scheme"),
        ("javascript:canary", "scheme"),
        ("http://10.0.0.1/canary", "ip_literal"),
        ("//169.254.169.254/canary", "ip_literal"),
        ("http://2852039166/canary", "ip_literal"),
        ("http://[::ffff:169.254.169.254]/canary", "ip_literal"),
        ("http://[fd00:ec2::254]/canary", "ip_literal"),
        ("http://canary:canary@127.0.0.1/", "userinfo"),
        ("//canary@127.0.0.1/", "userinfo"),
        ("/\\169.254.169.254/canary", "malformed"),
        ("http:/127.0.0.1/canary", "malformed"),
        ("http://127.0.0.1/can\tary", "control_character"),
        ("http://127.0.0.1:65536/canary", "port"),
        ("", "too_many_redirects"),
        ("?canary", "too_many_redirects"),
    ] {
        cases.push((location, sends(redirect(location)).await?, rejected(rule)));
    }
    Trial::start().await?.expect(&cases).await
}

#[tokio::test]
async fn credentials_stay_with_their_origin_and_do_not_come_back() -> anyhow::Result<()> {
    /// Where the requests went, and whether the credentials were with them.
    fn went(origin: &Origin) -> Vec<(String, bool)> {
        let request = |head: &String| {
            let host = head.split("host: ").nth(1)?.split(':').next()?;
            let path = head.split(' ').nth(1)?;
            Some((format!("{host}{path}"), head.contains("authorization: bearer canary\r\n")))
        };
        origin.heads().iter().filter_map(request).collect()
    }
    let source = json!({ "recording_authorization": "Bearer canary",
        "recording_authorization_hosts": ["127.0.0.1", "localhost"] });
    for (way, expected) in [
        // Everything on one origin, however it is said.
        (
            ["/1", "2?canary", "//127.0.0.1:{port}/3"],
            ["127.0.0.1/1 yes", "127.0.0.1/2?canary yes", "127.0.0.1/3 yes"],
        ),
        // To another host that would get them if it were asked first, and back.
        (
            ["/1", "http://localhost:{port}/2", "http://127.0.0.1:{port}/3"],
            ["127.0.0.1/1 yes", "localhost/2 no", "127.0.0.1/3 no"],
        ),
        (["/1", "//localhost:{port}/2", "3"], ["127.0.0.1/1 yes", "localhost/2 no", "localhost/3 no"]),
    ] {
        let next = [way[1], way[2]];
        let origin = Origin::start(move |head| {
            let port = head.split("host: ").nth(1).and_then(|host| host.split([':', '\r']).nth(1));
            let step = next.iter().zip(["get /1", "get /2"]).find(|(_, from)| head.starts_with(from));
            Answer::Send(match (step, port) {
                (Some((to, _)), Some(port)) => {
                    let cookie = "HTTP/1.1 302 Found\r\nset-cookie: a=canary; path=/\r\n";
                    let location = redirect(&to.replace("{port}", port));
                    [cookie.as_bytes(), &location["HTTP/1.1 302 Found\r\n".len()..]].concat()
                }
                _ => ok("", &wav(100)),
            })
        })
        .await?;
        let trial = Trial::with(impatient(), source.clone()).await?;
        let key = trial.bed.announce("c", &origin.url(way[0])).await?;
        trial.bed.sweep().await?;
        assert_eq!(trial.outcome(&key).await?, stored(&wav(100)), "{way:?}");
        let told = went(&origin);
        let told: Vec<_> = told
            .iter()
            .map(|(place, with)| format!("{place} {}", if *with { "yes" } else { "no" }))
            .collect();
        assert_eq!(told, expected, "{way:?}");
        ensure!(origin.heads().iter().all(|head| !head.contains("cookie") && !head.contains("referer")));
    }
    Ok(())
}

// Downloads that are lost, and origins that go on with something else.
