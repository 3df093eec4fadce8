//! Checks that must hold for any input.
//!
//! Each module has one function, `check`, which uses its octets as a capture or as the arguments of
//! calls, and panics if an invariant does not hold. The fuzz targets of `fuzz/` call it with the
//! inputs of a fuzzer, `tests/corpus.rs` with the committed ones.

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
