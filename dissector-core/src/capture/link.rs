//! From the link layer to the network layer.
//!
//! The fixed fields are read here and not by etherparse: it does not keep the length on the wire
//! (which the payload length follows from), stops at three VLAN tags, and knows neither NULL nor
//! RAW.

use super::octets::Octets;
use super::skipped::{Layer, Skipped};

/// Link-layer type of a capture, by its number in the registry of pcap and pcapng.
///
/// ```
/// use dissector_core::capture::LinkType;
///
/// assert_eq!(LinkType::ETHERNET.to_string(), "1 (Ethernet)");
/// assert_eq!(LinkType(4242).to_string(), "4242");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct LinkType(pub u16);

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
            189 => "USB",
            192 => "PPI",
            195 | 215 | 230 | 283 => "IEEE 802.15.4",
            197 => "ERF",
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

/// Which IP header comes next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Network {
    /// What the link layer calls IPv4. Wireshark trusts the version field more, and so do we.
    Ipv4OrIpv6,
    /// What the link layer calls IPv6.
    Ipv6,
}

const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
/// Up to this value the field is a length.
const IEEE_802_3_MAX_LENGTH: u16 = 1500;
/// A tag of Wireshark's needs two levels of its 50; with this many tags TCP is still reached.
const MAX_VLAN_TAGS: usize = 20;
const SLL_HEADER_OCTETS: usize = 16;
const SLL2_HEADER_OCTETS: usize = 20;
const ARPHRD_NETLINK: u16 = 824;
/// What a PPP frame in HDLC-like framing starts with (RFC 1662 §3.1).
const PPP_HDLC: [u8; 2] = [0xff, 0x03];

/// Finds the IP header in a frame.
#[inline]
pub(super) fn network(
    link_type: LinkType,
    frame: Octets<'_>,
) -> Result<(Network, Octets<'_>), Skipped> {
    let cut = Skipped::Truncated(Layer::Link);
    match link_type {
        LinkType::ETHERNET => {
            let &[.., a, b] = frame.header::<14>().ok_or(cut)?;
            ethertype(u16::from_be_bytes([a, b]), frame.after(14).ok_or(cut)?)
        }
        LinkType::LINUX_SLL => {
            let &[_, _, a, b, .., c, d] = frame.header::<SLL_HEADER_OCTETS>().ok_or(cut)?;
            if u16::from_be_bytes([a, b]) == ARPHRD_NETLINK {
                return Err(Skipped::NotIp);
            }
            ethertype(u16::from_be_bytes([c, d]), frame.after(SLL_HEADER_OCTETS).ok_or(cut)?)
        }
        LinkType::LINUX_SLL2 => {
            let &[a, b, _, _, _, _, _, _, c, d, ..] =
                frame.header::<SLL2_HEADER_OCTETS>().ok_or(cut)?;
            if u16::from_be_bytes([c, d]) == ARPHRD_NETLINK {
                return Err(Skipped::NotIp);
            }
            ethertype(u16::from_be_bytes([a, b]), frame.after(SLL2_HEADER_OCTETS).ok_or(cut)?)
        }
        LinkType::NULL => {
            let &header = frame.header::<4>().ok_or(cut)?;
            null(header, frame.after(4).ok_or(cut)?)
        }
        LinkType::LOOP => {
            let &header = frame.header::<4>().ok_or(cut)?;
            family(u32::from_be_bytes(header), frame.after(4).ok_or(cut)?)
        }
        LinkType(12 | 14) | LinkType::RAW => raw(frame),
        LinkType::IPV4 => Ok((Network::Ipv4OrIpv6, frame)),
        LinkType::IPV6 => Ok((Network::Ipv6, frame)),
        other => Err(Skipped::LinkType(other)),
    }
}

/// Goes by an EtherType, through VLAN tags (IEEE 802.1Q, 802.1ad and the older 0x9100).
#[inline]
fn ethertype(mut ethertype: u16, mut octets: Octets<'_>) -> Result<(Network, Octets<'_>), Skipped> {
    for _ in 0..=MAX_VLAN_TAGS {
        match ethertype {
            ETHERTYPE_IPV4 => return Ok((Network::Ipv4OrIpv6, octets)),
            ETHERTYPE_IPV6 => return Ok((Network::Ipv6, octets)),
            0x8100 | 0x88a8 | 0x9100 => {
                let cut = Skipped::Truncated(Layer::Vlan);
                let &[_, _, a, b] = octets.header::<4>().ok_or(cut)?;
                ethertype = u16::from_be_bytes([a, b]);
                octets = octets.after(4).ok_or(cut)?;
            }
            0..=IEEE_802_3_MAX_LENGTH => return Err(Skipped::Ieee8023),
            0x8847 | 0x8848 => return Err(Skipped::Mpls),
            0x8863 | 0x8864 => return Err(Skipped::Pppoe),
            _ => return Err(Skipped::EtherType(ethertype)),
        }
    }
    Err(Skipped::VlanDepth)
}

/// Goes by the header of a BSD loopback capture: an address family in the byte order of the
/// capturing host, 32 or 16 bits of it, or an EtherType from an old Linux.
///
/// Which of them is guessed from the values, by the same rules as Wireshark's.
fn null(header: [u8; 4], payload: Octets<'_>) -> Result<(Network, Octets<'_>), Skipped> {
    if header.starts_with(&PPP_HDLC) {
        return Err(Skipped::Ppp);
    }
    let value = match header {
        // The family in the lower half, in network byte order.
        [0, family @ 0..=5, 0, 0] => family.into(),
        // The family in the upper half, in the other order.
        [_, _, family @ 1..=5, 0] => family.into(),
        [_, _, 0, 0] => u32::from_le_bytes(header),
        _ => u32::from_be_bytes(header),
    };
    if value > IEEE_802_3_MAX_LENGTH.into() {
        return ethertype(value as u16, payload);
    }
    family(value, payload)
}

/// Goes by an address family; IPv6 has a different number on each BSD.
fn family(family: u32, payload: Octets<'_>) -> Result<(Network, Octets<'_>), Skipped> {
    match family {
        2 => Ok((Network::Ipv4OrIpv6, payload)),
        24 | 28 | 30 => Ok((Network::Ipv6, payload)),
        _ => Err(Skipped::NotIp),
    }
}

/// Goes by the version field. Old Linux PPP drivers left a PPP header in front, or ten zeros;
/// where Wireshark looks for those, so must we, or it would see other packets than we do.
fn raw(frame: Octets<'_>) -> Result<(Network, Octets<'_>), Skipped> {
    let octets = frame.captured;
    let is_ppp = |at: usize| octets.get(at..at + 2) == Some(&PPP_HDLC[..]);
    if is_ppp(0) || is_ppp(6) || is_ppp(1) {
        return Err(Skipped::Ppp);
    }
    if octets.starts_with(&[0; 10]) {
        return Ok((Network::Ipv4OrIpv6, frame.after(10).ok_or(Skipped::NotIp)?));
    }
    match octets.first().map(|version| version >> 4) {
        Some(4) => Ok((Network::Ipv4OrIpv6, frame)),
        Some(6) => Ok((Network::Ipv6, frame)),
        Some(_) => Err(Skipped::NotIp),
        None => Err(Skipped::Truncated(Layer::Link)),
    }
}
