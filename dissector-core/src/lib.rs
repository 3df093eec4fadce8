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
//!
//! # One header
//!
//! ```
//! use dissector_core::wire::{TcpHeader, TcpOption};
//!
//! let octets = b"\x9c\x40\0\x50\0\0\0\x07\0\0\0\0\x60\x02\xff\xff\0\0\0\0\x02\x04\x05\xb4";
//! let header = TcpHeader::parse(octets)?;
//! assert_eq!((header.destination_port, header.flags.to_string()), (80, "SYN".into()));
//! assert_eq!(header.options().next(), Some(Ok(TcpOption::Mss(1460))));
//! # Ok::<(), dissector_core::wire::HeaderError>(())
//! ```
//!
//! # One connection, from any source of packets
//!
//! ```
//! use dissector_core::connection::Outcome;
//! use dissector_core::{ConnectionTable, PacketInfo, Segment};
//!
//! /// A segment with these numbers and flags, sent after so many milliseconds.
//! fn segment(ports: [u16; 2], numbers: [u32; 2], flags: u8) -> Vec<u8> {
//!     let mut octets: Vec<u8> = ports.into_iter().flat_map(u16::to_be_bytes).collect();
//!     octets.extend(numbers.into_iter().flat_map(u32::to_be_bytes));
//!     octets.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
//!     octets
//! }
//!
//! let (client, server) = ([10, 0, 0, 1], [10, 0, 0, 2]);
//! let handshake = [
//!     (client, server, segment([40_000, 80], [7, 0], 0x02)),
//!     (server, client, segment([80, 40_000], [100, 8], 0x12)),
//!     (client, server, segment([40_000, 80], [8, 101], 0x10)),
//! ];
//! let mut table = ConnectionTable::new();
//! let mut shown = Vec::new();
//! for (index, (source, destination, octets)) in (0..).zip(&handshake) {
//!     let time_ns = index as i64 * 10_000_000;
//!     let packet = PacketInfo::new(*source, *destination, time_ns).with_frame(index + 1);
//!     let seen = table.observe(&Segment::parse(packet, octets)?);
//!     shown.push(format!("{}: {} / {}", seen.stage, seen.client, seen.server));
//! }
//! assert_eq!(shown, [
//!     "SYN: SYN-SENT / SYN-RECEIVED?",
//!     "SYN/ACK: ESTABLISHED? / SYN-RECEIVED",
//!     "ACK: ESTABLISHED / ESTABLISHED?",
//! ]);
//! let verdict = table.verdict(table.latest().expect("it is there"));
//! assert_eq!(verdict.outcome, Outcome::Complete);
//! assert_eq!(verdict.times.setup_time_ns, Some(20_000_000));
//! # Ok::<(), dissector_core::wire::HeaderError>(())
//! ```
//!
//! # The verdicts of a capture
#![cfg_attr(feature = "capture", doc = "```no_run")]
#![cfg_attr(not(feature = "capture"), doc = "```ignore")]
//! use dissector_core::ConnectionTable;
//! use dissector_core::capture::{Capture, Packet};
//!
//! let mut table = ConnectionTable::new();
//! let mut capture = Capture::open("capture.pcapng")?;
//! while let Some(packet) = capture.next_packet()? {
//!     match packet {
//!         Packet::Segment(segment) => drop(table.observe(&segment)),
//!         Packet::IcmpError(error) => drop(table.observe_icmp(&error)),
//!         _ => {}
//!     }
//!     for connection in &table.take_closed() {
//!         println!("{} {}", connection.server(), table.verdict(connection).outcome);
//!     }
//! }
//! for connection in table.connections() {
//!     println!("{} {}", connection.server(), table.verdict(connection).outcome);
//! }
//! # Ok::<(), dissector_core::capture::CaptureError>(())
//! ```
//!
//! # Features
//!
//! * `capture` (on by default): [`capture`], which reads files. Without it, no dependency does I/O.
//! * `serde`: `Serialize` for values; enumerations are written as their labels.

#![forbid(unsafe_code)]

#[cfg(feature = "capture")]
pub mod capture;
mod compact;
pub mod connection;
mod icmp;
mod key;
#[cfg_attr(not(feature = "capture"), allow(dead_code, reason = "only files are read in batches"))]
mod pipeline;
pub mod schema;
mod segment;
#[cfg(feature = "serde")]
mod serialize;
#[cfg_attr(not(feature = "capture"), allow(dead_code, reason = "only files are read in batches"))]
mod table;
pub mod vocabulary;
pub mod wire;
mod zeek;

pub use icmp::{IcmpError, PROTOCOL_ICMP, PROTOCOL_ICMPV6, Quoted};
pub use key::LINGER_NS;
#[cfg(feature = "capture")]
pub use pipeline::{
    ClosedConnection, FollowEvent, FollowOptions, FollowSummary, follow, follow_map, follow_packets,
};
pub use segment::{PacketInfo, Segment};
pub use table::{ConnectionTable, DEFAULT_CLOSED_LIMIT, DEFAULT_LIMIT, ServerTally};
