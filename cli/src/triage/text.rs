//! Triage for people: in about a screenful.

use jiff::Timestamp;

use super::limits::listed;
use super::result::{Group, Section, Triage};
use super::wording::{amount, grouped};
use crate::output::style::{FAINT, STRONG};
use crate::output::units::duration;
use crate::reading::input::shown;

/// Lines of a screen.
const LINES: usize = 24;

/// How much is said of a group.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Detail {
    Nothing,
    Title,
    /// Title and next command.
    Short,
    Full,
}

impl Triage {
    /// The result as text of so many columns.
    pub fn text(&self, columns: usize) -> String {
        let mut text = String::new();
        self.head(&mut text, columns);
        if self.groups.is_empty() {
            text.push('\n');
            wrap(&mut text, columns, "", "", &self.nothing_wrong());
            return text;
        }
        if self.counts.failed == 0 && self.opened() > 0 {
            text.push('\n');
            wrap(&mut text, columns, "", "", &self.none_failed());
        }
        let room = LINES.saturating_sub(text.lines().count());
        let mut details = vec![Detail::Full; self.groups.len()];
        let mut body = self.body(&details, columns);
        // The first group is said in full, and of the others as much as there is room for.
        let number = details.len();
        let demotions = [Detail::Short, Detail::Title, Detail::Nothing]
            .into_iter()
            .flat_map(|detail| (1..number).rev().map(move |place| (detail, place)));
        for (detail, place) in demotions {
            if body.lines().count() <= room {
                break;
            }
            details[place] = detail;
            body = self.body(&details, columns);
        }
        text.push_str(&body);
        text
    }

    fn head(&self, text: &mut String, columns: usize) {
        let names: Vec<_> = self.files.iter().map(|file| shown(file)).collect();
        let name = match &names[..] {
            [only] => (*only).to_owned(),
            _ => amount(names.len(), "capture"),
        };
        let span = self.facts.span_ns.map_or(String::new(), |(first, last)| {
            let start = Timestamp::from_nanosecond(first.into()).unwrap_or(Timestamp::UNIX_EPOCH);
            let lasted = duration(last.abs_diff(first));
            format!("{lasted} from {}, ", start.strftime("%Y-%m-%d %H:%M:%S UTC"))
        });
        let connections = match self.counts.connections {
            0 => "no TCP connection".into(),
            number => amount(number, "TCP connection"),
        };
        let packets = amount(self.facts.frames, "packet");
        let name = format!("{STRONG}{name}{STRONG:#}");
        wrap(text, columns, "", "  ", &format!("{name}: {span}{packets}, {connections}"));
        for limit in &self.limits {
            wrap(text, columns, "  ! ", "    ", &limit.text);
        }
    }

    /// Connections that were opened in the capture, or not: patterns aside.
    fn opened(&self) -> u64 {
        self.counts.failed + self.counts.came_up + self.counts.undecided
    }

    fn none_failed(&self) -> String {
        let counts = &self.counts;
        match (counts.came_up, counts.undecided) {
            (up, 0) => format!("None of {} failed.", amount(up, "connection")),
            (0, undecided) => {
                format!("Whether {} came up cannot be told.", amount(undecided, "connection"))
            }
            (up, undecided) => format!(
                "None is known to have failed: {} came up, {} undecided.",
                amount(up, "connection"),
                grouped(undecided)
            ),
        }
    }

