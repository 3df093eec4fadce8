//! Tunnels directly over IP, and service chains.

use super::next::{Network, Next, Octets, Step};
use crate::capture::skipped::{Layer, Skipped};

const CUT: Skipped = Skipped::Truncated(Layer::Gre);

const CHECKSUM: u16 = 0x8000;
const ROUTING: u16 = 0x4000;
const KEY: u16 = 0x2000;
const SEQUENCE: u16 = 0x1000;
/// A flag of PPTP's version (RFC 2637).
const ACKNOWLEDGMENT: u16 = 0x0080;

const PROTOCOL_PPP: u16 = 0x880b;
const PROTOCOL_WCCP: u16 = 0x883e;

/// The payload of a tunnel, by IP protocol number.
pub(crate) fn over_ip(protocol: u8, octets: Octets<'_>) -> Step<'_> {
    let next = match protocol {
        4 => Next::Ip(Network::Ipv4OrIpv6),
        41 => Next::Ip(Network::Ipv6),
        47 => Next::Gre,
        // EtherIP (RFC 3378).
        97 => return Ok((Next::Ethernet, octets.after(2).ok_or(CUT)?)),
        137 => Next::Mpls,
        143 => Next::Ethernet,
        _ => return Err(Skipped::Protocol(protocol)),
    };
    Ok((next, octets))
}

/// Generic routing encapsulation (RFC 2784, RFC 2890; RFC 1701 with routing; RFC 2637).
pub(crate) fn gre(octets: Octets<'_>) -> Step<'_> {
    let &[a, b, c, d] = octets.header().ok_or(CUT)?;
    let (flags, protocol) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let has = |flag: u16| flags & flag != 0;
    let octets_of = |flag: u16| if has(flag) { 4 } else { 0 };
    let mut header = 4 + octets_of(CHECKSUM | ROUTING) + octets_of(KEY) + octets_of(SEQUENCE);
    if protocol == PROTOCOL_PPP {
        header += octets_of(ACKNOWLEDGMENT);
    }
    let mut octets = octets.after(header).ok_or(CUT)?;
    if has(ROUTING) {
        octets = source_routes(octets)?;
    }
    let next = match protocol {
        // Version 2 of WCCP has the same number, and four octets more.
        PROTOCOL_WCCP => {
            let is_ipv4 = octets.captured.first().is_some_and(|first| first >> 4 == 4);
            let octets = if is_ipv4 { Some(octets) } else { octets.after(4) };
            return Ok((Next::Ip(Network::Ipv4OrIpv6), octets.ok_or(CUT)?));
        }
        PROTOCOL_PPP => Next::Ppp,
        0x8881 | 0x88d2 => Next::PppHdlc,
        0x88be if has(SEQUENCE) => return Ok((Next::Ethernet, octets.after(8).ok_or(CUT)?)),
        // The first version of ERSPAN has no header.
        0x88be => Next::Ethernet,
        0x22eb => return erspan_3(octets),
        // Also MikroTik's Ethernet over IP.
        0x6400 | 0x6558 => Next::Ethernet,
        0x6559 => Next::FrameRelay,
        // Aruba's tunnels from access points.
        0x8200..=0x83ff if protocol & 0xf == 0 && protocol <= 0x8370 => Next::Wlan,
        protocol => Next::EtherType(protocol),
    };
    Ok((next, octets))
}

/// Steps over the source routes of RFC 1701, of which the last is empty.
fn source_routes(mut octets: Octets<'_>) -> Result<Octets<'_>, Skipped> {
    loop {
        let &[a, b, _, length] = octets.header().ok_or(CUT)?;
        octets = octets.after(4 + usize::from(length)).ok_or(CUT)?;
        if ([a, b], length) == ([0, 0], 0) {
            return Ok(octets);
        }
    }
}

/// ERSPAN, the third version, with an Ethernet frame.
fn erspan_3(octets: Octets<'_>) -> Step<'_> {
    const PLATFORM_SUBHEADER: u8 = 1;
    const PLATFORM_SUBHEADER_OCTETS: usize = 8;
    let &[.., kind, last] = octets.header::<12>().ok_or(CUT)?;
    if kind >> 2 & 0x1f != 0 {
        return Err(Skipped::NotIp);
    }
    let subheader = if last & PLATFORM_SUBHEADER != 0 { PLATFORM_SUBHEADER_OCTETS } else { 0 };
    Ok((Next::Ethernet, octets.after(12 + subheader).ok_or(CUT)?))
}

/// A network service header (RFC 8300 §2).
pub(crate) fn nsh(octets: Octets<'_>) -> Step<'_> {
    let cut = Skipped::Truncated(Layer::Tunnel);
    let &[_, words, _, protocol] = octets.header().ok_or(cut)?;
    let payload = octets.after(usize::from(words & 0x3f) * 4).ok_or(cut)?;
    Ok((next_protocol(protocol)?, payload))
}

/// The payload by the protocol number of a network service header, or of VXLAN-GPE.
pub(crate) fn next_protocol(number: u8) -> Result<Next, Skipped> {
    match number {
        1 => Ok(Next::Ip(Network::Ipv4OrIpv6)),
        2 => Ok(Next::Ip(Network::Ipv6)),
        3 => Ok(Next::Ethernet),
        4 => Ok(Next::Nsh),
        5 => Ok(Next::Mpls),
        _ => Err(Skipped::NotIp),
    }
}
