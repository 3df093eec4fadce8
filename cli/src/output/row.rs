//! Rows of typed columns, for every format. A column is named as the filter field in Wireshark, without
//! `tcphs.` and with underscores.

use std::net::IpAddr;
use std::sync::LazyLock;

use dissector_core::compare::{ChangeSet, Fate, JoinedBy, Path, TranslatedSet};
use dissector_core::connection::{
    Cause, Close, ClosedBy, Ecn, Enumeration, EvidenceSet, FindingSet, OpenType, Outcome, Repeat,
    Role, RoleBasis, RstReason, Seen, Stage, State, Vantage,
};
use dissector_core::wire::TcpFlags;

/// A column: its name and type.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "arrow"), expect(dead_code, reason = "only Arrow and Parquet have types"))]
pub struct Column {
    pub name: &'static str,
    /// The name as the key of a later member of a JSON object, up to its text: `,"name":"`.
    pub json_key: &'static str,
    pub kind: Kind,
    /// Whether a value may be absent.
    pub optional: bool,
}

/// Type of a column.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "arrow"), expect(dead_code, reason = "only Arrow and Parquet have types"))]
pub enum Kind {
    Boolean,
    /// Number of 8, 16, 32 or 64 bits.
    Unsigned(u8),
    /// Number with a sign.
    Signed(u8),
    /// Nanoseconds since 1970 UTC, as a number with a sign.
    Instant,
    /// Nanoseconds between two times.
    Elapsed,
    Float,
    Text,
    /// A text that is that of many rows.
    Name,
    /// One of these labels.
    Label(&'static Enumeration),
    /// A list of texts.
    List,
}

/// A value in a row.
#[derive(Clone, Copy)]
pub enum Value<'a> {
    Null,
    Boolean(bool),
    Unsigned(u64),
    Signed(i64),
    /// A time in nanoseconds since 1970 UTC.
    Instant(i64),
    Float(f64),
    /// Any text.
    Text(&'a str),
    /// A text that no format has to quote or escape.
    Label(&'a str),
    /// A label of the column's enumeration, and its number there.
    Named(
        #[cfg_attr(not(feature = "arrow"), expect(dead_code, reason = "text has no numbers"))] u8,
        &'static str,
    ),
    Address(IpAddr),
    List(Labels),
}

/// The labels of a set.
#[derive(Clone, Copy)]
pub enum Labels {
    Findings(FindingSet),
    Evidence(EvidenceSet),
    Changes(ChangeSet),
    Translated(TranslatedSet),
}

impl Labels {
    /// Calls `visit` with each label and its place in the list, and gives how many there are.
    #[inline(always)]
    pub fn each(self, mut visit: impl FnMut(usize, &'static str)) -> usize {
        let mut place = 0;
        let mut next = |label| {
            visit(place, label);
            place += 1;
        };
        match self {
            Self::Findings(set) => set.iter().for_each(|finding| next(finding.label())),
            Self::Evidence(set) => set.iter().for_each(|evidence| next(evidence.label())),
            Self::Changes(set) => set.iter().for_each(|change| next(change.label())),
            Self::Translated(set) => set.iter().for_each(|name| next(name.label())),
        }
        place
    }
}

/// Writes the values of a row.
///
/// Implementations are inlined: at each column, kind and name are constants, and one way to write a value
/// is left.
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

    /// Calls `visitor` with each value, in the order of the columns.
    fn each(&self, visitor: &mut impl Visit);
}

/// Defines a row: a structure whose fields are the columns, each with its value from the arguments of
/// `new`.
macro_rules! row {
    ($(#[$doc:meta])* $name:ident $(<$life:lifetime>)? ($($argument:ident: $from:ty),*) {
        $( $column:ident: $type:ty = $value:expr, )+
    }) => {
        $(#[$doc])*
        pub struct $name $(<$life>)? {
            $( $column: $type, )+
        }

        impl $(<$life>)? $name $(<$life>)? {
            pub fn new($($argument: $from),*) -> Self {
                Self { $( $column: $value ),+ }
            }
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

macro_rules! cells {
    ($( $type:ty => $kind:expr, $self:ident => $value:expr; )+) => { $(
        impl Cell for $type {
            const KIND: Kind = $kind;

            #[inline(always)]
            fn value(&$self) -> Value<'_> {
                $value
            }
        }
    )+ };
}

cells! {
    bool => Kind::Boolean, self => Value::Boolean(*self);
    u8 => Kind::Unsigned(8), self => Value::Unsigned((*self).into());
    u16 => Kind::Unsigned(16), self => Value::Unsigned((*self).into());
    u32 => Kind::Unsigned(32), self => Value::Unsigned((*self).into());
    u64 => Kind::Unsigned(64), self => Value::Unsigned(*self);
    i8 => Kind::Signed(8), self => Value::Signed((*self).into());
    i64 => Kind::Signed(64), self => Value::Signed(*self);
    f64 => Kind::Float, self => Value::Float(*self);
    &str => Kind::Name, self => Value::Text(self);
    IpAddr => Kind::Text, self => Value::Address(*self);
    Instant => Kind::Instant, self => Value::Instant(self.0);
    Elapsed => Kind::Elapsed, self => Value::Unsigned(self.0);
    SignedElapsed => Kind::Elapsed, self => Value::Signed(self.0);
    FindingSet => Kind::List, self => Value::List(Labels::Findings(*self));
    EvidenceSet => Kind::List, self => Value::List(Labels::Evidence(*self));
    ChangeSet => Kind::List, self => Value::List(Labels::Changes(*self));
    TranslatedSet => Kind::List, self => Value::List(Labels::Translated(*self));
    // The texts are those of Wireshark.
    TcpFlags => Kind::Text, self => Value::Text(&flag_texts(*self).0);
    Tcpdump => Kind::Text, self => Value::Label(&flag_texts(self.0).1);
}

macro_rules! labels {
    ($($type:ty),+) => {
        cells! { $( $type => Kind::Label(<$type>::TABLE), self => Value::Named(self.number(), self.label()); )+ }
    };
}

labels!(
    Cause, Close, ClosedBy, Ecn, OpenType, Outcome, Repeat, Role, RoleBasis, RstReason, Seen, Stage
);
labels!(State, Vantage, Fate, JoinedBy, Path);

impl<T: Cell> Cell for Option<T> {
    const KIND: Kind = T::KIND;
    const OPTIONAL: bool = true;

    #[inline]
    fn value(&self) -> Value<'_> {
        self.as_ref().map_or(Value::Null, Cell::value)
    }
}

/// A time in nanoseconds since 1970 UTC. The name of its column ends with `_ns`.
pub struct Instant(pub i64);

/// A time between two segments, in nanoseconds. The name of its column ends with `_ns`.
pub struct Elapsed(pub u64);

/// The same where it may be below zero.
pub struct SignedElapsed(pub i64);

/// Whether rows have times as text, too, in a column without `_ns`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stamps {
    NanosecondsOnly,
    Rfc3339,
}

/// The end of a column's name that its time as text does not have.
pub const IN_NS: &str = "_ns";

/// A text that needs no quotes: Zeek's letters.
pub struct Label<T>(pub T);

impl<T: AsRef<str>> Cell for Label<T> {
    const KIND: Kind = Kind::Text;

    #[inline(always)]
    fn value(&self) -> Value<'_> {
        Value::Label(self.0.as_ref())
    }
}

/// Flags as tcpdump writes them.
pub struct Tcpdump(pub TcpFlags);

/// Flags as Wireshark and as tcpdump write them. The texts are made once.
fn flag_texts(flags: TcpFlags) -> &'static (String, String) {
    static TEXTS: LazyLock<Vec<(String, String)>> = LazyLock::new(|| {
        let all = (0..=TcpFlags::all().bits()).map(TcpFlags::from_bits);
        all.map(|flags| (flags.to_string(), flags.tcpdump().to_string())).collect()
    });
    &TEXTS[usize::from((flags & TcpFlags::all()).bits())]
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
        for flags in (0..=TcpFlags::all().bits()).map(TcpFlags::from_bits) {
            let (wireshark, tcpdump) = flag_texts(flags);
            assert_eq!((wireshark, tcpdump), (&flags.to_string(), &flags.tcpdump().to_string()));
        }
    }
}
