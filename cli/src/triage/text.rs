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

/// Groups of a section that are shown at most.
const SHOWN: usize = 6;

/// How much is said of a group.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Detail {
    Nothing,
    Title,
    /// Title and next command.
    Short,
    /// The same and the explanation.
    Brief,
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
        let hint = usize::from(!self.readable);
        let room = LINES.saturating_sub(text.lines().count() + hint);
        let full = |group: &Group| if group.is_minor { Detail::Short } else { Detail::Full };
        let mut details: Vec<_> = self.groups.iter().map(full).collect();
        for (place, detail) in details.iter_mut().enumerate() {
            let before = place.checked_sub(SHOWN).map(|before| self.groups[before].section);
            if before == Some(self.groups[place].section) {
                *detail = Detail::Nothing;
            }
        }
        let shown: Vec<_> =
            (0..details.len()).filter(|place| details[*place] > Detail::Nothing).collect();
        let mut body = self.body(&details, columns);
        for (place, detail) in demotions(shown.len()) {
            if body.lines().count() <= room {
                break;
            }
            let place = shown[place];
            details[place] = detail.min(details[place]);
            body = self.body(&details, columns);
        }
        text.push_str(&body);
        if !self.readable {
            let hint = "To look closer, save the capture to a file: tcphs explain --conn N FILE";
            text.push_str(&format!("{FAINT}{hint}{FAINT:#}\n"));
        }
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
            format!(
                "{} from {}, ",
                lasted(last.abs_diff(first)),
                start.strftime("%Y-%m-%d %H:%M:%S UTC")
            )
        });
        let connections = match self.counts.connections {
            0 => "no TCP connection".into(),
            number => amount(number, "TCP connection"),
        };
        let packets = amount(self.facts.frames, "packet");
        // A long path leaves no room for what is to be read.
        let short = std::path::Path::new(&name).file_name().filter(|_| name.len() > columns / 2);
        let name = short.map_or(name.clone(), |short| short.to_string_lossy().into_owned());
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

    /// What is said where no connection failed.
    pub fn none_failed(&self) -> String {
        let counts = &self.counts;
        if self.restricted && counts.undecided == 0 {
            return format!("{} asked for, and none failed.", amount(counts.came_up, "connection"));
        }
        match (counts.came_up, counts.undecided) {
            (1, 0) => "The connection came up.".into(),
            (2, 0) => "Both connections came up.".into(),
            (up, 0) => format!("All {} connections came up.", grouped(up)),
            (0, 1) => "Whether the connection came up cannot be told.".into(),
            (0, undecided) => {
                format!("Whether the {} connections came up cannot be told.", grouped(undecided))
            }
            (up, undecided) => format!(
                "None is known to have failed: {} came up, of {} it cannot be told.",
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
            let many = if self.facts.others.len() == 1 { "" } else { "s" };
            return match (self.facts.frames, others.is_empty()) {
                (0, _) => format!("There is no packet in {files}."),
                (_, true) => format!("There is no TCP connection in {files}."),
                _ => format!(
                    "There is no TCP connection in {files}, but other protocol{many}: {others}."
                ),
            };
        }
        if self.opened() == 0 {
            return format!(
                "No connection was opened in {files}, so there is nothing to say about how connections \
                 come up. To see it, start the capture before the connection."
            );
        }
        if counts.came_up == 0 {
            return self.none_failed();
        }
        let slowest = self.slowest.map_or(String::new(), |(setup_ns, conn)| {
            let took = duration(setup_ns);
            match counts.came_up {
                1 => format!(" It took {took}."),
                _ => format!(" The slowest took {took} (connection {conn})."),
            }
        });
        let seen = if counts.undecided == 0 { "Nothing wrong is seen. " } else { "" };
        let data = match self.one_sided {
            true => " Whether anything was left without an answer cannot be told.",
            false => " No first data went without an acknowledgment, and no reset cut it short.",
        };
        format!(
            "{seen}{}{slowest}{data} Not looked at: names (DNS), speed, and what the \
             programs say.",
            self.none_failed()
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

    /// The heading of a section.
    pub fn heading(&self, section: Section) -> String {
        let counts = &self.counts;
        match section {
            Section::Failed => {
                let undecided = match counts.undecided {
                    0 => String::new(),
                    number => format!(" ({} undecided)", grouped(number)),
                };
                match (counts.failed, self.opened()) {
                    (failed, all) if self.restricted => format!(
                        "{} failed, of {} asked for{undecided}",
                        grouped(failed),
                        amount(all, "connection")
                    ),
                    (1, 1) => "The only connection failed".into(),
                    (2, 2) => "Both connections failed".into(),
                    (failed, all) if failed == all => {
                        format!("All {} connections failed", grouped(all))
                    }
                    (failed, all) => format!(
                        "{} of {} connections failed{undecided}",
                        grouped(failed),
                        grouped(all)
                    ),
                }
            }
            Section::Pattern => "Not counted as failures".into(),
            Section::Silent => format!("{} came up in vain", grouped(counts.silent)),
            Section::Reset => match counts.reset {
                1 => "1 was ended by a reset".into(),
                number => format!("{} were ended by a reset", grouped(number)),
            },
            Section::Slow => format!("{} came up slowly", grouped(counts.slow)),
        }
    }
}

/// In which order less is said of groups, so that all fit on a screen: the later a group, the sooner. Of
/// those that are left out only the number is given.
fn demotions(number: usize) -> Vec<(usize, Detail)> {
    let all = |detail, from: usize| (from..number).rev().map(move |place| (place, detail));
    let steps = [
        all(Detail::Brief, 1),
        all(Detail::Short, 2),
        all(Detail::Short, 1),
        all(Detail::Title, 2),
        all(Detail::Nothing, 5),
        all(Detail::Title, 1),
        all(Detail::Nothing, 3),
        all(Detail::Short, 0),
        all(Detail::Nothing, 1),
    ];
    steps.into_iter().flatten().collect()
}

fn put(text: &mut String, number: usize, group: &Group, detail: Detail, columns: usize) {
    let first = format!("{number}. ");
    let indent = " ".repeat(first.len());
    wrap(text, columns, &first, &indent, &group.title);
    if detail >= Detail::Brief {
        wrap(text, columns, &indent, &indent, &group.explanation);
    }
    if detail == Detail::Full {
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
    if let (Some(next), true) = (&group.next, detail >= Detail::Short) {
        text.push_str(&format!("{indent}More: {next}\n"));
    }
}

/// A duration; long ones in days.
fn lasted(ns: u64) -> String {
    const DAY: u64 = 86_400_000_000_000;
    match ns / DAY {
        0..3 => duration(ns),
        days => format!("{} days", grouped(days)),
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
