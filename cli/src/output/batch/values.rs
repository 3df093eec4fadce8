//! The values of a column, laid out as Arrow has them. They are added one by one, or as a range of another
//! column's.

use std::mem;
use std::net::IpAddr;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::builder::BooleanBufferBuilder;
use arrow_array::types::{
    ArrowDictionaryKeyType, DurationNanosecondType, Float64Type, Int8Type, Int16Type, Int32Type,
    Int64Type, TimestampNanosecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    ArrayRef, ArrowPrimitiveType, BooleanArray, DictionaryArray, ListArray, PrimitiveArray,
    StringArray,
};
use arrow_buffer::{NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType};
use dissector_core::connection::Enumeration;
use foldhash::HashMap;

use super::element;
use crate::output::lines::Lines;
use crate::output::number;
use crate::output::row::{Column, Kind, Value};

/// Values of one type.
trait Storage: Sized {
    fn new(kind: Kind) -> Self;

    fn push(&mut self, value: Value<'_>);

    /// Adds a range of another column's.
    fn append(&mut self, other: &Self, range: Range<usize>);

    /// Drops the values, and keeps their memory.
    fn clear(&mut self);

    /// The array of the values, which are dropped.
    fn take(&mut self, data_type: &DataType) -> Result<ArrayRef, ArrowError>;
}

/// Defines the values of a column: a variant for each type.
macro_rules! values {
    ($( $kind:pat => $variant:ident($storage:ty), )+) => {
        pub enum Values {
            $( $variant($storage), )+
        }

        impl Values {
            pub fn new(column: &Column) -> Self {
                match column.kind {
                    $( $kind => Self::$variant(<$storage>::new(column.kind)), )+
                }
            }

            /// Adds a value. Inlined where the column is known, one way is left.
            #[inline(always)]
            pub fn push(&mut self, column: &Column, value: Value<'_>) {
                match column.kind {
                    $( $kind => if let Self::$variant(values) = self {
                        values.push(value);
                    } )+
                }
            }

            pub fn append(&mut self, other: &Self, range: Range<usize>) {
                match (self, other) {
                    $( (Self::$variant(values), Self::$variant(other)) => values.append(other, range), )+
                    _ => {}
                }
            }

            pub fn clear(&mut self) {
                match self {
                    $( Self::$variant(values) => values.clear(), )+
                }
            }

            pub fn take(&mut self, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
                match self {
                    $( Self::$variant(values) => values.take(data_type), )+
                }
            }
        }
    };
}

values! {
    Kind::Boolean => Boolean(Booleans),
    Kind::Unsigned(8) => Unsigned8(Numbers<UInt8Type>),
    Kind::Unsigned(16) => Unsigned16(Numbers<UInt16Type>),
    Kind::Unsigned(32) => Unsigned32(Numbers<UInt32Type>),
    Kind::Unsigned(_) => Unsigned64(Numbers<UInt64Type>),
    Kind::Signed(8) => Signed8(Numbers<Int8Type>),
    Kind::Signed(16) => Signed16(Numbers<Int16Type>),
    Kind::Signed(32) => Signed32(Numbers<Int32Type>),
    Kind::Signed(_) => Signed64(Numbers<Int64Type>),
    Kind::Instant => Instant(Numbers<TimestampNanosecondType>),
    Kind::Elapsed => Elapsed(Numbers<DurationNanosecondType>),
    Kind::Float => Float(Numbers<Float64Type>),
    Kind::Text => Text(Texts),
    Kind::Name => Name(Names),
    Kind::Label(_) => Label(Labels),
    Kind::List => List(Lists),
}

/// Which values of a column are there.
struct Presence {
    /// A bit a value, as soon as one is absent.
    bits: BooleanBufferBuilder,
    length: usize,
}

impl Default for Presence {
    fn default() -> Self {
        Self { bits: BooleanBufferBuilder::new(0), length: 0 }
    }
}

impl Presence {
    #[inline(always)]
    fn push(&mut self, present: bool) {
        if !present && self.bits.is_empty() {
            self.make_bits();
        }
        if !present || !self.bits.is_empty() {
            self.bits.append(present);
        }
        self.length += 1;
    }

