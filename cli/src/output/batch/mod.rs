//! Rows as Arrow: typed columns, in batches, so that memory stays bounded. A file in Parquet has the same types.

mod values;

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};

use self::values::Values;
use super::row::{Column, Kind, Row, Value, Visit};
use crate::Failure;

/// Rows of a batch, and of a group in Parquet.
pub const BATCH_ROWS: usize = 1 << 16;

/// The time zone of all times.
const UTC: &str = "UTC";

/// Rows by their columns.
pub struct Columns {
    values: Vec<Values>,
    rows: usize,
}

impl Columns {
    pub fn new(columns: &[Column]) -> Self {
        Self { values: columns.iter().map(Values::new).collect(), rows: 0 }
    }

    pub fn push(&mut self, row: &impl Row) {
        row.each(&mut Next(self.values.iter_mut()));
        self.rows += 1;
    }
}

/// The rows of the next batch.
pub struct Batches {
    schema: SchemaRef,
    columns: Columns,
}

impl Batches {
    pub fn new(columns: &[Column]) -> Self {
        Self { schema: schema(columns), columns: Columns::new(columns) }
    }

    #[cfg(feature = "parquet")]
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Adds a row; `true` once the batch is full.
    #[must_use]
    pub fn push(&mut self, row: &impl Row) -> bool {
        self.columns.push(row);
        self.columns.rows >= BATCH_ROWS
    }

    /// Moves rows here, and calls `on_full` for each batch that becomes full.
    pub fn append(
        &mut self,
        made: &mut Columns,
        mut on_full: impl FnMut(RecordBatch) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut begin = 0;
        while begin < made.rows {
            let end = made.rows.min(begin + BATCH_ROWS - self.columns.rows);
            for (column, made) in self.columns.values.iter_mut().zip(&made.values) {
                column.append(made, begin..end);
            }
            self.columns.rows += end - begin;
            if self.columns.rows >= BATCH_ROWS
                && let Some(batch) = self.take()?
            {
                on_full(batch)?;
            }
            begin = end;
        }
        made.values.iter_mut().for_each(Values::clear);
        made.rows = 0;
        Ok(())
    }

    /// The rows since the last batch; `None` without any.
    pub fn take(&mut self) -> Result<Option<RecordBatch>, ArrowError> {
        if std::mem::take(&mut self.columns.rows) == 0 {
            return Ok(None);
        }
        let columns = self.columns.values.iter_mut().zip(self.schema.fields());
        let columns = columns.map(|(values, field)| values.take(field.data_type()));
        let columns = columns.collect::<Result<_, _>>()?;
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
    #[inline(always)]
    fn visit(&mut self, column: &'static Column, value: Value<'_>) {
        if let Some(values) = self.0.next() {
            values.push(column, value);
        }
    }
}

impl From<ArrowError> for Failure {
    fn from(error: ArrowError) -> Self {
        Self::Write(std::io::Error::other(error))
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use dissector_core::connection::{Cause, Finding, FindingSet, Outcome};

    use super::*;
    use crate::output::row::{Elapsed, Instant, row};

    row! {
    /// A row with columns of all types.
    Sample<'a>(file: &'a str, number: u32) {
        file: &'a str = file,
        address: Option<IpAddr> = (!number.is_multiple_of(5)).then(|| Ipv4Addr::from_bits(number).into()),
        number: u32 = number,
        small: Option<i8> = (number % 300 > 7).then_some((number % 100) as i8),
        late: Option<u64> = (number > 66_000).then_some(number.into()),
        at: Instant = Instant(number.into()),
        lasts: Option<Elapsed> = (!number.is_multiple_of(2)).then(|| Elapsed(number.into())),
        share: f64 = number.into(),
        even: bool = number.is_multiple_of(2),
        maybe: Option<bool> = (!number.is_multiple_of(3)).then(|| number.is_multiple_of(2)),
        outcome: Outcome = Outcome::ALL[number as usize % Outcome::ALL.len()],
        cause: Option<Cause> = Cause::ALL.get(number as usize % (2 * Cause::ALL.len())).copied(),
        findings: FindingSet = Finding::ALL.iter().copied().take(number as usize % 4).collect(),
    }}

    const ROWS: u32 = 70_000;

    fn sample(number: u32) -> Sample<'static> {
        Sample::new(["one.pcap", "two.pcap", "three.pcap"][number as usize % 1_000 / 400], number)
    }

    #[test]
    fn rows_in_pieces_are_the_rows_one_by_one() {
        let mut batches = Batches::new(Sample::COLUMNS);
        let mut expected = Vec::new();
        for number in 0..ROWS {
            if batches.push(&sample(number)) {
                expected.extend(batches.take().unwrap());
            }
        }
        expected.extend(batches.take().unwrap());
        assert_eq!(expected.iter().map(RecordBatch::num_rows).collect::<Vec<_>>(), [65_536, 4_464]);
        // The first piece is longer than a batch; the others end within octets of bits.
        for piece in [70_000, 1_000, 333, 1] {
            let (mut got, mut made) = (Vec::new(), Columns::new(Sample::COLUMNS));
            for begin in (0..ROWS).step_by(piece) {
                (begin..ROWS.min(begin + piece as u32)).for_each(|row| made.push(&sample(row)));
                let append = batches.append(&mut made, |batch| {
                    got.push(batch);
                    Ok(())
                });
                assert!(append.is_ok());
            }
            got.extend(batches.take().unwrap());
            assert!(got == expected, "in pieces of {piece}");
        }
    }

    #[test]
    fn a_column_without_absent_values_has_no_bits_for_them() {
        let mut batches = Batches::new(Sample::COLUMNS);
        for number in 0..10 {
            assert!(!batches.push(&sample(number)));
        }
        let batch = batches.take().unwrap().unwrap();
        let absent = |name: &str| batch.column_by_name(name).unwrap().null_count();
        assert_eq!([absent("number"), absent("address"), absent("late")], [0, 2, 10]);
        assert!(batch.column_by_name("number").unwrap().nulls().is_none());
    }
}
