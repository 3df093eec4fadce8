//! Segments and ICMP errors from octets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use dissector_core::{IcmpError, PacketInfo, Segment};
use testkit::packet::{self, Checksum, TcpPacket};

use crate::octets::Octets;

/// A packet as it was captured: a segment, or an ICMP error that quotes one.
pub struct Packet {
    pub info: PacketInfo,
    pub icmp: bool,
    /// The octets from the TCP or ICMP header on.
    pub octets: Vec<u8>,
}

/// The kind of a packet.
#[derive(Debug)]
pub enum Told<'a> {
    /// A segment.
    Sent(Segment<'a>),
    /// An ICMP error that quotes one.
    Error(IcmpError),
}

impl Packet {
    /// `None` for an ICMP message that is no error.
    pub fn read(&self) -> Option<Told<'_>> {
        if self.icmp {
            IcmpError::parse(self.info, &self.octets).map(Told::Error)
        } else {
            Some(Told::Sent(Segment::parse(self.info, &self.octets).expect("a whole header")))
        }
    }
}

impl Told<'_> {
    pub fn packet(&self) -> &PacketInfo {
        match self {
            Self::Sent(segment) => &segment.packet,
            Self::Error(error) => &error.packet,
        }
    }
}

const MS: i64 = 1_000_000;
const SECOND: i64 = 1000 * MS;
/// The times between packets. They decide whether a segment is a duplicate, a retransmission or a
/// new incarnation.
const STEPS_NS: [i64; 16] = [
    10 * MS,
    0,
    1_000,
    MS,
    200 * MS,
    600 * MS,
    SECOND,
    3 * SECOND,
    61 * SECOND,
    121 * SECOND,
    -MS,
    -SECOND,
    -200 * SECOND,
    3_600 * SECOND,
    i64::MAX,
    i64::MIN,
];

/// Flags that occur in practice; the last entry stands for any flags.
const FLAGS: [u8; 16] = [
    0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14, 0x10, 0x02, 0x12, 0x19, 0x03, 0x13, 0x01, 0x00, 0xc2,
];

/// Initial sequence numbers of client and server.
const BASES: [u32; 8] =
    [1_000, 0xffff_fffc, 70_000, 0x8000_0000, 1_000 + 65_535, 0, 0x7fff_fff0, 0x8000_03e8];

/// The options of a segment, in order; the last two octets of `ts` and `cookie` differ.
const OPTIONS: [&[u8]; 12] = [
    b"",
    b"\x02\x04\x05\xb4",
    b"\x02\x04\x05\xb4\x04\x02\x08\x0a\0\0\0\x01\0\0\0\0\x01\x03\x03\x07",
    b"\x01\x01\x08\x0a\0\0\0\x02\0\0\0\x01",
    b"\x01\x01\x08\x0a\0\0\0\x03\0\0\0\x02",
    b"\x02\x04\x02\x00\x03\x03\x0e\x01",
    b"\x02\x04\x05\xb4\x22\x02\x01\x01",
    b"\x22\x0aabcdefgh\x01\x01",
    b"\x1e\x0c\x01\x81abcdefgh",
    b"\x1e\x0c\x10\x01abcdefgh",
    b"\x1e\x18\x10\x01abcdefghijklmnopqrst",
    b"\xfe\x04\xf9\x89\x02\xff\0\0",
];

/// The two endpoints of connection number `pair`.
fn ends(pair: u8) -> (SocketAddr, SocketAddr) {
    let v4 = |host, port| SocketAddr::new(Ipv4Addr::new(10, 0, 0, host).into(), port);
    let v6 = |host, port| {
        SocketAddr::new(IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, host)), port)
    };
    match pair {
        0..=3 => (v4(1, 40_000), v4(2, 80)),
        4 => (v6(1, 40_000), v6(2, 80)),
        5 => (v4(1, 80), v4(2, 80)),
        6 => (v4(3, 7), v4(3, 7)),
        _ => (v4(1, 40_001), v4(2, 80)),
    }
}

/// Reads the next packet from 12 octets; its time follows from `time_ns`.
pub fn next(octets: &mut Octets<'_>, frame: u64, time_ns: &mut i64) -> Packet {
    let sender = octets.u8();
    let flags = octets.u8();
    let sequence = number(octets);
    let acknowledgment = number(octets);
    let step_ns = octets.choose(&STEPS_NS);
    let payload = octets.choose(&[0, 0, 0, 1, 2, 3, 100, 1460, 65_495]);
    let options = octets.choose(&OPTIONS);
    let window = octets.choose(&[1_000, 0, 1, 65_535]);
    let marks = octets.u8();
    let ace = octets.u8();

    *time_ns = time_ns.saturating_add(step_ns);
    let (one, other) = ends(sender & 7);
    let (source, destination) = if sender & 8 == 0 { (one, other) } else { (other, one) };
    let flags_octet = flags;
    let flags = if flags & 0x80 == 0 { FLAGS[usize::from(flags & 15)] } else { flags & 0x3f };
    // The three bits of explicit congestion notification, if the octet asks for them.
    let ace = if ace & 0x80 == 0 { 0 } else { u16::from(ace & 7) << 6 };
    let segment = TcpPacket {
        sequence,
        acknowledgment,
        flags: u16::from(flags) | ace,
        window,
        options: options.to_vec(),
        checksum: Checksum::Given(u16::from_be_bytes([0, marks & 8])),
        ttl: if marks & 1 == 0 { 64 } else { 63 },
        ip_id: [None, Some(0), Some(u16::from(marks >> 4)), Some(frame as u16)]
            [usize::from(marks >> 1 & 3)],
        ..TcpPacket::between((source.ip(), source.port()), (destination.ip(), destination.port()))
    };
    let mut info = segment.info(frame, *time_ns);
    // The payload is not captured.
    info.tcp_octets += payload;
    if sender & 0xf0 != 0xf0 {
        return Packet { info, icmp: false, octets: segment.tcp() };
    }
    // A router reports that it did not forward the segment.
    let (kind, router): (u8, IpAddr) = match source {
        SocketAddr::V4(_) => (3, Ipv4Addr::new(10, 0, 0, 254).into()),
        SocketAddr::V6(_) => (1, Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xfe).into()),
    };
    let octets = packet::icmp_error(router, kind, flags_octet, &segment);
    (info.source, info.destination) = (router, source.ip());
    Packet { info, icmp: true, octets }
}

/// A sequence number near one of the initial ones.
fn number(octets: &mut Octets<'_>) -> u32 {
    let (high, low) = (octets.u8(), octets.u8());
    let far = if high & 0x80 == 0 { 0 } else { 1_460 };
    BASES[usize::from(high & 7)].wrapping_add(u32::from(low)).wrapping_add(far).wrapping_sub(4)
}
