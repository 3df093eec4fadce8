//! IPv4 and IPv6, with their options and extension headers.
//!
//! etherparse cannot read them for us: the payload length is measured on the wire, and the answers
//! must be Wireshark's, whether it is tolerant (an IPv4 length of zero, extension headers after IPv4)
//! or not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::next::{Envelope, Network, Octets};
use crate::capture::skipped::{IpVersion, Layer, Skipped};
use crate::wire::HeaderError;
use crate::{PacketInfo, Segment};

const IPV4_HEADER_OCTETS: usize = 20;
const IPV6_HEADER_OCTETS: usize = 40;
/// More-fragments flag and fragment offset, in units of eight octets.
const IPV4_MORE_FRAGMENTS: u16 = 0x2000;
const IPV4_FRAGMENT_OFFSET: u16 = 0x1fff;
/// Fragment offset, which is in octets without a shift, and more-fragments flag (RFC 8200 §4.5).
const IPV6_FRAGMENT_OFFSET: u16 = 0xfff8;
const IPV6_MORE_FRAGMENTS: u16 = 1;

const OPTION_END_OF_LIST: u8 = 0;
const OPTION_NO_OPERATION: u8 = 1;
const OPTION_LOOSE_ROUTE: u8 = 0x83;
const OPTION_STRICT_ROUTE: u8 = 0x89;

/// IP protocol number of TCP.
pub(crate) const PROTOCOL_TCP: u8 = 6;
/// IP protocol number of UDP.
pub(crate) const PROTOCOL_UDP: u8 = 17;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
/// The IPv6 fragment header.
pub(crate) const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;
const SHIM6: u8 = 140;

const OPTION_PAD1: u8 = 0;
/// Jumbo Payload (RFC 2675).
const OPTION_JUMBO: u8 = 0xc2;
/// Home Address (RFC 6275 §6.3).
const OPTION_HOME_ADDRESS: u8 = 0xc9;

/// An IP packet whose fixed header has been read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Datagram<'a> {
    pub(crate) envelope: Envelope,
    /// Protocol of the payload, or of its first extension header.
    pub(crate) protocol: u8,
    pub(crate) payload: Octets<'a>,
    /// `None` if the datagram is not fragmented.
    pub(crate) fragment: Option<Part>,
}

/// The part of a datagram that a fragment carries.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Part {
    pub(crate) version: IpVersion,
    /// Identification that the fragments of a datagram have in common.
    pub(crate) id: u32,
    pub(crate) offset: usize,
    /// True if other fragments follow.
    pub(crate) more: bool,
    /// Length of the part by the IP header.
    pub(crate) octets: usize,
}

