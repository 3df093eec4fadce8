//! Frames that hold no segment, by reason.

use std::collections::BTreeMap;
use std::fmt;

use etherparse::IpNumber;

use super::link_type::LinkType;

/// Why a frame holds no TCP segment that can be decoded.
///
/// ```
/// use dissector_core::capture::{IpVersion, LinkType, Skipped};
///
/// assert_eq!(Skipped::Fragment(IpVersion::V4).to_string(), "IPv4 fragment");
/// assert_eq!(Skipped::LinkType(LinkType(197)).to_string(), "link type 197 (ERF)");
/// assert_eq!(Skipped::Protocol(17).to_string(), "not TCP: UDP");
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, thiserror::Error)]
#[non_exhaustive]
pub enum Skipped {
    /// Another protocol over IP, by its number; in a tunnel, over the innermost.
    #[error("not TCP: {}", protocol(*.0))]
    Protocol(u8),
    /// A fragment of an IP packet of which other fragments are missing.
    #[error("{0} fragment")]
    Fragment(IpVersion),
    /// A fragment of an IP packet that a later frame has completed.
    #[error("{0} fragment, completed later")]
    Reassembled(IpVersion),
    /// A fragment of an 802.11 frame.
    #[error("802.11 fragment")]
    WlanFragment,
    /// Encrypted below IP.
    #[error("encrypted")]
    Encrypted,
    /// A link type that is not decoded.
    #[error("link type {0}")]
    LinkType(LinkType),
    /// An EtherType that is not decoded.
    #[error("EtherType {0:#06x}{name}", name = ethertype_name(*.0))]
    EtherType(u16),
    /// IEEE 802.3 (Ethernet with a length instead of an EtherType) without IP.
    #[error("IEEE 802.3")]
    Ieee8023,
    /// MPLS with a payload that cannot be told.
    #[error("MPLS")]
    Mpls,
    /// PPP without IP.
    #[error("PPP")]
    Ppp,
    /// More VLAN tags than are decoded.
    #[error("too many VLAN tags")]
    VlanDepth,
    /// More layers than are decoded.
    #[error("too many layers")]
    Depth,
    /// Another payload than IP, in a layer without EtherTypes.
    #[error("not IP")]
    NotIp,
    /// The captured octets, or those that a length field allows, end inside a header.
    #[error("truncated {0}")]
    Truncated(Layer),
    /// A header contradicts itself.
    #[error("damaged {0}")]
    Damaged(Layer),
    /// A record that Wireshark numbers as a frame, but that is no packet.
    #[error("not a packet")]
    NotAPacket,
}

impl Skipped {
    /// True if the frame may hold a TCP segment that was not found: in a fragment, in a link type that
    /// is not decoded, or behind a damaged header.
    pub const fn may_hold_tcp(self) -> bool {
        !matches!(
            self,
            Self::Protocol(_)
                | Self::EtherType(_)
                | Self::Ieee8023
                | Self::Ppp
                | Self::NotIp
                | Self::NotAPacket
                | Self::Reassembled(_)
        )
    }
}

/// Version of the Internet Protocol.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum IpVersion {
    /// RFC 791.
    V4,
    /// RFC 8200.
    V6,
}

/// A header that [`Skipped`] names.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Layer {
    /// Link layer.
    Link,
    /// A VLAN tag.
    Vlan,
    /// An IP header whose version is missing or unknown.
    Ip,
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
    /// An IPv6 extension header.
    ExtensionHeader,
    /// Logical link control.
    Llc,
    /// PPP or one of its framings.
    Ppp,
    /// An MPLS label, or the header behind the labels.
    Mpls,
    /// Generic routing encapsulation, or another tunnel directly on IP.
    Gre,
    /// UDP.
    Udp,
    /// A tunnel over UDP.
    Tunnel,
    /// IEEE 802.11.
    Wlan,
    /// TCP.
    Tcp,
}

fn protocol(number: u8) -> String {
    IpNumber(number).keyword_str().map_or_else(|| format!("protocol {number}"), str::to_owned)
}

