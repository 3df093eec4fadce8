//! What one point keeps of a connection.

use std::net::{IpAddr, SocketAddr};

use super::octets::SeenOctets;
use super::sighting::Sighting;
use crate::vocabulary::{Outcome, Side};
use crate::wire::{SeqNumber, TcpFlags};
use crate::{IcmpError, Segment};

/// Bare ACKs and new data of a connection that are kept one by one, unless told otherwise; further ones
/// are counted.
pub(super) const PLAIN_KEPT: u32 = 16;

/// Segments of a connection that are kept at most; further ones are counted.
const MOST_KEPT: usize = 1 << 16;

/// A connection as one point saw it.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    /// Number of the connection in its table.
    pub id: u32,
    /// Client and server.
    pub ends: [SocketAddr; 2],
    pub first_ns: i64,
    pub last_ns: i64,
    pub outcome: Outcome,
    /// The segments that are kept, in the order of the capture.
    pub sightings: Vec<Sighting>,
    /// What the client sent, and what the server sent.
    pub ways: [Way; 2],
    /// ICMP errors that quote a segment of it.
    pub icmp: Vec<IcmpSighting>,
    /// Bare ACKs and new data that are kept.
    plain: u32,
}

/// One direction of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Way {
    /// Number of the SYN.
    pub initial: Option<SeqNumber>,
    pub octets: SeenOctets,
    /// Bare ACKs.
    pub acks: u32,
    /// Segments with payload.
    pub data: u32,
    /// Octets of payload in them, repeated ones each time.
    pub payload_octets: u64,
    /// The most payload in one segment.
    pub largest: u32,
    /// Segments that were counted and not kept.
    pub unkept: u32,
    /// The times of the first and the last segment that was not kept.
    pub unkept_ns: Option<(i64, i64)>,
    /// The highest number that it acknowledged.
    pub acknowledged: Option<SeqNumber>,
    /// The number behind the highest octet, SYN or FIN.
    pub next: Option<SeqNumber>,
    /// The lowest number of a segment.
    pub lowest: Option<SeqNumber>,
    /// The TTL of most segments, and by how many it leads.
    ttl: (u8, u32),
}

/// An ICMP error as one point saw it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct IcmpSighting {
    /// Number of the frame.
    pub frame: u64,
    /// Time by the clock of the point, in nanoseconds since 1970 UTC.
    pub time_ns: i64,
    /// The router or host that sent it.
    pub by: IpAddr,
    /// Type of the message.
    pub kind: u8,
    /// Code of the message.
    pub code: u8,
    /// Sequence number of the quoted segment.
    pub sequence: SeqNumber,
    /// Whether the client is told.
    pub to: Side,
}

impl IcmpSighting {
    /// Whether it says that the destination cannot be reached, or not in time: not that a packet was too
    /// large.
    pub(super) fn rejects(&self) -> bool {
        !matches!((self.by, self.kind, self.code), (IpAddr::V4(_), 3, 4) | (IpAddr::V6(_), 2, _))
    }
}

impl Way {
    /// The TTL that most of its segments had.
    pub fn ttl(&self) -> Option<u8> {
        let (ttl, lead) = self.ttl;
        (lead > 0).then_some(ttl)
    }

    fn note(&mut self, segment: &Segment<'_>) {
        // The majority vote of Boyer and Moore.
        self.ttl = match self.ttl {
            (_, 0) => (segment.packet.ttl, 1),
            (ttl, lead) if ttl == segment.packet.ttl => (ttl, lead.saturating_add(1)),
            (ttl, lead) => (ttl, lead - 1),
        };
        let tcp = &segment.tcp;
        let is_rst = tcp.flags.contains(TcpFlags::RST);
        if tcp.flags.contains(TcpFlags::ACK) && !is_rst {
            raise(&mut self.acknowledged, tcp.acknowledgment);
        }
        if !is_rst {
            let controls = u32::from(tcp.flags.contains(TcpFlags::SYN))
                + u32::from(tcp.flags.contains(TcpFlags::FIN));
            raise(&mut self.next, tcp.sequence + segment.payload_octets() + controls);
            if self.lowest.is_none_or(|lowest| lowest.is_after(tcp.sequence)) {
                self.lowest = Some(tcp.sequence);
            }
        }
    }
}

