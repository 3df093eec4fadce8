//! Tunnels over UDP, by port.

use super::next::{Network, Next, Octets, Step};
use super::{ethernet, ip, tunnel};
use crate::capture::skipped::{Layer, Skipped};

const CUT: Skipped = Skipped::Truncated(Layer::Tunnel);

/// Reads the UDP header and that of the tunnel behind it. As in Wireshark, both ports count, the lower
/// one first.
pub(crate) fn datagram(octets: Octets<'_>) -> Step<'_> {
    let cut = Skipped::Truncated(Layer::Udp);
    let &[a, b, c, d, length_1, length_2, _, _] = octets.header().ok_or(cut)?;
    let (source, destination) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let length = usize::from(u16::from_be_bytes([length_1, length_2]));
    if length < 8 {
        return Err(Skipped::Damaged(Layer::Udp));
    }
    let payload = octets.limited(length).after(8).ok_or(cut)?;
    [source.min(destination), source.max(destination)]
        .into_iter()
        .find_map(|port| tunnel(port, payload))
        .unwrap_or(Err(Skipped::Protocol(ip::PROTOCOL_UDP)))
}

/// The payload of the tunnel on a port; `None` if there is no tunnel on it.
fn tunnel(port: u16, octets: Octets<'_>) -> Option<Step<'_>> {
    Some(match port {
        1701 => l2tp(octets),
        2123 | 2152 | 3386 => gtp(octets),
        3544 => teredo(octets),
        // LISP (RFC 9300): eight octets, then either version.
        4341 => skip(octets, 8, Next::Ip(Network::Ipv4OrIpv6)),
        // VXLAN (RFC 7348).
        4789 => skip(octets, 8, Next::Ethernet),
        4790 => vxlan_gpe(octets),
        5072 => ayiya(octets),
        6081 => geneve(octets),
        6635 => skip(octets, 0, Next::Mpls),
        37_008 => tzsp(octets),
        _ => return None,
    })
}

fn skip(octets: Octets<'_>, header: usize, next: Next) -> Step<'_> {
    Ok((next, octets.after(header).ok_or(CUT)?))
}

/// VXLAN with a protocol field (draft-ietf-nvo3-vxlan-gpe).
fn vxlan_gpe(octets: Octets<'_>) -> Step<'_> {
    let &[_, _, _, protocol] = octets.header().ok_or(CUT)?;
    skip(octets, 8, tunnel::next_protocol(protocol)?)
}

/// Geneve (RFC 8926 §3.4).
fn geneve(octets: Octets<'_>) -> Step<'_> {
    let &[words, _, a, b] = octets.header().ok_or(CUT)?;
    let options = usize::from(words & 0x3f) * 4;
    skip(octets, 8 + options, Next::EtherType(u16::from_be_bytes([a, b])))
}

/// The user plane of GTP (3GPP TS 29.281 §5, and the older TS 29.060).
fn gtp(octets: Octets<'_>) -> Step<'_> {
    /// The message that carries a packet.
    const T_PDU: u8 = 255;
    const EXTENSION: u8 = 4;
    const ANY_OPTIONAL_FIELD: u8 = 7;
    let &[flags, message, ..] = octets.header::<8>().ok_or(CUT)?;
    if message != T_PDU {
        return Err(Skipped::Protocol(ip::PROTOCOL_UDP));
    }
    let header = match flags >> 5 {
        0 => 20,
        1 if flags & ANY_OPTIONAL_FIELD != 0 => 12,
        1 => 8,
        _ => return Err(Skipped::Protocol(ip::PROTOCOL_UDP)),
    };
    let mut payload = octets.after(header).ok_or(CUT)?;
    if flags >> 5 == 1 && flags & EXTENSION != 0 {
        let mut kind = octets.captured[11];
        while kind != 0 {
            let &[words] = payload.header().ok_or(CUT)?;
            let header = usize::from(words) * 4;
            if header == 0 {
                return Err(Skipped::Damaged(Layer::Tunnel));
            }
            kind = *payload.captured.get(header - 1).ok_or(CUT)?;
            payload = payload.after(header).ok_or(CUT)?;
        }
    }
    // Only the session's signalling names the payload: guess, as Wireshark does.
    let next = match *payload.captured {
        [0x45..=0x4e, ..] => Next::Ip(Network::Ipv4OrIpv6),
        [0x60..=0x6f, ..] => Next::Ip(Network::Ipv6),
        [_, _, _, _, _, _, _, _, _, _, _, _, a, b, ..]
            if u16::from_be_bytes([a, b]) > ethernet::IEEE_802_3_MAX_LENGTH =>
        {
            Next::Ethernet
        }
        _ => return Err(Skipped::NotIp),
    };
    Ok((next, payload))
}

/// Teredo (RFC 4380 §5.1.1): IPv6, perhaps behind an authentication and an origin.
fn teredo(octets: Octets<'_>) -> Step<'_> {
    const ORIGIN_OCTETS: usize = 8;
    let octets = match *octets.captured {
        [0, 1, identifier, authentication, ..] => {
            let header = 13 + usize::from(identifier) + usize::from(authentication);
            octets.after(header).ok_or(CUT)?
        }
        _ => octets,
    };
    let octets = match octets.captured {
        [0, 0, ..] => octets.after(ORIGIN_OCTETS).ok_or(CUT)?,
        _ => octets,
    };
    match octets.captured {
        [0x60..=0x6f, ..] => Ok((Next::Ip(Network::Ipv6), octets)),
        _ => Err(Skipped::Protocol(ip::PROTOCOL_UDP)),
    }
}

/// L2TP version 2 (RFC 2661 §3.1).
fn l2tp(octets: Octets<'_>) -> Step<'_> {
    const CONTROL: u8 = 0x80;
    const LENGTH: u8 = 0x40;
    const SEQUENCE: u8 = 0x08;
    const OFFSET: u8 = 0x02;
    let &[flags, version] = octets.header().ok_or(CUT)?;
    if flags & CONTROL != 0 || version & 0xf != 2 {
        return Err(Skipped::Protocol(ip::PROTOCOL_UDP));
    }
    let has = |flag: u8| flags & flag != 0;
    let mut header = 6;
    let mut octets = octets;
    if has(LENGTH) {
        let &[_, _, a, b] = octets.header().ok_or(CUT)?;
        octets = octets.limited(u16::from_be_bytes([a, b]).into());
        header += 2;
    }
    if has(SEQUENCE) {
        header += 4;
    }
    if has(OFFSET) {
        let padding = octets.captured.get(header..header + 2).and_then(<[u8]>::first_chunk);
        header += 2 + usize::from(u16::from_be_bytes(*padding.ok_or(CUT)?));
    }
    skip(octets, header, Next::PppHdlc)
}

/// AYIYA (draft-massar-v6ops-ayiya): an identity, a signature, then IPv6.
fn ayiya(octets: Octets<'_>) -> Step<'_> {
    const FORWARD: u8 = 1;
    let &[identity, signature, operation, protocol] = octets.header().ok_or(CUT)?;
    if operation & 0xf != FORWARD {
        return Err(Skipped::Protocol(ip::PROTOCOL_UDP));
    }
    let header = 8 + (1_usize << (identity >> 4)) + usize::from(signature >> 4) * 4;
    skip(octets, header, Next::Protocol(protocol))
}

/// TaZmen Sniffer Protocol: tagged fields, then the frame.
fn tzsp(octets: Octets<'_>) -> Step<'_> {
    const RECEIVED: u8 = 0;
    const TRANSMIT: u8 = 1;
    const PADDING: u8 = 0;
    const END: u8 = 1;
    let &[_, kind, a, b] = octets.header().ok_or(CUT)?;
    let next = match (kind, u16::from_be_bytes([a, b])) {
        (RECEIVED | TRANSMIT, 1) => Next::Ethernet,
        (RECEIVED | TRANSMIT, 18) => Next::Wlan,
        _ => return Err(Skipped::Protocol(ip::PROTOCOL_UDP)),
    };
    let mut octets = octets.after(4).ok_or(CUT)?;
    loop {
        octets = match *octets.captured {
            [END, ..] => return skip(octets, 1, next),
            [PADDING, ..] => octets.after(1),
            [_, length, ..] => octets.after(2 + usize::from(length)),
            _ => None,
        }
        .ok_or(CUT)?;
    }
}
