//! Rows as Arrow: typed columns, in batches, so that memory stays bounded. A file in Parquet has the same types.

use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, DurationNanosecondBuilder, Float64Builder, Int8Builder, Int16Builder,
    Int32Builder, Int64Builder, ListBuilder, StringBuilder, TimestampNanosecondBuilder,
    UInt8Builder, UInt16Builder, UInt32Builder, UInt64Builder,
};
use arrow_array::types::{ArrowDictionaryKeyType, Int8Type, Int32Type};
use arrow_array::{ArrayRef, DictionaryArray, PrimitiveArray, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};
use dissector_core::connection::Enumeration;

use super::lines::Lines;
use super::number;
use super::row::{Column, Kind, Row, Value, Visit};
use crate::Failure;

/// Rows of a batch, and of a group in Parquet.
pub const BATCH_ROWS: usize = 1 << 16;

/// The time zone of all times.
const UTC: &str = "UTC";

/// The rows of the next batch.
pub struct Batches {
    schema: SchemaRef,
    columns: Vec<Values>,
    rows: usize,
}

impl Batches {
    pub fn new(columns: &[Column]) -> Self {
        let schema = schema(columns);
        Self { schema, columns: columns.iter().map(Values::new).collect(), rows: 0 }
    }

    #[cfg(feature = "parquet")]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Adds a row; `true` once the batch is full.
    #[must_use]
    pub fn push(&mut self, row: &impl Row) -> bool {
        row.each(&mut Next(self.columns.iter_mut()));
        self.rows += 1;
        self.rows >= BATCH_ROWS
    }

    /// The rows since the last batch; `None` without any.
    pub fn take(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        if std::mem::take(&mut self.rows) == 0 {
            return Ok(None);
        }
        let columns = self.columns.iter_mut().map(Values::finish).collect::<Result<_, _>>()?;
        RecordBatch::try_new(Arc::clone(&self.schema), columns).map(Some)
    }
}

/// The names and types of columns.
pub fn schema(columns: &[Column]) -> SchemaRef {
    let fields: Vec<_> = columns
        .iter()
        .map(|column| Field::new(column.name, data_type(column.kind), column.optional))
        .collect();
    Arc::new(Schema::new(fields))
}

fn data_type(kind: Kind) -> DataType {
    let names = |key| DataType::Dictionary(Box::new(key), Box::new(DataType::Utf8));
    match kind {
        Kind::Boolean => DataType::Boolean,
        Kind::Unsigned(8) => DataType::UInt8,
        Kind::Unsigned(16) => DataType::UInt16,
        Kind::Unsigned(32) => DataType::UInt32,
        Kind::Unsigned(_) => DataType::UInt64,
        Kind::Signed(8) => DataType::Int8,
        Kind::Signed(16) => DataType::Int16,
        Kind::Signed(32) => DataType::Int32,
        Kind::Signed(_) => DataType::Int64,
        Kind::Instant => DataType::Timestamp(TimeUnit::Nanosecond, Some(UTC.into())),
        Kind::Elapsed => DataType::Duration(TimeUnit::Nanosecond),
        Kind::Float => DataType::Float64,
        Kind::Text => DataType::Utf8,
        Kind::Name => names(DataType::Int32),
        Kind::Label(_) => names(DataType::Int8),
        Kind::List => DataType::List(Arc::new(element())),
    }
}

/// The elements of a list.
fn element() -> Field {
    Field::new_list_field(DataType::Utf8, false)
}

/// Gives each value of a row to the next column.
struct Next<'a>(std::slice::IterMut<'a, Values>);

impl Visit for Next<'_> {
    #[inline]
    fn visit(&mut self, _: &'static Column, value: Value<'_>) {
        if let Some(column) = self.0.next() {
            column.push(value);
        }
    }
}

/// Defines the values of a column in the current batch: a builder for each type that takes whole numbers.
macro_rules! values {
    ($( $whole:ident($builder:ty), )+) => {
        enum Values {
            Boolean(BooleanBuilder),
            $( $whole($builder), )+
            Float(Float64Builder),
            Text(Texts),
            Name(Names),
            Label(Labels),
            List(ListBuilder<StringBuilder>),
        }

        impl Values {
            fn push(&mut self, value: Value<'_>) {
                match (self, value) {
                    $(
                        // Numbers that a column has no room for do not occur: its type is that of the row.
                        (Self::$whole(values), Value::Unsigned(value)) => values.append_value(value as _),
                        (Self::$whole(values), Value::Signed(value) | Value::Instant(value)) => {
                            values.append_value(value as _);
                        }
                        (Self::$whole(values), _) => values.append_null(),
                    )+
                    (Self::Boolean(values), Value::Boolean(value)) => values.append_value(value),
                    (Self::Boolean(values), _) => values.append_null(),
                    (Self::Float(values), Value::Float(value)) => values.append_value(value),
                    (Self::Float(values), _) => values.append_null(),
                    (Self::Text(texts), value) => texts.push(value),
                    (Self::Name(names), value) => names.push(value),
                    (Self::Label(labels), value) => labels.push(value),
                    (Self::List(values), Value::List(labels)) => {
                        labels.each(|_, label| values.values().append_value(label));
                        values.append(true);
                    }
                    (Self::List(values), _) => values.append(false),
                }
            }

            /// The array of the values, which are dropped.
            fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
                Ok(match self {
                    $( Self::$whole(values) => Arc::new(values.finish()), )+
                    Self::Boolean(values) => Arc::new(values.finish()),
                    Self::Float(values) => Arc::new(values.finish()),
                    Self::Text(texts) => Arc::new(texts.values.finish()),
                    Self::Name(names) => names.finish()?,
                    Self::Label(labels) => labels.finish()?,
                    Self::List(values) => Arc::new(values.finish()),
                })
            }
        }
    };
}

