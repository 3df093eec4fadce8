//! Rows of typed columns, for every format. A column is named as the filter field in Wireshark, without
//! `tcphs.` and with underscores.

use std::net::IpAddr;
use std::sync::OnceLock;

use dissector_core::connection::FindingSet;
use dissector_core::wire::TcpFlags;

/// A column of a table: its name, its type and what it says.
#[derive(Debug)]
#[cfg_attr(not(feature = "parquet"), expect(dead_code, reason = "only Parquet has types"))]
pub struct Column {
    pub name: &'static str,
    /// The name as the key of a later member of a JSON object, up to its text: `,"name":"`.
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
    /// A text of letters, digits and punctuation without quotes, commas, semicolons and backslashes.
    Label(&'a str),
    /// Such labels with commas between them.
    Labels(&'a str),
    Address(IpAddr),
    List(FindingSet),
}

/// Something that is done with each value of a row.
///
/// What it does should be inlined: at each column, kind and name are constants, and of the ways to
/// write a value one is left.
pub trait Visit {
    fn visit(&mut self, column: &'static Column, value: Value<'_>);
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

    /// Gives the values in the order of the columns to `visitor`.
    fn each(&self, visitor: &mut impl Visit);
}

/// Defines a row: a structure whose fields are the columns.
macro_rules! row {
    ($(#[$doc:meta])* $name:ident $(<$life:lifetime>)? { $( $column:ident: $type:ty, )+ }) => {
        $(#[$doc])*
        pub struct $name $(<$life>)? {
            $( pub $column: $type, )+
        }

        impl $(<$life>)? $crate::output::row::Row for $name $(<$life>)? {
            const COLUMNS: &'static [$crate::output::row::Column] = &[ $( $crate::output::row::Column {
                name: stringify!($column),
                json_key: concat!(",\"", stringify!($column), "\":\""),
                kind: <$type as $crate::output::row::Cell>::KIND,
                optional: <$type as $crate::output::row::Cell>::OPTIONAL,
            } ),+ ];

            #[inline(always)]
            fn each(&self, visitor: &mut impl $crate::output::row::Visit) {
                let mut columns = Self::COLUMNS.iter();
                $( if let Some(column) = columns.next() {
                    visitor.visit(column, $crate::output::row::Cell::value(&self.$column));
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

            #[inline]
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

    #[inline]
    fn value(&self) -> Value<'_> {
        Value::Boolean(*self)
    }
}

impl Cell for f64 {
    const KIND: Kind = Kind::Float;

    #[inline]
    fn value(&self) -> Value<'_> {
        Value::Float(*self)
    }
}

impl Cell for &str {
    const KIND: Kind = Kind::Text;

    #[inline]
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl Cell for FindingSet {
    const KIND: Kind = Kind::List;

    #[inline]
    fn value(&self) -> Value<'_> {
        Value::List(*self)
    }
}

impl<T: Cell> Cell for Option<T> {
    const KIND: Kind = T::KIND;
    const OPTIONAL: bool = true;

    #[inline]
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, Cell::value)
    }
}

/// A text that needs no quotes: one of the engine's labels, or Zeek's letters.
#[derive(Clone)]
pub struct Label<T>(pub T);

/// One of the engine's labels.
pub type Name = Label<&'static str>;

impl<T: AsRef<str>> Cell for Label<T> {
    const KIND: Kind = Kind::Text;

    #[inline]
    fn value(&self) -> Value<'_> {
        Value::Label(self.0.as_ref())
    }
}

impl Cell for IpAddr {
    const KIND: Kind = Kind::Text;

    #[inline]
    fn value(&self) -> Value<'_> {
        Value::Address(*self)
    }
}

/// As Wireshark writes them.
impl Cell for TcpFlags {
    const KIND: Kind = Kind::Text;

    #[inline]
    fn value(&self) -> Value<'_> {
        static TEXTS: FlagTexts = FlagTexts::new();
        Value::Labels(TEXTS.of(*self, |flags| flags.to_string()))
    }
}

/// Flags as tcpdump writes them.
pub struct Tcpdump(pub TcpFlags);

impl Cell for Tcpdump {
    const KIND: Kind = Kind::Text;

    #[inline]
    fn value(&self) -> Value<'_> {
        static TEXTS: FlagTexts = FlagTexts::new();
        Value::Label(TEXTS.of(self.0, |flags| flags.tcpdump().to_string()))
    }
}

/// The text of each combination of flags, once it was needed: few are, again and again.
struct FlagTexts([OnceLock<String>; TcpFlags::all().bits() as usize + 1]);

impl FlagTexts {
    const fn new() -> Self {
        Self([const { OnceLock::new() }; TcpFlags::all().bits() as usize + 1])
    }

    #[inline]
    fn of(&self, flags: TcpFlags, make: impl FnOnce(TcpFlags) -> String) -> &str {
        self.0[usize::from(flags.bits())].get_or_init(|| make(flags))
    }
}

#[cfg(test)]
mod tests {
    use dissector_core::connection::ENUMERATIONS;

    use super::*;

    #[test]
    fn labels_need_no_quotes_in_any_format() {
        let labels = ENUMERATIONS.iter().flat_map(|table| table.values).map(|value| value.label);
        for label in labels {
            let takes = |octet: u8| octet.is_ascii_graphic() && !b"\",;\\".contains(&octet);
            assert!(label.bytes().all(|octet| octet == b' ' || takes(octet)), "{label}");
        }
    }

    #[test]
    fn flags_are_shown_as_they_are() {
        for bits in 0..=TcpFlags::all().bits() {
            let flags = TcpFlags::from_bits(bits);
            let tcpdump = Tcpdump(flags);
            // The second time, as it was kept.
            for _ in 0..2 {
                let (Value::Labels(text), Value::Label(letters)) = (flags.value(), tcpdump.value())
                else {
                    panic!("flags are labels");
                };
                assert_eq!(text, flags.to_string());
                assert_eq!(letters, flags.tcpdump().to_string());
            }
        }
    }
}