fn raise(highest: &mut Option<SeqNumber>, number: SeqNumber) {
    if highest.is_none_or(|highest| number.is_after(highest)) {
        *highest = Some(number);
    }
}

impl Trace {
    pub fn new(id: u32, ends: [SocketAddr; 2], first_ns: i64) -> Self {
        Self {
            id,
            ends,
            first_ns,
            last_ns: first_ns,
            outcome: Outcome::Midstream,
            sightings: Vec::new(),
            ways: Default::default(),
            icmp: Vec::new(),
            plain: 0,
        }
    }

    /// Takes in a segment. `keep` is the number of bare ACKs and new data that are kept one by one.
    pub fn segment(&mut self, segment: &Segment<'_>, second_capture: bool, keep: u32) {
        let (packet, tcp) = (&segment.packet, &segment.tcp);
        let by_client =
            (packet.source, tcp.source_port) == (self.ends[0].ip(), self.ends[0].port());
        let sender = if by_client { Side::Client } else { Side::Server };
        self.last_ns = self.last_ns.max(packet.time_ns);
        if second_capture {
            self.keep(Sighting::new(segment, sender, true));
            return;
        }
        let way = &mut self.ways[sender as usize];
        way.note(segment);
        let payload = segment.payload_octets();
        let is_control = tcp.flags.intersects(TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST);
        let syn = tcp.flags.contains(TcpFlags::SYN);
        if syn {
            way.initial.get_or_insert(tcp.sequence);
        }
        let mut repeated = false;
        if payload > 0 && !tcp.flags.contains(TcpFlags::RST) {
            way.data = way.data.saturating_add(1);
            way.payload_octets += u64::from(payload);
            way.largest = way.largest.max(payload);
            repeated = way.octets.add(tcp.sequence + u32::from(syn), payload) > 0;
        } else if !is_control {
            way.acks = way.acks.saturating_add(1);
        }
        let is_plain = !is_control && !repeated;
        if is_plain && self.plain >= keep || self.sightings.len() >= MOST_KEPT {
            way.unkept = way.unkept.saturating_add(1);
            let (first, _) = way.unkept_ns.unwrap_or((packet.time_ns, 0));
            way.unkept_ns = Some((first, packet.time_ns));
            return;
        }
        self.plain += u32::from(is_plain);
        let mut sighting = Sighting::new(segment, sender, false);
        if repeated {
            sighting.mark_repeated();
        }
        self.keep(sighting);
    }

    fn keep(&mut self, sighting: Sighting) {
        if self.sightings.len() < MOST_KEPT {
            self.sightings.push(sighting);
        }
    }

    pub fn icmp(&mut self, error: &IcmpError) {
        /// ICMP errors that are kept of a connection.
        const MOST_ICMP: usize = 16;
        self.last_ns = self.last_ns.max(error.packet.time_ns);
        if self.icmp.len() < MOST_ICMP {
            let by_client = error.quoted.source == self.ends[0];
            self.icmp.push(IcmpSighting {
                frame: error.packet.frame,
                time_ns: error.packet.time_ns,
                by: error.packet.source,
                kind: error.kind,
                code: error.code,
                sequence: error.quoted.sequence,
                to: if by_client { Side::Client } else { Side::Server },
            });
        }
    }

    /// Makes this end the client, whichever the trace began with.
    pub fn set_client(&mut self, client: SocketAddr) {
        if self.ends[0] != client && self.ends[1] == client {
            self.ends.swap(0, 1);
            self.ways.swap(0, 1);
            self.sightings.iter_mut().for_each(Sighting::swap_sender);
            self.icmp.iter_mut().for_each(|icmp| icmp.to = icmp.to.other());
        }
    }

    /// The kept segments that this side sent.
    pub fn by(&self, sender: Side) -> impl Iterator<Item = &Sighting> {
        self.sightings.iter().filter(move |it| it.sender() == sender)
    }

    pub fn way(&self, sender: Side) -> &Way {
        &self.ways[sender as usize]
    }
}
