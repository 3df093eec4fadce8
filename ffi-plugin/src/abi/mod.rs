//! The functions and structs of `include/tcphs.h`.
//!
//! `cargo test -p tests --test header` compares the header with what is written here;
//! `TCPHS_BLESS=1` in front of it writes the header anew.
//!
//! A function named after a struct is a method of it, and takes it first. Who calls `_new` calls
//! `_free`. Null where there must be something gives a status, not a crash.

#![allow(non_camel_case_types, reason = "the names are those of the C header")]

mod label;
mod segment;
mod session;
mod settings;
mod statistics;
mod status;
mod table;
mod tapped;

pub use label::*;
pub use segment::*;
pub use session::*;
pub use settings::*;
pub use statistics::*;
pub use status::*;
pub use table::*;
pub use tapped::*;
