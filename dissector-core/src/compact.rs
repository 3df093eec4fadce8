//! A segment in few octets, as batches keep it and connections read it.

use std::net::IpAddr;

use crate::Segment;
use crate::wire::{
    FIXED_OCTETS, MOST_OPTION_OCTETS, SeqNumber, TcpFlags, TcpHeader, TcpOption, TcpOptions,
};

/// All that is looked at of a segment besides its options, in a cache line. Batches keep segments in
/// this form, and connections read them from there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CompactSegment {
    /// Its own time.
    pub time_ns: i64,
    /// The sender in the upper half, the receiver in the lower; IPv6 addresses are mixed.
    pub addresses: u64,
    pub ports: u32,
    /// Hash of addresses and ports; set in batches only.
    pub hash: u32,
    /// Its place in a batch.
    pub number: u32,
    /// Number of the frame; 0 if it does not fit into 32 bits, because connections store no larger
    /// numbers.
    pub frame: u32,
    pub sequence: SeqNumber,
    pub acknowledgment: SeqNumber,
    pub tcp_octets: u32,
    pub flags: TcpFlags,
    pub window: u16,
    pub checksum: u16,
    pub urgent_pointer: u16,
    /// 0 where there is none.
    pub ip_id: u16,
    pub ttl: u8,
    pub data_offset: u8,
    /// Captured octets of options.
    pub option_octets: u8,
    pub kind: PacketKind,
    /// By how many nanoseconds the clock was ahead of its time when it came; [`TOO_FAR`] if that has no room.
    pub ahead_ns: u32,
}

/// Stands for a distance of the clock that has no room: 4 s or more, or less than 0.
pub(crate) const TOO_FAR: u32 = u32::MAX;

/// A frame number as connections keep it; 0 where it has more than 32 bits.
#[inline(always)]
pub(crate) fn number_of_32_bits(frame: u64) -> u32 {
    u32::try_from(frame).unwrap_or(0)
}

/// The options of a header, no more octets than a header has room for.
#[inline(always)]
pub(crate) fn options<'a>(tcp: &TcpHeader<'a>) -> &'a [u8] {
    tcp.option_octets.get(..MOST_OPTION_OCTETS).unwrap_or(tcp.option_octets)
}

/// The kind of packet in a place of a batch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PacketKind {
    Ipv4,
    Ipv4WithoutId,
    Ipv6,
    /// The packet is no segment: only clock, hash and place are valid.
    IcmpError,
}

/// A compact segment with its captured options.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentView<'a> {
    pub segment: &'a CompactSegment,
    pub options: &'a [u8],
}

impl SegmentView<'_> {
    /// Value and echo of the timestamps option.
    #[inline]
    pub fn timestamps(&self) -> Option<(u32, u32)> {
        if self.options.is_empty() {
            return None;
        }
        // The layout that nearly every stack sends: two NOPs and the option.
        if let Some((&[kind, value, echo], _)) = self.options.as_chunks().0.split_first_chunk()
            && kind == [1, 1, 8, 10]
        {
            return Some((u32::from_be_bytes(value), u32::from_be_bytes(echo)));
        }
        self.timestamps_elsewhere()
    }

    #[inline(never)]
    fn timestamps_elsewhere(self) -> Option<(u32, u32)> {
        // The layout of Linux in a SYN: maximum segment size, SACK permitted and the option.
        if let Some((&[_, kinds, value, echo], _)) = self.options.as_chunks().0.split_first_chunk()
            && self.options.starts_with(&[2, 4])
            && kinds == [4, 2, 8, 10]
        {
            return Some((u32::from_be_bytes(value), u32::from_be_bytes(echo)));
        }
        TcpOptions::new(self.options, 0).map_while(Result::ok).find_map(|option| match option {
            TcpOption::Timestamps { value, echo } => Some((value, echo)),
            _ => None,
        })
    }
}

impl CompactSegment {
    pub const NOTHING: Self = Self {
        time_ns: 0,
        addresses: 0,
        ports: 0,
        hash: 0,
        number: 0,
        frame: 0,
        sequence: SeqNumber(0),
        acknowledgment: SeqNumber(0),
        tcp_octets: 0,
        flags: TcpFlags::empty(),
        window: 0,
        checksum: 0,
        urgent_pointer: 0,
        ip_id: 0,
        ttl: 0,
        data_offset: 0,
        option_octets: 0,
        kind: PacketKind::IcmpError,
        ahead_ns: 0,
    };