values! {
    Unsigned8(UInt8Builder),
    Unsigned16(UInt16Builder),
    Unsigned32(UInt32Builder),
    Unsigned64(UInt64Builder),
    Signed8(Int8Builder),
    Signed16(Int16Builder),
    Signed32(Int32Builder),
    Signed64(Int64Builder),
    Instant(TimestampNanosecondBuilder),
    Elapsed(DurationNanosecondBuilder),
}

impl Values {
    fn new(column: &Column) -> Self {
        match column.kind {
            Kind::Boolean => Self::Boolean(BooleanBuilder::new()),
            Kind::Unsigned(8) => Self::Unsigned8(UInt8Builder::new()),
            Kind::Unsigned(16) => Self::Unsigned16(UInt16Builder::new()),
            Kind::Unsigned(32) => Self::Unsigned32(UInt32Builder::new()),
            Kind::Unsigned(_) => Self::Unsigned64(UInt64Builder::new()),
            Kind::Signed(8) => Self::Signed8(Int8Builder::new()),
            Kind::Signed(16) => Self::Signed16(Int16Builder::new()),
            Kind::Signed(32) => Self::Signed32(Int32Builder::new()),
            Kind::Signed(_) => Self::Signed64(Int64Builder::new()),
            Kind::Instant => Self::Instant(TimestampNanosecondBuilder::new().with_timezone(UTC)),
            Kind::Elapsed => Self::Elapsed(DurationNanosecondBuilder::new()),
            Kind::Float => Self::Float(Float64Builder::new()),
            Kind::Text => Self::Text(Texts::default()),
            Kind::Name => Self::Name(Names::default()),
            Kind::Label(enumeration) => Self::Label(Labels::new(enumeration)),
            Kind::List => Self::List(ListBuilder::new(StringBuilder::new()).with_field(element())),
        }
    }
}

#[derive(Default)]
struct Texts {
    values: StringBuilder,
    /// The octets of the address that is being written.
    octets: Lines,
}

impl Texts {
    fn push(&mut self, value: Value<'_>) {
        match value {
            Value::Text(text) | Value::Label(text) => self.values.append_value(text),
            Value::Address(address) => {
                self.octets.clear();
                self.octets.add(|mut line| {
                    number::address(&mut line, address);
                    line
                });
                // An address is ASCII.
                self.values.append_value(str::from_utf8(self.octets.as_octets()).unwrap_or("?"));
            }
            _ => self.values.append_null(),
        }
    }
}

/// Names that many rows have: those of files.
#[derive(Default)]
struct Names {
    keys: Int32Builder,
    /// Every name so far. Batches number them alike.
    names: Vec<String>,
    last: usize,
}

impl Names {
    fn push(&mut self, value: Value<'_>) {
        let Value::Text(name) = value else { return self.keys.append_null() };
        if self.names.get(self.last).is_none_or(|last| last != name) {
            self.last = self.names.iter().position(|it| it == name).unwrap_or_else(|| {
                self.names.push(name.into());
                self.names.len() - 1
            });
        }
        self.keys.append_value(self.last as i32);
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        dictionary::<Int32Type>(self.keys.finish(), self.names.iter().map(|name| &name[..]))
    }
}

/// Labels of an enumeration. The dictionary of every batch has all of them.
struct Labels {
    keys: Int8Builder,
    enumeration: &'static Enumeration,
}

impl Labels {
    fn new(enumeration: &'static Enumeration) -> Self {
        Self { keys: Int8Builder::new(), enumeration }
    }

    fn push(&mut self, value: Value<'_>) {
        let key = match value {
            Value::Label(label) => self.enumeration.values.iter().position(|it| it.label == label),
            _ => None,
        };
        self.keys.append_option(key.map(|key| key as i8));
    }

    fn finish(&mut self) -> Result<ArrayRef, ArrowError> {
        let labels = self.enumeration.values.iter().map(|value| value.label);
        dictionary::<Int8Type>(self.keys.finish(), labels)
    }
}

fn dictionary<'n, K: ArrowDictionaryKeyType>(
    keys: PrimitiveArray<K>,
    names: impl Iterator<Item = &'n str>,
) -> Result<ArrayRef, ArrowError> {
    let names: StringArray = names.map(Some).collect();
    Ok(Arc::new(DictionaryArray::try_new(keys, Arc::new(names))?))
}

impl From<ArrowError> for Failure {
    fn from(error: ArrowError) -> Self {
        Self::Write(std::io::Error::other(error))
    }
}
