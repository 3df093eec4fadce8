//! Packets that the router makes up.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use etherparse::checksum::Sum16BitWords;
use testkit::kernel::Side;
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

/// The frame with an ICMP error about a packet, back to its sender. `mtu` makes it the one that says
/// how large packets may be, in IPv4; without it, it says that the packet may not pass.
pub(crate) fn icmp(about: &Packet, to: Side, mtu: Option<u16>) -> Vec<u8> {
    let quoted = about.described();
    let (router, protocol, kind, code) = match (quoted.source.ip(), mtu) {
        (IpAddr::V4(_), None) => (IpAddr::V4(ADDRESSES.0), 1, 3, 13),
        (IpAddr::V4(_), Some(_)) => (IpAddr::V4(ADDRESSES.0), 1, 3, 4),
        (IpAddr::V6(_), _) => (IpAddr::V6(ADDRESSES.1), 58, 1, 1),
    };
    let mut error = packet::icmp_error(router, kind, code, &quoted);
    if let (true, Some(mtu)) = (router.is_ipv4(), mtu) {
        error[6..8].copy_from_slice(&mtu.to_be_bytes());
        error[2..4].fill(0);
        let sum = Sum16BitWords::new().add_slice(&error).ones_complement();
        error[2..4].copy_from_slice(&sum.to_ne_bytes());
    }
    let mut packet = packet::ip(router, quoted.source.ip(), protocol, &error);
    if router.is_ipv4() {
        packet::set_header_checksum(&mut packet);
    }
    let kind = if quoted.source.is_ipv4() { 0x0800 } else { 0x86dd };
    let mut frame = packet::ethernet(kind, &packet);
    if to == Side::Client {
        // Its Ethernet addresses are those of a way to the server.
        frame[..12].rotate_left(6);
    }
    frame
}
