//! The output of a command: standard output or a file, written in whole rows.

#[cfg(feature = "arrow")]
pub mod batch;
mod csv;
pub mod document;
pub mod files;
mod json;
mod lines;
pub mod names;
mod number;
pub mod page;
#[cfg(feature = "parquet")]
mod parquet;
pub mod row;
pub mod style;
pub mod table;
pub mod time;
pub mod units;
mod writer;

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use terminal_size::{Width, terminal_size_of};

use self::lines::Lines;
pub use self::writer::{MadeRows, RowFormat, RowWriter, Sink};
use crate::Failure;
use crate::surroundings::{ProgramOutput, program};

/// Octets of rows that are buffered. A file system writes this many at once in two thirds of the time
/// that it takes for eight writes of an eighth.
const BUFFER_OCTETS: usize = 1 << 19;
/// From this size on, rows are written without being copied to the buffer.
const LARGE_OCTETS: usize = 1 << 16;

/// Standard output or a file. Every write ends with a whole row: a reader of the pipe, and of the file
/// after an interruption, finds whole rows only.
pub struct Output {
    to: Box<dyn Write + Send>,
    rows: Lines,
    /// The most octets of rows that are buffered.
    most: usize,
    colours: bool,
    columns: Option<usize>,
    terminal: bool,
}

/// Columns of sentences, where there is no terminal, and on a wide one: longer lines are hard to read.
const PROSE: usize = 80;
const MOST_PROSE: usize = 100;
/// The least width that is taken from the environment.
const LEAST_COLUMNS: usize = 40;

/// The width that the environment asks for. Shells do not export theirs: where it is exported, it is meant,
/// for pipes and files as well.
pub fn columns_wished() -> Option<usize> {
    if program().is_some() {
        return None;
    }
    let columns = std::env::var("COLUMNS").ok()?.parse().ok()?;
    (columns >= LEAST_COLUMNS).then_some(columns)
}

impl Output {
    /// Creates the file at `path`, or takes standard output.
    pub fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let (to, terminal, colour): (Box<dyn Write + Send>, _, _) = match (path, program()) {
            (Some(path), _) => {
                let file = File::create(path);
                let file = file.map_err(|e| Failure::Create(format!("{}: {e}", path.display())))?;
                let colour = AutoStream::choice(&file);
                (Box::new(file), false, colour)
            }
            (None, Some(program)) => (Box::new(ProgramOutput(program)), false, ColorChoice::Never),
            (None, None) => {
                let stdout = io::stdout();
                let (terminal, colour) = (stdout.is_terminal(), AutoStream::choice(&stdout));
                let to: Box<dyn Write + Send> = match terminal && colour != ColorChoice::Never {
                    // Makes a console of Windows show colours: unasked, it shows their codes.
                    true => Box::new(AutoStream::new(stdout, colour)),
                    false => Box::new(stdout),
                };
                (to, terminal, colour)
            }
        };
        // Output on a terminal is not buffered, so that each row is shown at once.
        let most = if terminal { 0 } else { BUFFER_OCTETS };
        let colours = colour != ColorChoice::Never;
        let size = || terminal_size_of(io::stdout()).filter(|_| terminal);
        let of_terminal = || size().map(|(Width(columns), _)| usize::from(columns));
        let columns = columns_wished().or_else(of_terminal);
        Ok(Self { to, rows: Lines::default(), most, colours, columns, terminal })
    }

    /// Width in columns, if the output is a terminal, or if the environment has `COLUMNS`.
    pub fn columns(&self) -> Option<usize> {
        self.columns
    }

    /// Width of sentences in columns.
    pub fn prose_columns(&self) -> usize {
        self.columns.map_or(PROSE, |columns| columns.clamp(LEAST_COLUMNS, MOST_PROSE))
    }

    /// Whether lines can be wiped and written again.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// From now on, writes each row at once: the next one from a live input may be long in coming.
    pub fn row_by_row(&mut self) {
        self.most = 0;
    }

    /// Writes text that ends with a line break, without its colours unless they are wanted.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        if self.colours {
            self.rows.push(text.as_bytes());
        } else {
            strip_str(text).for_each(|part| self.rows.push(part.as_bytes()));
        }
        self.row_done()
    }

    /// Writes whole rows.
    fn lines(&mut self, rows: &[u8]) -> io::Result<()> {
        if rows.len() > self.most.min(LARGE_OCTETS) {
            self.flush()?;
            self.to.write_all(rows)
        } else {
            self.rows.push(rows);
            self.row_done()
        }
    }

    fn row_done(&mut self) -> io::Result<()> {
        if self.rows.as_octets().len() > self.most { self.flush() } else { Ok(()) }
    }

    /// Writes the buffered rows.
    pub fn flush(&mut self) -> io::Result<()> {
        self.to.write_all(self.rows.as_octets())?;
        self.rows.clear();
        self.to.flush()
    }
}