    #[cold]
    fn make_bits(&mut self) {
        self.bits.append_n(self.length, true);
    }

    fn append(&mut self, other: &Self, range: Range<usize>) {
        let added = range.len();
        if self.bits.is_empty() && !other.bits.is_empty() {
            self.make_bits();
        }
        if !other.bits.is_empty() {
            self.bits.append_packed_range(range, other.bits.as_slice());
        } else if !self.bits.is_empty() {
            self.bits.append_n(added, true);
        }
        self.length += added;
    }

    fn clear(&mut self) {
        self.bits.truncate(0);
        self.length = 0;
    }

    /// The bits as Arrow has them: none if all values are there.
    fn take(&mut self) -> Option<NullBuffer> {
        self.length = 0;
        let bits = self.bits.finish();
        let nulls = (!bits.is_empty()).then(|| NullBuffer::new(bits));
        nulls.filter(|nulls| nulls.null_count() > 0)
    }
}

/// The elements, in whose place there is room for as many.
fn taken<T>(values: &mut Vec<T>) -> Vec<T> {
    let room = Vec::with_capacity(values.len());
    mem::replace(values, room)
}

pub struct Booleans {
    values: BooleanBufferBuilder,
    presence: Presence,
}

impl Storage for Booleans {
    fn new(_: Kind) -> Self {
        Self { values: BooleanBufferBuilder::new(0), presence: Presence::default() }
    }

    #[inline(always)]
    fn push(&mut self, value: Value<'_>) {
        self.values.append(matches!(value, Value::Boolean(true)));
        self.presence.push(matches!(value, Value::Boolean(_)));
    }

    fn append(&mut self, other: &Self, range: Range<usize>) {
        self.values.append_packed_range(range.clone(), other.values.as_slice());
        self.presence.append(&other.presence, range);
    }

    fn clear(&mut self) {
        self.values.truncate(0);
        self.presence.clear();
    }

    fn take(&mut self, _: &DataType) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(BooleanArray::new(self.values.finish(), self.presence.take())))
    }
}

/// A number that a value may be.
trait Number: Copy + Default {
    fn of(value: Value<'_>) -> Option<Self>;
}

macro_rules! whole_numbers {
    ($($type:ty),+) => { $(
        impl Number for $type {
            #[inline(always)]
            fn of(value: Value<'_>) -> Option<Self> {
                match value {
                    // Numbers that a column has no room for do not occur: its type is that of the row.
                    Value::Unsigned(value) => Some(value as Self),
                    Value::Signed(value) | Value::Instant(value) => Some(value as Self),
                    _ => None,
                }
            }
        }
    )+ };
}

whole_numbers!(u8, u16, u32, u64, i8, i16, i32, i64);

impl Number for f64 {
    #[inline(always)]
    fn of(value: Value<'_>) -> Option<Self> {
        match value {
            Value::Float(value) => Some(value),
            _ => None,
        }
    }
}

/// Numbers, times and durations.
pub struct Numbers<T: ArrowPrimitiveType> {
    values: Vec<T::Native>,
    presence: Presence,
}

impl<T: ArrowPrimitiveType> Default for Numbers<T> {
    fn default() -> Self {
        Self { values: Vec::new(), presence: Presence::default() }
    }
}

impl<T: ArrowPrimitiveType> Numbers<T> {
    #[inline(always)]
    fn push_number(&mut self, number: Option<T::Native>) {
        self.values.push(number.unwrap_or_default());
        self.presence.push(number.is_some());
    }

    fn take_array(&mut self) -> PrimitiveArray<T> {
        PrimitiveArray::new(taken(&mut self.values).into(), self.presence.take())
    }
}

impl<T: ArrowPrimitiveType<Native: Number>> Storage for Numbers<T> {
    fn new(_: Kind) -> Self {
        Self::default()
    }

    #[inline(always)]
    fn push(&mut self, value: Value<'_>) {
        self.push_number(Number::of(value));
    }

