//! Captures of two points on the way, compared: what was lost, changed or answered in between.
//!
//! Each point has a [`ConnectionTable`](crate::ConnectionTable) of its own and an [`Observer`] beside it.
//! [`compare`] joins the connections of both, finds out how far the [clocks](Clocks) are apart, and says of
//! each connection [what happened on the way](JoinedConnection::path), and of each segment
//! [what became of it](Crossing).
//!
//! # Captures
//!
//! [`observe`] reads the captures of a point to their end. Here a firewall answers the second of three
//! connections in the server's name, and the server's clock is nearly two hours behind:
#![cfg_attr(feature = "capture", doc = "```")]
#![cfg_attr(not(feature = "capture"), doc = "```ignore")]
//! use dissector_core::FollowOptions;
//! use dissector_core::capture::Captures;
//! use dissector_core::compare::{Fate, Observer, Path, compare, observe};
//! use dissector_core::connection::Side;
//! use dissector_core::wire::TcpFlags;
//!
//! let point = |file: &str| {
//!     let mut captures = Captures::open([file])?;
//!     let (observation, summary) = observe(&mut captures, FollowOptions::new(), Observer::new());
//!     assert!(summary.errors.is_empty());
//!     Ok::<_, dissector_core::capture::FileError>(observation)
//! };
//! let comparison = compare(
//!     point("../samples/pairs/rejected-rst.client.pcapng")?,
//!     point("../samples/pairs/rejected-rst.server.pcapng")?,
//! );
//!
//! let paths: Vec<_> = comparison.connections().map(|it| it.path).collect();
//! assert_eq!(paths, [Path::Clean, Path::AnsweredOnTheWay, Path::Clean]);
//!
//! // The server's clock less the client's, and how far that may be from the truth.
//! let refused = comparison.get(1).expect("there are three");
//! assert_eq!(refused.offset_ns.expect("both saw segments") / 1_000_000_000, -7_199);
//! assert!(refused.uncertainty_ns.expect("in both directions") < 20_000_000);
//!
//! // The SYN did not get to the server, and the RST did not come from there.
//! let [syn, rst] = comparison.crossings(1)[..] else { panic!("two segments") };
//! assert_eq!((syn.to, syn.fate), (Side::Server, Fate::Lost));
//! assert_eq!((rst.to, rst.fate), (Side::Client, Fate::Appeared));
//! assert!(rst.any().flags.contains(TcpFlags::RST));
//! assert_eq!(refused.totals[Side::Server as usize].lost, Some(1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Few segments of a long transfer have a crossing: the others are counted. See [`Observer::keeping_all`].
//!
//! # Live sources
//!
//! Where segments come from elsewhere, each point tells its observer of every segment, of every connection
//! that is over, and at last when it was capturing. [`Comparison::into_points`] gives the observations
//! back, and [`Observation::resume`] goes on with them.
//!
//! ```
//! use dissector_core::compare::{Coverage, Observation, Observer, Path, compare};
//! use dissector_core::{ConnectionTable, PacketInfo, Segment};
//!
//! fn watch(segments: &[Segment<'_>], [from_ns, to_ns]: [i64; 2]) -> Observation {
//!     let (mut table, mut observer) = (ConnectionTable::new(), Observer::new());
//!     for segment in segments {
//!         let seen = table.observe(segment);
//!         if let Some(connection) = table.latest() {
//!             observer.observe(segment, &seen, connection);
//!         }
//!         for closed in table.take_closed() {
//!             observer.judge(&closed, table.outcome(&closed));
//!         }
//!     }
//!     for connection in table.connections() {
//!         observer.judge(connection, table.outcome(connection));
//!     }
//!     observer.finish(Coverage::default().with_span(from_ns, to_ns))
//! }
//!
//! let [client, server] = [[10, 0, 0, 1], [10, 0, 0, 2]];
//! let syn = b"\x9c\x40\0\x50\0\0\0\x07\0\0\0\0\x50\x02\xff\xff\0\0\0\0";
//! let syn_ack = b"\0\x50\x9c\x40\0\0\0\x09\0\0\0\x08\x50\x12\xff\xff\0\0\0\0";
//! let ack = b"\x9c\x40\0\x50\0\0\0\x08\0\0\0\x0a\x50\x10\xff\xff\0\0\0\0";
//! let by_client =
//!     |ms: i64, header| Segment::parse(PacketInfo::new(client, server, ms * 1_000_000), header);
//! let by_server =
//!     |ms: i64, header| Segment::parse(PacketInfo::new(server, client, ms * 1_000_000), header);
//!
//! // The server's clock is five seconds ahead, and each way takes ten milliseconds.
//! let near_client = [by_client(1_000, syn)?, by_server(1_021, syn_ack)?, by_client(1_022, ack)?];
//! let near_server = [by_client(6_010, syn)?, by_server(6_011, syn_ack)?];
//! let comparison = compare(
//!     watch(&near_client, [0, 9_000_000_000]),
//!     watch(&near_server, [5_000_000_000, 14_000_000_000]),
//! );
//! let connection = comparison.get(0).expect("both points saw it");
//! assert_eq!(connection.path, Path::FinalAckLost);
//! assert_eq!(connection.offset_ns, Some(5_000_000_000));
//! # Ok::<(), dissector_core::wire::HeaderError>(())
//! ```

mod again;
mod clocks;
mod company;
mod comparison;
mod crossing;
mod joined;
mod joining;
mod label;
mod matching;
mod measure;
mod nearness;
mod observer;
mod octets;
mod path;
mod sighting;
mod timing;
mod totals;
mod trace;
#[cfg(feature = "capture")]
mod watch;

/// Maps and sets whose keys come from captures, so that the hash has to be seeded.
type Map<K, V> = std::collections::HashMap<K, V, foldhash::quality::RandomState>;
type Set<K> = std::collections::HashSet<K, foldhash::quality::RandomState>;

pub use again::WayTime;
pub use clocks::{
    Bound, Bounds, ClockKind, ClockPiece, ClockStep, Clocks, Offset, RATE_LIMIT_PPM, RATE_PPM, Way,
};
pub use comparison::{Comparison, compare, compare_with_one_clock};
pub use crossing::Crossing;
pub use joined::JoinedConnection;
pub use label::PointLabel;
pub use observer::{Coverage, Observation, Observer};
pub use path::StepFates;
pub use sighting::{Sighting, SynOffer};
pub use totals::Totals;
pub use trace::IcmpSighting;
#[cfg(feature = "capture")]
pub use watch::{InterfaceObservation, observe, observe_interfaces};

#[doc(no_inline)]
pub use crate::vocabulary::{Change, ChangeSet, Fate, JoinedBy, Path, Translated, TranslatedSet};
