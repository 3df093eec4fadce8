//! Writes rows in the format asked for.

#[cfg(feature = "parquet")]
use std::io::{self, IsTerminal};
use std::marker::PhantomData;
use std::path::Path;

#[cfg(feature = "arrow")]
use super::batch::{Batches, Columns};
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

/// Rows that are not written yet, in the format that they are written in.
pub struct MadeRows<R> {
    text: Lines,
    #[cfg(feature = "arrow")]
    columns: Option<Columns>,
    of: PhantomData<R>,
}

impl<R> Default for MadeRows<R> {
    fn default() -> Self {
        Self {
            text: Lines::default(),
            #[cfg(feature = "arrow")]
            columns: None,
            of: PhantomData,
        }
    }
}

impl<R: Row> MadeRows<R> {
    pub fn add(&mut self, format: RowFormat, row: &R) {
        match format {
            RowFormat::Jsonl(stamps) => self.text.add(|line| json::row(line, row, stamps)),
            RowFormat::Csv(stamps) => self.text.add(|line| csv::row(line, row, stamps)),
            #[cfg(feature = "arrow")]
            _ => self.columns.get_or_insert_with(|| Columns::new(R::COLUMNS)).push(row),
            // The writer has refused it.
            #[cfg(not(feature = "arrow"))]
            _ => {}
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
    Batches(Batches, std::sync::Arc<Program>),
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
                Writer::Batches(Batches::new(R::COLUMNS), program)
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
        match &mut self.0 {
            Writer::Jsonl(output, _) | Writer::Csv(output, _) => {
                output.lines(made.text.as_octets())?;
                made.text.clear();
            }
            #[cfg(feature = "parquet")]
            Writer::Parquet(rows) => {
                made.columns.iter_mut().try_for_each(|columns| rows.append(columns))?;
            }
            #[cfg(feature = "arrow")]
            Writer::Batches(batches, program) => {
                made.columns.iter_mut().try_for_each(|columns| {
                    batches.append(columns, |batch| Ok(program.hand_out(batch)?))
                })?;
            }
        }
        Ok(())
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
