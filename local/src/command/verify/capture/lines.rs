//! Headers as lines of text: of `curl -v`, of a proxy's log, of a browser's tools.

use anyhow::{Context as _, bail, ensure};
use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// The head of a request.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) method: Option<Method>,
    pub(super) path: Option<String>,
    pub(super) headers: HeaderMap,
}

/// Reads `Name: value` lines. The marks of `curl -v`, request lines, and HTTP/2's `:path` are understood.
///
/// # Errors
/// A line is none of these. The message has its number, and not the line: it may be a signature.
pub(super) fn read(text: &str) -> anyhow::Result<Lines> {
    let mut lines = Lines::default();
    for (index, line) in text.lines().enumerate() {
        read_line(line.trim(), &mut lines).with_context(|| format!("line {}", index + 1))?;
    }
    ensure!(!lines.headers.is_empty(), "there is no header; write them as lines `Name: value`");
    Ok(lines)
}

fn read_line(line: &str, lines: &mut Lines) -> anyhow::Result<()> {
    // Lines that `curl -v` adds: what it does, and the answer.
    if line.is_empty() || line.starts_with(['*', '<', '{', '}']) || line == ">" {
        return Ok(());
    }
    let line = line.strip_prefix("> ").unwrap_or(line);
    ensure!(
        !line.starts_with("HTTP/"),
        "this is the first line of an answer; the request's headers are needed"
    );
    if let [method, path, protocol] = line.split(' ').collect::<Vec<_>>()[..]
        && protocol.starts_with("HTTP/")
    {
        lines.method = method.parse().ok();
        lines.path = Some(path.to_owned());
        return Ok(());
    }
    if let Some(pseudo) = line.strip_prefix(':') {
        match pseudo.split_once(':') {
            Some(("method", method)) => lines.method = method.trim().parse().ok(),
            Some(("path", path)) => lines.path = Some(path.trim().to_owned()),
            _ => {}
        }
        return Ok(());
    }
    let header = line.split_once(':').and_then(|(name, value)| {
        let name = HeaderName::from_bytes(name.trim().as_bytes()).ok()?;
        Some((name, HeaderValue::from_bytes(value.trim().as_bytes()).ok()?))
    });
    let Some((name, value)) = header else { bail!("this is no header; write it as `Name: value`") };
    lines.headers.append(name, value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_as_curl_and_proxies_print_them() -> anyhow::Result<()> {
        let curl = "* Connected to ledger\r\n> POST /webhooks/telnyx/default?a=b HTTP/1.1\r\n> Host: ledger\r\n\
                    > Telnyx-Timestamp: 1\r\n> Accept: */*\r\n>\r\n< HTTP/1.1 401 Unauthorized\r\n< Date: now\r\n";
        let lines = read(curl)?;
        assert_eq!(lines.method, Some(Method::POST));
        assert_eq!(lines.path.as_deref(), Some("/webhooks/telnyx/default?a=b"));
        assert_eq!(lines.headers["telnyx-timestamp"], "1");
        assert_eq!(lines.headers.len(), 3);

        let http2 =
            read(":method: POST\n:path: /webhooks/agni/a/b\n:authority: ledger\nContent-Type: a:b\n")?;
        assert_eq!((http2.method, http2.path.as_deref()), (Some(Method::POST), Some("/webhooks/agni/a/b")));
        assert_eq!(http2.headers["content-type"], "a:b");

        let twice = read("A: 1\na: 2")?;
        assert_eq!(twice.headers.get_all("a").iter().count(), 2);
        Ok(())
    }

    #[test]
    fn a_line_that_is_no_header_is_named_by_its_number() {
        let refused = |text: &str| read(text).map(|_| ()).map_err(|error| format!("{error:#}"));
        let no_header = "line 2: this is no header; write it as `Name: value`";
        assert_eq!(refused("A: 1\n9a9cb6bee508f071"), Err(no_header.to_owned()));
        assert_eq!(refused(""), Err("there is no header; write them as lines `Name: value`".to_owned()));
        assert!(refused("HTTP/1.1 200 OK").is_err_and(|error| error.contains("the first line of an answer")));
    }
}
