//! Where results go: standard output or a file, always whole rows.

mod csv;
mod json;
#[cfg(feature = "parquet")]
mod parquet;
pub mod table;
mod text;

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::Path;

use anstream::adapter::strip_str;
use anstream::{AutoStream, ColorChoice};
use terminal_size::{Width, terminal_size_of};

use crate::Failure;
use crate::cell::Row;

/// Octets of whole rows that are kept before they are written. A file system takes many at once in
/// two thirds of the time that it takes for an eighth of them, eight times.
const BUFFER_OCTETS: usize = 1 << 19;
/// So many are worth a call of their own rather than a copy.
const MANY_OCTETS: usize = 1 << 16;

/// Standard output or a file. What is written in one piece ends with a whole row, so that whoever
/// reads along, or finds the file after an interruption, has whole rows only.
pub struct Output {
    to: Box<dyn Write + Send>,
    rows: Vec<u8>,
    most: usize,
    colours: bool,
    columns: Option<usize>,
}

impl Output {
    /// Creates the file at `path`, or takes standard output.
    pub fn open(path: Option<&Path>) -> Result<Self, Failure> {
        let (to, terminal, colour): (Box<dyn Write + Send>, _, _) = match path {
            Some(path) => {
                let file = File::create(path);
                let file = file.map_err(|e| Failure::Create(format!("{}: {e}", path.display())))?;
                let colour = AutoStream::choice(&file);
                (Box::new(file), false, colour)
            }
            None => {
                let stdout = io::stdout();
                let (terminal, colour) = (stdout.is_terminal(), AutoStream::choice(&stdout));
                (Box::new(stdout), terminal, colour)
            }
        };
        // Who looks at a terminal wants to see a row when it is there.
        let most = if terminal { 0 } else { BUFFER_OCTETS };
        let colours = colour != ColorChoice::Never;
        let size = if terminal { terminal_size_of(io::stdout()) } else { None };
        let columns = size.map(|(Width(columns), _)| usize::from(columns));
        Ok(Self { to, rows: Vec::with_capacity(BUFFER_OCTETS + 4096), most, colours, columns })
    }

    /// How many columns it has, if it is a terminal.
    pub fn columns(&self) -> Option<usize> {
        self.columns
    }

    /// From now on, each row is written when it is there: what comes from a pipe may be long in coming,
    /// and whoever reads along wants what there is.
    pub fn row_by_row(&mut self) {
        self.most = 0;
    }

    /// Writes text that ends with a line break; its colours are taken out unless wanted.
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        if self.colours {
            self.rows.extend_from_slice(text.as_bytes());
        } else {
            strip_str(text).for_each(|part| self.rows.extend_from_slice(part.as_bytes()));
        }
        self.row_done()
    }

    /// Writes whole rows; many of them without keeping them first.
    fn made_rows(&mut self, rows: &[u8]) -> io::Result<()> {
        if rows.len() > self.most.min(MANY_OCTETS) {
            self.flush()?;
            self.to.write_all(rows)
        } else {
            self.rows.extend_from_slice(rows);
            self.row_done()
        }
    }

    fn row_done(&mut self) -> io::Result<()> {
        if self.rows.len() > self.most { self.flush() } else { Ok(()) }
    }

    /// Writes what is kept.
    pub fn flush(&mut self) -> io::Result<()> {
        self.to.write_all(&self.rows)?;
        self.rows.clear();
        self.to.flush()
    }
}

/// How rows are written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RowFormat {
    Jsonl,
    Csv,
    Parquet,
}

/// Rows that have been made and not yet written: as text if their format is one.
pub struct MadeRows<R> {
    text: Vec<u8>,
    rows: Vec<R>,
}

impl<R> Default for MadeRows<R> {
    fn default() -> Self {
        Self { text: Vec::new(), rows: Vec::new() }
    }
}

impl<R: Row> MadeRows<R> {
    pub fn add(&mut self, format: RowFormat, row: R) {
        match format {
            RowFormat::Jsonl => json::line(&mut self.text, &row),
            RowFormat::Csv => csv::line(&mut self.text, &row),
            RowFormat::Parquet => self.rows.push(row),
        }
    }
}

/// Writes rows of one kind.
pub struct RowWriter(Writer);

enum Writer {
    Jsonl(Output),
    Csv(Output),
    #[cfg(feature = "parquet")]
    Parquet(Box<parquet::ParquetRows>),
}

