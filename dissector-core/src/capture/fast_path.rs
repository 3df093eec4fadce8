//! The straight way through the usual frame: Ethernet, perhaps a VLAN tag or two, IPv4 or IPv6
//! without options, TCP. Everything else goes the [long way](super::decode::layers), which finds the same.

use std::net::Ipv6Addr;
use std::ops::Range;

use super::decode::ethernet::{ETHERTYPE_IPV4, ETHERTYPE_IPV6};
use super::decode::ip::PROTOCOL_TCP;
use super::format::record::FrameRecord;
use super::link_type::LinkType;
use crate::PacketInfo;
use crate::key;

const ETHERNET_OCTETS: usize = 14;
const VLAN_TAG_OCTETS: usize = 4;
const IPV4_OCTETS: usize = 20;
const IPV6_OCTETS: usize = 40;
const TCP_OCTETS: usize = 20;

/// Writes what there is to know of the segment in a usual frame to `packet`; where its TCP header
/// and payload lie in `captured`.
///
/// Written in place: a packet is large enough for each copy to be felt.
#[inline(always)]
pub(super) fn segment(
    packet: &mut PacketInfo,
    frame: &FrameRecord,
    captured: &[u8],
) -> Option<Range<usize>> {
    let at = match frame.link_type {
        LinkType::ETHERNET => {
            let &[.., a, b] = captured.first_chunk::<ETHERNET_OCTETS>()?;
            match u16::from_be_bytes([a, b]) {
                ETHERTYPE_IPV4 => return ipv4(packet, frame, captured, ETHERNET_OCTETS),
                ETHERTYPE_IPV6 => ETHERNET_OCTETS,
                0x8100 | 0x88a8 => return tagged(packet, frame, captured),
                _ => return None,
            }
        }
        // What looks like PPP at the second octet is taken for it, as in Wireshark.
        LinkType::RAW if captured.get(1..3) != Some(&[0xff, 0x03]) => {
            if captured.first()? >> 4 == 4 {
                return ipv4(packet, frame, captured, 0);
            }
            0
        }
        _ => return None,
    };
    ipv6(packet, frame, captured, at)
}

/// One VLAN tag or two.
#[inline(never)]
fn tagged(packet: &mut PacketInfo, frame: &FrameRecord, captured: &[u8]) -> Option<Range<usize>> {
    let mut at = ETHERNET_OCTETS + VLAN_TAG_OCTETS;
    loop {
        match u16::from_be_bytes(*captured.get(at - 2..)?.first_chunk()?) {
            ETHERTYPE_IPV4 => return ipv4(packet, frame, captured, at),
            ETHERTYPE_IPV6 => return ipv6(packet, frame, captured, at),
            0x8100 | 0x88a8 if at == ETHERNET_OCTETS + VLAN_TAG_OCTETS => at += VLAN_TAG_OCTETS,
            _ => return None,
        }
    }
}

/// What there is to know of a segment in IPv4.
pub(super) struct InIpv4 {
    /// Source and destination, as the header has them.
    pub addresses: u64,
    pub ttl: u8,
    pub ip_id: u16,
    /// Octets that were sent.
    pub tcp_octets: u32,
    /// Where TCP header and payload lie in the captured octets.
    pub tcp: Range<usize>,
}

/// The segment in the most usual frame of all, without a tag and in IPv4.
#[inline(always)]
pub(super) fn untagged_ipv4(frame: &FrameRecord, captured: &[u8]) -> Option<InIpv4> {
    let &[.., a, b] = captured.first_chunk::<ETHERNET_OCTETS>()?;
    let known = frame.link_type == LinkType::ETHERNET;
    (known && u16::from_be_bytes([a, b]) == ETHERTYPE_IPV4)
        .then(|| in_ipv4(frame, captured, ETHERNET_OCTETS))?
}

#[inline(always)]
fn ipv4(
    packet: &mut PacketInfo,
    frame: &FrameRecord,
    captured: &[u8],
    at: usize,
) -> Option<Range<usize>> {
    let InIpv4 { addresses, ttl, ip_id, tcp_octets, tcp } = in_ipv4(frame, captured, at)?;
    let [source, destination] = key::of_ipv4(addresses);
    packet.time_ns = frame.time_ns;
    packet.source = source.into();
    packet.destination = destination.into();
    packet.ttl = ttl;
    packet.ip_id = Some(ip_id);
    packet.tcp_octets = tcp_octets;
    Some(tcp)
}

#[inline(always)]
fn in_ipv4(frame: &FrameRecord, captured: &[u8], at: usize) -> Option<InIpv4> {
    const MORE_FRAGMENTS_AND_OFFSET: u16 = 0x3fff;
    let (header, rest) = captured.get(at..)?.split_first_chunk::<IPV4_OCTETS>()?;
    let &[first, _, length_1, length_2, id_1, id_2, flags, offset, ttl, protocol, ..] = header;
    let fragment = u16::from_be_bytes([flags, offset]) & MORE_FRAGMENTS_AND_OFFSET;
    if first != 0x45 || protocol != PROTOCOL_TCP || fragment != 0 {
        return None;
    }
    let addresses = u64::from_be_bytes(*header.last_chunk()?);
    let total = usize::from(u16::from_be_bytes([length_1, length_2]));
    let octets = total.checked_sub(IPV4_OCTETS)?;
    let (tcp, tcp_octets) = payload(frame, rest, at + IPV4_OCTETS, octets)?;
    let ip_id = u16::from_be_bytes([id_1, id_2]);
    Some(InIpv4 { addresses, ttl, ip_id, tcp_octets, tcp })
}

#[inline(never)]
fn ipv6(
    packet: &mut PacketInfo,
    frame: &FrameRecord,
    captured: &[u8],
    at: usize,
) -> Option<Range<usize>> {
    let (header, rest) = captured.get(at..)?.split_first_chunk::<IPV6_OCTETS>()?;
    let &[first, _, _, _, length_1, length_2, protocol, ttl, ..] = header;
    if first >> 4 != 6 || protocol != PROTOCOL_TCP {
        return None;
    }
    let (addresses, _) = header.last_chunk::<32>()?.as_chunks::<16>();
    let &[source, destination] = addresses else { return None };
    let length = usize::from(u16::from_be_bytes([length_1, length_2]));
    let (tcp, sent) = payload(frame, rest, at + IPV6_OCTETS, length)?;
    packet.time_ns = frame.time_ns;
    packet.source = Ipv6Addr::from(source).into();
    packet.destination = Ipv6Addr::from(destination).into();
    packet.ttl = ttl;
    packet.ip_id = None;
    packet.tcp_octets = sent;
    Some(tcp)
}

/// Where the first `octets` of the `rest` at `at` lie, if a TCP header is in them, and how many of
/// them were sent: of a frame that was cut or padded, the shortest length counts.
#[inline(always)]
fn payload(
    frame: &FrameRecord,
    rest: &[u8],
    at: usize,
    octets: usize,
) -> Option<(Range<usize>, u32)> {
    let captured = octets.min(rest.len());
    if captured < TCP_OCTETS || *rest.get(12)? < 0x50 {
        return None;
    }
    // No frame was longer on the wire than in the file: see `FrameRecord::new`.
    let sent = octets.min(frame.wire_octets as usize - at);
    Some((at..at + captured, sent as u32))
}
