//! The results of reading a header: the octets that follow it, and their protocol.

use std::net::IpAddr;

use crate::capture::link_type::LinkType;
use crate::capture::skipped::Skipped;

/// The next header of a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Next {
    Link(LinkType),
    /// Ethernet, from its two addresses on.
    Ethernet,
    /// The protocol of an EtherType.
    EtherType(u16),
    /// The protocol of an EtherType, or LLC if the value is a length (IEEE 802.3).
    EtherTypeOrLength(u16),
    Llc,
    CiscoHdlc,
    FrameRelay,
    /// PPP, perhaps with HDLC's address and control octets.
    Ppp,
    /// PPP or Cisco HDLC, as on a serial line.
    PppHdlc,
    Pppoe,
    Mpls,
    Nsh,
    Wlan,
    /// The subframes of an 802.11 aggregate (A-MSDU).
    WlanAggregate,
    Gre,
    Ip(Network),
    /// The protocol of an IP protocol number, or an extension header.
    Protocol(u8),
}

/// The version of an IP header, by the layer below.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Network {
    /// IPv4, but as in Wireshark the version field of the header counts more.
    Ipv4OrIpv6,
    Ipv6,
}

/// The header that follows, and its octets; or the reason why nothing follows.
pub(crate) type Step<'a> = Result<(Next, Octets<'a>), Skipped>;

/// The fields of an IP header that belong to its payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) ttl: u8,
    pub(crate) ip_id: Option<u16>,
}

/// The octets of a frame that follow some header: those captured, and the number of those sent.
///
/// The two differ if a snap length has cut the frame. Wireshark keeps the same pair as the captured and
/// the reported length of a buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Octets<'a> {
    /// At most `sent` octets.
    pub(crate) captured: &'a [u8],
    pub(crate) sent: usize,
    /// Octets of the frame in front of them.
    pub(crate) offset: usize,
}

impl<'a> Octets<'a> {
    pub(crate) fn new(captured: &'a [u8], sent: usize) -> Self {
        Self { captured, sent: sent.max(captured.len()), offset: 0 }
    }

    /// The first `N` octets, if all were captured.
    #[inline]
    pub(crate) fn header<const N: usize>(&self) -> Option<&'a [u8; N]> {
        self.captured.first_chunk()
    }

    /// The octets behind the first `octets`, if all of those were captured.
    #[inline]
    pub(crate) fn after(self, octets: usize) -> Option<Self> {
        let captured = self.captured.get(octets..)?;
        Some(Self { captured, sent: self.sent - octets, offset: self.offset + octets })
    }

    /// The first `sent` octets; padding or a trailer follows.
    #[inline]
    pub(crate) fn limited(self, sent: usize) -> Self {
        let captured = self.captured.get(..sent).unwrap_or(self.captured);
        Self { captured, sent: self.sent.min(sent), offset: self.offset }
    }
}
