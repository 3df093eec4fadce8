//! The Wireshark plugin, and the C interface of `include/tcphs.h`.
//!
//! Wireshark raises errors with `longjmp`, which must not cross a Rust frame. So C calls Rust and
//! never the other way round: the shim in `shim/` reads what Wireshark knows into flat structs,
//! calls the functions of [`abi`], and shows what came back when they have returned.
//!
//! * [`abi`]: the functions and structs of `include/tcphs.h`;
//! * `session`, `store`, `frames`, `connections`, `syns`, `proofs`, `chunks`: what is known of the segments of one capture file, by frame;
//! * `view`, `verdict`, `remark`, `remark_text`, `text`, `info`: what is shown of one segment, as values and text;
//! * `statistics`: what is shown of many connections;
//! * `entry`, `fields`, `expert`, `command_line` (feature `wireshark`): what Wireshark looks up in a plugin.

pub mod abi;
mod chunks;
#[cfg(feature = "wireshark")]
mod command_line;
mod connections;
#[cfg(feature = "wireshark")]
mod entry;
#[cfg(feature = "wireshark")]
mod expert;
#[cfg(feature = "wireshark")]
mod fields;
mod frames;
#[cfg(feature = "wireshark")]
mod headers;
mod info;
mod list;
mod proofs;
mod remark;
mod remark_text;
mod session;
mod statistics;
mod store;
mod syns;
mod text;
mod verdict;
mod view;
