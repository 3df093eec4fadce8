//! Advice on an outcome or a close: its meaning, likely causes, and commands that tell them apart.

use std::borrow::Cow;
use std::net::SocketAddr;

use crate::vocabulary::cause::Cause;

/// Advice on an outcome or a close, in whole sentences.
///
/// ```
/// use dissector_core::connection::Outcome;
///
/// let advice = Outcome::NotAccepted.advice();
/// assert!(advice.checks.iter().any(|check| check.command.contains("ListenOverflows")));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Advice {
    /// The meaning, in a short paragraph.
    pub means: &'static str,
    /// Likely causes, the most likely first as long as nothing speaks for another.
    pub causes: &'static [Cause],
    /// The checks to make next.
    pub checks: &'static [Check],
}

/// A question, and the command that answers it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Check {
    /// Where to look, and what the answer tells.
    pub what: &'static str,
    /// A command for Linux, with the placeholders that [`command_line`](Self::command_line) fills
    /// in; empty if there is nothing to type.
    ///
    /// Words in capitals (`SERVICE`, `PID`) are left to the reader.
    pub command: &'static str,
    /// The causes that it is about; empty if it helps with any.
    pub causes: &'static [Cause],
    /// Whether it asks what captures of both ends tell where all arrived: what gets there, who sent it.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub told_by_points: bool,
}

/// The connection that a check is about, and the captures in which it was found.
#[derive(Clone, Copy, Debug)]
pub struct CheckTarget<'a> {
    client: SocketAddr,
    server: SocketAddr,
    file: &'a str,
    files: &'a [&'a str],
}

impl<'a> CheckTarget<'a> {
    /// A connection found in the capture `file`.
    pub const fn new(client: SocketAddr, server: SocketAddr, file: &'a str) -> Self {
        Self { client, server, file, files: &[] }
    }

    /// All captures that were read, if there are several.
    #[must_use]
    pub const fn with_files(self, files: &'a [&'a str]) -> Self {
        Self { files, ..self }
    }
}

impl Check {
    /// The same check, about these causes only.
    pub(super) const fn about(self, causes: &'static [Cause]) -> Self {
        Self { causes, ..self }
    }

    /// The same check, which captures of both ends answer.
    pub(super) const fn told_by_points(self) -> Self {
        Self { told_by_points: true, ..self }
    }

    /// Whether it helps with one of `causes`.
    pub fn helps_with(&self, causes: &[Cause]) -> bool {
        self.causes.is_empty() || self.causes.iter().any(|cause| causes.contains(cause))
    }

    /// The command for a connection; `None` if there is nothing to type.
    ///
    /// Replaces `{client}` and `{server}` by the addresses, `{port}` by the server's port, `{file}`
    /// by the capture and `{files}` by all captures, quoted for a POSIX shell.
    ///
    /// ```
    /// use dissector_core::connection::{CheckTarget, Outcome};
    ///
    /// let (client, server) = ("10.0.0.1:40000".parse()?, "10.0.0.2:80".parse()?);
    /// let target = CheckTarget::new(client, server, "two words.pcap");
    /// let checks = Outcome::AbortedByServer.advice().checks;
    /// let commands: Vec<_> = checks.iter().filter_map(|check| check.command_line(&target)).collect();
    /// assert!(commands.contains(&"ss -ltn 'sport = :80'".into()));
    /// assert!(commands.contains(
    ///     &"tcpdump -nvr 'two words.pcap' 'src host 10.0.0.2 and tcp port 80'".into()
    /// ));
    /// # Ok::<(), std::net::AddrParseError>(())
    /// ```
    pub fn command_line(&self, target: &CheckTarget<'_>) -> Option<String> {
        if self.command.is_empty() {
            return None;
        }
        let files = if target.files.is_empty() { &[target.file] } else { target.files };
        let files: Vec<_> = files.iter().map(|file| shell_quoted(file)).collect();
        let mut line = String::new();
        let mut pieces = self.command.split(['{', '}']);
        // Pieces alternate between text and placeholders.
        while let Some(text) = pieces.next() {
            line.push_str(text);
            match pieces.next() {
                Some("client") => line.push_str(&target.client.ip().to_string()),
                Some("server") => line.push_str(&target.server.ip().to_string()),
                Some("port") => line.push_str(&target.server.port().to_string()),
                Some("file") => line.push_str(&shell_quoted(target.file)),
                Some("files") => line.push_str(&files.join(" ")),
                Some(_) | None => {}
            }
        }
        Some(line)
    }
}

