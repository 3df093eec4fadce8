//! What an end keeps of its connection.

use std::net::IpAddr;

use dissector_core::wire::TcpFlags;

use super::Sender;
use super::draft::{Draft, Wire};

/// One end: its address, and the numbers a TCP keeps of a connection.
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
    /// Timestamp received last.
    pub echo: u32,
    /// What it sent last that takes sequence numbers.
    pub last: Option<Wire>,
    /// Acknowledgment number of the segment received last.
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

    /// Takes in a segment from the peer.
    pub fn receive(&mut self, wire: &Wire) {
        if wire.flags.contains(TcpFlags::RST) {
            return;
        }
        if wire.flags.contains(TcpFlags::SYN) && self.expected == 0 {
            self.expected = wire.sequence.wrapping_add(1);
        } else if wire.sequence == self.expected {
            self.expected = wire.end();
        }
        self.acknowledged = wire.acknowledgment;
        if let Some((value, _)) = wire.timestamps() {
            self.echo = value;
        }
    }
}

impl<'a> Sender<'a> {
    /// Forgets everything and starts anew from the initial sequence number `isn`.
    pub fn restarts(self, isn: u32) -> Self {
        let end = &mut self.script.ends[self.from];
        *end = End { ip_id: end.ip_id, ttl: end.ttl, ..End::new(end.address, end.port, isn) };
        self
    }

    pub fn syn(self) -> Draft<'a> {
        let isn = self.script.ends[self.from].isn;
        self.send(TcpFlags::SYN).raw_seq(isn)
    }

    pub fn syn_ack(self) -> Draft<'a> {
        let isn = self.script.ends[self.from].isn;
        self.send(TcpFlags::SYN | TcpFlags::ACK).raw_seq(isn)
    }

    pub fn ack(self) -> Draft<'a> {
        self.send(TcpFlags::ACK)
    }

    pub fn data(self, octets: usize) -> Draft<'a> {
        self.send(TcpFlags::PSH | TcpFlags::ACK).carrying(octets)
    }

    pub fn fin(self) -> Draft<'a> {
        self.send(TcpFlags::FIN | TcpFlags::ACK)
    }

    /// A bare RST.
    pub fn rst(self) -> Draft<'a> {
        self.send(TcpFlags::RST)
    }

    /// RST with ACK, as of an application that gives up.
    pub fn rst_ack(self) -> Draft<'a> {
        self.send(TcpFlags::RST | TcpFlags::ACK)
    }

    /// Nobody listens: RST with ACK and sequence number 0.
    pub fn refusal(self) -> Draft<'a> {
        self.rst_ack().raw_seq(0).ip_id(0)
    }

    /// No such connection: a bare RST with the number that the peer acknowledged.
    pub fn reflex(self) -> Draft<'a> {
        let sequence = self.script.ends[self.from].acknowledged;
        self.rst().raw_seq(sequence).ip_id(0)
    }

    /// What it sent last that takes sequence numbers, once more, with the timestamps of today.
    pub fn repeat(self) -> Draft<'a> {
        let wire = self.script.ends[self.from].last.clone().expect("something was sent");
        Draft::repeat(self.script, self.from, wire)
    }

    /// A keep-alive: one number before the next.
    pub fn keep_alive(self, octets: usize) -> Draft<'a> {
        let sequence = self.script.ends[self.from].next.wrapping_sub(1);
        self.ack().carrying(octets).raw_seq(sequence)
    }

    /// Any flags.
    pub fn send(self, flags: TcpFlags) -> Draft<'a> {
        let Self { script, from } = self;
        let (own, peer) = (&script.ends[from], &script.ends[1 - from]);
        let mut wire = Wire::new(flags, own.next, own.window, own.ttl, own.ip_id);
        if flags.contains(TcpFlags::ACK) {
            wire.acknowledgment = own.expected;
        }
        if !flags.intersects(TcpFlags::SYN | TcpFlags::RST) && own.timestamps && peer.timestamps {
            wire.stamp();
        }
        Draft::new(script, from, wire)
    }
}