impl RowWriter {
    /// Begins a table of rows of kind `R`.
    pub fn new<R: Row>(format: RowFormat, path: Option<&Path>) -> Result<Self, Failure> {
        Ok(Self(match format {
            RowFormat::Jsonl => Writer::Jsonl(Output::open(path)?),
            RowFormat::Csv => {
                let mut output = Output::open(path)?;
                csv::header(&mut output.rows, R::COLUMNS);
                output.row_done()?;
                Writer::Csv(output)
            }
            #[cfg(feature = "parquet")]
            RowFormat::Parquet => {
                if path.is_none() && io::stdout().is_terminal() {
                    return Err(Failure::Usage(
                        "Parquet is no text: say where it goes with --output FILE".into(),
                    ));
                }
                let output = Output::open(path)?;
                Writer::Parquet(Box::new(parquet::ParquetRows::new(R::COLUMNS, output.to)?))
            }
            #[cfg(not(feature = "parquet"))]
            RowFormat::Parquet => {
                return Err(Failure::Usage(
                    "this tcphs was built without Parquet (cargo feature `parquet`)".into(),
                ));
            }
        }))
    }

    /// See [`Output::row_by_row`]; formats that are no text cannot be written so.
    pub fn row_by_row(&mut self) {
        match &mut self.0 {
            Writer::Jsonl(output) | Writer::Csv(output) => output.row_by_row(),
            #[cfg(feature = "parquet")]
            Writer::Parquet(_) => {}
        }
    }

    pub fn write(&mut self, row: &impl Row) -> Result<(), Failure> {
        match &mut self.0 {
            Writer::Jsonl(output) => {
                json::line(&mut output.rows, row);
                output.row_done()?;
            }
            Writer::Csv(output) => {
                csv::line(&mut output.rows, row);
                output.row_done()?;
            }
            #[cfg(feature = "parquet")]
            Writer::Parquet(rows) => rows.write(row)?,
        }
        Ok(())
    }

    /// Writes rows that were made in its format; none are left.
    pub fn write_made<R: Row>(&mut self, made: &mut MadeRows<R>) -> Result<(), Failure> {
        match &mut self.0 {
            Writer::Jsonl(output) | Writer::Csv(output) => {
                output.made_rows(&made.text)?;
                made.text.clear();
                Ok(())
            }
            #[cfg(feature = "parquet")]
            Writer::Parquet(rows) => made.rows.drain(..).try_for_each(|row| rows.write(&row)),
        }
    }

    /// Writes what is left.
    pub fn finish(self) -> Result<(), Failure> {
        match self.0 {
            Writer::Jsonl(mut output) | Writer::Csv(mut output) => output.flush()?,
            #[cfg(feature = "parquet")]
            Writer::Parquet(rows) => rows.finish()?,
        }
        Ok(())
    }
}

/// A time difference as people read it: `21.0 ms`, `1.02 s`, `85 µs`.
pub fn duration(ns: u64) -> String {
    const MINUTE: u64 = 60_000_000_000;
    match ns {
        0..1_000_000 => format!("{} µs", (ns + 500) / 1_000),
        1_000_000..1_000_000_000 => format!("{:.1} ms", ns as f64 / 1e6),
        1_000_000_000..MINUTE => format!("{:.2} s", ns as f64 / 1e9),
        _ => {
            let seconds = ns / 1_000_000_000;
            let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
            if hours > 0 {
                format!("{hours} h {minutes} min")
            } else {
                format!("{minutes} min {seconds} s")
            }
        }
    }
}

/// A number of octets as people read it: `514 octets`, `12.3 kB`.
pub fn octets(count: u64) -> String {
    match count {
        1 => "1 octet".into(),
        0..10_000 => format!("{count} octets"),
        10_000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.1} GB", count as f64 / 1e9),
    }
}

/// `1 segment`, `3 segments`.
pub fn count(number: u64, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_fitting_units() {
        assert_eq!(duration(84_600), "85 µs");
        assert_eq!(duration(21_000_000), "21.0 ms");
        assert_eq!(duration(1_023_000_000), "1.02 s");
        assert_eq!(duration(75_000_000_000), "1 min 15 s");
        assert_eq!(duration(7_260_000_000_000), "2 h 1 min");
    }

    #[test]
    fn counts_and_octets_are_words() {
        assert_eq!(count(1, "segment"), "1 segment");
        assert_eq!(count(0, "segment"), "0 segments");
        assert_eq!(
            (octets(1), octets(999), octets(12_345)),
            ("1 octet".into(), "999 octets".into(), "12.3 kB".into())
        );
    }
}
