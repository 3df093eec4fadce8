//! What a frame of each link type starts with.

use super::ethernet::IEEE_802_3_MAX_LENGTH;
use super::next::{Network, Next, Octets, Step};
use super::wlan;
use crate::capture::link_type::LinkType;
use crate::capture::skipped::{Layer, Skipped};

impl LinkType {
    /// BSD loopback, in the byte order of the capturing host.
    pub const NULL: Self = Self(0);
    /// Ethernet II and IEEE 802.3.
    pub const ETHERNET: Self = Self(1);
    /// IPv4 or IPv6 without a link layer.
    pub const RAW: Self = Self(101);
    /// OpenBSD loopback, in network byte order.
    pub const LOOP: Self = Self(108);
    /// Linux "cooked" capture, version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// IPv4 without a link layer.
    pub const IPV4: Self = Self(228);
    /// IPv6 without a link layer.
    pub const IPV6: Self = Self(229);
    /// Linux "cooked" capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);

    fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "NULL",
            1 => "Ethernet",
            3 => "AX.25",
            6 => "token ring",
            7 => "ARCNET",
            8 => "SLIP",
            9 => "PPP",
            10 => "FDDI",
            12 | 14 | 101 => "RAW",
            50 => "PPP in HDLC-like framing",
            51 => "PPPoE",
            100 => "RFC 1483 ATM",
            104 => "Cisco HDLC",
            105 => "IEEE 802.11",
            107 => "frame relay",
            108 => "LOOP",
            109 => "IPsec encapsulation",
            113 => "Linux cooked",
            117 => "PF log",
            119 => "Prism",
            122 => "IP over Fibre Channel",
            127 => "radiotap",
            129 => "ARCNET, Linux",
            163 => "AVS",
            178 => "Juniper Ethernet",
            189 => "USB",
            192 => "PPI",
            195 | 215 | 230 | 283 => "IEEE 802.15.4",
            197 => "ERF",
            204 => "PPP with direction",
            220 => "USB, Linux",
            228 => "IPv4",
            229 => "IPv6",
            239 => "NFLOG",
            242 => "InfiniBand over IP",
            249 => "USBPcap",
            252 => "Wireshark upper PDU",
            253 => "netlink",
            276 => "Linux cooked 2",
            _ => return None,
        })
    }
}

impl std::fmt::Display for LinkType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{} ({name})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

const SLL_HEADER_OCTETS: usize = 16;
const SLL2_HEADER_OCTETS: usize = 20;
const ARPHRD_GRE: u16 = 778;
const ARPHRD_RADIOTAP: u16 = 803;
const ARPHRD_NETLINK: u16 = 824;
/// What a PPP frame in HDLC-like framing starts with (RFC 1662 §3.1).
const PPP_HDLC: [u8; 2] = [0xff, 0x03];
const CUT: Skipped = Skipped::Truncated(Layer::Link);

