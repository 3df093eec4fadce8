//! The commands that write captures.

pub mod merge;