    fn nothing_wrong(&self) -> String {
        let counts = &self.counts;
        let files = if self.files.len() == 1 { "this capture" } else { "these captures" };
        if counts.connections == 0 {
            let others = self.facts.others.iter().map(|(name, frames)| (name.as_str(), *frames));
            let others = listed(others);
            return match (self.facts.frames, others.is_empty()) {
                (0, _) => format!("There is no packet in {files}."),
                (_, true) => format!("There is no TCP connection in {files}."),
                _ => format!("There is no TCP connection in {files}, but {others}."),
            };
        }
        if counts.came_up == 0 && counts.undecided == 0 {
            return format!(
                "No connection was opened in {files}, so there is nothing to say about how connections \
                 come up. To see it, start the capture before the connection."
            );
        }
        if counts.came_up == 0 {
            return self.none_failed();
        }
        let slowest = self.slowest.map_or(String::new(), |(setup_ns, conn)| {
            format!(", the slowest in {} (connection {conn})", duration(setup_ns))
        });
        let undecided = match counts.undecided {
            0 => String::new(),
            number => format!("; {} undecided", grouped(number)),
        };
        let up = match counts.came_up {
            1 => "the connection".into(),
            2 => "both connections".into(),
            number => format!("all {} connections", grouped(number)),
        };
        let up = if counts.undecided > 0 { amount(counts.came_up, "connection") } else { up };
        format!(
            "Nothing wrong is seen: {up} came up{slowest}, and no first data was left without an \
             acknowledgment{undecided}. Not looked at: names (DNS), speed, and what the programs say."
        )
    }

    fn body(&self, details: &[Detail], columns: usize) -> String {
        let mut text = String::new();
        let mut section = None;
        for ((number, group), detail) in (1..).zip(&self.groups).zip(details) {
            if *detail == Detail::Nothing {
                continue;
            }
            if section != Some(group.section) {
                section = Some(group.section);
                let heading = self.heading(group.section);
                text.push_str(&format!("\n{STRONG}{heading}{STRONG:#}\n"));
            }
            put(&mut text, number, group, *detail, columns);
        }
        let left_out = details.iter().filter(|detail| **detail == Detail::Nothing).count();
        if left_out > 0 {
            let files: Vec<_> = self.files.iter().map(String::as_str).collect();
            let told = format!(
                "… and {}: tcphs triage --format json {}",
                amount(left_out, "further group"),
                files.join(" ")
            );
            text.push_str(&format!("{FAINT}{told}{FAINT:#}\n"));
        }
        text
    }

    fn heading(&self, section: Section) -> String {
        let counts = &self.counts;
        match section {
            Section::Failed => {
                let undecided = match counts.undecided {
                    0 => String::new(),
                    number => format!(" ({} undecided)", grouped(number)),
                };
                let of = amount(self.opened(), "connection");
                format!("{} of {of} failed{undecided}", grouped(counts.failed))
            }
            Section::Pattern => "No failures of servers".into(),
            Section::Silent => {
                format!("{} came up, with trouble afterwards", grouped(counts.silent))
            }
            Section::Slow => format!("{} came up slowly", grouped(counts.slow)),
        }
    }
}

fn put(text: &mut String, number: usize, group: &Group, detail: Detail, columns: usize) {
    let first = format!("{number}. ");
    let indent = " ".repeat(first.len());
    wrap(text, columns, &first, &indent, &group.title);
    if detail == Detail::Full {
        wrap(text, columns, &indent, &indent, &group.explanation);
        if let Some((_, evidence)) = &group.evidence {
            wrap(text, columns, &indent, &indent, &format!("Seen: {evidence}"));
        }
        if let Some((what, command)) = &group.check {
            wrap(text, columns, &indent, &indent, &format!("Check: {what}"));
            if let Some(command) = command {
                text.push_str(&format!("{indent}  {command}\n"));
            }
        }
    }
    if let (Some(next), Detail::Full | Detail::Short) = (&group.next, detail) {
        text.push_str(&format!("{indent}More: {next}\n"));
    }
}

fn wrap(text: &mut String, columns: usize, first: &str, others: &str, paragraph: &str) {
    if paragraph.is_empty() {
        return;
    }
    let options = textwrap::Options::new(columns)
        .initial_indent(first)
        .subsequent_indent(others)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    for line in textwrap::wrap(paragraph, options) {
        text.push_str(&line);
        text.push('\n');
    }
}
