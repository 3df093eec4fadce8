//! Rows as Parquet, in row groups, so that memory stays bounded. Columns have the types of the Arrow batches:
//! the file says so itself, for readers that know Arrow's schema.

use std::io::Write;
use std::sync::Arc;

use arrow_array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::batch::{Batches, Columns};
use crate::Failure;
use crate::output::row::{Column, Row};

/// A Parquet file being written.
pub struct ParquetRows {
    file: ArrowWriter<Box<dyn Write + Send>>,
    batches: Batches,
}

impl ParquetRows {
    pub fn new(columns: &[Column], to: Box<dyn Write + Send>) -> Result<Self, Failure> {
        let batches = Batches::new(columns);
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("tcphs ", env!("CARGO_PKG_VERSION")).into())
            .build();
        let file = ArrowWriter::try_new(to, Arc::clone(batches.schema()), Some(properties))?;
        Ok(Self { file, batches })
    }

    pub fn write(&mut self, row: &impl Row) -> Result<(), Failure> {
        if self.batches.push(row) { self.write_rest() } else { Ok(()) }
    }

    pub fn append(&mut self, made: &mut Columns) -> Result<(), Failure> {
        self.batches.append(made, |batch| write_group(&mut self.file, &batch))
    }

    fn write_rest(&mut self) -> Result<(), Failure> {
        match self.batches.take()? {
            Some(batch) => write_group(&mut self.file, &batch),
            None => Ok(()),
        }
    }

    pub fn finish(mut self) -> Result<(), Failure> {
        self.write_rest()?;
        self.file.finish()?;
        self.file.inner_mut().flush()?;
        Ok(())
    }
}

fn write_group(
    file: &mut ArrowWriter<Box<dyn Write + Send>>,
    batch: &RecordBatch,
) -> Result<(), Failure> {
    file.write(batch)?;
    Ok(file.flush()?)
}

impl From<ParquetError> for Failure {
    fn from(error: ParquetError) -> Self {
        match error {
            ParquetError::External(error) => match error.downcast::<std::io::Error>() {
                Ok(error) => Self::Write(*error),
                Err(error) => Self::Write(std::io::Error::other(error)),
            },
            error => Self::Write(std::io::Error::other(error)),
        }
    }
}
