//! A segment in few octets.

use std::net::IpAddr;

use crate::Segment;
use crate::wire::{FIXED_OCTETS, MOST_OPTION_OCTETS, SeqNumber, TcpFlags, TcpHeader};

/// All of a segment that a connection on its usual course looks at, besides the options: kept in
/// batches, and read there without being put together again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digest {
    /// The clock when it came, as far as its batch tells.
    pub now_ns: i64,
    /// The sender in the upper half, the receiver in the lower; of IPv6, both mixed.
    pub addresses: u64,
    pub ports: u32,
    /// What the connection is looked for by, of a segment in a batch.
    pub hash: u32,
    /// Its place in a batch.
    pub number: u32,
    /// 0 where it is too large; connections keep no larger ones either.
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
    /// How many were captured.
    pub option_octets: u8,
    pub kind: Kind,
}

/// A frame number as it is kept; 0 where it is too large.
#[inline(always)]
pub(crate) fn number_of_32_bits(frame: u64) -> u32 {
    u32::try_from(frame).unwrap_or(0)
}

/// The options of a header that was read, or the first of one that somebody made up.
#[inline(always)]
pub(crate) fn options<'a>(tcp: &TcpHeader<'a>) -> &'a [u8] {
    tcp.option_octets.get(..MOST_OPTION_OCTETS).unwrap_or(tcp.option_octets)
}

/// What was digested.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Ipv4,
    Ipv4WithoutId,
    Ipv6,
    /// No segment: only the first and the fourth field count.
    IcmpError,
}

/// A digest, and the options that were captured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digested<'a> {
    pub digest: &'a Digest,
    pub options: &'a [u8],
}

impl Digest {
    pub const NOTHING: Self = Self {
        now_ns: 0,
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
        kind: Kind::IcmpError,
    };

    /// Of a segment that has no place in a batch yet.
    #[inline(always)]
    pub fn of(segment: &Segment<'_>) -> Self {
        let Segment { packet, tcp } = segment;
        let (addresses, kind) = match (&packet.source, &packet.destination) {
            (IpAddr::V4(sender), IpAddr::V4(receiver)) => {
                let kind = if packet.ip_id.is_some() { Kind::Ipv4 } else { Kind::Ipv4WithoutId };
                (u64::from(sender.to_bits()) << 32 | u64::from(receiver.to_bits()), kind)
            }
            (sender, receiver) => {
                let bits = |address: &IpAddr| match address {
                    IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
                    IpAddr::V6(address) => address.to_bits(),
                };
                (Self::mixed([bits(sender), bits(receiver)]), Kind::Ipv6)
            }
        };
        let mut digest = Self {
            now_ns: packet.time_ns,
            addresses,
            ports: u32::from(tcp.source_port) << 16 | u32::from(tcp.destination_port),
            frame: number_of_32_bits(packet.frame),
            tcp_octets: packet.tcp_octets,
            ip_id: packet.ip_id.unwrap_or(0),
            ttl: packet.ttl,
            kind,
            ..Self::NOTHING
        };
        digest.read_header(tcp);
        digest
    }

    /// Takes in what the TCP header tells.
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

    /// Two addresses of IPv6 in 64 bits.
    pub fn mixed([sender, receiver]: [u128; 2]) -> u64 {
        let folded = |bits: u128| ((bits >> 64) as u64).rotate_left(29) ^ bits as u64;
        folded(sender).wrapping_mul(3) ^ folded(receiver)
    }

    /// Octets of its header, as the data offset gives them.
    pub const fn header_octets(&self) -> u32 {
        self.data_offset as u32 * 4
    }

    /// Payload octets that were sent, whether captured or not.
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
