//! A command line that names captures and no command.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::{Command, CommandFactory};

use super::Cli;

/// The command for captures alone.
const TRIAGE: &str = "triage";
/// Options before a command that take a value.
const WITH_VALUE: &str = "--color";
/// Endings of the names of captures.
const ENDINGS: [&str; 7] = ["pcap", "pcapng", "cap", "dmp", "gz", "zst", "ntar"];

/// The first word that is no option stands for captures, so the command that goes with them is added; or
/// the reason why it is neither a command nor a capture.
pub fn with_command(mut words: Vec<OsString>) -> Result<Vec<OsString>, String> {
    let Some(place) = place(&words) else { return Ok(words) };
    let (word, cli) = (words[place].clone(), Cli::command());
    let is_option = word != "-" && word.as_encoded_bytes().starts_with(b"-");
    if is_option || word == "-" || Path::new(&word).exists() && !is_command(&cli, &word) {
        words.insert(place, TRIAGE.into());
        return Ok(words);
    }
    if is_command(&cli, &word) {
        return Ok(words);
    }
    let (name, commands) = (word.display(), commands(&cli));
    if is_file_name(&word) {
        return Err(format!(
            "no such file: {name} (and no such command; commands are: {commands})"
        ));
    }
    match nearest(&cli, &word) {
        Some(near) => {
            Err(format!("no command or file is named {name}; did you mean `tcphs {near}`?"))
        }
        None => Err(format!("no command or file is named {name}; commands are: {commands}")),
    }
}

/// The place of the first word after the name of the program that is not about colours or help.
fn place(words: &[OsString]) -> Option<usize> {
    let mut place = 1;
    loop {
        let word = words.get(place)?.to_str().unwrap_or_default();
        match word {
            "-h" | "--help" | "-V" | "--version" => return None,
            WITH_VALUE => place += 2,
            _ if word.starts_with("--color=") => place += 1,
            _ => return Some(place),
        }
    }
}

fn is_command(cli: &Command, word: &OsStr) -> bool {
    word == "help" || names(cli).any(|name| *word == *name)
}

fn names(cli: &Command) -> impl Iterator<Item = &str> {
    cli.get_subcommands().map(Command::get_name)
}

fn commands(cli: &Command) -> String {
    names(cli).collect::<Vec<_>>().join(", ")
}

/// Whether it looks like the name of a file.
fn is_file_name(word: &OsStr) -> bool {
    let path = Path::new(word);
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
    path.components().count() > 1 || ending.is_some_and(|ending| ENDINGS.contains(&&*ending))
}

/// The command whose name is nearest, if it is near.
fn nearest<'a>(cli: &'a Command, word: &OsStr) -> Option<&'a str> {
    let word = word.to_string_lossy().to_lowercase();
    let near = names(cli).map(|name| (distance(&word, name), name));
    let (distance, name) = near.min_by_key(|(distance, _)| *distance)?;
    (distance <= 2.max(name.len() / 3) && distance < word.chars().count()).then_some(name)
}

/// How many letters have to be added, removed or changed to make one word of the other.
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<_> = other.chars().collect();
    let mut row: Vec<_> = (0..=other.len()).collect();
    for (place, letter) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], place + 1);
        for (column, that) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *that);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(line: &str) -> Result<String, String> {
        let words = line.split_whitespace().map(Into::into).collect();
        let words = with_command(words)?;
        let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
        Ok(words.join(" "))
    }

    #[test]
    fn captures_alone_are_triaged() {
        for (line, full) in [
            ("tcphs Cargo.toml", "tcphs triage Cargo.toml"),
            ("tcphs -", "tcphs triage -"),
            ("tcphs --color never src", "tcphs --color never triage src"),
            ("tcphs --color=never -", "tcphs --color=never triage -"),
            ("tcphs --host ::1 a.pcap", "tcphs triage --host ::1 a.pcap"),
        ] {
            assert_eq!(given(line).as_deref(), Ok(full));
        }
        for line in ["tcphs", "tcphs --help", "tcphs help", "tcphs packets -", "tcphs --color"] {
            assert_eq!(given(line).as_deref(), Ok(line));
        }
    }

    #[test]
    fn what_is_neither_command_nor_capture_is_answered() {
        let told = |line| given(line).expect_err(line);
        assert!(told("tcphs conections x").contains("`tcphs connections`"));
        assert!(told("tcphs server x").contains("`tcphs servers`"));
        assert!(told("tcphs no/where").starts_with("no such file: no/where"));
        assert!(told("tcphs nowhere.pcap.gz").starts_with("no such file: nowhere.pcap.gz"));
        assert!(told("tcphs quux").contains("commands are: triage, connections,"));
    }

    #[test]
    fn distances_count_letters() {
        assert_eq!(distance("conections", "connections"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
        assert_eq!(distance("lader", "ladder"), 1);
    }
}
