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
        let _ = writeln!(self.text, "{STRONG}{title}{STRONG:#}");
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
        let options = textwrap::Options::new(self.columns)
            .initial_indent(first)
            .subsequent_indent(others)
            .break_words(false)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        for line in textwrap::wrap(text, options) {
            let _ = writeln!(self.text, "{line}");
        }
    }

    pub fn finish(self) -> String {
        self.text
    }
}
