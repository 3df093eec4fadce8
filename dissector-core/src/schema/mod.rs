//! The fields that Wireshark and the rows of the command have in common.

mod field;

pub use field::{FIELDS, Field, FieldId, FieldKind, Known};
