//! The Wireshark plugin.
//!
//! Wireshark raises errors with `longjmp`, which must not cross a Rust frame. So C calls Rust and
//! never the other way round: the shim in `shim/` reads the packet into flat structs, calls the
//! functions of [`abi`], and shows the results when they have returned.
//!
//! * [`abi`]: the functions and structs of `shim/session.h`;
//! * `session`, `store`, `frames`, `connections`, `syns`, `proofs`, `chunks`: the segments of one
//!   capture file, by frame;
//! * `view`, `verdict`, `list`, `expert_items`, `finding_text`, `text`, `info`: what is shown of one
//!   segment, as values and text;
//! * `statistics`: what is shown of many connections;
//! * `entry`, `fields`, `expert`, `command_line` (feature `wireshark`): what Wireshark looks up in a
//!   plugin.

pub mod abi;
mod chunks;
#[cfg(feature = "wireshark")]
mod command_line;
mod connections;
#[cfg(feature = "wireshark")]
mod entry;
#[cfg(feature = "wireshark")]
mod expert;
mod expert_items;
#[cfg(feature = "wireshark")]
mod fields;
mod finding_text;
mod frames;
#[cfg(feature = "wireshark")]
mod headers;
mod info;
mod list;
mod proofs;
mod session;
mod statistics;
mod store;
mod syns;
mod text;
mod verdict;
mod view;
