//! The output of commands quoted in README.md and docs/ is what the commands print.
//!
//! A line of a fenced block that begins with `$ cargo xtask tshark …`, `$ tcphs …` or `$ tcpdump …` is
//! run in the project's folder. The lines below it are compared one by one:
//!
//! - a line `…` stands for any number of lines, including none;
//! - if `(cut to fit)` follows the command, a line that ends in ` …` only has to be the beginning of
//!   the real one;
//! - all other lines have to be equal.
//!
//! `cargo xtask bless` writes the outputs again. A block that
//! contains only its command gets the whole output; lines between two `…` are left unchanged.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use expect_test::expect_file;
use testkit::workspace_root;
use tests::{finish, tcphs, text, tshark, wireshark};

/// The beginnings of the lines with quoted commands.
const PROMPTS: [&str; 3] = ["$ cargo xtask tshark ", "$ tcphs ", "$ tcpdump "];

/// The longest line of a block that is cut to fit, in characters.
const WIDTH: usize = 136;

/// A command quoted in a page, and the output quoted below it.
struct Quoted {
    /// The line of the page, including `$ ` and `(cut to fit)`.
    line: String,
    output: Vec<String>,
}

impl Quoted {
    fn command(&self) -> &str {
        self.line.trim_start_matches("$ ").trim_end_matches("(cut to fit)").trim_end()
    }

    fn cut(&self) -> bool {
        self.line.ends_with("(cut to fit)")
    }

    /// True if the output is compared. Wireshark's own texts change from version to version; the
    /// pages quote those of 4.0.
    fn checked(&self) -> bool {
        !self.command().starts_with("cargo xtask tshark ")
            || wireshark().version.0 == 4 && wireshark().version.1 == 0
    }

    fn run(&self) -> Vec<String> {
        let words = words(self.command());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let said = match words[..] {
            ["cargo", "xtask", "tshark", ref arguments @ ..] => tshark(arguments),
            ["tcphs", ref arguments @ ..] => {
                text(&finish(tcphs().args(arguments).current_dir(workspace_root())))
            }
            ["tcpdump", ref arguments @ ..] => {
                text(&finish(Command::new("tcpdump").args(arguments)))
            }
            _ => unreachable!("{}", self.line),
        };
        said.trim_end().lines().map(|line| line.trim_end().to_owned()).collect()
    }
}

