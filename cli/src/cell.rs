//! What rows are made of: columns with a type, whatever the format that they are written in.

use std::fmt;
use std::net::IpAddr;

use dissector_core::connection::AnomalySet;
use dissector_core::wire::TcpFlags;

/// A column of a table: its name, its type and what it says.
#[derive(Debug)]
#[cfg_attr(not(feature = "parquet"), expect(dead_code, reason = "only Parquet has types"))]
pub struct Column {
    pub name: &'static str,
    /// The name as the key of a later member of a JSON object: `,"name":`.
    pub json_key: &'static str,
    pub kind: Kind,
    /// Whether a value may be absent.
    pub optional: bool,
}

/// Type of a column.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Boolean,
    /// Number of so many bits: 8, 16, 32 or 64.
    Unsigned(u8),
    /// The same with a sign.
    Signed(u8),
    Float,
    Text,
    /// Any number of short texts.
    List,
}

/// A value in a row.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    Null,
    Boolean(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    /// Any text.
    Text(&'a str),
    /// A text of letters, digits and punctuation without quotes, semicolons and backslashes.
    Label(&'a str),
    /// Something that is shown as such a text.
    Plain(&'a dyn fmt::Display),
    List(AnomalySet),
}

/// A type that a column may have.
pub trait Cell {
    const KIND: Kind;
    const OPTIONAL: bool = false;

    fn value(&self) -> Value<'_>;
}

/// One row of a table.
pub trait Row {
    const COLUMNS: &'static [Column];

    /// Gives the values in the order of the columns to `visit`.
    fn each(&self, visit: impl FnMut(&'static Column, Value<'_>));
}

/// Defines a row: a structure whose fields are the columns.
macro_rules! row {
    ($(#[$doc:meta])* $name:ident $(<$life:lifetime>)? { $( $column:ident: $type:ty, )+ }) => {
        $(#[$doc])*
        pub struct $name $(<$life>)? {
            $( pub $column: $type, )+
        }

        impl $(<$life>)? $crate::cell::Row for $name $(<$life>)? {
            const COLUMNS: &'static [$crate::cell::Column] = &[ $( $crate::cell::Column {
                name: stringify!($column),
                json_key: concat!(",\"", stringify!($column), "\":"),
                kind: <$type as $crate::cell::Cell>::KIND,
                optional: <$type as $crate::cell::Cell>::OPTIONAL,
            } ),+ ];

            #[inline]
            fn each(
                &self,
                mut visit: impl FnMut(&'static $crate::cell::Column, $crate::cell::Value<'_>),
            ) {
                let mut columns = Self::COLUMNS.iter();
                $( if let Some(column) = columns.next() {
                    visit(column, $crate::cell::Cell::value(&self.$column));
                } )+
            }
        }
    };
}

pub(crate) use row;

macro_rules! numbers {
    ($( $type:ty, $kind:ident, $bits:literal, $wide:ty; )+) => { $(
        impl Cell for $type {
            const KIND: Kind = Kind::$kind($bits);

            fn value(&self) -> Value<'_> {
                Value::$kind(<$wide>::from(*self))
            }
        }
    )+ };
}

numbers! {
    u8, Unsigned, 8, u64;
    u16, Unsigned, 16, u64;
    u32, Unsigned, 32, u64;
    u64, Unsigned, 64, u64;
    i8, Signed, 8, i64;
    i64, Signed, 64, i64;
}

impl Cell for bool {
    const KIND: Kind = Kind::Boolean;

    fn value(&self) -> Value<'_> {
        Value::Boolean(*self)
    }
}

impl Cell for f64 {
    const KIND: Kind = Kind::Float;

    fn value(&self) -> Value<'_> {
        Value::Float(*self)
    }
}

impl Cell for &str {
    const KIND: Kind = Kind::Text;

    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl Cell for AnomalySet {
    const KIND: Kind = Kind::List;

    fn value(&self) -> Value<'_> {
        Value::List(*self)
    }
}

impl<T: Cell> Cell for Option<T> {
    const KIND: Kind = T::KIND;
    const OPTIONAL: bool = true;

    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, Cell::value)
    }
}

/// The name of something: one of our own labels, or Zeek's letters.
#[derive(Clone)]
pub struct Label<T>(pub T);

impl<T: AsRef<str>> Cell for Label<T> {
    const KIND: Kind = Kind::Text;

    fn value(&self) -> Value<'_> {
        Value::Label(self.0.as_ref())
    }
}

impl Cell for IpAddr {
    const KIND: Kind = Kind::Text;

    fn value(&self) -> Value<'_> {
        Value::Plain(self)
    }
}

impl Cell for TcpFlags {
    const KIND: Kind = Kind::Text;

    fn value(&self) -> Value<'_> {
        Value::Plain(self)
    }
}
