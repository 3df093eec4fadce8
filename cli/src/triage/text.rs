//! Triage for people.

use jiff::Timestamp;

use super::result::{Section, Triage};
use crate::output::style::{FAINT, STRONG};
use crate::output::units::{count, duration};
use crate::reading::input::shown;

impl Triage {
    /// The result as text of so many columns, in about a screenful.
    pub fn text(&self, columns: usize) -> String {
        let mut text = String::new();
        self.head(&mut text, columns);
        let mut number = 0;
        let mut section = None;
        for group in &self.groups {
            if section != Some(group.section) {
                section = Some(group.section);
                text.push('\n');
                text.push_str(&format!("{STRONG}{}{STRONG:#}\n", self.heading(group.section)));
            }
            number += 1;
            wrap(&mut text, columns, &format!("{number}. "), "   ", &group.title);
            wrap(&mut text, columns, "   ", "   ", &group.explanation);
            if let Some((_, evidence)) = &group.evidence {
                wrap(&mut text, columns, "   ", "   ", evidence);
            }
            if let Some((what, command)) = &group.check {
                wrap(&mut text, columns, "   ", "   ", what);
                if let Some(command) = command {
                    text.push_str("     ");
                    text.push_str(command);
                    text.push('\n');
                }
            }
            if let Some(next) = &group.next {
                text.push_str(&format!("   {FAINT}${FAINT:#} {next}\n"));
            }
        }
        text
    }

    fn head(&self, text: &mut String, columns: usize) {
        let names: Vec<_> = self.files.iter().map(|file| shown(file)).collect();
        let span = self.facts.span_ns.map_or(String::new(), |(first, last)| {
            let start = Timestamp::from_nanosecond(first.into()).unwrap_or(Timestamp::UNIX_EPOCH);
            let lasted = duration(last.abs_diff(first));
            format!("{lasted} from {}, ", start.strftime("%Y-%m-%d %H:%M:%S UTC"))
        });
        let name = match &names[..] {
            [only] => (*only).to_owned(),
            _ => count(names.len() as u64, "capture"),
        };
        let line = format!(
            "{name}: {span}{}, {}",
            count(self.facts.frames, "packet"),
            count(self.counts.connections, "TCP connection")
        );
        wrap(text, columns, "", "  ", &line);
        for limit in &self.limits {
            wrap(text, columns, "  ! ", "    ", &limit.text);
        }
    }

    /// The heading of a section.
    pub fn heading(&self, section: Section) -> String {
        let counts = &self.counts;
        match section {
            Section::Failed => {
                let of = counts.failed + counts.came_up + counts.undecided;
                format!("{} of {} failed", counts.failed, count(of, "connection"))
            }
            Section::Pattern => "No failures of servers".into(),
            Section::Silent => format!("{} came up and stayed silent", counts.silent),
            Section::Slow => format!("{} came up slowly", counts.slow),
        }
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
