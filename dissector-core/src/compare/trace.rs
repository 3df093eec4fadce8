//! What one point keeps of a connection.

use std::net::{IpAddr, SocketAddr};

use super::octets::SeenOctets;
use super::sighting::Sighting;
use crate::key::{FlowKey, StoredKey};
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
    key: StoredKey,
    pub first_ns: i64,
    pub last_ns: i64,
    /// The segments that are kept, in the order of the capture.
    pub sightings: Vec<Sighting>,
    /// What the client sent, and what the server sent.
    ways: [Way; 2],
    /// ICMP errors that quote a segment of it.
    #[expect(clippy::box_collection, reason = "they are rare, and a vector has 24 octets")]
    icmp: Option<Box<Vec<IcmpSighting>>>,
    /// Bare ACKs and new data that are kept.
    plain: u32,
    pub outcome: Outcome,
}

/// One direction of a connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Way {
    pub octets: SeenOctets,
    /// Octets of payload in all segments, repeated ones each time.
    pub payload_octets: u64,
    unkept: Option<Box<Unkept>>,
    /// Bare ACKs.
    pub acks: u32,
    /// Segments with payload.
    pub data: u32,
    /// The most payload in one segment.
    pub largest: u32,
    initial: SeqNumber,
    acknowledged: SeqNumber,
    next: SeqNumber,
    lowest: SeqNumber,
    /// By how many segments the TTL leads.
    ttl_lead: u16,
    ttl: u8,
    bits: u8,
}

/// The segments that were counted and not kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unkept {
    /// The time of the first.
    pub first_ns: i64,
    /// The last of them, the youngest first.
    pub last: [Counted; LAST_COUNTED],
}

/// So many of the last segments that were counted are known: those that were lost where a capture ends.
const LAST_COUNTED: usize = 8;

/// A segment that was counted.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Counted {
    pub time_ns: i64,
    pub sequence: SeqNumber,
    pub acknowledgment: SeqNumber,
    pub payload_octets: u32,
    pub id: Option<u16>,
}

impl Counted {
    pub fn of(it: &Sighting) -> Self {
        let Sighting { time_ns, sequence, acknowledgment, payload_octets, .. } = *it;
        Self { time_ns, sequence, acknowledgment, payload_octets, id: it.identification() }
    }

    fn of_segment(segment: &Segment<'_>) -> Self {
        let Segment { packet, tcp } = segment;
        Self {
            time_ns: packet.time_ns,
            sequence: tcp.sequence,
            acknowledgment: tcp.acknowledgment,
            payload_octets: segment.payload_octets(),
            id: packet.ip_id.filter(|id| *id != 0),
        }
    }
}

impl Unkept {
    /// The time of the last.
    pub fn last_ns(&self) -> i64 {
        self.last[0].time_ns
    }
}

const HAS_INITIAL: u8 = 1;
const HAS_ACKNOWLEDGED: u8 = 1 << 1;
const HAS_NUMBERS: u8 = 1 << 2;

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
        (self.ttl_lead > 0).then_some(self.ttl)
    }

    /// The number of the SYN.
    pub fn initial(&self) -> Option<SeqNumber> {
        self.has(HAS_INITIAL).then_some(self.initial)
    }

    /// The highest number that it acknowledged.
    pub fn acknowledged(&self) -> Option<SeqNumber> {
        self.has(HAS_ACKNOWLEDGED).then_some(self.acknowledged)
    }

    /// The lowest number of a segment, and the number behind the highest octet, SYN or FIN.
    pub fn numbers(&self) -> Option<(SeqNumber, SeqNumber)> {
        self.has(HAS_NUMBERS).then_some((self.lowest, self.next))
    }

    /// The segments that were counted and not kept.
    pub fn unkept(&self) -> Option<Unkept> {
        self.unkept.as_deref().copied()
    }

    const fn has(&self, bit: u8) -> bool {
        self.bits & bit != 0
    }

    fn note(&mut self, segment: &Segment<'_>) {
        let tcp = &segment.tcp;
        // Whoever stands in between may have sent it, with a TTL of its own.
        if tcp.flags.contains(TcpFlags::RST) {
            return;
        }
        // The majority vote of Boyer and Moore.
        (self.ttl, self.ttl_lead) = match self.ttl_lead {
            0 => (segment.packet.ttl, 1),
            lead if self.ttl == segment.packet.ttl => (self.ttl, lead.saturating_add(1)),
            lead => (self.ttl, lead - 1),
        };
        let [syn, fin, ack] =
            [TcpFlags::SYN, TcpFlags::FIN, TcpFlags::ACK].map(|flag| tcp.flags.contains(flag));
        if ack && (!self.has(HAS_ACKNOWLEDGED) || tcp.acknowledgment.is_after(self.acknowledged)) {
            self.acknowledged = tcp.acknowledgment;
            self.bits |= HAS_ACKNOWLEDGED;
        }
        let end = tcp.sequence + segment.payload_octets() + u32::from(syn) + u32::from(fin);
        let known = self.has(HAS_NUMBERS);
        if !known || end.is_after(self.next) {
            self.next = end;
        }
        if !known || self.lowest.is_after(tcp.sequence) {
            self.lowest = tcp.sequence;
        }
        self.bits |= HAS_NUMBERS;
        if syn && !self.has(HAS_INITIAL) {
            self.initial = tcp.sequence;
            self.bits |= HAS_INITIAL;
        }
    }

    fn count_unkept(&mut self, segment: &Segment<'_>) {
        let counted = Counted::of_segment(segment);
        let first_ns = counted.time_ns;
        let nothing = Unkept { first_ns, last: [Counted::default(); LAST_COUNTED] };
        let unkept = self.unkept.get_or_insert_with(|| Box::new(nothing));
        unkept.last.rotate_right(1);
        unkept.last[0] = counted;
    }
}

