//! TCP headers, flags and options, and what the handshake of each connection came to.
//!
//! Three layers, each standing on the one before it:
//!
//! * [`wire`] reads one TCP segment;
//! * [`connection`] follows one connection: states of both ends, stage of each segment, outcome;
//! * [`ConnectionTable`] keeps many connections apart.
//!
//! They do no I/O and read no clock: time comes in with each segment, so the same engine serves a
//! file, Wireshark and a test. [`capture`] (a default feature) reads pcap and pcapng files.

#![forbid(unsafe_code)]

#[cfg(feature = "capture")]
pub mod capture;
pub mod connection;
mod icmp;
mod segment;
#[cfg(feature = "serde")]
mod serialize;
mod table;
mod tally;
pub mod wire;

pub use icmp::{IcmpError, PROTOCOL_ICMP, PROTOCOL_ICMPV6, Quoted};
pub use segment::{PacketInfo, Segment};
pub use table::{ConnectionTable, DEFAULT_LIMIT, LINGER_NS};
pub use tally::ServerTally;