/// What the first header of a frame is, and where; here the headers that are the file's own and
/// have no protocol's name are read.
pub(crate) fn first(link_type: LinkType, frame: Octets<'_>) -> Step<'_> {
    match link_type {
        LinkType::ETHERNET => Ok((Next::Ethernet, frame)),
        LinkType::LINUX_SLL => {
            let &[_, _, a, b, .., c, d] = frame.header::<SLL_HEADER_OCTETS>().ok_or(CUT)?;
            let (hardware, protocol) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            cooked(hardware, protocol, frame.after(SLL_HEADER_OCTETS).ok_or(CUT)?)
        }
        LinkType::LINUX_SLL2 => {
            let &[a, b, _, _, _, _, _, _, c, d, ..] =
                frame.header::<SLL2_HEADER_OCTETS>().ok_or(CUT)?;
            let (protocol, hardware) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            cooked(hardware, protocol, frame.after(SLL2_HEADER_OCTETS).ok_or(CUT)?)
        }
        LinkType::NULL => {
            let &header = frame.header::<4>().ok_or(CUT)?;
            null(header, frame)
        }
        LinkType::LOOP => {
            let &header = frame.header::<4>().ok_or(CUT)?;
            family(u32::from_be_bytes(header), frame.after(4).ok_or(CUT)?)
        }
        LinkType(12 | 14) | LinkType::RAW => raw(frame),
        LinkType::IPV4 => Ok((Next::Ip(Network::Ipv4OrIpv6), frame)),
        LinkType::IPV6 => Ok((Next::Ip(Network::Ipv6), frame)),
        LinkType(6) => token_ring(frame),
        LinkType(7) => arcnet(frame, false),
        LinkType(129) => arcnet(frame, true),
        LinkType(9 | 50) => Ok((Next::PppHdlc, frame)),
        // With a direction in front.
        LinkType(204) => Ok((Next::PppHdlc, frame.after(1).ok_or(CUT)?)),
        LinkType(10) => fddi(frame),
        LinkType(51) => Ok((Next::Pppoe, frame)),
        LinkType(100) => Ok((Next::Llc, frame)),
        LinkType(104) => Ok((Next::CiscoHdlc, frame)),
        LinkType(105) => Ok((Next::Wlan, frame)),
        LinkType(107) => Ok((Next::FrameRelay, frame)),
        LinkType(109) => {
            let &[a, b, c, d] = frame.header().ok_or(CUT)?;
            // In the byte order of the capturing host.
            let family = if a != 0 { u32::from_le_bytes([a, b, c, d]) } else { d.into() };
            self::family(family, frame.after(12).ok_or(CUT)?)
        }
        LinkType(117) => {
            let &[length, family] = frame.header().ok_or(CUT)?;
            let header = usize::from(length).next_multiple_of(4);
            self::family(family.into(), frame.after(header).ok_or(CUT)?)
        }
        LinkType(119 | 163) => wlan::prism_or_avs(frame),
        LinkType(127) => wlan::radiotap(frame),
        LinkType(178) => juniper_ethernet(frame),
        LinkType(192) => wlan::per_packet_information(frame),
        LinkType(239) => nflog(frame),
        LinkType(242) => ip_over_infiniband(frame),
        other => Err(Skipped::LinkType(other)),
    }
}

/// Goes by the protocol field of a Linux cooked capture, which means what the kind of device says.
fn cooked(hardware: u16, protocol: u16, payload: Octets<'_>) -> Step<'_> {
    let next = match (hardware, protocol) {
        (ARPHRD_NETLINK, _) => return Err(Skipped::NotIp),
        (ARPHRD_RADIOTAP, _) => return wlan::radiotap(payload),
        (ARPHRD_GRE, protocol) => Next::EtherType(protocol),
        (_, 3) => Next::Ethernet,
        (_, 4) => Next::Llc,
        (_, 7) => Next::PppHdlc,
        (_, ..=IEEE_802_3_MAX_LENGTH) => return Err(Skipped::NotIp),
        (_, ethertype) => Next::EtherType(ethertype),
    };
    Ok((next, payload))
}

/// Goes by the header of a BSD loopback capture: an address family in the byte order of the
/// capturing host, 32 or 16 bits of it, or an EtherType from an old Linux.
///
/// Which of them is guessed from the values, by the same rules as Wireshark's.
fn null(header: [u8; 4], frame: Octets<'_>) -> Step<'_> {
    if header.starts_with(&PPP_HDLC) {
        return Ok((Next::PppHdlc, frame));
    }
    let payload = frame.after(4).ok_or(CUT)?;
    let value = match header {
        // The family in the lower half, in network byte order.
        [0, family @ 0..=5, 0, 0] => family.into(),
        // The family in the upper half, in the other order.
        [_, _, family @ 1..=5, 0] => family.into(),
        [_, _, 0, 0] => u32::from_le_bytes(header),
        _ => u32::from_be_bytes(header),
    };
    if value > IEEE_802_3_MAX_LENGTH.into() {
        return Ok((Next::EtherType(value as u16), payload));
    }
    family(value, payload)
}

/// Goes by an address family; IPv6 has a different number on each BSD.
fn family(family: u32, payload: Octets<'_>) -> Step<'_> {
    match family {
        2 => Ok((Next::Ip(Network::Ipv4OrIpv6), payload)),
        24 | 28 | 30 => Ok((Next::Ip(Network::Ipv6), payload)),
        _ => Err(Skipped::NotIp),
    }
}

/// Goes by the version field. Old Linux PPP drivers left a PPP header in front, or ten zeros;
/// where Wireshark looks for those, so must we, or it would see other packets than we do.
fn raw(frame: Octets<'_>) -> Step<'_> {
    let octets = frame.captured;
    for at in [0, 6, 1] {
        if octets.get(at..at + 2) == Some(&PPP_HDLC[..]) {
            return Ok((Next::PppHdlc, frame.after(at).ok_or(CUT)?));
        }
    }
    if octets.starts_with(&[0; 10]) {
        return Ok((Next::Ip(Network::Ipv4OrIpv6), frame.after(10).ok_or(Skipped::NotIp)?));
    }
    match octets.first().map(|version| version >> 4) {
        Some(4) => Ok((Next::Ip(Network::Ipv4OrIpv6), frame)),
        Some(6) => Ok((Next::Ip(Network::Ipv6), frame)),
        Some(_) => Err(Skipped::NotIp),
        None => Err(CUT),
    }
}

/// FDDI: a frame control, two addresses, and LLC in the frames that carry data.
fn fddi(frame: Octets<'_>) -> Step<'_> {
    let &[control, ..] = frame.header::<13>().ok_or(CUT)?;
    match control {
        0x50..=0x57 | 0xd0..=0xd7 => Ok((Next::Llc, frame.after(13).ok_or(CUT)?)),
        _ => Err(Skipped::NotIp),
    }
}

/// Token ring (IEEE 802.5): two octets of control, two addresses, perhaps a route, and LLC.
fn token_ring(frame: Octets<'_>) -> Step<'_> {
    const LLC_FRAME: u8 = 1;
    const SOURCE_ROUTED: u8 = 0x80;
    let &[_, control, _, _, _, _, _, _, source, ..] = frame.header::<14>().ok_or(CUT)?;
    if control >> 6 != LLC_FRAME {
        return Err(Skipped::NotIp);
    }
    let route = match frame.captured.get(14) {
        Some(length) if source & SOURCE_ROUTED != 0 => usize::from(length & 0x1f),
        _ => 0,
    };
    Ok((Next::Llc, frame.after(14 + route).ok_or(CUT)?))
}

/// ARCNET (RFC 1201, RFC 1051); Linux leaves an offset behind the addresses.
fn arcnet(frame: Octets<'_>, has_offset: bool) -> Step<'_> {
    const EXCEPTION: u8 = 0xff;
    let frame = frame.after(if has_offset { 4 } else { 2 }).ok_or(CUT)?;
    let &[protocol] = frame.header().ok_or(CUT)?;
    let payload = frame.after(1).ok_or(CUT)?;
    // What RFC 1051 carries is not split.
    if protocol == 240 {
        return Ok((Next::Ip(Network::Ipv4OrIpv6), payload));
    }
    let next = match protocol {
        196 => Next::Ip(Network::Ipv6),
        205 => Next::Llc,
        212 => Next::Ip(Network::Ipv4OrIpv6),
        _ => return Err(Skipped::NotIp),
    };
    let exception = !has_offset && payload.captured.first() == Some(&EXCEPTION);
    Ok((next, payload.after(if exception { 7 } else { 3 }).ok_or(CUT)?))
}

/// Ethernet as Juniper's routers capture it: a header with fields of its own.
fn juniper_ethernet(frame: Octets<'_>) -> Step<'_> {
    const HAS_EXTENSIONS: u8 = 0x80;
    const NO_LINK_LAYER: u8 = 0x02;
    let &[b'M', b'G', b'C', flags] = frame.header().ok_or(CUT)? else {
        return Err(Skipped::NotIp);
    };
    if flags & NO_LINK_LAYER != 0 {
        return Err(Skipped::NotIp);
    }
    let frame = frame.after(4).ok_or(CUT)?;
    if flags & HAS_EXTENSIONS == 0 {
        return Ok((Next::Ethernet, frame));
    }
    let &length = frame.header().ok_or(CUT)?;
    let extensions = usize::from(u16::from_be_bytes(length));
    Ok((Next::Ethernet, frame.after(2 + extensions).ok_or(CUT)?))
}

/// Packets that Linux's firewall logs: fields, of which one is the packet.
fn nflog(frame: Octets<'_>) -> Step<'_> {
    const PAYLOAD: u16 = 9;
    const KIND: u16 = 0x7fff;
    let &[family, ..] = frame.header::<4>().ok_or(CUT)?;
    // In the byte order of the capturing host, which no field tells.
    let first = frame.captured.get(4..6).ok_or(CUT)?;
    let big = first[0] == 0;
    let number =
        |octets: [u8; 2]| if big { u16::from_be_bytes(octets) } else { u16::from_le_bytes(octets) };
    let mut fields = frame.after(4).ok_or(CUT)?;
    loop {
        let &[a, b, c, d] = fields.header().ok_or(CUT)?;
        let length = usize::from(number([a, b]));
        if length < 4 {
            return Err(Skipped::Damaged(Layer::Link));
        }
        if number([c, d]) & KIND == PAYLOAD {
            let payload = fields.limited(length).after(4).ok_or(CUT)?;
            return match family {
                2 => Ok((Next::Ip(Network::Ipv4OrIpv6), payload)),
                10 => Ok((Next::Ip(Network::Ipv6), payload)),
                _ => Err(Skipped::NotIp),
            };
        }
        fields = fields.after(length.next_multiple_of(4)).ok_or(CUT)?;
    }
}

/// IP over InfiniBand (RFC 4391 §6), behind the addresses of the layer below.
fn ip_over_infiniband(frame: Octets<'_>) -> Step<'_> {
    let &[.., a, b, _, _] = frame.header::<44>().ok_or(CUT)?;
    Ok((Next::EtherType(u16::from_be_bytes([a, b])), frame.after(44).ok_or(CUT)?))
}
