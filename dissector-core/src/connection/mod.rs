//! One connection: names of everything, states, stages, outcome.
//!
//! [`ConnectionTable`](crate::ConnectionTable) finds the connection of a segment; here it is
//! followed. The rules are split by the part of a connection's life they belong to: opening,
//! closing, reset.

mod annotation;
mod closing;
mod endpoint;
mod enumeration;
mod field;
mod names;
mod opening;
mod reset;
#[cfg(test)]
mod tests;
mod track;
mod verdict;

pub use annotation::{Annotation, States};
pub use enumeration::{Enumeration, EnumerationValue, UnknownLabel};
pub use field::{FIELDS, Field, FieldId, FieldKind};
pub use names::*;
pub use track::Connection;
