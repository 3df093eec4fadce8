//! Pieces of HTML.

use std::fmt::Write;

use anstream::adapter::strip_str;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dissector_core::connection::ColourRole;
use sha2::{Digest, Sha256};

pub use crate::ladder::svg::Escaped;
use crate::output::page::Block;

/// Sections whose items are commands or filters, to be copied.
const TO_COPY: &str = "To look closer";

/// The blocks of an explanation as sections. Each has a class by its place among those of a page.
pub fn sections(blocks: &[Block]) -> Vec<(String, String)> {
    let mut sections: Vec<(String, String)> = Vec::new();
    let mut writer = Writer::default();
    for block in blocks {
        match block {
            Block::Title(_) => {}
            Block::Heading(heading) => {
                writer.end(&mut sections);
                writer.heading = plain(heading);
            }
            block => writer.add(block),
        }
    }
    writer.end(&mut sections);
    sections
}

#[derive(Default)]
struct Writer {
    heading: String,
    body: String,
    /// The list that is open.
    list: &'static str,
}

impl Writer {
    fn add(&mut self, block: &Block) {
        let body = match block {
            Block::Title(_) | Block::Heading(_) => return,
            Block::Paragraph(text) => {
                self.open("");
                format!("<p>{}</p>", escaped(text))
            }
            Block::Item(first, rest) if self.heading == TO_COPY => {
                self.open("ul");
                let rest = if rest.is_empty() { rest.clone() } else { command(rest) };
                format!("<li>{}{rest}", escaped(first))
            }
            Block::Item(first, rest) => {
                self.open("ul");
                format!("<li><b>{}</b> {}", escaped(first), escaped(rest))
            }
            Block::Numbered(_, text) => {
                self.open("ol");
                format!("<li>{}", escaped(text))
            }
            Block::Command(text) => command(text),
        };
        self.body.push_str(&body);
    }

    /// Begins a list of this kind, or none, unless it is open already.
    fn open(&mut self, list: &'static str) {
        if self.list == list {
            return;
        }
        if !self.list.is_empty() {
            let _ = write!(self.body, "</{}>", self.list);
        }
        if !list.is_empty() {
            let _ = write!(self.body, "<{list}>");
        }
        self.list = list;
    }

    fn end(&mut self, sections: &mut Vec<(String, String)>) {
        self.open("");
        let (heading, body) = (std::mem::take(&mut self.heading), std::mem::take(&mut self.body));
        if !heading.is_empty() || !body.is_empty() {
            sections.push((heading, body));
        }
    }
}

/// A command or filter, which the page lets one copy.
pub fn command(text: &str) -> String {
    format!("<pre class=\"cmd\" tabindex=\"0\"><code>{}</code></pre>", escaped(text))
}

/// A text for terminals, escaped for HTML.
pub fn escaped(text: &str) -> String {
    Escaped(&plain(text)).to_string()
}

/// A text without its colours.
fn plain(text: &str) -> String {
    strip_str(text).to_string()
}

/// The class of a colour role.
pub fn class(colour: ColourRole) -> &'static str {
    match colour {
        ColourRole::Good => "good",
        ColourRole::Bad => "bad",
        ColourRole::Warning => "warning",
        _ => "so",
    }
}

/// JSON that can stand in a script element: nothing in it ends one or begins a comment.
pub fn json_for_script(json: &serde_json::Value) -> String {
    let mut safe = String::new();
    for letter in json.to_string().chars() {
        match letter {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                let _ = write!(safe, "\\u{:04x}", u32::from(letter));
            }
            letter => safe.push(letter),
        }
    }
    safe
}

/// The source expression of Content Security Policy that allows an element with this text.
pub fn allowed(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

/// A style sheet whose rules hold below `scope` only, and dark ones on screens only: paper is white.
pub fn scoped(style: &str, scope: &str) -> String {
    let mut scoped = String::new();
    let mut rest = style.trim();
    while let Some((selector, after)) = rest.split_once('{') {
        if let Some(query) = selector.strip_prefix("@media (") {
            let end = after.find("}}").map_or(after.len(), |end| end + 1);
            let _ = write!(scoped, "@media screen and ({query}{{{}}}", self::scoped(&after[..end], scope));
            rest = after.get(end + 1..).unwrap_or_default();
            continue;
        }
        let Some((rules, after)) = after.split_once('}') else { break };
        for (place, selector) in selector.split(',').enumerate() {
            let comma = if place > 0 { "," } else { "" };
            let _ = write!(scoped, "{comma}{scope} {}", selector.trim());
        }
        let _ = write!(scoped, "{{{rules}}}");
        rest = after;
    }
    scoped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_ends_a_script() {
        let text = json_for_script(&json!({ "a": "</script><!--\u{2028}&" }));
        assert!(!text.contains(['<', '>', '\u{2028}', '&']), "{text}");
        let back: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(back["a"], "</script><!--\u{2028}&");
    }

    #[test]
    fn rules_hold_below_their_scope() {
        let style = "text{a:b}.x,.y{c:d}@media (prefers-color-scheme:dark){text{a:c}.x{d:e}}.z{f:g}";
        assert_eq!(
            scoped(style, ".l"),
            ".l text{a:b}.l .x,.l .y{c:d}\
             @media screen and (prefers-color-scheme:dark){.l text{a:c}.l .x{d:e}}.l .z{f:g}"
        );
    }

    #[test]
    fn lists_are_closed_and_texts_escaped() {
        let blocks = [
            Block::Title("title".into()),
            Block::Paragraph("a<b".into()),
            Block::Heading("What to check next".into()),
            Block::Numbered(1, "one".into()),
            Block::Command("ss -ltn '<x>'".into()),
            Block::Numbered(2, "two".into()),
            Block::Paragraph("after".into()),
        ];
        let sections = sections(&blocks);
        assert_eq!(sections[0], (String::new(), "<p>a&lt;b</p>".into()));
        assert_eq!(
            sections[1].1,
            "<ol><li>one<pre class=\"cmd\" tabindex=\"0\"><code>ss -ltn '&lt;x&gt;'</code></pre>\
             <li>two</ol><p>after</p>"
        );
    }
}