fn ethertype_name(number: u16) -> &'static str {
    match number {
        0x0806 => " (ARP)",
        0x8137 => " (IPX)",
        0x8863 => " (PPPoE discovery)",
        0x888e => " (EAPOL)",
        0x88cc => " (LLDP)",
        0x88f7 => " (PTP)",
        _ => "",
    }
}

impl fmt::Display for IpVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        })
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Link => "link-layer header",
            Self::Vlan => "VLAN tag",
            Self::Ip => "IP header",
            Self::Ipv4 => "IPv4 header",
            Self::Ipv6 => "IPv6 header",
            Self::ExtensionHeader => "extension header",
            Self::Llc => "LLC header",
            Self::Ppp => "PPP header",
            Self::Mpls => "MPLS header",
            Self::Gre => "GRE header",
            Self::Udp => "UDP header",
            Self::Tunnel => "tunnel header",
            Self::Wlan => "802.11 header",
            Self::Tcp => "TCP header",
        })
    }
}

/// Counts of skipped frames.
///
/// Bounded by the values of a link type, an EtherType and a protocol number.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counts: BTreeMap<Skipped, u64>,
    /// The last reason, not yet in `counts`: long runs of one reason are common.
    run: Option<(Skipped, u64)>,
}

impl Tally {
    #[inline]
    pub(super) fn add(&mut self, reason: Skipped) {
        match &mut self.run {
            Some((last, frames)) if *last == reason => *frames += 1,
            _ => self.start_run(reason),
        }
    }

    fn start_run(&mut self, reason: Skipped) {
        if let Some((last, frames)) = self.run.replace((reason, 1)) {
            *self.counts.entry(last).or_default() += frames;
        }
    }

    /// Counts `frames` as `to` that were counted as `from`.
    pub(super) fn rename(&mut self, from: Skipped, to: Skipped, frames: u64) {
        if let Some((last, frames)) = self.run.take() {
            *self.counts.entry(last).or_default() += frames;
        }
        // A frame with a segment beside the fragment was not counted.
        let counted = self.counts.entry(from).or_default();
        let frames = frames.min(*counted);
        *counted -= frames;
        *self.counts.entry(to).or_default() += frames;
        self.counts.retain(|_, frames| *frames > 0);
    }

    /// Each reason once, in the order of [`Skipped`].
    pub(super) fn iter(&self) -> impl Iterator<Item = (Skipped, u64)> {
        let mut counts = self.counts.clone();
        if let Some((last, frames)) = self.run {
            *counts.entry(last).or_default() += frames;
        }
        counts.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short() {
        let names = [17, 1, 58, 254].map(|number| Skipped::Protocol(number).to_string());
        assert_eq!(
            names,
            ["not TCP: UDP", "not TCP: ICMP", "not TCP: IPv6-ICMP", "not TCP: protocol 254",]
        );
        assert_eq!(Skipped::Truncated(Layer::Ipv4).to_string(), "truncated IPv4 header");
        assert_eq!(Skipped::LinkType(LinkType(9999)).to_string(), "link type 9999");
        assert_eq!(Skipped::EtherType(0x0806).to_string(), "EtherType 0x0806 (ARP)");
        assert_eq!(Skipped::EtherType(0x1234).to_string(), "EtherType 0x1234");
    }

    #[test]
    fn a_tally_adds_up_runs() {
        let mut tally = Tally::default();
        for reason in [Skipped::Ppp, Skipped::Ppp, Skipped::Mpls, Skipped::Ppp] {
            tally.add(reason);
        }
        assert_eq!(tally.iter().collect::<Vec<_>>(), [(Skipped::Mpls, 1), (Skipped::Ppp, 3)]);
        tally.rename(Skipped::Ppp, Skipped::Depth, 1);
        tally.rename(Skipped::Mpls, Skipped::Depth, 2);
        assert_eq!(tally.iter().collect::<Vec<_>>(), [(Skipped::Ppp, 2), (Skipped::Depth, 2)]);
    }
}
