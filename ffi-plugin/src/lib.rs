//! The Wireshark plugin.
//!
//! Wireshark raises errors with `longjmp`, which must not cross a Rust frame. So C calls Rust and
//! never the other way round: the shim in `shim/` reads the packet into flat structs, calls the
//! functions of [`abi`], and shows the results when they have returned.
//!
//! * [`abi`]: the functions and structs of `shim/session.h`;
//! * `session`: the segments of one capture file, by frame;
//! * `show`: the values and texts that are shown of one segment;
//! * `statistics`: tables over many connections;
//! * `wireshark` (feature `wireshark`): the symbols that Wireshark looks up in a plugin.

pub mod abi;
mod session;
mod show;
mod statistics;
#[cfg(feature = "wireshark")]
mod wireshark;
