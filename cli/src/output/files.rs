//! How tables call the files that were read.

use std::collections::HashMap;
use std::path::Path;

/// A name for each file, with which it can be told from the others.
pub struct Files(Vec<String>);

/// Letters of a name that are shown; the end tells more than the folders in front of it.
const MOST: usize = 32;

impl Files {
    /// The last part of each name, or all of it where several have the same.
    pub fn new(names: &[String]) -> Self {
        let last = |name: &String| {
            let last = Path::new(name).file_name().map(|last| last.to_string_lossy().into_owned());
            last.unwrap_or_else(|| name.clone())
        };
        let mut uses: HashMap<String, usize> = HashMap::new();
        names.iter().for_each(|name| *uses.entry(shortened(&last(name))).or_default() += 1);
        let called = names.iter().map(|name| {
            let last = shortened(&last(name));
            if uses[&last] > 1 { printable(name) } else { last }
        });
        Self(called.collect())
    }

    pub fn are_several(&self) -> bool {
        self.0.len() > 1
    }

    pub fn of(&self, index: usize) -> &str {
        self.0.get(index).map_or("", |name| name)
    }
}

fn shortened(name: &str) -> String {
    let name = printable(name);
    let length = name.chars().count();
    if length <= MOST {
        return name;
    }
    let end: String = name.chars().skip(length + 1 - MOST).collect();
    format!("…{end}")
}

/// A text of a capture or a file system, without letters that would move the cursor or turn the direction
/// of what follows.
pub fn printable(text: &str) -> String {
    let turns = |letter: char| {
        matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{feff}' | '\u{61c}')
    };
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            _ if letter.is_control() || turns(letter) => shown.extend(letter.escape_unicode()),
            _ => shown.push(letter),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(names: &[&str]) -> Vec<String> {
        Files::new(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).0
    }

    #[test]
    fn the_last_part_is_enough_unless_it_is_of_several() {
        assert_eq!(called(&["day/a.pcap", "b.pcap", "-"]), ["a.pcap", "b.pcap", "-"]);
        assert_eq!(called(&["1/a.pcap", "2/a.pcap", "b"]), ["1/a.pcap", "2/a.pcap", "b"]);
        let long = "trace-of-the-third-server-2026-01-02.pcapng";
        assert_eq!(called(&[long, "b"])[0], "…-third-server-2026-01-02.pcapng");
        assert_eq!(called(&["a\u{1b}[2J\u{202e}", "b"])[0], "a\\u{1b}[2J\\u{202e}");
    }
}
