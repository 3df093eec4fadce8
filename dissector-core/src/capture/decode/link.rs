//! The link types: their names, and the first header of a frame of each.

use std::fmt;
use std::str::FromStr;

use super::ethernet::IEEE_802_3_MAX_LENGTH;
use super::next::{Network, Next, Octets, Step};
use super::wlan;
use crate::capture::link_type::LinkType;
use crate::capture::skipped::{Layer, Skipped};

/// Defines the link types that are decoded. To add one, add a row.
///
/// A row: documentation; name in the registry of pcap and pcapng; its number, and others that old
/// files have; name in messages; reader of the first header, which returns what follows it.
macro_rules! link_types {
    ($(
        $(#[doc = $doc:literal])+
        $name:ident = $number:literal $(| $other:literal)*, $text:literal, $reader:expr;
    )+) => {
        impl LinkType {
            $( $(#[doc = $doc])+ pub const $name: Self = Self($number); )+
        }

        const DECODED: &[(u16, &str, &str)] = &[ $(
            ($number, stringify!($name), $text),
            $( ($other, stringify!($name), $text), )*
        )+ ];

        /// Reads the first header of a frame.
        pub(super) fn first(link_type: LinkType, frame: Octets<'_>) -> Step<'_> {
            let reader: fn(Octets<'_>) -> Step<'_> = match link_type.0 {
                $( $number $(| $other)* => $reader, )+
                _ => return Err(Skipped::LinkType(link_type)),
            };
            reader(frame)
        }
    };
}

link_types! {
    /// BSD loopback: an address family in the byte order of the capturing host.
    NULL = 0, "NULL", null;
    /// Ethernet II and IEEE 802.3.
    ETHERNET = 1, "Ethernet", |frame| Ok((Next::Ethernet, frame));
    /// Token ring (IEEE 802.5).
    IEEE802_5 = 6, "token ring", token_ring;
    /// ARCNET with the headers of RFC 1051 and RFC 1201.
    ARCNET_BSD = 7, "ARCNET", |frame| arcnet(frame, false);
    /// PPP, with the address and control octets of HDLC or without.
    PPP = 9, "PPP", |frame| Ok((Next::PppHdlc, frame));
    /// FDDI.
    FDDI = 10, "FDDI", fddi;
    /// PPP in HDLC-like framing (RFC 1662), or Cisco HDLC.
    PPP_HDLC = 50, "PPP in HDLC-like framing", |frame| Ok((Next::PppHdlc, frame));
    /// PPPoE session packets (RFC 2516).
    PPP_ETHER = 51, "PPPoE", |frame| Ok((Next::Pppoe, frame));
    /// LLC over ATM (RFC 1483).
    ATM_RFC1483 = 100 | 11, "RFC 1483 ATM", |frame| Ok((Next::Llc, frame));
    /// IPv4 or IPv6 without a link layer.
    RAW = 101 | 12 | 14, "RAW", raw;
    /// Cisco HDLC.
    C_HDLC = 104, "Cisco HDLC", |frame| Ok((Next::CiscoHdlc, frame));
    /// IEEE 802.11.
    IEEE802_11 = 105, "IEEE 802.11", |frame| Ok((Next::Wlan, frame));
    /// Frame relay (RFC 2427).
    FRELAY = 107, "frame relay", |frame| Ok((Next::FrameRelay, frame));
    /// OpenBSD loopback: an address family in network byte order.
    LOOP = 108, "LOOP", loopback;
    /// OpenBSD's encapsulating interface: packets of IPsec, decrypted.
    ENC = 109, "IPsec encapsulation", encapsulation;
    /// Linux "cooked" capture, version 1.
    LINUX_SLL = 113, "Linux cooked", linux_sll;
    /// OpenBSD's packet filter log.
    PFLOG = 117, "PF log", packet_filter_log;
    /// IEEE 802.11 behind a Prism header.
    IEEE802_11_PRISM = 119, "Prism", wlan::prism_or_avs;
    /// IEEE 802.11 behind a radiotap header.
    IEEE802_11_RADIOTAP = 127, "radiotap", wlan::radiotap;
    /// ARCNET as Linux captures it.
    ARCNET_LINUX = 129, "ARCNET, Linux", |frame| arcnet(frame, true);
    /// IEEE 802.11 behind an AVS header.
    IEEE802_11_AVS = 163, "AVS", wlan::prism_or_avs;
    /// Ethernet behind a header of Juniper's routers.
    JUNIPER_ETHER = 178, "Juniper Ethernet", juniper_ethernet;
    /// Per-packet information in front of a frame of any link type.
    PPI = 192, "PPI", wlan::per_packet_information;
    /// PPP behind an octet that tells the direction.
    PPP_WITH_DIR = 204, "PPP with direction", |frame| Ok((Next::PppHdlc, frame.after(1).ok_or(CUT)?));
    /// IPv4 without a link layer.
    IPV4 = 228, "IPv4", |frame| Ok((Next::Ip(Network::Ipv4OrIpv6), frame));
    /// IPv6 without a link layer.
    IPV6 = 229, "IPv6", |frame| Ok((Next::Ip(Network::Ipv6), frame));
    /// Packets that Linux's firewall logs.
    NFLOG = 239, "NFLOG", nflog;
    /// IP over InfiniBand (RFC 4391).
    IPOIB = 242, "IP over InfiniBand", ip_over_infiniband;
    /// Linux "cooked" capture, version 2.
    LINUX_SLL2 = 276, "Linux cooked 2", linux_sll2;
}

/// Link types that are not decoded, but named in messages.
const NOT_DECODED: &[(u16, &str, &str)] = &[
    (3, "AX25", "AX.25"),
    (8, "SLIP", "SLIP"),
    (122, "IP_OVER_FC", "IP over Fibre Channel"),
    (189, "USB_LINUX", "USB"),
    (195, "IEEE802_15_4_WITHFCS", "IEEE 802.15.4"),
    (197, "ERF", "ERF"),
    (215, "IEEE802_15_4_NONASK_PHY", "IEEE 802.15.4"),
    (220, "USB_LINUX_MMAPPED", "USB, Linux"),
    (230, "IEEE802_15_4_NOFCS", "IEEE 802.15.4"),
    (249, "USBPCAP", "USBPcap"),
    (252, "WIRESHARK_UPPER_PDU", "Wireshark upper PDU"),
    (253, "NETLINK", "netlink"),
    (283, "IEEE802_15_4_TAP", "IEEE 802.15.4"),
];

fn rows() -> impl Iterator<Item = &'static (u16, &'static str, &'static str)> {
    DECODED.iter().chain(NOT_DECODED)
}

impl LinkType {
    /// The link type with this name in the [registry](https://www.tcpdump.org/linktypes.html), in any
    /// case, with or without `LINKTYPE_` or `DLT_`; also libpcap's `EN10MB`.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.to_ascii_uppercase();
        let name = name.strip_prefix("LINKTYPE_").or(name.strip_prefix("DLT_")).unwrap_or(&name);
        let name = if name == "EN10MB" { "ETHERNET" } else { name };
        rows().find(|row| row.1 == name).map(|row| Self(row.0))
    }

    /// Name in the registry, without `LINKTYPE_`; `None` for a number that is not known here.
    pub fn name(self) -> Option<&'static str> {
        rows().find(|row| row.0 == self.0).map(|row| row.1)
    }
}

/// The number, and a name for people where one is known.
impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match rows().find(|row| row.0 == self.0) {
            Some((number, _, text)) => write!(f, "{number} ({text})"),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A number, or a [name](LinkType::from_name).
impl FromStr for LinkType {
    type Err = UnknownLinkType;

    fn from_str(text: &str) -> Result<Self, UnknownLinkType> {
        let number = text.parse().ok().map(Self);
        number.or_else(|| Self::from_name(text)).ok_or(UnknownLinkType)
    }
}

/// A text that is neither the name of a link type nor a number up to 65,535.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no such link type; known are {}, and numbers", decoded_names())]
#[non_exhaustive]
pub struct UnknownLinkType;

fn decoded_names() -> String {
    let mut names: Vec<_> = DECODED.iter().map(|row| row.1).collect();
    names.dedup();
    names.join(", ")
}

const SLL_HEADER_OCTETS: usize = 16;
const SLL2_HEADER_OCTETS: usize = 20;
const ARPHRD_GRE: u16 = 778;
const ARPHRD_RADIOTAP: u16 = 803;
const ARPHRD_NETLINK: u16 = 824;
/// The first octets of PPP in HDLC-like framing (RFC 1662 §3.1).
const PPP_HDLC: [u8; 2] = [0xff, 0x03];
const CUT: Skipped = Skipped::Truncated(Layer::Link);

/// Linux "cooked" capture, version 1.
fn linux_sll(frame: Octets<'_>) -> Step<'_> {
    let &[_, _, a, b, .., c, d] = frame.header::<SLL_HEADER_OCTETS>().ok_or(CUT)?;
    let (hardware, protocol) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    cooked(hardware, protocol, frame.after(SLL_HEADER_OCTETS).ok_or(CUT)?)
}

/// Linux "cooked" capture, version 2.
fn linux_sll2(frame: Octets<'_>) -> Step<'_> {
    let &[a, b, _, _, _, _, _, _, c, d, ..] = frame.header::<SLL2_HEADER_OCTETS>().ok_or(CUT)?;
    let (protocol, hardware) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    cooked(hardware, protocol, frame.after(SLL2_HEADER_OCTETS).ok_or(CUT)?)
}

/// The interface index in a frame of a Linux "cooked" capture, version 2.
pub(in crate::capture) fn interface_index(captured: &[u8]) -> Option<u32> {
    let &[_, _, _, _, a, b, c, d, ..] = captured.first_chunk::<SLL2_HEADER_OCTETS>()?;
    Some(u32::from_be_bytes([a, b, c, d]))
}

/// OpenBSD loopback.
fn loopback(frame: Octets<'_>) -> Step<'_> {
    let &header = frame.header::<4>().ok_or(CUT)?;
    family(u32::from_be_bytes(header), frame.after(4).ok_or(CUT)?)
}

/// Decrypted IPsec: an address family in the byte order of the capturing host, and two numbers.
fn encapsulation(frame: Octets<'_>) -> Step<'_> {
    let &[a, b, c, d] = frame.header().ok_or(CUT)?;
    let family = if a != 0 { u32::from_le_bytes([a, b, c, d]) } else { d.into() };
    self::family(family, frame.after(12).ok_or(CUT)?)
}

/// A packet filter's log: its length, an address family, and more.
fn packet_filter_log(frame: Octets<'_>) -> Step<'_> {
    let &[length, family] = frame.header().ok_or(CUT)?;
    let header = usize::from(length).next_multiple_of(4);
    self::family(family.into(), frame.after(header).ok_or(CUT)?)
}

/// The payload of a Linux cooked capture. The meaning of its protocol field depends on the device.
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

/// BSD loopback: an address family of 32 or 16 bits in the byte order of the capturing host, or an
/// EtherType from an old Linux. Guesses which from the values, by Wireshark's rules.
fn null(frame: Octets<'_>) -> Step<'_> {
    let &header = frame.header::<4>().ok_or(CUT)?;
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

/// The payload by address family; each BSD has its own number for IPv6.
fn family(family: u32, payload: Octets<'_>) -> Step<'_> {
    match family {
        2 => Ok((Next::Ip(Network::Ipv4OrIpv6), payload)),
        24 | 28 | 30 => Ok((Next::Ip(Network::Ipv6), payload)),
        _ => Err(Skipped::NotIp),
    }
}

/// An IP header, by version. Old PPP drivers of Linux left a PPP header or ten zeros in front, where
/// Wireshark looks for them too.
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

/// ARCNET (RFC 1201, RFC 1051). Linux leaves an offset behind the addresses.
fn arcnet(frame: Octets<'_>, has_offset: bool) -> Step<'_> {
    const EXCEPTION: u8 = 0xff;
    let frame = frame.after(if has_offset { 4 } else { 2 }).ok_or(CUT)?;
    let &[protocol] = frame.header().ok_or(CUT)?;
    let payload = frame.after(1).ok_or(CUT)?;
    // RFC 1051 has no header for split packets.
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

/// A packet in one of several fields.
fn nflog(frame: Octets<'_>) -> Step<'_> {
    const PAYLOAD: u16 = 9;
    const KIND: u16 = 0x7fff;
    let &[family, ..] = frame.header::<4>().ok_or(CUT)?;
    // The lengths are in the byte order of the capturing host, which no field gives.
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

/// IP over InfiniBand (RFC 4391 §6), behind the addresses of InfiniBand.
fn ip_over_infiniband(frame: Octets<'_>) -> Step<'_> {
    let &[.., a, b, _, _] = frame.header::<44>().ok_or(CUT)?;
    Ok((Next::EtherType(u16::from_be_bytes([a, b])), frame.after(44).ok_or(CUT)?))
}
