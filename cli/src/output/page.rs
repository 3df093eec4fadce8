//! Text in lines of a given width.

use std::fmt::Write;

use crate::output::style::STRONG;

/// What a page is made of.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Block {
    Title(String),
    Heading(String),
    Paragraph(String),
    /// A hanging item that begins with a place or time.
    Item(String, String),
    Numbered(usize, String),
    /// A command on a line of its own, however long.
    Command(String),
}

pub struct Page {
    blocks: Vec<Block>,
    columns: usize,
}

impl Page {
    pub fn new(columns: usize) -> Self {
        Self { blocks: Vec::new(), columns }
    }

    pub fn title(&mut self, title: &str) {
        self.blocks.push(Block::Title(title.into()));
    }

    pub fn heading(&mut self, heading: &str) {
        self.blocks.push(Block::Heading(heading.into()));
    }

    pub fn paragraph(&mut self, paragraph: &str) {
        self.blocks.push(Block::Paragraph(paragraph.into()));
    }

    /// A hanging item that begins with a place or time.
    pub fn item(&mut self, first: &str, rest: &str) {
        self.blocks.push(Block::Item(first.into(), rest.into()));
    }

    pub fn numbered(&mut self, number: usize, text: &str) {
        self.blocks.push(Block::Numbered(number, text.into()));
    }

    /// A command on a line of its own, however long.
    pub fn command(&mut self, command: &str) {
        self.blocks.push(Block::Command(command.into()));
    }

    /// The blocks, for pages that are not lines of text; texts may hold colours.
    pub fn into_blocks(self) -> Vec<Block> {
        self.blocks
    }

    /// The text.
    pub fn finish(self) -> String {
        let mut text = String::new();
        let columns = self.columns;
        for block in &self.blocks {
            let _ = match block {
                Block::Title(title) => writeln!(text, "{STRONG}{title}{STRONG:#}"),
                Block::Heading(heading) => writeln!(text, "\n{STRONG}{heading}{STRONG:#}"),
                Block::Command(command) => writeln!(text, "       {command}"),
                Block::Paragraph(paragraph) => wrapped(&mut text, columns, ["", ""], paragraph),
                Block::Item(first, rest) => {
                    wrapped(&mut text, columns, ["  ", "    "], &format!("{first} {rest}"))
                }
                Block::Numbered(number, words) => {
                    wrapped(&mut text, columns, [&format!("  {number}. "), "     "], words)
                }
            };
        }
        text
    }
}

fn wrapped(to: &mut String, columns: usize, indents: [&str; 2], text: &str) -> std::fmt::Result {
    let options = textwrap::Options::new(columns)
        .initial_indent(indents[0])
        .subsequent_indent(indents[1])
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(text, options).iter().try_for_each(|line| writeln!(to, "{line}"))
}