/// `word` as one word of a command line for a POSIX shell, in quotes if it needs them.
///
/// ```
/// use dissector_core::connection::shell_quoted;
///
/// assert_eq!(shell_quoted("a-1.pcap"), "a-1.pcap");
/// assert_eq!(shell_quoted("it's $HOME"), r"'it'\''s $HOME'");
/// ```
pub fn shell_quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |char: char| char.is_alphanumeric() || "/._-+:@%,=".contains(char);
    match word.chars().all(is_plain) && !word.is_empty() {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', r"'\''")).into(),
    }
}

pub(super) const fn check(what: &'static str, command: &'static str) -> Check {
    Check { what, command, causes: &[], told_by_points: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vocabulary::close::{UNANSWERED, UNUSED};
    use crate::vocabulary::{Change, Close, Outcome, Path};

    fn all() -> impl Iterator<Item = (&'static str, &'static Advice)> {
        let outcomes = Outcome::ALL.iter().map(|outcome| (outcome.label(), outcome.advice()));
        let closes = Close::ALL.iter().filter_map(|close| Some((close.label(), close.advice()?)));
        let ends = [("unused", &UNUSED), ("unanswered", &UNANSWERED)];
        let paths = Path::ALL.iter().map(|path| (path.label(), path.advice()));
        let changes = Change::ALL.iter().map(|change| (change.label(), change.advice()));
        outcomes.chain(closes).chain(ends).chain(paths).chain(changes)
    }

    #[test]
    fn sentences_are_whole() {
        for (label, advice) in all() {
            let causes = advice.causes.iter().map(|cause| cause.text());
            let sentences = causes.chain([advice.means]);
            let checks = advice.checks.iter().map(|check| check.what);
            for sentence in sentences.chain(checks) {
                assert!(sentence.ends_with(['.', '?']), "{label}: {sentence}");
                assert!(
                    !sentence.contains("  ") && !sentence.contains('\n'),
                    "{label}: {sentence}"
                );
            }
        }
    }

    #[test]
    fn every_failure_has_causes_and_checks_of_its_own() {
        for outcome in Outcome::ALL.iter().filter(|outcome| outcome.failed()) {
            let advice = outcome.advice();
            assert!(advice.causes.len() >= 2 && advice.checks.len() >= 2, "{outcome}");
            let alike = all().filter(|(_, other)| other.means == advice.means).count();
            assert_eq!(alike, 1, "{outcome}");
        }
    }

    #[test]
    fn checks_are_about_causes_of_the_same_advice() {
        for (label, advice) in all() {
            let helps = |check: &Check| check.helps_with(advice.causes);
            assert!(advice.causes.is_empty() || advice.checks.iter().all(helps), "{label}");
        }
    }

    #[test]
    fn every_cause_and_every_evidence_has_its_place() {
        let listed = |cause| all().any(|(_, advice)| advice.causes.contains(&cause));
        for &cause in Cause::ALL {
            assert!(listed(cause), "{cause}");
        }
        for advice in all().map(|(_, advice)| advice) {
            let distinct: std::collections::HashSet<_> = advice.causes.iter().collect();
            assert_eq!(distinct.len(), advice.causes.len());
        }
    }

    #[test]
    fn every_placeholder_is_filled_in() {
        const PLACEHOLDERS: [&str; 5] = ["client", "server", "port", "file", "files"];
        for command in all().flat_map(|(_, advice)| advice.checks).map(|check| check.command) {
            let placeholders = command.split('{').skip(1);
            for (placeholder, _) in placeholders.map(|rest| rest.split_once('}').expect(command)) {
                assert!(PLACEHOLDERS.contains(&placeholder), "{command}");
            }
        }
        let ends = ["[2001:db8::1]:40000", "[2001:db8::2]:80"].map(|end| end.parse().unwrap());
        let target = CheckTarget::new(ends[0], ends[1], "b.pcap").with_files(&["a b", "b.pcap"]);
        let line = |command| check("?", command).command_line(&target);
        let filled = "x 2001:db8::1 2001:db8::2 80 b.pcap EARLIER 'a b' b.pcap";
        assert_eq!(
            line("x {client} {server} {port} {file} EARLIER {files}").as_deref(),
            Some(filled)
        );
        assert_eq!(line(""), None);
    }

    #[test]
    fn words_are_quoted_if_a_shell_would_change_them() {
        assert_eq!(shell_quoted("/tmp/a-1.pcap"), "/tmp/a-1.pcap");
        assert_eq!(shell_quoted("über.pcap"), "über.pcap");
        assert_eq!(shell_quoted("a b$(x).pcap"), "'a b$(x).pcap'");
        assert_eq!(shell_quoted("it's"), r"'it'\''s'");
        assert_eq!(shell_quoted(""), "''");
    }
}
