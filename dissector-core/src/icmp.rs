//! ICMP errors that quote a TCP segment (RFC 792, RFC 4443, RFC 5461).
//!
//! The quoted header is not a segment: it was not sent again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nom::Parser;
use nom::bytes::complete::take;
use nom::number::complete::{be_u16, be_u32, be_u128, u8};

use crate::PacketInfo;
use crate::wire::SeqNumber;

/// IP protocol number of ICMP.
pub const PROTOCOL_ICMP: u8 = 1;
/// IP protocol number of ICMPv6.
pub const PROTOCOL_ICMPV6: u8 = 58;

const PROTOCOL_TCP: u8 = 6;

/// An ICMP or ICMPv6 error that quotes a TCP segment.
///
/// ```
/// use dissector_core::{IcmpError, PacketInfo};
///
/// let packet = PacketInfo::new([10, 0, 0, 254], [10, 0, 0, 1], 0).with_frame(2);
/// // Destination unreachable, host unreachable; then the quoted IP header and 8 octets of TCP.
/// let octets = b"\x03\x01\0\0\0\0\0\0\
///     \x45\0\0\x28\0\0\0\0\x40\x06\0\0\x0a\0\0\x01\x0a\0\0\x02\
///     \x9c\x40\0\x50\0\0\0\x07";
/// let error = IcmpError::parse(packet, octets).expect("it quotes a segment");
/// assert_eq!((error.kind, error.code), (3, 1));
/// assert_eq!(error.quoted.destination, "10.0.0.2:80".parse().unwrap());
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct IcmpError {
    /// The packet that carries the error. Its source is the router or host that sent it.
    pub packet: PacketInfo,
    /// Type of the message.
    pub kind: u8,
    /// Code of the message.
    pub code: u8,
    /// The segment that caused it.
    pub quoted: Quoted,
}

/// The segment that an ICMP error quotes: its addresses, ports and sequence number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Quoted {
    /// Its sender.
    pub source: SocketAddr,
    /// Its receiver.
    pub destination: SocketAddr,
    /// Its sequence number.
    pub sequence: SeqNumber,
}

impl IcmpError {
    /// An error whose message was read elsewhere; [`parse`](Self::parse) reads it.
    pub const fn new(packet: PacketInfo, kind: u8, code: u8, quoted: Quoted) -> Self {
        Self { packet, kind, code, quoted }
    }

    /// Reads the ICMP message in `octets`, from its header on; the addresses of `packet` tell whether it
    /// is ICMPv6.
    ///
    /// `None` if it is no error, or does not quote the first 8 octets of a TCP segment.
    #[must_use]
    pub fn parse(mut packet: PacketInfo, octets: &[u8]) -> Option<Self> {
        let (quote, (kind, code, _)) = (u8, u8, take::<_, _, ()>(6usize)).parse(octets).ok()?;
        let (is_error, quoted) = match packet.source {
            // Redirect (5) and source quench (4) are no errors.
            IpAddr::V4(_) => (matches!(kind, 3 | 11 | 12), quoted_ipv4(quote)),
            IpAddr::V6(_) => (matches!((kind, code), (1, 0..=6) | (3 | 4, _)), quoted_ipv6(quote)),
        };
        packet.tcp_octets = packet.octets_if_unknown(octets.len());
        Some(Self { packet, kind, code, quoted: quoted.filter(|_| is_error)? })
    }

    /// The meaning of type and code in a few words (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1, RFC
    /// 4443 §3); `None` for a code without a meaning.
    ///
    /// ```
    /// use dissector_core::IcmpError;
    ///
    /// assert_eq!(IcmpError::meaning(false, 3, 13), Some("administratively prohibited"));
    /// assert_eq!(IcmpError::meaning(true, 1, 4), Some("port unreachable"));
    /// ```
    pub const fn meaning(ipv6: bool, kind: u8, code: u8) -> Option<&'static str> {
        Some(match (ipv6, kind, code) {
            (false, 3, 0) => "network unreachable",
            (false, 3, 1) => "host unreachable",
            (false, 3, 2) => "protocol unreachable",
            (false, 3, 3) | (true, 1, 4) => "port unreachable",
            (false, 3, 4) => "fragmentation needed",
            (false, 3, 5) => "source route failed",
            (false, 3, 6) => "network unknown",
            (false, 3, 7) => "host unknown",
            (false, 3, 9) => "network administratively prohibited",
            (false, 3, 10) => "host administratively prohibited",
            (false, 3, 13) | (true, 1, 1) => "administratively prohibited",
            (false, 11, 0) => "TTL exceeded",
            (false, 11, 1) | (true, 3, 1) => "reassembly time exceeded",
            (false, 12, _) | (true, 4, _) => "parameter problem",
            (true, 1, 0) => "no route",
            (true, 1, 2) => "beyond the scope of the source address",
            (true, 1, 3) => "address unreachable",
            (true, 1, 5) => "source address rejected by policy",
            (true, 1, 6) => "route rejected",
            (true, 3, 0) => "hop limit exceeded",
            _ => return None,
        })
    }
}

