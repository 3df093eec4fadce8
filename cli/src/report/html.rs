//! Pieces of HTML.

use std::fmt::Write;

use anstream::adapter::strip_str;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use dissector_core::connection::ColourRole;
use sha2::{Digest, Sha256};

pub use crate::ladder::svg::Escaped;
use crate::output::document::{Part, Section};

/// A section as HTML, without its heading. A diagram is left out: the page has a picture.
pub fn section(section: &Section) -> String {
    let (mut body, mut open) = (String::new(), "");
    for part in &section.parts {
        let list = match part {
            Part::Event { .. } | Part::Evidence { .. } | Part::Item { .. } => "ul",
            Part::Check { .. } | Part::Cause { decided: false, .. } => "ol",
            _ => "",
        };
        if list != open {
            if !open.is_empty() {
                let _ = write!(body, "</{open}>");
            }
            if !list.is_empty() {
                let _ = write!(body, "<{list}>");
            }
            open = list;
        }
        write_part(&mut body, part);
    }
    if !open.is_empty() {
        let _ = write!(body, "</{open}>");
    }
    body
}

fn write_part(body: &mut String, part: &Part) {
    let _ = match part {
        Part::Paragraph { text } => write!(body, "<p>{}</p>", escaped(text)),
        Part::Verdict { of, label, colour, text } => write!(
            body,
            "<p>{}: <span class=\"chip {}\">{label}</span> {}</p>",
            escaped(of),
            class(*colour),
            escaped(text)
        ),
        Part::Event { when, text } => {
            write!(body, "<li><b>{}</b> {}", escaped(when), escaped(text))
        }
        Part::Cause { text, references, decided: true, .. } => {
            write!(body, "<p>{}{}</p>", escaped(text), escaped(references))
        }
        Part::Cause { text, references, .. } => write!(
            body,
            "<li>{}<span class=\"aside\">{}</span>",
            escaped(text),
            escaped(references)
        ),
        Part::Evidence { mark, text, .. } => {
            let mark = mark.map_or_else(String::new, |mark| format!("<b>({mark})</b> "));
            write!(body, "<li>{mark}{}", escaped(text))
        }
        Part::Check { text, command: None } => write!(body, "<li>{}", escaped(text)),
        Part::Check { text, command: Some(line) } => {
            write!(body, "<li>{}{}", escaped(text), command(line))
        }
        Part::Item { what, text, aside } => write!(
            body,
            "<li><b>{}</b> {}<span class=\"aside\">{}</span>",
            escaped(what),
            escaped(text),
            escaped(aside)
        ),
        Part::Command { what, command: line } | Part::Filter { what, filter: line } => {
            let what =
                if what.is_empty() { what.clone() } else { format!("<p>{}</p>", escaped(what)) };
            write!(body, "{what}{}", command(line))
        }
        Part::Diagram { .. } => Ok(()),
    };
}

/// A command or filter, which the page lets one copy.
pub fn command(text: &str) -> String {
    format!("<pre class=\"cmd\" tabindex=\"0\"><code>{}</code></pre>", escaped(text))
}

/// A text for terminals, escaped for HTML. What stands between two backticks is code.
pub fn escaped(text: &str) -> String {
    let text = Escaped(&plain(text)).to_string();
    let mut with_code = String::with_capacity(text.len());
    let mut rest = &text[..];
    while let Some((before, after)) = rest.split_once('`') {
        let Some((code, after)) = after.split_once('`') else { break };
        let _ = write!(with_code, "{before}<code>{code}</code>");
        rest = after;
    }
    with_code.push_str(rest);
    with_code
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
            let _ = write!(
                scoped,
                "@media screen and ({query}{{{}}}",
                self::scoped(&after[..end], scope)
            );
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
        let style =
            "text{a:b}.x,.y{c:d}@media (prefers-color-scheme:dark){text{a:c}.x{d:e}}.z{f:g}";
        assert_eq!(
            scoped(style, ".l"),
            ".l text{a:b}.l .x,.l .y{c:d}\
             @media screen and (prefers-color-scheme:dark){.l text{a:c}.l .x{d:e}}.l .z{f:g}"
        );
    }

    #[test]
    fn lists_are_closed_and_texts_escaped() {
        let check = |text: &str, command: Option<&str>| Part::Check {
            text: text.into(),
            command: command.map(Into::into),
        };
        let mut checks = Section::new("checks", "What to check next");
        checks.parts = vec![check("a<b", Some("ss -ltn '<x>'")), check("two", None)];
        checks.paragraph("after");
        assert_eq!(
            section(&checks),
            "<ol><li>a&lt;b<pre class=\"cmd\" tabindex=\"0\"><code>ss -ltn '&lt;x&gt;'</code></pre>\
             <li>two</ol><p>after</p>"
        );
    }
}
