//! Documents in Markdown, as GitHub and GitLab render it.

use std::fmt::Write;
use std::net::{IpAddr, SocketAddr};

use super::{Document, Part, Section};

impl Document {
    pub fn markdown(&self) -> String {
        let mut text = format!("## {}\n", escaped(&self.title));
        self.sections.iter().for_each(|section| write(&mut text, section));
        text
    }
}

fn write(text: &mut String, section: &Section) {
    if !section.title.is_empty() {
        let _ = write!(text, "\n### {}\n", escaped(&section.title));
    }
    let mut number = 0;
    let mut was_item = false;
    for part in &section.parts {
        // An item of one line follows another in the next; everything else is apart from what precedes it.
        let is_item = is_item(part);
        if !(is_item && was_item) {
            text.push('\n');
        }
        was_item = is_item;
        match part {
            Part::Paragraph { text: paragraph } => {
                let _ = writeln!(text, "{}", escaped(paragraph));
            }
            Part::Verdict { of, label, text: sentence, .. } => {
                let _ = writeln!(text, "**{}:** `{label}`. {}", escaped(of), escaped(sentence));
            }
            Part::Event { when, text: sentence } => {
                let _ = writeln!(text, "- **{}** {}", escaped(when), escaped(sentence));
            }
            Part::Cause { text: sentence, references, decided, .. } => {
                number += 1;
                let number = if *decided { String::new() } else { format!("{number}. ") };
                let _ = writeln!(text, "{number}{}{}", escaped(sentence), escaped(references));
            }
            Part::Evidence { mark, text: sentence, .. } => {
                let mark = mark.map_or_else(String::new, |mark| format!("({mark}) "));
                let _ = writeln!(text, "- {mark}{}", escaped(sentence));
            }
            Part::Check { text: sentence, command } => {
                number += 1;
                let _ = writeln!(text, "{number}. {}", escaped(sentence));
                if let Some(command) = command {
                    text.push('\n');
                    fence(text, "   ", "sh", command);
                }
            }
            Part::Item { what, text: sentence, aside } => {
                let _ = writeln!(
                    text,
                    "- **{}** {}{}",
                    escaped(what),
                    escaped(sentence),
                    escaped(aside)
                );
            }
            Part::Command { what, command } => introduced(text, what, "sh", command),
            Part::Filter { what, filter } => introduced(text, what, "", filter),
            Part::Diagram { mermaid } => fence(text, "", "mermaid", mermaid),
        }
    }
}

/// Whether a part is an item of one line.
fn is_item(part: &Part) -> bool {
    match part {
        Part::Event { .. } | Part::Evidence { .. } | Part::Item { .. } => true,
        Part::Check { command, .. } => command.is_none(),
        Part::Cause { decided, .. } => !decided,
        _ => false,
    }
}

/// A sentence, and a block of code below it.
fn introduced(text: &mut String, what: &str, language: &str, code: &str) {
    if !what.is_empty() {
        let _ = write!(text, "{}\n\n", escaped(what));
    }
    fence(text, "", language, code);
}

/// A block of code, whose fence is longer than any in it.
fn fence(text: &mut String, indent: &str, language: &str, code: &str) {
    let longest = code.split(|letter| letter != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    let _ = writeln!(text, "{indent}{fence}{language}");
    for line in code.lines() {
        let _ = writeln!(text, "{indent}{line}");
    }
    let _ = writeln!(text, "{indent}{fence}");
}

/// `text` so that Markdown shows it as it is. What stands between two backticks stays code.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('`') {
        put(&mut escaped, before);
        match after.split_once('`') {
            Some((code, after)) => {
                let _ = write!(escaped, "`{code}`");
                rest = after;
            }
            None => {
                escaped.push_str("\\`");
                rest = after;
            }
        }
    }
    put(&mut escaped, rest);
    if let Some(place) = marker(&escaped) {
        escaped.insert(place, '\\');
    }
    escaped
}

/// Puts a text that is no code.
fn put(escaped: &mut String, text: &str) {
    for word in text.split_inclusive(char::is_whitespace) {
        let bare =
            word.trim_matches(|letter: char| letter.is_whitespace() || ",;().".contains(letter));
        let bare = bare.strip_suffix("'s").unwrap_or(bare);
        // A colon ends an introduction, unless the address itself ends with two.
        let bare = match bare.strip_suffix(':') {
            Some(less) if is_code(less) => less,
            _ => bare,
        };
        match word.split_once(bare) {
            Some((before, after)) if is_code(bare) => {
                let _ = write!(escaped, "{before}`{bare}`{after}");
            }
            _ => put_plain(escaped, word),
        }
    }
}

/// Whether a word is shown as it is only as code: `:100:` in an address would become a picture, and `@`
/// would notify a stranger.
fn is_code(word: &str) -> bool {
    word.contains('@') || word.parse::<IpAddr>().is_ok() || word.parse::<SocketAddr>().is_ok()
}

fn put_plain(escaped: &mut String, word: &str) {
    let mut before = ' ';
    let mut letters = word.chars().peekable();
    while let Some(letter) = letters.next() {
        let next = letters.peek().copied().unwrap_or(' ');
        let is_special = match letter {
            '\\' | '*' | '[' | ']' | '<' | '>' | '~' | '|' | '$' | '!' => true,
            '&' | '#' => next.is_alphanumeric() || next == '#',
            // Between letters it begins no emphasis.
            '_' => !(before.is_alphanumeric() && next.is_alphanumeric()),
            _ => false,
        };
        match letter {
            _ if letter.is_control() && letter != '\n' => {
                let _ = write!(escaped, "{}", letter.escape_default());
            }
            '\n' => escaped.push(' '),
            _ => {
                if is_special {
                    escaped.push('\\');
                }
                escaped.push(letter);
            }
        }
        before = letter;
    }
}

/// Where a line needs a backslash lest it begin a list, a quotation or a heading.
fn marker(text: &str) -> Option<usize> {
    let first = text.split(' ').next().unwrap_or_default();
    let digits = first.bytes().take_while(u8::is_ascii_digit).count();
    match &first[digits..] {
        "." | ")" if digits > 0 => Some(digits),
        "-" | "+" | "=" | "---" if digits == 0 => Some(0),
        hashes if digits == 0 && !hashes.is_empty() && hashes.bytes().all(|it| it == b'#') => {
            Some(0)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_shown_as_it_is() {
        for (text, expected) in [
            ("not_accepted: a *b* [c] <d>", "not_accepted: a \\*b\\* \\[c\\] \\<d\\>"),
            ("run `a_b *c*` now", "run `a_b *c*` now"),
            ("one ` only", "one \\` only"),
            ("- x", "\\- x"),
            ("1. x", "1\\. x"),
            ("## x", "\\## x"),
            ("root@host up", "`root@host` up"),
            ("_x_", "\\_x\\_"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }

    #[test]
    fn addresses_are_code() {
        assert_eq!(escaped("10.0.0.1:80's host"), "`10.0.0.1:80`'s host");
        assert_eq!(
            escaped("to [2001:db8:100::5]:443, (::1)."),
            "to `[2001:db8:100::5]:443`, (`::1`)."
        );
    }

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        let mut text = String::new();
        fence(&mut text, "", "sh", "echo '```'");
        assert_eq!(text, "````sh\necho '```'\n````\n");
    }
}
