//! The straight way through the usual frame: Ethernet, perhaps a VLAN tag or two, IPv4 or IPv6
//! without options, TCP. Everything else goes the [long way](super::layers), which finds the same.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::LinkType;
use super::ethernet::{ETHERTYPE_IPV4, ETHERTYPE_IPV6};
use super::frame::Frame;
use super::ip::PROTOCOL_TCP;
use crate::PacketInfo;

const ETHERNET_OCTETS: usize = 14;
const VLAN_TAG_OCTETS: usize = 4;
const IPV4_OCTETS: usize = 20;
const IPV6_OCTETS: usize = 40;
const TCP_OCTETS: usize = 20;

/// The segment in a usual frame, and where its TCP header and payload lie in `captured`.
#[inline]
pub(super) fn segment(
    number: u64,
    frame: &Frame,
    captured: &[u8],
) -> Option<(PacketInfo, Range<usize>)> {
    let mut at = match frame.link_type {
        LinkType::ETHERNET => ETHERNET_OCTETS,
        // What looks like PPP at the second octet is taken for it, as in Wireshark.
        LinkType::RAW if captured.get(1..3) != Some(&[0xff, 0x03]) => {
            return ip(number, frame, captured, 0);
        }
        _ => return None,
    };
    for _ in 0..3 {
        let ethertype = u16::from_be_bytes(*captured.get(at - 2..)?.first_chunk()?);
        match ethertype {
            ETHERTYPE_IPV4 => return ip(number, frame, captured, at),
            // Version 4 is no error behind the EtherType of version 4 only.
            ETHERTYPE_IPV6 if captured.get(at)? >> 4 == 6 => {
                return ip(number, frame, captured, at);
            }
            0x8100 | 0x88a8 => at += VLAN_TAG_OCTETS,
            _ => return None,
        }
    }
    None
}

/// An IP header of the usual form at `at`.
#[inline(always)]
fn ip(
    number: u64,
    frame: &Frame,
    captured: &[u8],
    at: usize,
) -> Option<(PacketInfo, Range<usize>)> {
    let packet = captured.get(at..)?;
    let (header, octets, source, destination, ttl, ip_id): (_, _, IpAddr, IpAddr, _, _) =
        match *packet {
            [
                0x45,
                _,
                a,
                b,
                id_1,
                id_2,
                flags,
                0,
                ttl,
                PROTOCOL_TCP,
                _,
                _,
                s1,
                s2,
                s3,
                s4,
                d1,
                d2,
                d3,
                d4,
                ..,
            ] if flags & 0x3f == 0 => (
                IPV4_OCTETS,
                usize::from(u16::from_be_bytes([a, b])),
                Ipv4Addr::new(s1, s2, s3, s4).into(),
                Ipv4Addr::new(d1, d2, d3, d4).into(),
                ttl,
                Some(u16::from_be_bytes([id_1, id_2])),
            ),
            [0x60..=0x6f, _, _, _, a, b, PROTOCOL_TCP, ttl, ..] => {
                let (source, rest) = packet.get(8..)?.split_first_chunk::<16>()?;
                let destination = rest.first_chunk::<16>()?;
                (
                    IPV6_OCTETS,
                    IPV6_OCTETS + usize::from(u16::from_be_bytes([a, b])),
                    Ipv6Addr::from(*source).into(),
                    Ipv6Addr::from(*destination).into(),
                    ttl,
                    None,
                )
            }
            _ => return None,
        };
    // Of a frame that was cut or padded, the shortest length counts.
    let sent = (frame.original_octets as usize).max(captured.len()) - at;
    let end = octets.min(packet.len());
    let tcp = packet.get(header..end)?;
    if tcp.len() < TCP_OCTETS || tcp[12] < 0x50 {
        return None;
    }
    let packet = PacketInfo {
        frame: number,
        time_ns: frame.time_ns,
        source,
        destination,
        ttl,
        ip_id,
        tcp_octets: (octets.min(sent) - header) as u32,
    };
    Some((packet, at + header..at + end))
}
