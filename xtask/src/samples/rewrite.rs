//! Other addresses in a recorded frame, with the checksums that belong to them.
//!
//! tcprewrite does this for addresses in the IP header only; ICMP errors quote the packet that they
//! are about, and there too the laboratory's addresses have to go.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::pcap::{ETHERNET, address_octets, checksum, pseudo_header};

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

/// Replaces each first address by its second, in the IP header and in what an ICMP error quotes.
pub(super) fn replace_addresses(frame: &mut [u8], addresses: &[(IpAddr, IpAddr)]) {
    if let Some((ethernet, packet)) = frame.split_at_mut_checked(ETHERNET)
        && matches!(ethernet[12..], [0x08, 0x00] | [0x86, 0xdd])
    {
        replace_in_packet(packet, addresses);
    }
}

/// The packet may be cut short: it may be a quotation.
fn replace_in_packet(packet: &mut [u8], addresses: &[(IpAddr, IpAddr)]) {
    let Some(layout) = Layout::of(packet) else { return };
    let before = layout.addresses(packet);
    let after = before.map(|address| {
        addresses.iter().find(|(from, _)| *from == address).map_or(address, |(_, to)| *to)
    });
    let mut at = layout.source;
    for address in after {
        let octets = address_octets(address);
        packet[at..at + octets.len()].copy_from_slice(&octets);
        at += octets.len();
    }
    if layout.is_v4 {
        packet[10..12].fill(0);
        let sum = checksum(0, &packet[..layout.payload]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    }
    let end = packet.len().min(layout.end);
    let payload = &mut packet[layout.payload..end];
    match layout.protocol {
        TCP => adjust(payload, 16, before, after),
        UDP => adjust(payload, 6, before, after),
        ICMP if matches!(payload, [3..=5 | 11 | 12, ..]) && payload.len() > 8 => {
            replace_in_packet(&mut payload[8..], addresses);
            renew(payload, 0);
        }
        ICMPV6 if matches!(payload, [1..=4, ..]) && payload.len() > 8 => {
            replace_in_packet(&mut payload[8..], addresses);
            let sum = pseudo_header(after[0], after[1], ICMPV6, payload.len());
            renew(payload, sum);
        }
        ICMPV6 => adjust(payload, 2, before, after),
        _ => {}
    }
}

/// Changes the checksum at `at` by the difference of the addresses (RFC 1624), so that a wrong one
/// stays wrong; a quotation need not reach that far.
fn adjust(payload: &mut [u8], at: usize, before: [IpAddr; 2], after: [IpAddr; 2]) {
    let Some(field) = payload.get_mut(at..at + 2) else { return };
    let mut words = vec![!field[0], !field[1]];
    words.extend(before.into_iter().flat_map(address_octets).map(|octet| !octet));
    words.extend(after.into_iter().flat_map(address_octets));
    field.copy_from_slice(&checksum(0, &words).to_be_bytes());
}

/// Computes the checksum of an ICMP message anew, on top of the sum of a pseudo-header.
fn renew(message: &mut [u8], pseudo_header: u32) {
    message[2..4].fill(0);
    let sum = checksum(pseudo_header, message);
    message[2..4].copy_from_slice(&sum.to_be_bytes());
}

/// Where things are in an IP packet.
struct Layout {
    is_v4: bool,
    protocol: u8,
    /// Where the source address is; the destination follows it.
    source: usize,
    payload: usize,
    end: usize,
}

impl Layout {
    /// IPv4 with options or IPv6 without extension headers: what Linux sends here.
    fn of(packet: &[u8]) -> Option<Self> {
        let length = |at: usize| usize::from(u16::from_be_bytes([packet[at], packet[at + 1]]));
        let layout = match packet.first()? >> 4 {
            4 if packet.len() >= 20 => Self {
                is_v4: true,
                protocol: packet[9],
                source: 12,
                payload: usize::from(packet[0] & 0x0f) * 4,
                end: length(2),
            },
            6 if packet.len() >= 40 => Self {
                is_v4: false,
                protocol: packet[6],
                source: 8,
                payload: 40,
                end: 40 + length(4),
            },
            _ => return None,
        };
        let whole = layout.payload <= packet.len() && layout.payload <= layout.end;
        whole.then_some(layout)
    }

    /// Source and destination.
    fn addresses(&self, packet: &[u8]) -> [IpAddr; 2] {
        let size = if self.is_v4 { 4 } else { 16 };
        [self.source, self.source + size].map(|at| {
            let octets = &packet[at..at + size];
            match <[u8; 4]>::try_from(octets) {
                Ok(octets) => IpAddr::V4(Ipv4Addr::from(octets)),
                Err(_) => {
                    let mut wide = [0; 16];
                    wide.copy_from_slice(octets);
                    IpAddr::V6(Ipv6Addr::from(wide))
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSIDE: [u8; 4] = [10, 77, 0, 1];
    const OUTSIDE: [u8; 4] = [192, 0, 2, 1];

    fn addresses() -> Vec<(IpAddr, IpAddr)> {
        vec![
            (IpAddr::from(INSIDE), IpAddr::from(OUTSIDE)),
            (IpAddr::from([10, 77, 0, 2]), IpAddr::from([198, 51, 100, 2])),
        ]
    }

    /// An IPv4 packet with right checksums around `payload`, whose own is at `at`.
    fn packet(protocol: u8, payload: &[u8], at: usize) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 20 + payload.len() as u8, 0, 0, 0, 0, 64, protocol, 0, 0];
        packet.extend(INSIDE);
        packet.extend([10, 77, 0, 2]);
        let sum = checksum(0, &packet);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        packet.extend(payload);
        packet[20 + at..22 + at].fill(0);
        let sum = checksum(pseudo(&packet), &packet[20..]);
        packet[20 + at..22 + at].copy_from_slice(&sum.to_be_bytes());
        packet
    }

    fn pseudo(packet: &[u8]) -> u32 {
        let [source, destination] = [12, 16]
            .map(|at| IpAddr::from([packet[at], packet[at + 1], packet[at + 2], packet[at + 3]]));
        match packet[9] {
            ICMP => 0,
            protocol => pseudo_header(source, destination, protocol, packet.len() - 20),
        }
    }

    fn assert_whole(packet: &[u8]) {
        assert_eq!(checksum(0, &packet[..20]), 0, "IP header");
        assert_eq!(checksum(pseudo(packet), &packet[20..]), 0, "payload");
        assert_eq!(packet[12..20], [192, 0, 2, 1, 198, 51, 100, 2]);
    }

    #[test]
    fn a_tcp_segment_keeps_right_checksums() {
        let mut segment = packet(TCP, &[0x12; 27], 16);
        replace_in_packet(&mut segment, &addresses());
        assert_whole(&segment);
    }

    #[test]
    fn an_icmp_error_quotes_the_new_addresses() {
        let mut message = vec![3, 3, 0, 0, 0, 0, 0, 0];
        message.extend(packet(TCP, &[0x34; 20], 16));
        let mut error = packet(ICMP, &message, 2);
        replace_in_packet(&mut error, &addresses());
        assert_whole(&error);
        assert_whole(&error[28..]);
    }

    #[test]
    fn nothing_is_too_short() {
        let mut whole = packet(TCP, &[0; 20], 16);
        for length in 0..whole.len() {
            replace_in_packet(&mut whole[..length], &addresses());
        }
    }
}
