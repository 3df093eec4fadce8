//! A segment in the terms of its connection.

use crate::Segment;
use crate::connection::state::offer::Offer;
pub(crate) use crate::vocabulary::Side;
use crate::wire::{SeqNumber, TcpFlags};

/// A segment in the terms of its connection.
pub(crate) struct Event<'a> {
    pub segment: &'a Segment<'a>,
    pub flags: TcpFlags,
    /// Octets of payload sent.
    pub payload: u32,
    /// Capture time, but never before that of an earlier segment.
    pub now_ns: i64,
    pub sender: Side,
    pub receiver: Side,
    /// Of a SYN, with or without ACK.
    pub offer: Offer,
    /// Value and echo of the timestamps option.
    pub timestamps: Option<(u32, u32)>,
}

impl Event<'_> {
    pub fn has(&self, flags: TcpFlags) -> bool {
        self.flags.contains(flags)
    }

    pub fn sequence(&self) -> SeqNumber {
        self.segment.tcp.sequence
    }

    pub fn acknowledgment(&self) -> SeqNumber {
        self.segment.tcp.acknowledgment
    }

    /// Sequence number after the segment: payload, SYN and FIN count (RFC 9293 §3.4).
    pub fn end(&self) -> SeqNumber {
        let syn = u32::from(self.has(TcpFlags::SYN));
        let fin = u32::from(self.has(TcpFlags::FIN));
        self.sequence() + self.payload + syn + fin
    }
}

/// Whether no TCP sends these flags together: SYN with FIN or RST, or neither SYN, RST nor ACK.
pub(crate) fn illegal(flags: TcpFlags) -> bool {
    flags.contains(TcpFlags::SYN) && flags.intersects(TcpFlags::FIN | TcpFlags::RST)
        || !flags.intersects(TcpFlags::SYN | TcpFlags::RST | TcpFlags::ACK)
}
