//! Other addresses in a recorded frame, with the checksums that belong to them.
//!
//! tcprewrite does this for addresses in the IP header only. ICMP errors quote the packet that they
//! are about, and there too the laboratory's addresses have to be replaced.

use std::net::IpAddr;

use etherparse::checksum::Sum16BitWords;

/// The octets of an Ethernet header.
pub(super) const ETHERNET: Link = Link { octets: 14, ether_type: 12 };
/// The octets of the header that Linux writes for `any` interface, version 2.
pub(super) const LINUX_SLL2: Link = Link { octets: 20, ether_type: 0 };

/// A header in front of IP packets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    octets: usize,
    /// Where the Ethernet type is.
    ether_type: usize,
}

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// Replaces each first address by its second, in the IP header and in the packet that an ICMP error
/// quotes.
pub(super) fn replace_addresses(frame: &mut [u8], link: Link, addresses: &[(IpAddr, IpAddr)]) {
    if let Some((header, packet)) = frame.split_at_mut_checked(link.octets)
        && matches!(header[link.ether_type..][..2], [0x08, 0x00] | [0x86, 0xdd])
    {
        replace_in_packet(packet, addresses);
    }
}

/// The packet may be cut short: it may be a quotation.
fn replace_in_packet(packet: &mut [u8], addresses: &[(IpAddr, IpAddr)]) {
    let Some(layout) = Layout::of(packet) else { return };
    let before = packet[layout.addresses.clone()].to_vec();
    let size = before.len() / 2;
    for address in packet[layout.addresses.clone()].chunks_mut(size) {
        let changed = addresses.iter().find(|(from, _)| octets(*from) == address);
        if let Some((_, to)) = changed {
            address.copy_from_slice(&octets(*to));
        }
    }
    let after = packet[layout.addresses.clone()].to_vec();
    if size == 4 {
        renew(&mut packet[..layout.payload], 10, Sum16BitWords::new());
    }
    let end = packet.len().min(layout.end);
    let payload = &mut packet[layout.payload..end];
    match layout.protocol {
        TCP => adjust(payload, 16, &before, &after),
        UDP => adjust(payload, 6, &before, &after),
        ICMP if matches!(payload, [3..=5 | 11 | 12, ..]) && payload.len() > 8 => {
            replace_in_packet(&mut payload[8..], addresses);
            renew(payload, 2, Sum16BitWords::new());
        }
        ICMPV6 if matches!(payload, [1..=4, ..]) && payload.len() > 8 => {
            replace_in_packet(&mut payload[8..], addresses);
            let sum = pseudo_header(&after, ICMPV6, payload.len());
            renew(payload, 2, sum);
        }
        ICMPV6 => adjust(payload, 2, &before, &after),
        _ => {}
    }
}

/// The 4 or 16 octets of an address.
fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

/// The sum over the pseudo-header that the checksums of TCP, UDP and ICMPv6 begin with
/// (RFC 9293 §3.1).
fn pseudo_header(addresses: &[u8], protocol: u8, octets: usize) -> Sum16BitWords {
    let sum = Sum16BitWords::new().add_slice(addresses).add_2bytes([0, protocol]);
    sum.add_2bytes((octets as u16).to_be_bytes())
}

/// Changes the checksum at `at` by the difference of the addresses (RFC 1624), so that a wrong one
/// stays wrong. A quotation may end before it.
fn adjust(payload: &mut [u8], at: usize, before: &[u8], after: &[u8]) {
    let Some(field) = payload.get_mut(at..at + 2) else { return };
    let without: Vec<u8> = before.iter().map(|octet| !octet).collect();
    let sum = Sum16BitWords::new().add_2bytes([!field[0], !field[1]]);
    field
        .copy_from_slice(&sum.add_slice(&without).add_slice(after).ones_complement().to_ne_bytes());
}

/// Computes the checksum at `at` anew, on top of the sum of a pseudo-header.
fn renew(octets: &mut [u8], at: usize, sum: Sum16BitWords) {
    octets[at..at + 2].fill(0);
    let sum = sum.add_slice(octets).ones_complement();
    octets[at..at + 2].copy_from_slice(&sum.to_ne_bytes());
}

/// The parts of an IP packet.
struct Layout {
    protocol: u8,
    /// Source and destination.
    addresses: std::ops::Range<usize>,
    payload: usize,
    end: usize,
}

impl Layout {
    /// IPv4 with options or IPv6 without extension headers: what Linux sends here.
    fn of(packet: &[u8]) -> Option<Self> {
        let length = |at: usize| usize::from(u16::from_be_bytes([packet[at], packet[at + 1]]));
        let layout = match packet.first()? >> 4 {
            4 if packet.len() >= 20 => Self {
                protocol: packet[9],
                addresses: 12..20,
                payload: usize::from(packet[0] & 0x0f) * 4,
                end: length(2),
            },
            6 if packet.len() >= 40 => {
                Self { protocol: packet[6], addresses: 8..40, payload: 40, end: 40 + length(4) }
            }
            _ => return None,
        };
        let whole = layout.payload <= packet.len()
            && layout.payload <= layout.end
            && layout.addresses.end <= layout.payload;
        whole.then_some(layout)
    }
}

#[cfg(test)]
mod tests {
    use etherparse::PacketBuilder;
    use etherparse::icmpv4::DestUnreachableHeader;
    use etherparse::{Icmpv4Type, SlicedPacket};

    use super::*;

    const CLIENT: [u8; 4] = [10, 77, 0, 1];
    const SERVER: [u8; 4] = [10, 77, 0, 2];

    fn addresses() -> Vec<(IpAddr, IpAddr)> {
        vec![
            (IpAddr::from(CLIENT), IpAddr::from([192, 0, 2, 1])),
            (IpAddr::from(SERVER), IpAddr::from([198, 51, 100, 2])),
        ]
    }

    fn segment() -> Vec<u8> {
        let mut packet = Vec::new();
        let builder = PacketBuilder::ipv4(CLIENT, SERVER, 64).tcp(40_000, 7_000, 1, 1_000);
        builder.write(&mut packet, b"hello\r\n").expect("there is room");
        packet
    }

    fn assert_whole(packet: &[u8]) {
        let sum = |sum: Sum16BitWords, octets| sum.add_slice(octets).ones_complement();
        assert_eq!(sum(Sum16BitWords::new(), &packet[..20]), 0, "IP header");
        let pseudo = match packet[9] {
            ICMP => Sum16BitWords::new(),
            protocol => pseudo_header(&packet[12..20], protocol, packet.len() - 20),
        };
        assert_eq!(sum(pseudo, &packet[20..]), 0, "payload");
        assert_eq!(packet[12..20], [192, 0, 2, 1, 198, 51, 100, 2]);
        SlicedPacket::from_ip(packet).expect("it can be read");
    }

    #[test]
    fn a_tcp_segment_keeps_right_checksums() {
        let mut segment = segment();
        replace_in_packet(&mut segment, &addresses());
        assert_whole(&segment);
    }

    #[test]
    fn an_icmp_error_quotes_the_new_addresses() {
        let mut error = Vec::new();
        let unreachable = Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Port);
        let builder = PacketBuilder::ipv4(CLIENT, SERVER, 64).icmpv4(unreachable);
        builder.write(&mut error, &segment()).expect("there is room");
        replace_in_packet(&mut error, &addresses());
        assert_whole(&error);
        assert_whole(&error[28..]);
    }

    #[test]
    fn no_packet_is_too_short() {
        let mut whole = segment();
        for length in 0..whole.len() {
            replace_in_packet(&mut whole[..length], &addresses());
        }
    }
}