/// Reads an IP header.
pub(crate) fn datagram(network: Network, octets: Octets<'_>) -> Result<Datagram<'_>, Skipped> {
    let version = octets.captured.first().map(|first| first >> 4);
    match (network, version) {
        (Network::Ipv4OrIpv6, Some(4)) => ipv4(octets),
        (_, Some(6)) => ipv6(octets),
        (_, Some(_)) => Err(Skipped::Damaged(Layer::Ip)),
        (_, None) => Err(Skipped::Truncated(Layer::Ip)),
    }
}

impl<'a> Segment<'a> {
    /// Reads an IPv4 or IPv6 packet, captured `time_ns` nanoseconds after 1970 UTC, that holds a TCP
    /// segment.
    ///
    /// The packet may end before its IP length says so, if a snap length has cut it. Its frame is
    /// number 1 unless you set [`packet.frame`](PacketInfo::frame). A
    /// [`Decoder`](crate::capture::Decoder) also reads link layers, opens tunnels and reassembles
    /// fragments.
    ///
    /// # Errors
    /// [`Skipped`] says why there is no segment: another protocol, a fragment, or a header that is
    /// damaged or not all there.
    ///
    /// ```
    /// use dissector_core::Segment;
    /// use dissector_core::capture::Skipped;
    ///
    /// let mut packet = *b"\x45\0\0\x28\0\x01\0\0\x40\x06\0\0\x0a\0\0\x01\x0a\0\0\x02\
    ///     \x9c\x40\0\x35\0\0\0\x07\0\0\0\0\x50\x02\xff\xff\0\0\0\0";
    /// let segment = Segment::from_ip_packet(&packet, 1_000_000_000)?;
    /// assert_eq!(segment.packet.destination.to_string(), "10.0.0.2");
    /// assert_eq!((segment.packet.ttl, segment.packet.ip_id), (64, Some(1)));
    /// assert_eq!(segment.tcp.flags.to_string(), "SYN");
    ///
    /// // Protocol 17 is UDP.
    /// packet[9] = 17;
    /// assert_eq!(Segment::from_ip_packet(&packet, 0), Err(Skipped::Protocol(17)));
    /// # Ok::<(), Skipped>(())
    /// ```
    pub fn from_ip_packet(octets: &'a [u8], time_ns: i64) -> Result<Self, Skipped> {
        // Only the IP length limits the payload; without one (see `ipv4`) all octets were captured.
        let sent = if let [0x40..=0x4f, _, 0, 0, ..] = octets { octets.len() } else { usize::MAX };
        let packet = Octets { captured: octets, sent, offset: 0 };
        let Datagram { mut envelope, mut protocol, mut payload, mut fragment } =
            datagram(Network::Ipv4OrIpv6, packet)?;
        loop {
            if let Some(part) = fragment {
                return Err(Skipped::Fragment(part.version));
            }
            (protocol, payload, fragment) = match protocol {
                PROTOCOL_TCP => break,
                FRAGMENT => fragment_header(payload)?,
                _ => match extension(protocol, payload, &mut envelope)? {
                    Some((protocol, payload)) => (protocol, payload, None),
                    None => return Err(Skipped::Protocol(protocol)),
                },
            };
        }
        let Envelope { source, destination, ttl, ip_id } = envelope;
        let info = PacketInfo::new(source, destination, time_ns).with_ttl(ttl).with_ip_id(ip_id);
        let info = info.with_tcp_octets(payload.sent as u32);
        Self::parse(info, payload.captured).map_err(|error| match error {
            HeaderError::Truncated { .. } => Skipped::Truncated(Layer::Tcp),
            HeaderError::DataOffset { .. } => Skipped::Damaged(Layer::Tcp),
        })
    }
}

fn ipv4(packet: Octets<'_>) -> Result<Datagram<'_>, Skipped> {
    let cut = Skipped::Truncated(Layer::Ipv4);
    let header = packet.header::<IPV4_HEADER_OCTETS>().ok_or(cut)?;
    let &[first, _, length_1, length_2, id_1, id_2, fragment_1, fragment_2, ttl, protocol, ..] =
        header;
    let &[.., a, b, c, d, e, f, g, h] = header;
    let header_octets = usize::from(first & 0xf) * 4;
    let total_octets = usize::from(u16::from_be_bytes([length_1, length_2]));
    if header_octets < IPV4_HEADER_OCTETS || (1..header_octets).contains(&total_octets) {
        return Err(Skipped::Damaged(Layer::Ipv4));
    }
    // With segmentation offload a host may write 0.
    let packet = if total_octets == 0 { packet } else { packet.limited(total_octets) };
    let payload = packet.after(header_octets).ok_or(cut)?;
    let options = &packet.captured[IPV4_HEADER_OCTETS..header_octets];
    let envelope = Envelope {
        source: Ipv4Addr::new(a, b, c, d).into(),
        destination: source_route(options).unwrap_or([e, f, g, h].into()).into(),
        ttl,
        ip_id: Some(u16::from_be_bytes([id_1, id_2])),
    };
    let fragment = u16::from_be_bytes([fragment_1, fragment_2]);
    let offset = usize::from(fragment & IPV4_FRAGMENT_OFFSET) * 8;
    let more = fragment & IPV4_MORE_FRAGMENTS != 0;
    let fragment = (more || offset != 0).then(|| Part {
        version: IpVersion::V4,
        id: u16::from_be_bytes([id_1, id_2]).into(),
        offset,
        more,
        octets: if total_octets == 0 { payload.sent } else { total_octets - header_octets },
    });
    Ok(Datagram { envelope, protocol, payload, fragment })
}

/// The last address of a source route that is not used up yet (RFC 791 §3.1): the final destination,
/// as with a routing header. The first of several routes counts.
fn source_route(mut options: &[u8]) -> Option<Ipv4Addr> {
    loop {
        match *options {
            [] | [OPTION_END_OF_LIST, ..] => return None,
            [OPTION_NO_OPERATION, ref rest @ ..] => options = rest,
            [kind, length @ 2..=u8::MAX, ..] => {
                let (option, rest) = options.split_at_checked(length.into())?;
                if let OPTION_LOOSE_ROUTE | OPTION_STRICT_ROUTE = kind {
                    let &pointer = option.get(2)?;
                    let unused = pointer >= 4 && pointer.is_multiple_of(4) && pointer <= length;
                    return option.last_chunk::<4>().filter(|_| unused).copied().map(Into::into);
                }
                options = rest;
            }
            _ => return None,
        }
    }
}

fn ipv6(packet: Octets<'_>) -> Result<Datagram<'_>, Skipped> {
    let cut = Skipped::Truncated(Layer::Ipv6);
    let header = packet.header::<IPV6_HEADER_OCTETS>().ok_or(cut)?;
    let &[_, _, _, _, length_1, length_2, protocol, ttl, ref addresses @ ..] = header;
    let (addresses, _) = addresses.as_chunks::<16>();
    let &[source, destination] = addresses else { return Err(cut) };
    let payload = packet.after(IPV6_HEADER_OCTETS).ok_or(cut)?;
    let payload_octets = match u16::from_be_bytes([length_1, length_2]) {
        0 if protocol == HOP_BY_HOP => jumbo_octets(payload.captured),
        // Wireshark's preference that takes 0 for segmentation offload is off, unlike for IPv4.
        length => length.into(),
    };
    let envelope = Envelope {
        source: Ipv6Addr::from(source).into(),
        destination: Ipv6Addr::from(destination).into(),
        ttl,
        ip_id: None,
    };
    let payload = payload.limited(payload_octets);
    Ok(Datagram { envelope, protocol, payload, fragment: None })
}

/// Steps over an extension header (RFC 8200 §4) other than the fragment header, and takes the
/// addresses that it changes; `None` if `kind` is no extension header. They have no meaning after IPv4,
/// but Wireshark reads them there too.
pub(crate) fn extension<'a>(
    kind: u8,
    octets: Octets<'a>,
    envelope: &mut Envelope,
) -> Result<Option<(u8, Octets<'a>)>, Skipped> {
    let cut = Skipped::Truncated(Layer::ExtensionHeader);
    if !matches!(kind, HOP_BY_HOP | ROUTING | AUTHENTICATION | DESTINATION_OPTIONS | SHIM6) {
        return Ok(None);
    }
    let &[next, length] = octets.header::<2>().ok_or(cut)?;
    let header_octets = match kind {
        // The length is in units of four octets, minus two (RFC 4302 §2.2).
        AUTHENTICATION => (usize::from(length) + 2) * 4,
        _ => (usize::from(length) + 1) * 8,
    };
    let after = octets.after(header_octets).ok_or(cut)?;
    let header = &octets.captured[..header_octets];
    match kind {
        ROUTING => {
            if let IpAddr::V6(destination) = envelope.destination {
                envelope.destination = final_destination(header, destination)?.into();
            }
        }
        HOP_BY_HOP | DESTINATION_OPTIONS => {
            if let (IpAddr::V6(_), Some(home)) = (envelope.source, home_address(header)) {
                envelope.source = home.into();
            }
        }
        _ => {}
    }
    Ok(Some((next, after)))
}

/// Reads a fragment header (RFC 8200 §4.5): protocol and octets of the payload, and its part of the
/// datagram; `None` if it is all of it (RFC 6946).
pub(crate) fn fragment_header(
    octets: Octets<'_>,
) -> Result<(u8, Octets<'_>, Option<Part>), Skipped> {
    let cut = Skipped::Truncated(Layer::ExtensionHeader);
    let &[protocol, _, a, b, id @ ..] = octets.header::<8>().ok_or(cut)?;
    let payload = octets.after(8).ok_or(cut)?;
    let field = u16::from_be_bytes([a, b]);
    let (offset, more) = (field & IPV6_FRAGMENT_OFFSET, field & IPV6_MORE_FRAGMENTS != 0);
    let fragment = (more || offset != 0).then(|| Part {
        version: IpVersion::V6,
        id: u32::from_be_bytes(id),
        offset: offset.into(),
        more,
        octets: payload.sent,
    });
    Ok((protocol, payload, fragment))
}

/// The final destination of a packet with this routing header; without segments left, it is that of
/// the IPv6 header.
fn final_destination(header: &[u8], destination: Ipv6Addr) -> Result<Ipv6Addr, Skipped> {
    let &[_, _, kind, segments_left, first, second, _, _, ref list @ ..] = header else {
        return Err(Skipped::Damaged(Layer::ExtensionHeader));
    };
    let (addresses, _) = list.as_chunks::<16>();
    let last = match kind {
        // Source route (deprecated by RFC 5095), in the order of the journey.
        0 => addresses.last(),
        // Mobile IPv6 (RFC 6275 §6.4), one address.
        2 => addresses.first(),
        // Low-power networks (RFC 6554), without the octets that all addresses share.
        3 => {
            let shared = usize::from(first & 0xf);
            let end = list.len().saturating_sub(usize::from(second >> 4));
            let start = end.saturating_sub(16 - shared);
            let mut last = destination.octets();
            if segments_left > 0 && end - start == 16 - shared {
                last[shared..].copy_from_slice(&list[start..end]);
            }
            return Ok(last.into());
        }
        // Segment routing (RFC 8754), in reverse order. Wireshark gives up if the index of the last
        // address is beyond the header's length.
        4 if usize::from(first) >= addresses.len() => {
            return Err(Skipped::Damaged(Layer::ExtensionHeader));
        }
        4 => addresses.first(),
        _ => None,
    };
    Ok(match last {
        Some(&last) if segments_left > 0 => last.into(),
        _ => destination,
    })
}

/// The home address of a mobile node that sends from elsewhere (RFC 6275 §6.3).
fn home_address(header: &[u8]) -> Option<Ipv6Addr> {
    let (_, value) = options(header).find(|(kind, _)| *kind == OPTION_HOME_ADDRESS)?;
    Some(<[u8; 16]>::try_from(value).ok()?.into())
}

/// Payload octets by the Jumbo Payload option of the hop-by-hop header at the start of `payload`
/// (RFC 2675 §3); 0 without the option, or if its value fits the normal field.
fn jumbo_octets(payload: &[u8]) -> usize {
    let header_octets = payload.get(1).map_or(0, |&length| (usize::from(length) + 1) * 8);
    let header = payload.get(..header_octets).unwrap_or_default();
    let Some((_, value)) = options(header).find(|(kind, _)| *kind == OPTION_JUMBO) else {
        return 0;
    };
    let octets = <[u8; 4]>::try_from(value).map_or(0, u32::from_be_bytes) as usize;
    if octets > u16::MAX.into() { octets } else { 0 }
}

/// Kind and value of each option of a hop-by-hop or destination options header.
fn options(header: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut rest = header.get(2..).unwrap_or_default();
    std::iter::from_fn(move || {
        loop {
            let (&kind, after_kind) = rest.split_first()?;
            if kind == OPTION_PAD1 {
                rest = after_kind;
                continue;
            }
            let (&length, after_length) = after_kind.split_first()?;
            let (value, after) = after_length.split_at_checked(length.into())?;
            rest = after;
            return Some((kind, value));
        }
    })
}
