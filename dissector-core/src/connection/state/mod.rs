//! The state of a connection, as far as the capture shows it.

pub(crate) mod clues;
pub(crate) mod copies;
mod counters;
pub(crate) mod endpoint;
pub(crate) mod extra;
pub(crate) mod gaps;
pub(crate) mod handshake;
pub(crate) mod offer;
pub(crate) mod origin;
pub(crate) mod times;
pub(crate) mod timestamps;

use crate::compact::CompactSegment;
use crate::connection::event::illegal;
use crate::connection::state::endpoint::{Endpoint, Facts};
use crate::connection::state::extra::{Extra, Reset};
use crate::connection::state::handshake::Handshake;
use crate::connection::state::origin::{Origin, Reuse};
use crate::connection::state::timestamps::Offsets;
use crate::connection::verdict::summary::IcmpSeen;
use crate::key::{self, FlowKey, StoredKey};
use crate::vocabulary::{FindingSet, RoleBasis, Side, State};
use crate::wire::TcpFlags;
use crate::zeek::Zeek;

/// Frames of the steps of a connection; 0 where a step was not seen, or its frame number has more
/// than 32 bits.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Frames {
    pub syn: u32,
    pub synack: u32,
    pub final_ack: u32,
}

/// One connection: an incarnation of two addresses and ports.
///
/// Kept small, for millions of them: what few connections need is heap-allocated, and what follows
/// from the rest is not stored.
///
/// ```
/// use dissector_core::connection::{Outcome, State};
/// use dissector_core::{ConnectionTable, PacketInfo, Segment};
///
/// let [client, server] = [[10, 0, 0, 1], [10, 0, 0, 2]];
/// let syn = b"\x9c\x40\0\x50\0\0\0\x07\0\0\0\0\x50\x02\xff\xff\0\0\0\0";
/// let syn_ack = b"\0\x50\x9c\x40\0\0\0\x09\0\0\0\x08\x50\x12\xff\xff\0\0\0\0";
/// let ack = b"\x9c\x40\0\x50\0\0\0\x08\0\0\0\x0a\x50\x10\xff\xff\0\0\0\0";
/// let sent = [(0, client, server, syn), (20, server, client, syn_ack), (21, client, server, ack)];
///
/// let mut table = ConnectionTable::new();
/// for (frame, (ms, source, destination, octets)) in (1..).zip(sent) {
///     let packet = PacketInfo::new(source, destination, ms * 1_000_000).with_frame(frame);
///     table.observe(&Segment::parse(packet, octets)?);
/// }
/// let connection = table.latest().expect("the one of the last segment");
/// assert_eq!(connection.client().to_string(), "10.0.0.1:40000");
/// assert_eq!(connection.server().to_string(), "10.0.0.2:80");
/// assert_eq!((connection.id(), connection.attempt(), connection.packets()), (0, 1, 3));
/// assert_eq!(connection.client_state().after(), State::Established);
/// assert_eq!(connection.server_state().to_string(), "ESTABLISHED?");
/// assert_eq!(table.verdict(connection).outcome, Outcome::Complete);
/// # Ok::<(), dissector_core::wire::HeaderError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Connection {
    pub(crate) key: StoredKey,
    /// Client and server.
    pub(crate) ends: [Endpoint; 2],
    pub(crate) first_ns: i64,
    pub(crate) last_ns: i64,
    /// The times of the steps after the first segment.
    pub(crate) offsets: Offsets,
    /// Segments of both sides, modulo 2^32.
    pub(crate) packets: u32,
    /// Findings about its segments.
    pub(crate) findings: FindingSet,
    pub(crate) extra: Option<Box<Extra>>,
    pub(crate) zeek: Zeek,
    pub(crate) id: u32,
    pub(crate) frames: Frames,
    pub(crate) attempt: u16,
    pub(crate) handshake: Handshake,
    pub(crate) origin: Origin,
    /// It is in no table any more.
    pub(crate) has_left: bool,
}

