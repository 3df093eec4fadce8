//! Multiprotocol label switching (RFC 3032), and pseudowires.
//!
//! Labels do not name their payload. As in Wireshark, its first four bits tell.

use super::ethernet::{ETHERTYPE_IPV4, ETHERTYPE_IPV6};
use super::next::{Network, Next, Octets, Step};
use crate::capture::skipped::{Layer, Skipped};

const CUT: Skipped = Skipped::Truncated(Layer::Mpls);
/// The label of the generic associated channel (RFC 5586).
const GENERIC_ASSOCIATED_CHANNEL: u32 = 13;

/// Steps over all labels.
pub(crate) fn labels(mut octets: Octets<'_>) -> Step<'_> {
    loop {
        let entry = u32::from_be_bytes(*octets.header().ok_or(CUT)?);
        octets = octets.after(4).ok_or(CUT)?;
        let bottom_of_stack = entry & 0x100 != 0;
        match entry >> 12 {
            GENERIC_ASSOCIATED_CHANNEL => return associated_channel(octets),
            // Operation and maintenance, and TDM, in Wireshark.
            14 | 628_871 => return Err(Skipped::Mpls),
            _ if bottom_of_stack => return payload(octets),
            _ => {}
        }
    }
}

fn payload(octets: Octets<'_>) -> Step<'_> {
    let &[first] = octets.header().ok_or(CUT)?;
    match first >> 4 {
        4 => Ok((Next::Ip(Network::Ipv4OrIpv6), octets)),
        6 => Ok((Next::Ip(Network::Ipv6), octets)),
        1 => associated_channel(octets),
        0 => pseudowire(octets),
        _ => Err(Skipped::Mpls),
    }
}

/// The channel beside a pseudowire (RFC 4385 §5).
fn associated_channel(octets: Octets<'_>) -> Step<'_> {
    let &[_, _, a, b] = octets.header().ok_or(CUT)?;
    let payload = octets.after(4).ok_or(CUT)?;
    match u16::from_be_bytes([a, b]) {
        0x0021 => Ok((Next::Ip(Network::Ipv4OrIpv6), payload)),
        0x0057 => Ok((Next::Ip(Network::Ipv6), payload)),
        _ => Err(Skipped::Mpls),
    }
}

/// An Ethernet pseudowire (RFC 4448), with a control word or without.
///
/// Wireshark assumes no control word if it knows the manufacturers of both Ethernet addresses. We have
/// no list of manufacturers, and assume none if the EtherType at that place can carry IP.
fn pseudowire(octets: Octets<'_>) -> Step<'_> {
    const CONTROL_WORD_OCTETS: usize = 4;
    let carries_ip = |at: usize| {
        let ethertype = octets.captured.get(at..at + 2)?.first_chunk()?;
        let ethertype = u16::from_be_bytes(*ethertype);
        Some(matches!(
            ethertype,
            ETHERTYPE_IPV4 | ETHERTYPE_IPV6 | 0x8100 | 0x88a8 | 0x8847 | 0x8864
        ))
    };
    if carries_ip(12) == Some(true) {
        return Ok((Next::Ethernet, octets));
    }
    Ok((Next::Ethernet, octets.after(CONTROL_WORD_OCTETS).ok_or(CUT)?))
}
