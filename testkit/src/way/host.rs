//! An end of a connection as the wire sees it: the model's segments with addresses, options, timestamps
//! and identifications.

use std::net::SocketAddr;

use dissector_core::wire::{TcpFlags, TcpHeader, TcpOption};

use crate::packet::TcpPacket;
use crate::random::{Rng, chance, pick};
use crate::simulator::{Segment, Tcp};

/// How a host fills the identification of IPv4.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Identification {
    /// Always 0.
    Zero,
    /// Rising by one, but 0 in a SYN/ACK and an RST, as Linux does.
    Linux,
    /// Rising by one.
    Counter,
}

/// The options that a host puts into its SYN.
#[derive(Clone, Copy, Debug)]
pub struct Offer {
    pub mss: Option<u16>,
    pub window_scale: Option<u8>,
    pub sack: bool,
    pub timestamps: bool,
}

impl Offer {
    pub fn random(random: &mut Rng) -> Self {
        Self {
            mss: chance(random, 95).then(|| pick(random, &[1460, 1440, 8960])),
            window_scale: chance(random, 85).then(|| random.u8(0..10)),
            sack: chance(random, 85),
            timestamps: chance(random, 75),
        }
    }
}

/// One end.
#[derive(Debug)]
pub struct Host {
    pub tcp: Tcp,
    pub own: SocketAddr,
    pub peer: SocketAddr,
    offer: Offer,
    /// Both have offered timestamps.
    stamps: bool,
    /// The timestamp clock at time 0.
    stamp_base: u32,
    /// The last TSval of the peer.
    stamp_of_peer: u32,
    ids: Identification,
    next_id: u16,
    ttl: u8,
    window: u16,
    /// Tells its payload from that of all others.
    voice: u8,
    iss: u32,
}

impl Host {
    pub fn random(random: &mut Rng, tcp: Tcp, iss: u32, [own, peer]: [SocketAddr; 2]) -> Self {
        Self {
            tcp,
            own,
            peer,
            offer: Offer::random(random),
            stamps: false,
            stamp_base: random.u32(..),
            stamp_of_peer: 0,
            ids: pick(
                random,
                &[Identification::Zero, Identification::Linux, Identification::Counter],
            ),
            next_id: random.u16(1..),
            ttl: pick(random, &[64, 128, 255]),
            window: random.u16(1_000..),
            voice: random.u8(..),
            iss,
        }
    }

    /// The packet of a segment that it sends now.
    pub fn packet(&mut self, segment: &Segment, now_ns: i64) -> TcpPacket {
        let stamps = match (segment.syn, segment.ack) {
            _ if segment.rst => false,
            (true, None) => self.offer.timestamps,
            _ => self.stamps,
        };
        let mut options = Vec::new();
        if segment.syn {
            if let Some(mss) = self.offer.mss {
                options.extend([2, 4]);
                options.extend(mss.to_be_bytes());
            }
            if self.offer.sack {
                options.extend([1, 1, 4, 2]);
            }
            if let Some(shift) = self.offer.window_scale {
                options.extend([1, 3, 3, shift]);
            }
        }
        if stamps {
            let value = self.stamp_base.wrapping_add((now_ns / 1_000_000) as u32);
            options.extend([1, 1, 8, 10]);
            options.extend(value.to_be_bytes());
            options.extend(self.stamp_of_peer.to_be_bytes());
        }
        let counts = match self.ids {
            Identification::Zero => false,
            Identification::Linux => !(segment.rst || segment.syn && segment.ack.is_some()),
            Identification::Counter => true,
        };
        let ip_id = if counts {
            self.next_id = self.next_id.wrapping_add(1).max(1);
            self.next_id
        } else {
            0
        };
        let position = segment.seq.wrapping_sub(self.iss);
        let voice = self.voice;
        let octet = |at: u32| (position.wrapping_add(at).wrapping_mul(2_654_435_761) >> 24) as u8;
        TcpPacket {
            ttl: self.ttl,
            ip_id: Some(ip_id),
            sequence: segment.seq,
            acknowledgment: segment.ack.unwrap_or(0),
            flags: segment.flags().bits(),
            window: self.window,
            options,
            payload: (0..segment.payload).map(|at| octet(at) ^ voice).collect(),
            ..TcpPacket::between(
                (self.own.ip(), self.own.port()),
                (self.peer.ip(), self.peer.port()),
            )
        }
    }

    /// A packet arrives; the answer of its TCP.
    pub fn receive(&mut self, packet: &TcpPacket, from: usize) -> Option<Segment> {
        let segment = segment(packet, from);
        if let Some(value) = timestamp(packet) {
            self.stamp_of_peer = value;
            self.stamps |= segment.syn && self.offer.timestamps;
        }
        self.tcp.receive(&segment, true)
    }
}

/// The segment of a packet that this end sent.
pub fn segment(packet: &TcpPacket, from: usize) -> Segment {
    let flags = TcpFlags::from_bits(packet.flags);
    Segment {
        from,
        syn: flags.contains(TcpFlags::SYN),
        fin: flags.contains(TcpFlags::FIN),
        rst: flags.contains(TcpFlags::RST),
        ack: flags.contains(TcpFlags::ACK).then_some(packet.acknowledgment),
        seq: packet.sequence,
        payload: packet.payload.len() as u32,
    }
}

/// TSval, if it has the timestamps option.
fn timestamp(packet: &TcpPacket) -> Option<u32> {
    let octets = packet.tcp();
    let header = TcpHeader::parse(&octets).expect("a whole header");
    header.options().find_map(|option| match option {
        Ok(TcpOption::Timestamps { value, .. }) => Some(value),
        _ => None,
    })
}
