//! How an enumeration is defined once: number, label, C constant and documentation together.

/// An enumeration as a table, for filters, the C header and the documentation.
#[derive(Debug)]
#[non_exhaustive]
pub struct Enumeration {
    /// Name in lower case with underscores: `close_by`.
    pub name: &'static str,
    /// Its description, one sentence.
    pub doc: &'static str,
    /// The values, by number.
    pub values: &'static [EnumerationValue],
}

/// One value of an [`Enumeration`].
#[derive(Debug)]
#[non_exhaustive]
pub struct EnumerationValue {
    /// Number in filters and in C; never changes once released.
    pub number: u8,
    /// Text in columns, filters and rows.
    pub label: &'static str,
    /// Identifier, in upper case with underscores.
    pub constant: &'static str,
    /// Its meaning.
    pub doc: &'static str,
}

/// Defines an enumeration and its table. Each row: documentation, variant, number, C constant, label.
macro_rules! enumeration {
    (
        $(#[doc = $doc:literal])+
        $name:ident as $text:literal {
            $( $(#[doc = $value_doc:literal])+ $variant:ident = $number:literal, $constant:ident, $label:literal; )+
        }
    ) => {
        $(#[doc = $doc])+
        ///
        /// `Display` writes the label.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[doc = $value_doc])+ #[doc = concat!("Label: `", $label, "`.")] $variant = $number, )+
        }

        impl $name {
            /// Every value, by number.
            pub const ALL: &'static [Self] = &[ $( Self::$variant ),+ ];

            /// The definition as a table.
            pub const TABLE: &'static $crate::connection::Enumeration = &$crate::connection::Enumeration {
                name: $text,
                doc: concat!($($doc),+).trim_ascii_start(),
                values: &[ $( $crate::connection::EnumerationValue {
                    number: $number,
                    label: $label,
                    constant: stringify!($constant),
                    doc: concat!($($value_doc),+).trim_ascii_start(),
                } ),+ ],
            };

            /// Number in filters and in C.
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// Text in columns, filters and rows.
            pub const fn label(self) -> &'static str {
                match self { $( Self::$variant => $label ),+ }
            }

            /// The meaning of the value, one sentence.
            pub const fn doc(self) -> &'static str {
                match self { $( Self::$variant => concat!($($value_doc),+).trim_ascii_start() ),+ }
            }

            /// The value with this number.
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $( $number => Some(Self::$variant), )+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.label())
            }
        }

        #[cfg(feature = "serde")]
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.label())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::connection::UnknownLabel;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $( $label => Ok(Self::$variant), )+
                    _ => Err($crate::connection::UnknownLabel { enumeration: Self::TABLE }),
                }
            }
        }
    };
}

pub(crate) use enumeration;

/// Defines a set of the values of an enumeration as the bits of an integer, and its iterator.
macro_rules! set {
    ($(#[doc = $doc:literal])+ $set:ident($bits:ty), $iter:ident, $member:ident) => {
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
        pub struct $set($bits);

        impl $set {
            /// The set without members.
            pub const EMPTY: Self = Self(0);

            /// Adds one.
            pub const fn insert(&mut self, member: $member) {
                self.0 |= 1 << member.number();
            }

            /// Takes one out.
            pub const fn remove(&mut self, member: $member) {
                self.0 &= !(1 << member.number());
            }

            /// Whether it holds this one.
            pub const fn contains(self, member: $member) -> bool {
                self.0 >> member.number() & 1 == 1
            }

            /// Whether it holds none.
            pub const fn is_empty(self) -> bool {
                self.0 == 0
            }

            /// The union of both sets.
            #[must_use]
            pub const fn union(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// Its members, by number.
            pub fn iter(self) -> $iter {
                $iter(self.0)
            }
        }

        #[doc = concat!("The members of [`", stringify!($set), "`], by number.")]
        #[derive(Clone, Debug)]
        pub struct $iter($bits);

        impl Iterator for $iter {
            type Item = $member;

            fn next(&mut self) -> Option<$member> {
                // The trailing zeros of an empty set are the number of no member.
                let number = self.0.trailing_zeros();
                self.0 &= self.0.wrapping_sub(1);
                $member::from_number(number as u8)
            }
        }

        impl IntoIterator for $set {
            type Item = $member;
            type IntoIter = $iter;

            fn into_iter(self) -> $iter {
                self.iter()
            }
        }

        impl FromIterator<$member> for $set {
            fn from_iter<T: IntoIterator<Item = $member>>(members: T) -> Self {
                let mut set = Self::EMPTY;
                members.into_iter().for_each(|member| set.insert(member));
                set
            }
        }
    };
}

pub(crate) use set;

/// A text that is no label of an enumeration.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no such {}; known are {}", enumeration.name, labels(enumeration))]
pub struct UnknownLabel {
    /// Where the label was looked up.
    pub enumeration: &'static Enumeration,
}

fn labels(enumeration: &Enumeration) -> String {
    let labels: Vec<_> = enumeration.values.iter().map(|value| value.label).collect();
    labels.join(", ")
}