impl Quoted {
    /// The segment between these ends that begins with this sequence number.
    pub const fn new(source: SocketAddr, destination: SocketAddr, sequence: SeqNumber) -> Self {
        Self { source, destination, sequence }
    }
}

fn quoted_ipv4(quote: &[u8]) -> Option<Quoted> {
    let mut fields = (u8, take(5usize), be_u16, u8, u8, be_u16, be_u32, be_u32::<_, ()>);
    let (_, (version_and_length, _, fragment, _, protocol, _, source, destination)) =
        fields.parse(quote).ok()?;
    let header_octets = usize::from(version_and_length & 0xf) * 4;
    let first_of_tcp = protocol == PROTOCOL_TCP && fragment & 0x1fff == 0;
    if version_and_length >> 4 != 4 || header_octets < 20 || !first_of_tcp {
        return None;
    }
    let source = Ipv4Addr::from_bits(source).into();
    quoted_tcp(quote.get(header_octets..)?, source, Ipv4Addr::from_bits(destination).into())
}

fn quoted_ipv6(quote: &[u8]) -> Option<Quoted> {
    let mut fields = (u8, take(5usize), u8, u8, be_u128, be_u128::<_, ()>);
    let (tcp, (version, _, next_header, _, source, destination)) = fields.parse(quote).ok()?;
    if version >> 4 != 6 || next_header != PROTOCOL_TCP {
        return None;
    }
    let source = Ipv6Addr::from_bits(source).into();
    quoted_tcp(tcp, source, Ipv6Addr::from_bits(destination).into())
}

fn quoted_tcp(tcp: &[u8], source: IpAddr, destination: IpAddr) -> Option<Quoted> {
    let (_, (from, to, sequence)) = (be_u16, be_u16, be_u32::<_, ()>).parse(tcp).ok()?;
    Some(Quoted {
        source: (source, from).into(),
        destination: (destination, to).into(),
        sequence: SeqNumber(sequence),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use hex_literal::hex;

    fn packet(source: IpAddr) -> PacketInfo {
        PacketInfo::new(source, source, 0)
    }

    const QUOTE: [u8; 36] = hex!(
        "0301 0000 00000000 4500 0028 0000 0000 4006 0000 0a000001 0a000002 9c40 0050 00000007"
    );

    #[test]
    fn what_is_no_error_or_quotes_no_tcp_is_left_alone() {
        let router = packet([10, 0, 0, 254].into());
        assert_eq!(IcmpError::parse(router, &QUOTE).unwrap().quoted.sequence, SeqNumber(7));
        let with = |at: usize, value| {
            let mut octets = QUOTE;
            octets[at] = value;
            IcmpError::parse(router, &octets)
        };
        // Redirect, source quench, echo; UDP; a later fragment; no IPv4.
        for (at, value) in [(0, 5), (0, 4), (0, 8), (17, 17), (15, 1), (8, 0x65)] {
            assert_eq!(with(at, value), None, "octet {at} {value}");
        }
        for octets in 0..QUOTE.len() {
            assert_eq!(IcmpError::parse(router, &QUOTE[..octets]), None);
        }
    }

    #[test]
    fn icmpv6() {
        let mut octets = hex!("0104 0000 00000000 60000000 0014 06 40").to_vec();
        octets.extend([0x20; 16]);
        octets.extend([0x30; 16]);
        octets.extend(hex!("9c40 0050 00000009"));
        let error = IcmpError::parse(packet(Ipv6Addr::LOCALHOST.into()), &octets).unwrap();
        assert_eq!((error.kind, error.code, error.quoted.sequence), (1, 4, SeqNumber(9)));
        assert_eq!(error.quoted.source.port(), 40_000);
    }
}
