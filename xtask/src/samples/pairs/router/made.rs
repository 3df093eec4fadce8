//! Packets that the router makes up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use testkit::packet::{self, ACK, RST, TcpPacket};

use super::packet::{Header, Packet};

/// The router's own addresses, of which only ICMP errors tell.
pub(crate) const ADDRESSES: (Ipv4Addr, Ipv6Addr) =
    (Ipv4Addr::new(10, 77, 0, 254), Ipv6Addr::new(0xfd77, 0, 0, 0, 0, 0, 0, 0xfe));

/// A segment between two ends, with a packet around it.
pub(crate) fn segment(
    ends: [SocketAddr; 2],
    numbers: [u32; 2],
    flags: u16,
    rest: (u16, &[u8]),
) -> Packet {
    let [source, destination] = ends;
    let mut segment =
        TcpPacket::between((source.ip(), source.port()), (destination.ip(), destination.port()));
    [segment.sequence, segment.acknowledgment] = numbers;
    (segment.flags, segment.window) = (flags, rest.0);
    segment.options = rest.1.to_vec();
    Packet::of(segment.ethernet()).expect("a packet of our own is whole")
}

/// The RST that a segment's receiver accepts from its sender, or its sender from its receiver.
pub(crate) fn reset(seen: &Header, to_its_receiver: bool) -> Packet {
    let ends = [seen.source, seen.destination];
    let back = [seen.destination, seen.source];
    if to_its_receiver {
        segment(ends, [seen.end(), 0], RST, (0, &[]))
    } else if seen.flags & ACK != 0 {
        segment(back, [seen.acknowledgment, 0], RST, (0, &[]))
    } else {
        segment(back, [0, seen.end()], RST | ACK, (0, &[]))
    }
}

/// The frame with the ICMP error that says that a packet may not pass.
pub(crate) fn prohibited(about: &Packet) -> Vec<u8> {
    let quoted = about.described();
    let (router, protocol, kind, code) = match quoted.source.ip() {
        IpAddr::V4(_) => (IpAddr::V4(ADDRESSES.0), 1, 3, 13),
        IpAddr::V6(_) => (IpAddr::V6(ADDRESSES.1), 58, 1, 1),
    };
    let error = packet::icmp_error(router, kind, code, &quoted);
    let mut error = packet::ip(router, quoted.source.ip(), protocol, &error);
    if router.is_ipv4() {
        packet::set_header_checksum(&mut error);
    }
    let kind = if quoted.source.is_ipv4() { 0x0800 } else { 0x86dd };
    // Its Ethernet addresses are those of a way to the server.
    let mut frame = packet::ethernet(kind, &error);
    frame[..12].rotate_left(6);
    frame
}
