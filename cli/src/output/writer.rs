//! Writes rows in the format asked for.

#[cfg(feature = "parquet")]
use std::io::{self, IsTerminal};
use std::path::Path;

use super::lines::Lines;
use super::row::{Row, Stamps};
use super::{Output, csv, json};
use crate::Failure;
#[cfg(feature = "arrow")]
use crate::surroundings::{Program, program};

/// The results of a command: rows for programs, or lines for a table.
pub enum Sink {
    Rows(RowWriter),
    Table(Output),
}

impl Sink {
    /// Creates the file at `path`, or takes standard output; without a format, for a table.
    pub fn open<R: Row>(format: Option<RowFormat>, path: Option<&Path>) -> Result<Self, Failure> {
        Ok(match format {
            Some(format) => Self::Rows(RowWriter::new::<R>(format, path)?),
            None => Self::Table(Output::open(path)?),
        })
    }

    /// See [`Output::row_by_row`]; has no effect on Parquet.
    pub fn row_by_row(&mut self) {
        match self {
            Self::Rows(rows) => rows.row_by_row(),
            Self::Table(output) => output.row_by_row(),
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RowFormat {
    Jsonl(Stamps),
    Csv(Stamps),
    Parquet,
    /// For a program that has the command inside.
    #[cfg(feature = "arrow")]
    Batches,
}

/// Rows that are not written yet; as text if the format is text.
pub struct MadeRows<R> {
    text: Lines,
    rows: Vec<R>,
}

impl<R> Default for MadeRows<R> {
    fn default() -> Self {
        Self { text: Lines::default(), rows: Vec::new() }
    }
}

impl<R: Row> MadeRows<R> {
    pub fn add(&mut self, format: RowFormat, row: R) {
        match format {
            RowFormat::Jsonl(stamps) => self.text.add(|line| json::row(line, &row, stamps)),
            RowFormat::Csv(stamps) => self.text.add(|line| csv::row(line, &row, stamps)),
            _ => self.rows.push(row),
        }
    }
}

/// Writes rows of one kind.
pub struct RowWriter(Writer);

enum Writer {
    Jsonl(Output, Stamps),
    Csv(Output, Stamps),
    #[cfg(feature = "parquet")]
    Parquet(Box<super::parquet::ParquetRows>),
    #[cfg(feature = "arrow")]
    Batches(super::batch::Batches, std::sync::Arc<Program>),
}

impl RowWriter {
    /// Creates the file, or takes standard output, and writes the header of the format.
    pub fn new<R: Row>(format: RowFormat, path: Option<&Path>) -> Result<Self, Failure> {
        Ok(Self(match format {
            RowFormat::Jsonl(stamps) => Writer::Jsonl(Output::open(path)?, stamps),
            RowFormat::Csv(stamps) => {
                let mut output = Output::open(path)?;
                output.rows.add(|line| csv::header(line, R::COLUMNS, stamps));
                output.row_done()?;
                Writer::Csv(output, stamps)
            }
            #[cfg(feature = "parquet")]
            RowFormat::Parquet => {
                if path.is_none() && io::stdout().is_terminal() {
                    return Err(Failure::Usage(
                        "Parquet is a binary format: name a file with --output FILE".into(),
                    ));
                }
                let output = Output::open(path)?;
                Writer::Parquet(Box::new(super::parquet::ParquetRows::new(R::COLUMNS, output.to)?))
            }
            #[cfg(feature = "arrow")]
            RowFormat::Batches => {
                let program = program().ok_or_else(|| Failure::Usage("no program".into()))?;
                Writer::Batches(super::batch::Batches::new(R::COLUMNS), program)
            }
            #[cfg(not(feature = "parquet"))]
            RowFormat::Parquet => {
                return Err(Failure::Usage(
                    "this tcphs was built without Parquet (cargo feature `parquet`)".into(),
                ));
            }
        }))
    }

    /// See [`Output::row_by_row`]; has no effect on Parquet.
    pub fn row_by_row(&mut self) {
        match &mut self.0 {
            Writer::Jsonl(output, _) | Writer::Csv(output, _) => output.row_by_row(),
            #[cfg(feature = "parquet")]
            Writer::Parquet(_) => {}
            #[cfg(feature = "arrow")]
            Writer::Batches(..) => {}
        }
    }

    pub fn write(&mut self, row: &impl Row) -> Result<(), Failure> {
        match &mut self.0 {
            Writer::Jsonl(output, stamps) => {
                output.rows.add(|line| json::row(line, row, *stamps));
                output.row_done()?;
            }
            Writer::Csv(output, stamps) => {
                output.rows.add(|line| csv::row(line, row, *stamps));
                output.row_done()?;
            }
            #[cfg(feature = "parquet")]
            Writer::Parquet(rows) => rows.write(row)?,
            #[cfg(feature = "arrow")]
            Writer::Batches(batches, program) => {
                if batches.push(row)
                    && let Some(batch) = batches.take()?
                {
                    program.hand_out(batch)?;
                }
            }
        }
        Ok(())
    }

    /// Writes all of `made`, whose rows are in this format.
    pub fn write_made<R: Row>(&mut self, made: &mut MadeRows<R>) -> Result<(), Failure> {
        if let Writer::Jsonl(output, _) | Writer::Csv(output, _) = &mut self.0 {
            output.lines(made.text.as_octets())?;
            made.text.clear();
        }
        made.rows.drain(..).try_for_each(|row| self.write(&row))
    }

    /// Writes the rest and completes the file.
    pub fn finish(self) -> Result<(), Failure> {
        match self.0 {
            Writer::Jsonl(mut output, _) | Writer::Csv(mut output, _) => output.flush()?,
            #[cfg(feature = "parquet")]
            Writer::Parquet(rows) => rows.finish()?,
            #[cfg(feature = "arrow")]
            Writer::Batches(mut batches, program) => {
                if let Some(batch) = batches.take()? {
                    program.hand_out(batch)?;
                }
            }
        }
        Ok(())
    }
}
