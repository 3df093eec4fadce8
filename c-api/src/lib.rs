//! The C library: functions and structs of `include/tcphs.h`.
//!
//! `cargo test -p tests --test header` compares the header with these sources;
//! `cargo xtask bless` writes it anew.
//!
//! * [`boundary`] stops panics and turns them into a status;
//! * [`segment`] and [`status`] are shared with the Wireshark plugin;
//! * `table` converts pointers, `engine` does the work in safe Rust;
//! * `annotation`, `verdict` and `text` are the results as C structs and strings.

#![allow(non_camel_case_types, reason = "the names are those of the C header")]

pub mod boundary;
pub mod segment;
pub mod status;

#[cfg(feature = "table")]
mod annotation;
#[cfg(feature = "table")]
mod engine;
#[cfg(feature = "table")]
mod table;
#[cfg(feature = "table")]
mod text;
#[cfg(feature = "table")]
mod verdict;

#[cfg(feature = "table")]
pub use {annotation::*, table::*, text::*, verdict::*};
