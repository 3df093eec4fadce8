//! What must hold of any octets that come in.
//!
//! Each module has one function, `check`, which takes octets, does with them what the project does
//! with a capture or a caller's arguments, and panics where something does not hold that always
//! must. The fuzz targets of `fuzz/` call it with whatever a fuzzer invents; `tests/corpus.rs` calls
//! it with what was worth keeping.

pub mod abi;
pub mod connections;
pub mod framing;
pub mod header;
pub mod layers;
mod octets;
mod reading;

/// A check.
pub type Check = fn(&[u8]);

/// Every check, by the name of its fuzz target and of its folder in the corpus.
pub const CHECKS: [(&str, Check); 5] = [
    ("header", header::check),
    ("layers", layers::check),
    ("framing", framing::check),
    ("connections", connections::check),
    ("abi", abi::check),
];
