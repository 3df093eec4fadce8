//! The course of each TCP handshake: states of both ends, outcome, times, and the evidence.
//!
//! | you have | you use |
//! |---|---|
//! | capture files | [`follow`], which hands out each connection when it is closed |
//! | frames of a live source | [`LiveTable`] |
//! | frames from elsewhere | [`capture::Decoder`] for the packets in them, [`ConnectionTable`] |
//! | IP packets or TCP segments | [`Segment`], [`IcmpError`], [`ConnectionTable`] |
//! | a TCP header | [`wire::TcpHeader`] |
//! | counters of the hosts' kernels | [`counters`] |
//!
//! A [`ConnectionTable`] says of each segment what it was ([`connection::Annotation`]) and of each
//! connection how it went ([`connection::Verdict`]). It does no I/O and reads no clock: time comes in
//! with the packets. The same engine serves Wireshark, the command `tcphs` and a C program.
//!
//! # Capture files
//!
#![cfg_attr(feature = "capture", doc = "```")]
#![cfg_attr(not(feature = "capture"), doc = "```ignore")]
//! use dissector_core::capture::Captures;
//! use dissector_core::{FollowOptions, follow};
//!
//! // Several files are one stream in order of time.
//! let mut captures =
//!     Captures::open(["../samples/icmp-reject.pcapng", "../samples/telnet-dns.pcapng"])?;
//! let mut rows = Vec::new();
//! let summary = follow(&mut captures, FollowOptions::new(), |closed| {
//!     rows.push(format!("{} {}", closed.connection.server(), closed.outcome()));
//!     Ok::<(), std::io::Error>(())
//! })?;
//! rows.sort();
//! assert_eq!(rows, [
//!     "168.126.63.1:53 complete",
//!     "198.51.100.2:7000 unreachable",
//!     "198.51.100.2:7001 unreachable",
//! ]);
//! assert!(summary.errors.is_empty());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Segments from any source
//!
//! ```
//! use dissector_core::connection::{Outcome, Stage};
//! use dissector_core::{ConnectionTable, PacketInfo, Segment};
//!
//! let [client, server] = [[10, 0, 0, 1], [10, 0, 0, 2]];
//! let syn = b"\x9c\x40\0\x50\0\0\0\x07\0\0\0\0\x50\x02\xff\xff\0\0\0\0";
//! let rst = b"\0\x50\x9c\x40\0\0\0\0\0\0\0\x08\x50\x14\0\0\0\0\0\0";
//!
//! let mut table = ConnectionTable::new();
//! let first = table.observe(&Segment::parse(PacketInfo::new(client, server, 0), syn)?);
//! assert_eq!(first.stage, Stage::Syn);
//! assert_eq!(first.client.to_string(), "SYN-SENT");
//! // The server's state is assumed until its own segments prove it.
//! assert_eq!(first.server.to_string(), "SYN-RECEIVED?");
//! table.observe(&Segment::parse(PacketInfo::new(server, client, 20_000_000), rst)?);
//!
//! let connection = table.latest().expect("the connection of the RST");
//! assert_eq!(table.verdict(connection).outcome, Outcome::Refused);
//! // Connections leave the table as they are closed; ask for them from time to time.
//! assert!(table.take_closed().is_empty());
//! # Ok::<(), dissector_core::wire::HeaderError>(())
//! ```
//!
//! # Features
//!
//! * `capture` (on by default): [`follow`] and [`capture`], which read files and decode frames.
//!   Without it, no dependency does I/O.
//! * `serde`: `Serialize` for values; enumerations are written as their labels.

#![forbid(unsafe_code)]

#[cfg(feature = "capture")]
pub mod capture;
mod clock;
mod compact;
pub mod compare;
pub mod connection;
pub mod counters;
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

pub use clock::LEAP_NS;
pub use icmp::{IcmpError, PROTOCOL_ICMP, PROTOCOL_ICMPV6, Quoted};
pub use key::LINGER_NS;
#[cfg(feature = "capture")]
pub use pipeline::{
    ClosedConnection, FollowEvent, FollowOptions, FollowSummary, FollowedPacket, LiveTable, follow,
    follow_map, follow_packets,
};
pub use segment::{PacketInfo, Segment};
pub use table::{ConnectionTable, DEFAULT_CLOSED_LIMIT, DEFAULT_LIMIT, ServerTally};
