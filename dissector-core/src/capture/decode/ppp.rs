//! PPP (RFC 1661) in its framings, Cisco HDLC and frame relay.

use super::ethernet::{self, ETHERTYPE_IPV4, ETHERTYPE_IPV6};
use super::next::{Network, Next, Octets, Step};
use crate::capture::skipped::{Layer, Skipped};

const CUT: Skipped = Skipped::Truncated(Layer::Ppp);

/// The payload by PPP's protocol field, perhaps behind the address and control octets of HDLC-like
/// framing (RFC 1662 §3.1).
pub(crate) fn ppp(octets: Octets<'_>) -> Step<'_> {
    let octets = match octets.captured {
        [0xff, ..] => octets.after(2).ok_or(CUT)?,
        _ => octets,
    };
    // Protocols are odd numbers, so that the first octet may be left out if it is zero.
    let &[first] = octets.header().ok_or(CUT)?;
    let (protocol, octets) = if first & 1 != 0 {
        (first.into(), octets.after(1))
    } else {
        let &[a, b] = octets.header().ok_or(CUT)?;
        (u16::from_be_bytes([a, b]), octets.after(2))
    };
    let next = match protocol {
        0x0021 | ETHERTYPE_IPV4 => Next::Ip(Network::Ipv4OrIpv6),
        0x0057 | ETHERTYPE_IPV6 => Next::Ip(Network::Ipv6),
        0x0281 | 0x0283 => Next::Mpls,
        0x004b => Next::Llc,
        _ => return Err(Skipped::Ppp),
    };
    Ok((next, octets.ok_or(CUT)?))
}

/// PPP, or Cisco HDLC, which has other addresses.
pub(crate) fn ppp_hdlc(octets: Octets<'_>) -> Step<'_> {
    match octets.captured {
        [0x0f | 0x8f, ..] => cisco_hdlc(octets),
        _ => ppp(octets),
    }
}

/// Cisco HDLC: address, control, EtherType.
pub(crate) fn cisco_hdlc(octets: Octets<'_>) -> Step<'_> {
    let &[_, _, a, b] = octets.header().ok_or(CUT)?;
    Ok((Next::EtherType(u16::from_be_bytes([a, b])), octets.after(4).ok_or(CUT)?))
}

/// PPP over Ethernet (RFC 2516 §4), the session stage.
pub(crate) fn pppoe(octets: Octets<'_>) -> Step<'_> {
    let &[_, _, _, _, a, b] = octets.header().ok_or(CUT)?;
    let length = u16::from_be_bytes([a, b]);
    Ok((Next::Ppp, octets.after(6).ok_or(CUT)?.limited(length.into())))
}

/// Frame relay (RFC 2427), or Cisco's variant with an EtherType behind the address.
pub(crate) fn frame_relay(octets: Octets<'_>) -> Step<'_> {
    const UNNUMBERED: u8 = 0x03;
    // The last octet of the address is an odd one.
    let address = octets.captured.iter().take(4).position(|octet| octet & 1 != 0).ok_or(CUT)? + 1;
    let octets = octets.after(address).ok_or(CUT)?;
    let &[control, second] = octets.header().ok_or(CUT)?;
    if control != UNNUMBERED {
        let ethertype = u16::from_be_bytes([control, second]);
        return Ok((Next::EtherType(ethertype), octets.after(2).ok_or(CUT)?));
    }
    // One octet of padding may stand in front of the protocol.
    let octets = octets.after(if second == 0 { 2 } else { 1 }).ok_or(CUT)?;
    let &[protocol] = octets.header().ok_or(CUT)?;
    let payload = octets.after(1).ok_or(CUT)?;
    match protocol {
        0xcc => Ok((Next::Ip(Network::Ipv4OrIpv6), payload)),
        0x8e => Ok((Next::Ip(Network::Ipv6), payload)),
        0xcf => Ok((Next::Ppp, payload)),
        0x80 => ethernet::snap(payload, 0),
        _ => Err(Skipped::NotIp),
    }
}
