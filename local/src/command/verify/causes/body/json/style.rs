//! The ways in which the usual programs print JSON.

use std::fmt::{self, Write as _};

use super::read::Json;

/// A way to print JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Style {
    layout: Layout,
    escapes: Escapes,
    is_sorted: bool,
}

/// White space between values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// None: JavaScript, Rust, Go, PHP.
    Compact,
    /// Behind commas and colons: Python.
    Blanks,
    /// A line for each value, with this indent.
    Lines(&'static str),
    /// As Java's Jackson prints for people.
    Jackson,
}

/// The characters of texts that are written as escapes, beside those that must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escapes {
    /// None.
    Few,
    /// All that are not ASCII: Python.
    Ascii,
    /// All that are not ASCII, and slashes: PHP.
    AsciiAndSlash,
    /// Slashes.
    Slash,
    /// `<`, `>` and `&`: Go.
    Html,
    /// `<`, `>`, `&`, `=` and `'`: Java's Gson.
    Gson,
    /// All that are not ASCII, and those of HTML: .NET.
    DotNet,
}

/// Every way, the most usual first.
pub(super) fn styles() -> impl Iterator<Item = Style> {
    use Escapes::{Ascii, AsciiAndSlash, DotNet, Few, Gson, Html, Slash};
    use Layout::{Blanks, Compact, Jackson, Lines};
    let layouts = [Compact, Blanks, Lines("  "), Lines("    "), Lines("\t"), Jackson];
    let escapes = [Few, Ascii, AsciiAndSlash, Slash, Html, Gson, DotNet];
    [false, true].into_iter().flat_map(move |is_sorted| {
        layouts.into_iter().flat_map(move |layout| {
            escapes.into_iter().map(move |escapes| Style { layout, escapes, is_sorted })
        })
    })
}

impl Style {
    /// Whether programs print so for other programs, and not for people.
    pub(super) fn is_of_programs(self) -> bool {
        matches!(self.layout, Layout::Compact | Layout::Blanks)
    }
}

impl fmt::Display for Style {
    /// Completes "the same JSON …".
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self.layout {
            Layout::Compact => "without white space, as JavaScript prints it",
            Layout::Blanks => "with a blank behind each comma and colon, as Python prints it",
            Layout::Lines("\t") => "in lines, indented by tabs",
            Layout::Lines("    ") => "in lines, indented by 4 blanks",
            Layout::Lines(_) => "in lines, indented by 2 blanks",
            Layout::Jackson => "in lines, as Java's Jackson prints it",
        })?;
        formatter.write_str(match self.escapes {
            Escapes::Few => "",
            Escapes::Ascii => ", with \\u escapes for all that is not ASCII",
            Escapes::AsciiAndSlash => ", with \\u escapes and \\/, as PHP prints it",
            Escapes::Slash => ", with \\/ for slashes",
            Escapes::Html => ", with \\u escapes for <, > and &, as Go prints it",
            Escapes::Gson => ", with \\u escapes for <, >, &, = and ', as Java's Gson prints it",
            Escapes::DotNet => ", with \\u escapes as .NET prints it",
        })?;
        formatter.write_str(if self.is_sorted { ", with sorted members" } else { "" })
    }
}

impl Json {
    /// The value in a style.
    pub(super) fn printed(&self, style: Style) -> String {
        let mut printed = String::new();
        if style.is_sorted {
            self.sorted().print(style, 0, &mut printed)
        } else {
            self.print(style, 0, &mut printed)
        }
        printed
    }

    fn print(&self, style: Style, depth: usize, to: &mut String) {
        match self {
            Self::Word(word) => to.push_str(word),
            Self::Text(text) => print_text(text, style.escapes, to),
            Self::List(items) if style.layout == Layout::Jackson => {
                to.push_str("[ ");
                for (index, item) in items.iter().enumerate() {
                    to.push_str(if index > 0 { ", " } else { "" });
                    item.print(style, depth, to);
                }
                to.push_str(if items.is_empty() { "]" } else { " ]" });
            }
            Self::List(items) => print_members(items, style, depth, ['[', ']'], to, |item, to| {
                item.print(style, depth + 1, to);
            }),
            Self::Object(members) => {
                print_members(members, style, depth, ['{', '}'], to, |(name, value), to| {
                    print_text(name, style.escapes, to);
                    to.push_str(match style.layout {
                        Layout::Compact => ":",
                        Layout::Blanks | Layout::Lines(_) => ": ",
                        Layout::Jackson => " : ",
                    });
                    value.print(style, depth + 1, to);
                })
            }
        }
    }
}

