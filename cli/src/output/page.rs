//! Text in lines of a given width.

use std::fmt::Write;

use crate::output::style::STRONG;

pub struct Page {
    text: String,
    columns: usize,
}

impl Page {
    pub fn new(columns: usize) -> Self {
        Self { text: String::new(), columns }
    }

    pub fn title(&mut self, title: &str) {
        for line in self.lines("", "  ", title) {
            let _ = writeln!(self.text, "{STRONG}{line}{STRONG:#}");
        }
    }

    pub fn heading(&mut self, heading: &str) {
        let _ = writeln!(self.text, "\n{STRONG}{heading}{STRONG:#}");
    }

    pub fn paragraph(&mut self, paragraph: &str) {
        self.wrapped("", "", paragraph);
    }

    /// A hanging item that begins with a place or time.
    pub fn item(&mut self, first: &str, rest: &str) {
        self.wrapped("  ", "    ", &format!("{first} {rest}"));
    }

    pub fn numbered(&mut self, number: usize, text: &str) {
        self.wrapped(&format!("  {number}. "), "     ", text);
    }

    /// A command on a line of its own, however long.
    pub fn command(&mut self, command: &str) {
        let _ = writeln!(self.text, "       {command}");
    }

    fn wrapped(&mut self, first: &str, others: &str, text: &str) {
        for line in self.lines(first, others, text) {
            let _ = writeln!(self.text, "{line}");
        }
    }

    fn lines(&self, first: &str, others: &str, text: &str) -> Vec<String> {
        let options = textwrap::Options::new(self.columns)
            .initial_indent(first)
            .subsequent_indent(others)
            .break_words(false)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        textwrap::wrap(text, options).into_iter().map(Into::into).collect()
    }

    pub fn finish(self) -> String {
        self.text
    }
}
