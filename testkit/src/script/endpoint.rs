//! One end of a connection: what it remembers, and the segments that it can send.

use std::net::IpAddr;

use dissector_core::wire::TcpFlags;

use super::Sender;
use super::segment::{SegmentBuilder, SentSegment};
use crate::packet::TcpPacket;

/// One end: its address, and the numbers that a TCP keeps of a connection.
pub struct End {
    pub address: IpAddr,
    pub port: u16,
    pub isn: u32,
    /// Next number to send.
    pub next: u32,
    /// Next number expected from the peer.
    pub expected: u32,
    pub window: u16,
    pub ttl: u8,
    pub ip_id: u16,
    /// Whether its SYN carried timestamps.
    pub timestamps: bool,
    /// The timestamp received last.
    pub echo: u32,
    /// The last segment sent that takes sequence numbers.
    pub last: Option<SentSegment>,
    /// The acknowledgment number received last.
    pub acknowledged: u32,
}

impl End {
    pub fn new(address: IpAddr, port: u16, isn: u32) -> Self {
        Self {
            address,
            port,
            isn,
            next: isn,
            expected: 0,
            window: 1000,
            ttl: 64,
            ip_id: (isn % 0x7fff) as u16,
            timestamps: false,
            echo: 0,
            last: None,
            acknowledged: 0,
        }
    }

    /// Receives a segment from the peer.
    pub fn receive(&mut self, wire: &SentSegment) {
        if wire.flags().contains(TcpFlags::RST) {
            return;
        }
        if wire.flags().contains(TcpFlags::SYN) && self.expected == 0 {
            self.expected = wire.packet.sequence.wrapping_add(1);
        } else if wire.packet.sequence == self.expected {
            self.expected = wire.end();
        }
        self.acknowledged = wire.packet.acknowledgment;
        if let Some((value, _)) = wire.timestamps() {
            self.echo = value;
        }
    }
}

impl<'a> Sender<'a> {
    /// Forgets the connection and begins anew with the initial sequence number `isn`.
    pub fn restarts(self, isn: u32) -> Self {
        let end = &mut self.script.ends[self.from];
        *end = End { ip_id: end.ip_id, ttl: end.ttl, ..End::new(end.address, end.port, isn) };
        self
    }

    /// A SYN.
    pub fn syn(self) -> SegmentBuilder<'a> {
        let isn = self.script.ends[self.from].isn;
        self.send(TcpFlags::SYN).raw_seq(isn)
    }

    /// A SYN/ACK.
    pub fn syn_ack(self) -> SegmentBuilder<'a> {
        let isn = self.script.ends[self.from].isn;
        self.send(TcpFlags::SYN | TcpFlags::ACK).raw_seq(isn)
    }

    /// A bare ACK.
    pub fn ack(self) -> SegmentBuilder<'a> {
        self.send(TcpFlags::ACK)
    }

    /// Data, pushed.
    pub fn data(self, octets: usize) -> SegmentBuilder<'a> {
        self.send(TcpFlags::PSH | TcpFlags::ACK).carrying(octets)
    }

    /// FIN with ACK.
    pub fn fin(self) -> SegmentBuilder<'a> {
        self.send(TcpFlags::FIN | TcpFlags::ACK)
    }

    /// A bare RST.
    pub fn rst(self) -> SegmentBuilder<'a> {
        self.send(TcpFlags::RST)
    }

    /// RST with ACK, as an end sends it that aborts the connection.
    pub fn rst_ack(self) -> SegmentBuilder<'a> {
        self.send(TcpFlags::RST | TcpFlags::ACK)
    }

    /// No process listens on the port: RST with ACK and sequence number 0.
    pub fn refusal(self) -> SegmentBuilder<'a> {
        self.rst_ack().raw_seq(0).ip_id(0)
    }

    /// There is no such connection: a bare RST with the number that the peer acknowledged.
    pub fn reflex(self) -> SegmentBuilder<'a> {
        let sequence = self.script.ends[self.from].acknowledged;
        self.rst().raw_seq(sequence).ip_id(0)
    }

    /// Sends the last segment that takes sequence numbers again, with new timestamps.
    pub fn repeat(self) -> SegmentBuilder<'a> {
        let wire = self.script.ends[self.from].last.clone().expect("something was sent");
        SegmentBuilder::repeat(self.script, self.from, wire)
    }

    /// A keep-alive: the sequence number before the next one.
    pub fn keep_alive(self, octets: usize) -> SegmentBuilder<'a> {
        let sequence = self.script.ends[self.from].next.wrapping_sub(1);
        self.ack().carrying(octets).raw_seq(sequence)
    }

    /// A segment with these flags.
    pub fn send(self, flags: TcpFlags) -> SegmentBuilder<'a> {
        let Self { script, from } = self;
        let (own, peer) = (&script.ends[from], &script.ends[1 - from]);
        let acknowledgment = if flags.contains(TcpFlags::ACK) { own.expected } else { 0 };
        let mut wire = SentSegment::new(TcpPacket {
            flags: flags.bits(),
            sequence: own.next,
            acknowledgment,
            window: own.window,
            ttl: own.ttl,
            ip_id: Some(own.ip_id),
            ..TcpPacket::between((own.address, own.port), (peer.address, peer.port))
        });
        if !flags.intersects(TcpFlags::SYN | TcpFlags::RST) && own.timestamps && peer.timestamps {
            wire.stamp();
        }
        SegmentBuilder::new(script, from, wire)
    }
}