fn print_members<T>(
    members: &[T],
    style: Style,
    depth: usize,
    [open, close]: [char; 2],
    to: &mut String,
    print: impl Fn(&T, &mut String),
) {
    let line = |depth: usize, to: &mut String| {
        let indent = match style.layout {
            Layout::Compact | Layout::Blanks => return,
            Layout::Lines(indent) => indent,
            Layout::Jackson => "  ",
        };
        to.push('\n');
        (0..depth).for_each(|_| to.push_str(indent));
    };
    to.push(open);
    for (index, member) in members.iter().enumerate() {
        if index > 0 {
            to.push_str(if style.layout == Layout::Blanks { ", " } else { "," });
        }
        line(depth + 1, to);
        print(member, to);
    }
    match (members.is_empty(), style.layout) {
        (true, Layout::Jackson) => to.push(' '),
        (true, _) => {}
        (false, _) => line(depth, to),
    }
    to.push(close);
}

fn print_text(text: &str, escapes: Escapes, to: &mut String) {
    let (ascii, others) = match escapes {
        Escapes::Few => (false, ""),
        Escapes::Ascii => (true, ""),
        Escapes::AsciiAndSlash => (true, "/"),
        Escapes::Slash => (false, "/"),
        Escapes::Html => (false, "<>&\u{2028}\u{2029}"),
        Escapes::Gson => (false, "<>&='\u{2028}\u{2029}"),
        Escapes::DotNet => (true, "<>&'+`\""),
    };
    to.push('"');
    for character in text.chars() {
        match character {
            '/' if others == "/" => to.push_str("\\/"),
            _ if others.contains(character) || (ascii && !character.is_ascii()) => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    // Writing to a String cannot fail.
                    let _ = if escapes == Escapes::DotNet {
                        write!(to, "\\u{unit:04X}")
                    } else {
                        write!(to, "\\u{unit:04x}")
                    };
                }
            }
            '"' => to.push_str("\\\""),
            '\\' => to.push_str("\\\\"),
            '\n' => to.push_str("\\n"),
            '\r' => to.push_str("\\r"),
            '\t' => to.push_str("\\t"),
            '\u{8}' => to.push_str("\\b"),
            '\u{c}' => to.push_str("\\f"),
            character if character < ' ' => {
                let _ = write!(to, "\\u{:04x}", u32::from(character));
            }
            character => to.push(character),
        }
    }
    to.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = r#"{"b":[1.0,{}],"a":"é/<+\"😀","a":[]}"#;

    fn printed(layout: Layout, escapes: Escapes) -> String {
        let json = Json::read(BODY.as_bytes());
        json.map(|json| json.printed(Style { layout, escapes, is_sorted: false })).unwrap_or_default()
    }

    #[test]
    fn json_is_printed_as_the_usual_programs_print_it() {
        // JSON.stringify of the same values.
        assert_eq!(printed(Layout::Compact, Escapes::Few), BODY);
        // Python's json.dumps.
        let python = r#"{"b": [1.0, {}], "a": "\u00e9/<+\"\ud83d\ude00", "a": []}"#;
        assert_eq!(printed(Layout::Blanks, Escapes::Ascii), python);
        // PHP's json_encode.
        let php = r#"{"b":[1.0,{}],"a":"\u00e9\/<+\"\ud83d\ude00","a":[]}"#;
        assert_eq!(printed(Layout::Compact, Escapes::AsciiAndSlash), php);
        // Go's json.Marshal.
        assert_eq!(printed(Layout::Compact, Escapes::Html), r#"{"b":[1.0,{}],"a":"é/\u003c+\"😀","a":[]}"#);
        // .NET's JsonSerializer.
        let dot_net = r#"{"b":[1.0,{}],"a":"\u00E9/\u003C\u002B\u0022\uD83D\uDE00","a":[]}"#;
        assert_eq!(printed(Layout::Compact, Escapes::DotNet), dot_net);
        // JSON.stringify(…, null, 2).
        let lines = "{\n  \"b\": [\n    1.0,\n    {}\n  ],\n  \"a\": \"é/<+\\\"😀\",\n  \"a\": []\n}";
        assert_eq!(printed(Layout::Lines("  "), Escapes::Few), lines);
        // Jackson's writerWithDefaultPrettyPrinter.
        let jackson = "{\n  \"b\" : [ 1.0, { } ],\n  \"a\" : \"é/<+\\\"😀\",\n  \"a\" : [ ]\n}";
        assert_eq!(printed(Layout::Jackson, Escapes::Few), jackson);
    }

    #[test]
    fn members_are_sorted_at_every_depth() {
        let json = Json::read(br#"{"b":{"d":1,"c":2},"a":[{"f":3,"e":4}]}"#);
        let style = Style { layout: Layout::Compact, escapes: Escapes::Few, is_sorted: true };
        let sorted = json.map(|json| json.printed(style));
        assert_eq!(sorted.as_deref(), Some(r#"{"a":[{"e":4,"f":3}],"b":{"c":2,"d":1}}"#));
    }
}
