//! Rows as Parquet: typed columns, in row groups, so that memory stays bounded.

use std::io::Write;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;

use crate::Failure;
use crate::output::row::{Column, Kind, Row, Value, Visit};

/// Rows in a group.
const GROUP_ROWS: usize = 1 << 16;

/// A Parquet file being written.
pub struct ParquetRows {
    file: SerializedFileWriter<Box<dyn Write + Send>>,
    columns: Vec<Values>,
    rows: usize,
}

impl ParquetRows {
    pub fn new(columns: &[Column], to: Box<dyn Write + Send>) -> Result<Self, Failure> {
        let fields: String = columns.iter().map(field).collect();
        let schema = parse_message_type(&format!("message schema {{ {fields} }}"))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("tcphs ", env!("CARGO_PKG_VERSION")).into())
            .build();
        let file = SerializedFileWriter::new(to, Arc::new(schema), Arc::new(properties))?;
        Ok(Self { file, columns: columns.iter().map(Values::new).collect(), rows: 0 })
    }

    pub fn write(&mut self, row: &impl Row) -> Result<(), Failure> {
        row.each(&mut Next(self.columns.iter_mut()));
        self.rows += 1;
        if self.rows == GROUP_ROWS { self.write_group() } else { Ok(()) }
    }

    fn write_group(&mut self) -> Result<(), Failure> {
        if self.rows > 0 {
            let mut group = self.file.next_row_group()?;
            for column in &mut self.columns {
                column.write(&mut group)?;
            }
            group.close()?;
            self.rows = 0;
        }
        Ok(())
    }

    pub fn finish(mut self) -> Result<(), Failure> {
        self.write_group()?;
        self.file.finish()?;
        self.file.inner_mut().flush()?;
        Ok(())
    }
}

/// Gives each value of a row to the next column.
struct Next<'a>(std::slice::IterMut<'a, Values>);

impl Visit for Next<'_> {
    fn visit(&mut self, _: &'static Column, value: Value<'_>) {
        if let Some(column) = self.0.next() {
            column.push(value);
        }
    }
}

/// The field of a column in the language of Parquet's schemas.
fn field(column: &Column) -> String {
    let repetition = if column.optional { "OPTIONAL" } else { "REQUIRED" };
    let name = column.name;
    let integer = |bits: u8, signed: bool| {
        let physical = if bits > 32 { "INT64" } else { "INT32" };
        format!("{repetition} {physical} {name} (INTEGER({bits},{signed}));")
    };
    match column.kind {
        Kind::Boolean => format!("{repetition} BOOLEAN {name};"),
        Kind::Float => format!("{repetition} DOUBLE {name};"),
        Kind::Text => format!("{repetition} BYTE_ARRAY {name} (STRING);"),
        Kind::Unsigned(bits) => integer(bits, false),
        Kind::Signed(bits) => integer(bits, true),
        Kind::Instant => integer(64, true),
        Kind::List => format!(
            "{repetition} GROUP {name} (LIST) {{ REPEATED GROUP list {{ REQUIRED BYTE_ARRAY element \
             (STRING); }} }}"
        ),
    }
}

/// The values of a column in the current row group.
struct Values {
    typed: Typed,
    /// In an optional column, 1 for each value and 0 for each absent one; in a list, 1 for each
    /// element and 0 for an empty list.
    definitions: Vec<i16>,
    /// In a list, 0 for the first element of a row and 1 for the others.
    repetitions: Vec<i16>,
    optional: bool,
}

enum Typed {
    Boolean(Vec<bool>),
    Narrow(Vec<i32>),
    Wide(Vec<i64>),
    Float(Vec<f64>),
    Text(Vec<ByteArray>),
    List(Vec<ByteArray>),
}

impl Values {
    fn new(column: &Column) -> Self {
        let typed = match column.kind {
            Kind::Boolean => Typed::Boolean(Vec::new()),
            Kind::Unsigned(64) | Kind::Signed(64) | Kind::Instant => Typed::Wide(Vec::new()),
            Kind::Unsigned(_) | Kind::Signed(_) => Typed::Narrow(Vec::new()),
            Kind::Float => Typed::Float(Vec::new()),
            Kind::Text => Typed::Text(Vec::new()),
            Kind::List => Typed::List(Vec::new()),
        };
        let (definitions, repetitions) = (Vec::new(), Vec::new());
        Self { typed, definitions, repetitions, optional: column.optional }
    }

    fn push(&mut self, value: Value<'_>) {
        if let (Typed::List(values), Value::List(labels)) = (&mut self.typed, value) {
            let number = labels.each(|place, label| {
                self.definitions.push(1);
                self.repetitions.push(i16::from(place > 0));
                values.push(text(label));
            });
            if number == 0 {
                self.definitions.push(0);
                self.repetitions.push(0);
            }
            return;
        }
        if self.optional {
            self.definitions.push(i16::from(!matches!(value, Value::Null)));
        }
        match (&mut self.typed, value) {
            (Typed::Boolean(values), Value::Boolean(value)) => values.push(value),
            // The schema tells whether the bits have a sign.
            (Typed::Narrow(values), Value::Unsigned(value)) => values.push(value as i32),
            (Typed::Narrow(values), Value::Signed(value)) => values.push(value as i32),
            (Typed::Wide(values), Value::Unsigned(value)) => values.push(value as i64),
            (Typed::Wide(values), Value::Signed(value) | Value::Instant(value)) => {
                values.push(value)
            }
            (Typed::Float(values), Value::Float(value)) => values.push(value),
            (Typed::Text(values), Value::Text(value) | Value::Label(value)) => {
                values.push(text(value))
            }
            (Typed::Text(values), Value::Address(value)) => values.push(text(&value.to_string())),
            (_, value) => {
                debug_assert!(matches!(value, Value::Null), "a value of the column's type")
            }
        }
    }

    /// Writes the values as the next column of `group`, and drops them.
    fn write(
        &mut self,
        group: &mut SerializedRowGroupWriter<'_, Box<dyn Write + Send>>,
    ) -> Result<(), Failure> {
        let Some(mut column) = group.next_column()? else { return Ok(()) };
        let definitions = (!self.definitions.is_empty()).then_some(&self.definitions[..]);
        let repetitions = (!self.repetitions.is_empty()).then_some(&self.repetitions[..]);
        macro_rules! write_all {
            ($values:ident, $type:ty) => {{
                column.typed::<$type>().write_batch($values, definitions, repetitions)?;
                $values.clear();
            }};
        }
        match &mut self.typed {
            Typed::Boolean(values) => write_all!(values, BoolType),
            Typed::Narrow(values) => write_all!(values, Int32Type),
            Typed::Wide(values) => write_all!(values, Int64Type),
            Typed::Float(values) => write_all!(values, DoubleType),
            Typed::Text(values) | Typed::List(values) => write_all!(values, ByteArrayType),
        }
        column.close()?;
        self.definitions.clear();
        self.repetitions.clear();
        Ok(())
    }
}

fn text(text: &str) -> ByteArray {
    ByteArray::from(text.as_bytes().to_vec())
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