    fn append(&mut self, other: &Self, range: Range<usize>) {
        self.values.extend_from_slice(&other.values[range.clone()]);
        self.presence.append(&other.presence, range);
    }

    fn clear(&mut self) {
        self.values.clear();
        self.presence.clear();
    }

    fn take(&mut self, data_type: &DataType) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(self.take_array().with_data_type(data_type.clone())))
    }
}

/// Values of several elements each: texts of octets, lists of texts.
#[derive(Default)]
struct Spans {
    /// The number of elements up to the end of each value.
    ends: Vec<i32>,
    presence: Presence,
}

impl Spans {
    #[inline(always)]
    fn push(&mut self, end: usize, present: bool) {
        self.ends.push(end as i32);
        self.presence.push(present);
    }

    /// Adds a range of another column's behind `length` elements, and gives the range of its elements.
    fn append(&mut self, length: usize, other: &Self, range: Range<usize>) -> Range<usize> {
        let others = &other.ends[..range.end];
        let begin = others[..range.start].last().copied().unwrap_or(0);
        let shift = length as i32 - begin;
        self.ends.extend(others[range.start..].iter().map(|end| end + shift));
        self.presence.append(&other.presence, range);
        begin as usize..others.last().copied().unwrap_or(0) as usize
    }

    fn clear(&mut self) {
        self.ends.clear();
        self.presence.clear();
    }

    /// The ends with a zero in front, as Arrow has them, and which values are there.
    fn take(&mut self) -> (OffsetBuffer<i32>, Option<NullBuffer>) {
        let mut offsets = Vec::with_capacity(self.ends.len() + 1);
        offsets.push(0);
        offsets.append(&mut self.ends);
        (OffsetBuffer::new(offsets.into()), self.presence.take())
    }
}

#[derive(Default)]
pub struct Texts {
    octets: Vec<u8>,
    spans: Spans,
    /// The address that is being written.
    address: Lines,
}

impl Texts {
    fn push_text(&mut self, text: &str) {
        self.octets.extend_from_slice(text.as_bytes());
        self.end_text(true);
    }

    fn push_address(&mut self, address: IpAddr) {
        self.address.clear();
        self.address.add(|mut line| {
            number::address(&mut line, address);
            line
        });
        self.octets.extend_from_slice(self.address.as_octets());
        self.end_text(true);
    }

    fn end_text(&mut self, present: bool) {
        self.spans.push(self.octets.len(), present);
    }

    fn take_array(&mut self) -> Result<StringArray, ArrowError> {
        let (offsets, nulls) = self.spans.take();
        StringArray::try_new(offsets, taken(&mut self.octets).into(), nulls)
    }
}

impl Storage for Texts {
    fn new(_: Kind) -> Self {
        Self::default()
    }

    #[inline(always)]
    fn push(&mut self, value: Value<'_>) {
        match value {
            Value::Text(text) | Value::Label(text) => self.push_text(text),
            Value::Address(address) => self.push_address(address),
            _ => self.end_text(false),
        }
    }

    fn append(&mut self, other: &Self, range: Range<usize>) {
        let octets = self.spans.append(self.octets.len(), &other.spans, range);
        self.octets.extend_from_slice(&other.octets[octets]);
    }

    fn clear(&mut self) {
        self.octets.clear();
        self.spans.clear();
    }

    fn take(&mut self, _: &DataType) -> Result<ArrayRef, ArrowError> {
        Ok(Arc::new(self.take_array()?))
    }
}

/// Names that many rows have: those of files.
#[derive(Default)]
pub struct Names {
    keys: Numbers<Int32Type>,
    /// Every name so far, with its key. Batches number them alike.
    names: Vec<String>,
    by_name: HashMap<String, i32>,
}

impl Names {
    fn key(&mut self, name: &str) -> i32 {
        if let Some(key) = self.by_name.get(name) {
            return *key;
        }
        let key = self.names.len() as i32;
        self.names.push(name.into());
        self.by_name.insert(name.into(), key);
        key
    }
}

impl Storage for Names {
    fn new(_: Kind) -> Self {
        Self::default()
    }

