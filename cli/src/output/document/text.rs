//! Documents for a terminal.

use super::{Document, Part, Section};
use crate::output::page::Page;
use crate::output::style::{FAINT, colour_style};

impl Document {
    /// In lines of so many columns; only commands are longer. Diagrams are left out.
    pub fn text(&self, columns: usize) -> String {
        let mut page = Page::new(columns);
        page.title(&self.title);
        self.sections.iter().for_each(|section| write(&mut page, section));
        page.finish()
    }
}

fn write(page: &mut Page, section: &Section) {
    let is_shown = |part: &&Part| !matches!(part, Part::Diagram { .. });
    if section.parts.iter().all(|part| !is_shown(&part)) {
        return;
    }
    if !section.title.is_empty() {
        page.heading(&section.title);
    }
    let mut number = 0;
    for part in section.parts.iter().filter(is_shown) {
        match part {
            Part::Paragraph { text } => page.paragraph(text),
            Part::Verdict { of, label, colour, text } => {
                let style = colour_style(*colour);
                page.paragraph(&format!("{of}: {style}{label}{style:#}. {text}"));
            }
            Part::Event { when, text } => page.item(&format!("{FAINT}{when}{FAINT:#}"), text),
            Part::Cause { text, references, decided: true, .. } => {
                page.paragraph(&format!("{text}{references}"));
            }
            Part::Cause { text, references, .. } => {
                number += 1;
                page.numbered(number, &format!("{text}{references}"));
            }
            Part::Evidence { mark: None, text, .. } => page.item("-", text),
            Part::Evidence { mark: Some(mark), text, .. } => page.item(&format!("({mark})"), text),
            Part::Check { text, command } => {
                number += 1;
                page.numbered(number, text);
                command.iter().for_each(|command| page.command(command));
            }
            Part::Item { what, text, aside } => {
                page.item(what, &format!("{text}{FAINT}{aside}{FAINT:#}"));
            }
            Part::Command { what, command: literal } | Part::Filter { what, filter: literal } => {
                if !what.is_empty() {
                    page.item(what, "");
                }
                page.command(literal);
            }
            Part::Diagram { .. } => {}
        }
    }
}
