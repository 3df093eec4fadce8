//! The functions and structs of `shim/session.h`, with which the shim calls Rust.
//!
//! `cargo test -p tests --test header` compares the header with these sources;
//! `cargo xtask bless` writes it anew.
//!
//! A function named after a struct takes it as its first argument. The caller of `_new` also calls
//! `_free`. A null pointer gives a status instead of a crash.

#![allow(non_camel_case_types, reason = "the names are those of the C header")]

mod session;
mod settings;
mod statistics;
mod tapped;

pub use c_api::segment::tcphs_segment;
pub use c_api::status::tcphs_status;
pub use session::*;
pub use settings::*;
pub use statistics::*;
pub use tapped::*;