/// Whether a segment is one of the few that are always kept, at every point: one of 64, by its numbers. They
/// tell how long segments are on their way later on.
fn is_sampled(segment: &Segment<'_>) -> bool {
    let numbers = segment.tcp.sequence.0 ^ segment.tcp.acknowledgment.0.rotate_left(16);
    numbers.wrapping_mul(0x9e37_79b1) >> 26 == 0
}

impl Trace {
    pub fn new([client, server]: [SocketAddr; 2], first_ns: i64) -> Self {
        Self {
            key: StoredKey::new(&FlowKey::new(client, server), Side::Client),
            first_ns,
            last_ns: first_ns,
            sightings: Vec::new(),
            ways: Default::default(),
            icmp: None,
            plain: 0,
            outcome: Outcome::Midstream,
        }
    }

    /// Client and server.
    pub fn ends(&self) -> [SocketAddr; 2] {
        [self.key.client(), self.key.server()]
    }

    /// Takes in a segment. `keep` is the number of bare ACKs and new data that are kept one by one.
    pub fn segment(&mut self, segment: &Segment<'_>, second_capture: bool, keep: u32) {
        let (packet, tcp) = (&segment.packet, &segment.tcp);
        let sender = self.key.sender(&FlowKey::of_segment(segment)).unwrap_or(Side::Server);
        self.last_ns = self.last_ns.max(packet.time_ns);
        if second_capture || self.is_doubled(segment, sender) {
            self.keep(Sighting::new(segment, sender, true));
            return;
        }
        let way = &mut self.ways[sender as usize];
        way.note(segment);
        let payload = segment.payload_octets();
        let is_control = tcp.flags.intersects(TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST);
        let syn = tcp.flags.contains(TcpFlags::SYN);
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
        if is_plain && self.plain >= keep && !is_sampled(segment)
            || self.sightings.len() >= MOST_KEPT
        {
            way.count_unkept(segment);
            return;
        }
        self.plain += u32::from(is_plain);
        let mut sighting = Sighting::new(segment, sender, false);
        if repeated {
            sighting.mark_repeated();
        }
        self.keep(sighting);
    }

    /// Whether a device has doubled the packet: it has the identification and the numbers of one of the last.
    fn is_doubled(&self, segment: &Segment<'_>, sender: Side) -> bool {
        /// Segments of both ends that are looked at.
        const LAST: usize = 16;
        let it = Counted::of_segment(segment);
        let is_same = |other: Counted| Counted { time_ns: it.time_ns, ..other } == it;
        let controls = TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST;
        if it.id.is_none() || segment.tcp.flags.intersects(controls) {
            return false;
        }
        let kept = self.sightings.iter().rev().take(LAST);
        let mut kept = kept.filter(|other| other.sender() == sender && !other.is(controls));
        kept.any(|other| is_same(Counted::of(other)))
            || self.way(sender).unkept().is_some_and(|it| it.last.into_iter().any(is_same))
    }

    fn keep(&mut self, sighting: Sighting) {
        if self.sightings.len() < MOST_KEPT {
            self.sightings.push(sighting);
        }
    }

    pub fn take_icmp(&mut self, error: &IcmpError) {
        /// ICMP errors that are kept of a connection.
        const MOST_ICMP: usize = 16;
        self.last_ns = self.last_ns.max(error.packet.time_ns);
        let by_client = error.quoted.source == self.key.client();
        let icmp = self.icmp.get_or_insert_default();
        if icmp.len() < MOST_ICMP {
            icmp.push(IcmpSighting {
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
        let [first, second] = self.ends();
        if first != client && second == client {
            self.key = StoredKey::new(&self.key.key(), Side::Server);
            self.ways.swap(0, 1);
            self.sightings.iter_mut().for_each(Sighting::swap_sender);
            let icmp = self.icmp.iter_mut().flat_map(|icmp| icmp.iter_mut());
            icmp.for_each(|icmp| icmp.to = icmp.to.other());
        }
    }

    /// The ICMP errors that quote a segment of it.
    pub fn icmp(&self) -> &[IcmpSighting] {
        self.icmp.as_ref().map_or(&[], |icmp| &icmp[..])
    }

    /// Takes SYNs, FINs and RSTs that look like second captures for copies that were sent.
    pub fn take_second_captures_for_copies(&mut self) {
        let controls = TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST;
        self.sightings.iter_mut().filter(|it| it.is(controls)).for_each(Sighting::take_for_copy);
    }

    /// Gives memory back that no further segment needs.
    pub fn shrink(&mut self) {
        self.sightings.shrink_to_fit();
    }

    /// The kept segments that this side sent.
    pub fn by(&self, sender: Side) -> impl Iterator<Item = &Sighting> {
        self.sightings.iter().filter(move |it| it.sender() == sender)
    }

    pub fn way(&self, sender: Side) -> &Way {
        &self.ways[sender as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_small() {
        assert!(size_of::<Trace>() <= 208, "{}", size_of::<Trace>());
    }
}