    /// Sets the distance of the clock; `false` if it has no room.
    #[inline]
    pub fn set_clock(&mut self, now_ns: i64) -> bool {
        let ahead_ns = now_ns.saturating_sub(self.time_ns);
        self.ahead_ns = u32::try_from(ahead_ns).unwrap_or(TOO_FAR);
        self.ahead_ns != TOO_FAR
    }

    /// The clock when it came; `None` if its distance has no room.
    #[inline(always)]
    pub fn now_ns(&self) -> Option<i64> {
        (self.ahead_ns != TOO_FAR).then(|| self.time_ns.wrapping_add(self.ahead_ns.into()))
    }

    /// The compact form of a segment, with no place in a batch.
    #[inline(always)]
    pub fn new(segment: &Segment<'_>) -> Self {
        let Segment { packet, tcp } = segment;
        let (addresses, kind) = match (&packet.source, &packet.destination) {
            (IpAddr::V4(sender), IpAddr::V4(receiver)) => {
                let kind = if packet.ip_id.is_some() {
                    PacketKind::Ipv4
                } else {
                    PacketKind::Ipv4WithoutId
                };
                (u64::from(sender.to_bits()) << 32 | u64::from(receiver.to_bits()), kind)
            }
            (sender, receiver) => {
                let bits = |address: &IpAddr| match address {
                    IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
                    IpAddr::V6(address) => address.to_bits(),
                };
                (Self::mixed([bits(sender), bits(receiver)]), PacketKind::Ipv6)
            }
        };
        let mut compact = Self {
            time_ns: packet.time_ns,
            addresses,
            ports: u32::from(tcp.source_port) << 16 | u32::from(tcp.destination_port),
            frame: number_of_32_bits(packet.frame),
            tcp_octets: packet.tcp_octets,
            ip_id: packet.ip_id.unwrap_or(0),
            ttl: packet.ttl,
            kind,
            ..Self::NOTHING
        };
        compact.read_header(tcp);
        compact
    }

    /// Sets the fields that are in the TCP header.
    #[inline(always)]
    pub fn read_header(&mut self, tcp: &TcpHeader<'_>) {
        self.sequence = tcp.sequence;
        self.acknowledgment = tcp.acknowledgment;
        self.flags = tcp.flags;
        self.window = tcp.window;
        self.checksum = tcp.checksum;
        self.urgent_pointer = tcp.urgent_pointer;
        self.data_offset = tcp.data_offset;
        self.option_octets = options(tcp).len() as u8;
    }

    /// Two IPv6 addresses mixed into 64 bits.
    pub fn mixed([sender, receiver]: [u128; 2]) -> u64 {
        let folded = |bits: u128| ((bits >> 64) as u64).rotate_left(29) ^ bits as u64;
        folded(sender).wrapping_mul(3) ^ folded(receiver)
    }

    /// Octets of its header, as the data offset gives them.
    pub const fn header_octets(&self) -> u32 {
        self.data_offset as u32 * 4
    }

    /// Octets of payload that were sent, whether captured or not.
    pub const fn payload_octets(&self) -> u32 {
        self.tcp_octets.saturating_sub(self.header_octets())
    }

    /// Whether all of the header was sent, and captured.
    pub const fn has_whole_header(&self) -> bool {
        let header_octets = self.header_octets();
        header_octets <= self.option_octets as u32 + FIXED_OCTETS as u32
            && header_octets <= self.tcp_octets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_has_room_in_a_cache_line_and_so_has_a_clock_that_is_near() {
        let set = |now_ns, time_ns| {
            let mut segment = CompactSegment { time_ns, ..CompactSegment::NOTHING };
            assert_eq!(segment.set_clock(now_ns), segment.now_ns().is_some());
            segment.now_ns()
        };
        for ahead in [0, 1, 1 << 31, (1 << 32) - 2] {
            assert_eq!(set(ahead + 7, 7), Some(ahead + 7));
        }
        for (now_ns, time_ns) in [(6, 7), (1 << 32, 0), (i64::MAX, i64::MIN), (i64::MIN, 0)] {
            assert_eq!(set(now_ns, time_ns), None);
        }
        assert_eq!(size_of::<CompactSegment>(), 64);
    }
}