impl Connection {
    /// The connection that a first segment belongs to, which still has to be observed.
    pub(crate) fn new(
        id: u32,
        attempt: u16,
        reuse: Reuse,
        first: &CompactSegment,
        key: &FlowKey,
    ) -> Self {
        let (flags, [source_port, destination_port]) = (first.flags, key::split_ports(first.ports));
        let syn = flags.contains(TcpFlags::SYN) && !illegal(flags);
        let (by_client, basis) = if syn && !flags.contains(TcpFlags::ACK) {
            (true, RoleBasis::Syn)
        } else if syn {
            (false, RoleBasis::SynAck)
        } else if source_port == destination_port {
            (true, RoleBasis::None)
        } else {
            (source_port > destination_port, RoleBasis::Port)
        };
        let to_itself = key.is_to_itself();
        let sender = if by_client || to_itself { Side::Client } else { Side::Server };
        let (client_state, server_state) = match basis {
            RoleBasis::Syn => (State::Closed, State::Listen),
            _ => (State::Unknown, State::Unknown),
        };
        Self {
            key: StoredKey::new(key, sender),
            ends: [Endpoint::new(client_state), Endpoint::new(server_state)],
            first_ns: first.time_ns,
            last_ns: first.time_ns,
            offsets: Offsets::default(),
            packets: 0,
            findings: FindingSet::EMPTY,
            extra: None,
            zeek: Zeek::new(first, sender),
            id,
            frames: Frames::default(),
            attempt,
            handshake: if to_itself { Handshake::SELF_CONNECT } else { Handshake::empty() },
            origin: Origin::new(basis, reuse),
            has_left: false,
        }
    }

    pub(crate) fn end(&self, side: Side) -> &Endpoint {
        &self.ends[side as usize]
    }

    pub(crate) fn end_mut(&mut self, side: Side) -> &mut Endpoint {
        &mut self.ends[side as usize]
    }

    pub(crate) fn client_end(&self) -> &Endpoint {
        self.end(Side::Client)
    }

    pub(crate) fn client_end_mut(&mut self) -> &mut Endpoint {
        self.end_mut(Side::Client)
    }

    pub(crate) fn server_end(&self) -> &Endpoint {
        self.end(Side::Server)
    }

    pub(crate) fn server_end_mut(&mut self) -> &mut Endpoint {
        self.end_mut(Side::Server)
    }

    pub(crate) fn states(&self) -> [State; 2] {
        [self.ends[0].state, self.ends[1].state]
    }

    pub(crate) fn extra_mut(&mut self) -> &mut Extra {
        self.extra.get_or_insert_default()
    }

    /// The RST that was believed.
    pub(crate) fn reset(&self) -> Option<Reset> {
        self.extra.as_ref()?.reset
    }

    /// The RST that ended the connection, as things stand: the one that was believed, or one in the
    /// window after which its receiver has sent nothing.
    pub(crate) fn final_reset(&self) -> Option<Reset> {
        let extra = self.extra.as_ref()?;
        extra.reset.or(extra.doubtful_reset())
    }

    /// Whether the handshake was completed, but by an end that had reset the connection before.
    pub(crate) fn is_void(&self) -> bool {
        self.extra.as_ref().is_some_and(|extra| extra.is_void)
    }

    /// The first ICMP error that quotes the SYN.
    pub(crate) fn icmp(&self) -> Option<IcmpSeen> {
        self.extra.as_ref()?.icmp
    }

    pub(crate) fn is_self_connect(&self) -> bool {
        self.handshake.has(Handshake::SELF_CONNECT)
    }

    /// Which end sent the first FIN.
    pub(crate) fn first_closer(&self) -> Option<Side> {
        self.handshake.first_closer()
    }

    /// Whether a SYN of either side is in the capture.
    pub(crate) fn saw_syn(&self) -> bool {
        let [client, server] = &self.ends;
        (client.facts | server.facts).contains(Facts::SYN)
    }

    /// Which end sends segments with this key; `None` if they are of another connection. A
    /// connection to itself has one end only, the client.
    #[inline]
    pub(crate) fn sender(&self, key: &FlowKey) -> Option<Side> {
        self.key.sender(key)
    }

    /// The key of a segment from client to server.
    pub(crate) fn key(&self) -> FlowKey {
        self.key.key()
    }

    /// Reads from each cache line that the next segment will need.
    #[inline(always)]
    pub(crate) fn prefetch(&self) {
        let [client, server] = &self.ends;
        let ends = client.nxt.0 ^ server.nxt.0;
        std::hint::black_box(self.last_ns as u32 ^ ends ^ self.packets ^ self.id);
    }
}
