//! A segment in the terms of its connection.

use crate::compact::{CompactSegment, SegmentView};
use crate::connection::state::offer::Offer;
use crate::vocabulary::Side;
use crate::wire::{FIXED_OCTETS, SeqNumber, TcpFlags};

/// A segment in the terms of its connection.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Event<'a> {
    pub segment: &'a CompactSegment,
    pub options: &'a [u8],
    /// Value and echo of the timestamps option.
    pub timestamps: Option<(u32, u32)>,
    /// Octets of payload sent.
    pub payload: u32,
    /// Its own time, which may be before that of an earlier segment.
    pub time_ns: i64,
    pub sender: Side,
    /// The other end; the sender itself in a connection to itself.
    pub receiver: Side,
}

impl<'a> Event<'a> {
    #[inline(always)]
    pub fn new(view: &SegmentView<'a>, sender: Side, receiver: Side) -> Self {
        let SegmentView { segment, options } = *view;
        let (timestamps, payload) = (view.timestamps(), segment.payload_octets());
        let time_ns = segment.time_ns;
        Self { segment, options, timestamps, payload, time_ns, sender, receiver }
    }

    #[inline(always)]
    pub const fn has(&self, flags: TcpFlags) -> bool {
        self.segment.flags.contains(flags)
    }

    #[inline(always)]
    pub const fn sequence(&self) -> SeqNumber {
        self.segment.sequence
    }

    #[inline(always)]
    pub const fn acknowledgment(&self) -> SeqNumber {
        self.segment.acknowledgment
    }

    /// Options and ECN bits of a SYN.
    pub fn offer(&self) -> Offer {
        Offer::read(self.segment.flags, self.options).cut_if(self.lacks_options())
    }

    /// Whether there are options besides timestamps in their usual place.
    #[inline(always)]
    pub const fn may_have_sack(&self) -> bool {
        self.options.len() > if self.timestamps.is_some() { 12 } else { 0 }
    }

    /// Whether options are missing from the capture: what it says of them is that they are not known.
    #[inline]
    pub fn lacks_options(&self) -> bool {
        self.options.len() + FIXED_OCTETS < self.segment.header_octets() as usize
    }

    /// Sequence number after the segment: payload, SYN and FIN count (RFC 9293 §3.4).
    #[inline]
    pub fn end(&self) -> SeqNumber {
        let syn = u32::from(self.has(TcpFlags::SYN));
        let fin = u32::from(self.has(TcpFlags::FIN));
        self.sequence() + self.payload + syn + fin
    }
}

/// Whether no TCP sends these flags together: SYN with FIN or RST, or neither SYN, RST nor ACK.
#[inline]
pub(crate) const fn illegal(flags: TcpFlags) -> bool {
    flags.contains(TcpFlags::SYN) && flags.intersects(TcpFlags::FIN.union(TcpFlags::RST))
        || !flags.intersects(TcpFlags::SYN.union(TcpFlags::RST).union(TcpFlags::ACK))
}
