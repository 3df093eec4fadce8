//! What the readers of the layers hand to each other: the octets of a frame that follow a header, and
//! what they are.

use std::net::IpAddr;

use crate::capture::link_type::LinkType;
use crate::capture::skipped::Skipped;

/// What comes next in a frame.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Next {
    Link(LinkType),
    /// With its two addresses.
    Ethernet,
    /// What an EtherType tells of.
    EtherType(u16),
    /// The same where small values are a length (IEEE 802.3).
    EtherTypeOrLength(u16),
    Llc,
    CiscoHdlc,
    FrameRelay,
    /// PPP, perhaps with HDLC's address and control octets.
    Ppp,
    /// PPP or Cisco HDLC, as a serial line carries them.
    PppHdlc,
    Pppoe,
    Mpls,
    Nsh,
    Wlan,
    /// The subframes of an 802.11 aggregate (A-MSDU).
    WlanAggregate,
    Gre,
    Ip(Network),
    /// What an IP protocol number tells of, extension headers included.
    Protocol(u8),
}

/// Which IP header comes next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Network {
    /// What the layer below calls IPv4. Wireshark trusts the version field more, and so do we.
    Ipv4OrIpv6,
    /// What the layer below calls IPv6.
    Ipv6,
}

/// What follows a header: what it is, and where.
pub(crate) type Step<'a> = Result<(Next, Octets<'a>), Skipped>;

/// What an IP header says of its payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope {
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) ttl: u8,
    pub(crate) ip_id: Option<u16>,
}

/// What follows some header of a frame: the captured octets, and how many were sent.
///
/// The two differ where the capture was cut by a snap length. Wireshark keeps the same pair as the
/// captured and the reported length of a buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Octets<'a> {
    /// At most `sent` octets.
    pub(crate) captured: &'a [u8],
    pub(crate) sent: usize,
    /// Octets of the frame in front of these.
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

    /// What follows the first `octets`, if all of those were captured.
    #[inline]
    pub(crate) fn after(self, octets: usize) -> Option<Self> {
        let captured = self.captured.get(octets..)?;
        Some(Self { captured, sent: self.sent - octets, offset: self.offset + octets })
    }

    /// The same with at most `sent` octets: what follows is padding or a trailer.
    #[inline]
    pub(crate) fn limited(self, sent: usize) -> Self {
        let captured = self.captured.get(..sent).unwrap_or(self.captured);
        Self { captured, sent: self.sent.min(sent), offset: self.offset }
    }
}