    fn push(&mut self, value: Value<'_>) {
        let Value::Text(name) = value else { return self.keys.push_number(None) };
        // Most rows have the name of the row before.
        let last = self.keys.values.last().copied();
        let has_name = |key: &i32| self.names.get(*key as usize).is_some_and(|it| it == name);
        let key = last.filter(has_name).unwrap_or_else(|| self.key(name));
        self.keys.push_number(Some(key));
    }

    fn append(&mut self, other: &Self, range: Range<usize>) {
        let keys: Vec<_> = other.names.iter().map(|name| self.key(name)).collect();
        let of_other = other.keys.values[range.clone()].iter();
        // The key of an absent name is 0, even if there are no names.
        self.keys.values.extend(of_other.map(|key| keys.get(*key as usize).unwrap_or(&0)));
        self.keys.presence.append(&other.keys.presence, range);
    }

    fn clear(&mut self) {
        self.keys.clear();
        self.names.clear();
        self.by_name.clear();
    }

    fn take(&mut self, _: &DataType) -> Result<ArrayRef, ArrowError> {
        dictionary(self.keys.take_array(), self.names.iter().map(|name| &name[..]))
    }
}

/// Labels of an enumeration. The dictionary of every batch has all of them.
pub struct Labels {
    keys: Numbers<Int8Type>,
    enumeration: &'static Enumeration,
}

impl Labels {
    #[inline(always)]
    fn key(&self, number: u8) -> Option<i8> {
        let values = self.enumeration.values;
        // Most enumerations count on from their first number.
        let place = usize::from(number.checked_sub(values.first()?.number)?);
        if values.get(place).is_some_and(|value| value.number == number) {
            return Some(place as i8);
        }
        let place = values.binary_search_by_key(&number, |value| value.number).ok()?;
        Some(place as i8)
    }
}

impl Storage for Labels {
    fn new(kind: Kind) -> Self {
        let enumeration = match kind {
            Kind::Label(enumeration) => enumeration,
            _ => unreachable!("labels are those of an enumeration"),
        };
        Self { keys: Numbers::default(), enumeration }
    }

    #[inline(always)]
    fn push(&mut self, value: Value<'_>) {
        let key = match value {
            Value::Named(number, _) => self.key(number),
            _ => None,
        };
        self.keys.push_number(key);
    }

    fn append(&mut self, other: &Self, range: Range<usize>) {
        self.keys.append(&other.keys, range);
    }

    fn clear(&mut self) {
        self.keys.clear();
    }

    fn take(&mut self, _: &DataType) -> Result<ArrayRef, ArrowError> {
        let labels = self.enumeration.values.iter().map(|value| value.label);
        dictionary(self.keys.take_array(), labels)
    }
}

fn dictionary<'n, K: ArrowDictionaryKeyType>(
    keys: PrimitiveArray<K>,
    names: impl Iterator<Item = &'n str>,
) -> Result<ArrayRef, ArrowError> {
    let names: StringArray = names.map(Some).collect();
    Ok(Arc::new(DictionaryArray::try_new(keys, Arc::new(names))?))
}

#[derive(Default)]
pub struct Lists {
    elements: Texts,
    spans: Spans,
}

impl Storage for Lists {
    fn new(_: Kind) -> Self {
        Self::default()
    }

    fn push(&mut self, value: Value<'_>) {
        if let Value::List(labels) = value {
            labels.each(|_, label| self.elements.push_text(label));
        }
        self.spans.push(self.elements.spans.ends.len(), matches!(value, Value::List(_)));
    }

    fn append(&mut self, other: &Self, range: Range<usize>) {
        let elements = self.spans.append(self.elements.spans.ends.len(), &other.spans, range);
        self.elements.append(&other.elements, elements);
    }

    fn clear(&mut self) {
        self.elements.clear();
        self.spans.clear();
    }

    fn take(&mut self, _: &DataType) -> Result<ArrayRef, ArrowError> {
        let elements = Arc::new(self.elements.take_array()?);
        let (offsets, nulls) = self.spans.take();
        Ok(Arc::new(ListArray::try_new(Arc::new(element()), offsets, elements, nulls)?))
    }
}
