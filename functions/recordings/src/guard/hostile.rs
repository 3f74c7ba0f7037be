//! The table of hostile URLs, for the tests.

const TABLE: &str = include_str!("hostile_urls.txt");

/// Every hostile URL, with the rule that refuses it.
pub(crate) fn urls() -> Vec<(&'static str, String)> {
    let lines = TABLE.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let urls = lines.map(|line| line.split_once(' ').unwrap());
    urls.map(|(rule, url)| (rule, unescape(url.trim_start()))).collect()
}

/// The list of hosts that the table is for.
pub(crate) fn hosts() -> Vec<String> {
    vec!["media.example.com".to_owned(), ".example.org".to_owned()]
}

/// Decodes the characters that the table can't hold as they are.
fn unescape(url: &str) -> String {
    let mut text = url.replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r");
    while let Some(start) = text.find("\\u{") {
        let end = start + text[start..].find('}').unwrap();
        let code = u32::from_str_radix(&text[start + 3..end], 16).unwrap();
        text.replace_range(start..=end, &char::from_u32(code).unwrap().to_string());
    }
    text
}
