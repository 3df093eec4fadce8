//! Prose in sections, whatever form it is written in: lines for a terminal, Markdown, JSON.

mod markdown;
mod text;

use dissector_core::connection::ColourRole;
use serde::Serialize;

/// Prose on one thing.
#[derive(Debug, Serialize)]
pub struct Document {
    pub title: String,
    pub sections: Vec<Section>,
}

/// The parts below one heading.
#[derive(Debug, Serialize)]
pub struct Section {
    /// The key that stays when the title is worded anew.
    pub name: &'static str,
    /// Empty for the section that follows the title of the document.
    pub title: String,
    pub parts: Vec<Part>,
}

/// A part of a section: in most forms, a paragraph or an item of a list.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Part {
    Paragraph {
        text: String,
    },
    /// `Outcome: refused. An RST answered the SYN.`
    Verdict {
        of: String,
        label: &'static str,
        #[serde(skip)]
        colour: ColourRole,
        text: String,
    },
    /// `Frame 2, 20.0 ms later: the server answers.`
    Event {
        when: String,
        text: String,
    },
    /// A cause that is left, or the one that is known.
    Cause {
        name: &'static str,
        text: String,
        /// The evidence that speaks for it, and against it: names.
        speaks_for: Vec<&'static str>,
        speaks_against: Vec<&'static str>,
        /// The same with the marks of the evidence, and what the counters say: ` [for it: a, c]`.
        #[serde(skip)]
        references: String,
        /// Whether it is the only one, and evidence decides it.
        decided: bool,
    },
    /// Evidence on the causes. It has a mark if causes refer to it.
    Evidence {
        #[serde(skip)]
        mark: Option<char>,
        name: &'static str,
        text: String,
    },
    /// A question, and the command that answers it.
    Check {
        text: String,
        command: Option<String>,
    },
    /// The testimony of a counter, `refused, agrees: …`, and what it counts.
    Item {
        what: String,
        text: String,
        aside: String,
    },
    /// A command to type.
    Command {
        what: String,
        command: String,
    },
    /// A display filter of Wireshark.
    Filter {
        what: String,
        filter: String,
    },
    /// A Mermaid diagram.
    Diagram {
        mermaid: String,
    },
}

impl Section {
    pub fn new(name: &'static str, title: impl Into<String>) -> Self {
        Self { name, title: title.into(), parts: Vec::new() }
    }

    pub fn paragraph(&mut self, text: impl Into<String>) {
        self.parts.push(Part::Paragraph { text: text.into() });
    }
}

impl Document {
    /// Without sections of which nothing is left to say.
    pub fn new(title: String, sections: Vec<Section>) -> Self {
        let sections = sections.into_iter().filter(|section| !section.parts.is_empty());
        Self { title, sections: sections.collect() }
    }
}