/// Splits a command line into words; a quoted part is one word.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for character in line.chars() {
        match (quote, character) {
            (Some(open), _) if open == character => quote = None,
            (None, '\'' | '"') => quote = Some(character),
            (None, ' ') => words.push(String::new()),
            _ => words.last_mut().expect("there is one").push(character),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// True if `quoted` stands for the output `said` by the rules above.
fn agrees(quoted: &[String], said: &[String], cut: bool) -> bool {
    match (quoted, said) {
        ([], []) => true,
        ([line, quoted @ ..], _) if line.trim() == "…" => {
            (0..=said.len()).any(|left_out| agrees(quoted, &said[left_out..], cut))
        }
        ([line, quoted @ ..], [real, said @ ..]) => {
            let beginning = line.strip_suffix(" …").filter(|_| cut);
            let same = match beginning {
                Some(beginning) => real.starts_with(beginning),
                None => line == real,
            };
            same && agrees(quoted, said, cut)
        }
        _ => false,
    }
}

/// The lines that replace the quoted output.
fn renewed(quoted: &Quoted, said: &[String]) -> Vec<String> {
    let shown = |line: &String| match line.char_indices().nth(WIDTH) {
        Some((end, _)) if quoted.cut() => {
            format!("{} …", line[..end].rsplit_once(' ').map_or(line.as_str(), |(head, _)| head))
        }
        _ => line.clone(),
    };
    let gap = |line: &String| line.trim() == "…";
    let Some(first) = quoted.output.iter().position(gap) else {
        return said.iter().map(shown).collect();
    };
    let last = quoted.output.iter().rposition(gap).expect("there is one");
    let tail = quoted.output.len() - last - 1;
    let mut lines: Vec<String> = said.iter().take(first).map(shown).collect();
    lines.extend_from_slice(&quoted.output[first..=last]);
    lines.extend(said.iter().skip(said.len().saturating_sub(tail)).map(shown));
    lines
}

/// A piece of a page: a line of text, or a quoted command with its output.
enum Piece {
    Text(String),
    Quoted(Quoted),
}

fn pieces(page: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut fenced = false;
    for line in page.lines() {
        let command = PROMPTS.iter().any(|prompt| line.starts_with(prompt));
        if line.starts_with("```") {
            fenced = !fenced;
            pieces.push(Piece::Text(line.to_owned()));
        } else if fenced && command {
            pieces.push(Piece::Quoted(Quoted { line: line.to_owned(), output: Vec::new() }));
        } else if let Some(Piece::Quoted(quoted)) = pieces.last_mut() {
            quoted.output.push(line.to_owned());
        } else {
            pieces.push(Piece::Text(line.to_owned()));
        }
    }
    pieces
}

fn pages() -> Vec<PathBuf> {
    let entries = fs::read_dir(workspace_root().join("docs")).expect("docs/ can be read");
    let mut pages: Vec<_> = entries.map(|entry| entry.expect("likewise").path()).collect();
    pages.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
    for page in ["README.md", "README.ko.md", "SECURITY.md", "CHANGELOG.md", "samples/README.md"] {
        pages.push(workspace_root().join(page));
    }
    pages.sort();
    pages
}

#[test]
fn the_output_quoted_in_pages_is_up_to_date() {
    std::env::set_current_dir(workspace_root()).expect("it is there");
    let mut checked = 0;
    for path in pages() {
        let page = fs::read_to_string(&path).expect("the page can be read");
        let mut renewed_page = String::new();
        for piece in pieces(&page) {
            let quoted = match piece {
                Piece::Text(line) => {
                    renewed_page += &(line + "\n");
                    continue;
                }
                Piece::Quoted(quoted) => quoted,
            };
            let mut output = quoted.output.clone();
            if quoted.checked() {
                checked += 1;
                // A blank line between two commands belongs to neither of them.
                let end = output.iter().rposition(|line| !line.is_empty()).map_or(0, |at| at + 1);
                let blank = output.split_off(end);
                let said = quoted.run();
                if !agrees(&output, &said, quoted.cut()) {
                    output = renewed(&Quoted { output, line: quoted.line.clone() }, &said);
                }
                output.extend(blank);
            }
            for line in [quoted.line].into_iter().chain(output) {
                renewed_page += &(line + "\n");
            }
        }
        expect_file![path].assert_eq(&renewed_page);
    }
    assert!(checked >= 10, "only {checked} outputs are quoted");
}

/// Every link leads to an existing file and heading, and every picture to a file.
#[test]
fn links_lead_somewhere() {
    for path in pages() {
        let page = fs::read_to_string(&path).expect("the page can be read");
        let links = page.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
        // A picture with a dark and a light form.
        let pictures = [" src=\"", " srcset=\""]
            .into_iter()
            .flat_map(|name| page.split(name).skip(1).filter_map(|rest| rest.split_once('"')));
        for link in links.chain(pictures) {
            let (target, heading) = link.0.split_once('#').unwrap_or((link.0, ""));
            if target.contains("://") {
                continue;
            }
            let folder = path.parent().expect("a page lies in a folder");
            let there = if target.is_empty() { path.clone() } else { folder.join(target) };
            assert!(there.exists(), "{}: {}", path.display(), link.0);
            if !heading.is_empty() {
                let text = fs::read_to_string(&there).expect("a page");
                let headings = text.lines().filter(|line| line.starts_with('#')).map(anchor);
                assert!(headings.into_iter().any(|anchor| anchor == heading), "{}", link.0);
            }
        }
    }
}

/// The anchor that Markdown renderers derive from a heading.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn the_rules_of_comparison() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let said = lines("one\ntwo and more\nthree");
    assert!(agrees(&lines("one\n…\nthree"), &said, false));
    assert!(agrees(&lines("one\ntwo …\n…"), &said, true));
    assert!(!agrees(&lines("one\ntwo …\n…"), &said, false));
    assert!(!agrees(&lines("one\n…\nfour"), &said, false));
    assert!(!agrees(&lines("one\ntwo and more"), &said, false));
    assert_eq!(words("a 'b c' -Y \"d\""), ["a", "b c", "-Y", "d"]);
    assert_eq!(anchor("## no_reply (failed)"), "no_reply-failed");
}
