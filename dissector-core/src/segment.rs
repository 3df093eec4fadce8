//! A TCP segment, and the fields of the layers below it.

use std::net::IpAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::wire::{HeaderError, TcpHeader};

/// The fields of a packet in the layers below TCP: frame, time, addresses, lengths.
///
/// ```
/// use std::time::{Duration, UNIX_EPOCH};
///
/// use dissector_core::PacketInfo;
///
/// let packet = PacketInfo::new([10, 0, 0, 1], [10, 0, 0, 2], 1_500_000_000).with_frame(7);
/// assert_eq!(packet.source.to_string(), "10.0.0.1");
/// assert_eq!(packet.time(), UNIX_EPOCH + Duration::from_millis(1_500));
/// assert_eq!((packet.frame, packet.ttl, packet.ip_id), (7, 0, None));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct PacketInfo {
    /// Number of the frame in its capture, from 1; all frames count, as in Wireshark.
    pub frame: u64,
    /// Capture time, in nanoseconds since 1970 UTC.
    pub time_ns: i64,
    /// Sender.
    pub source: IpAddr,
    /// Receiver; behind an IPv6 routing header, the final one.
    pub destination: IpAddr,
    /// TTL or hop limit; 0 if unknown.
    pub ttl: u8,
    /// Identification field of the IPv4 header; `None` for IPv6, and if unknown.
    pub ip_id: Option<u16>,
    /// Octets of TCP header and payload that were sent: from the IP length, at most what the frame
    /// had on the wire, and independent of how much of it was captured. `u32::MAX` if unknown: a
    /// [`Segment`] then takes the captured octets for all of them.
    pub tcp_octets: u32,
}

impl PacketInfo {
    /// A packet captured `time_ns` nanoseconds after 1970 UTC, in frame 1. Give each packet the
    /// number of [its frame](Self::with_frame): annotations and verdicts name frames by it.
    pub fn new(source: impl Into<IpAddr>, destination: impl Into<IpAddr>, time_ns: i64) -> Self {
        let (source, destination) = (source.into(), destination.into());
        let (frame, ttl, ip_id, tcp_octets) = (1, 0, None, u32::MAX);
        Self { frame, time_ns, source, destination, ttl, ip_id, tcp_octets }
    }

    /// The same packet with its number in the capture, from 1.
    #[must_use]
    pub const fn with_frame(self, frame: u64) -> Self {
        Self { frame, ..self }
    }

    /// The same packet with its TTL or hop limit.
    #[must_use]
    pub const fn with_ttl(self, ttl: u8) -> Self {
        Self { ttl, ..self }
    }

    /// The same packet with the identification field of its IPv4 header.
    #[must_use]
    pub fn with_ip_id(self, ip_id: impl Into<Option<u16>>) -> Self {
        Self { ip_id: ip_id.into(), ..self }
    }

    /// The same packet with the octets of TCP header and payload that were sent. Needed where the
    /// capture may be cut, or the octets end with Ethernet padding.
    #[must_use]
    pub const fn with_tcp_octets(self, tcp_octets: u32) -> Self {
        Self { tcp_octets, ..self }
    }

    /// The octets that were sent; if that is unknown, those that were captured.
    pub(crate) const fn octets_if_unknown(&self, captured: usize) -> u32 {
        if self.tcp_octets == u32::MAX { captured as u32 } else { self.tcp_octets }
    }

    /// [`time_ns`](Self::time_ns) as a point of time.
    pub fn time(&self) -> SystemTime {
        let distance = Duration::from_nanos(self.time_ns.unsigned_abs());
        if self.time_ns < 0 { UNIX_EPOCH - distance } else { UNIX_EPOCH + distance }
    }
}

/// One TCP segment as the capture point saw it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Segment<'a> {
    /// Fields of the layers below TCP.
    pub packet: PacketInfo,
    /// The header and the captured payload.
    pub tcp: TcpHeader<'a>,
}

impl<'a> Segment<'a> {
    /// A segment whose header was read elsewhere.
    ///
    /// An unknown `packet.tcp_octets` becomes the length of the header and the captured payload.
    #[inline]
    pub const fn new(mut packet: PacketInfo, tcp: TcpHeader<'a>) -> Self {
        packet.tcp_octets = packet.octets_if_unknown(tcp.header_octets() + tcp.payload.len());
        Self { packet, tcp }
    }

    /// Reads the TCP header at the start of `captured`, the captured octets of the IP payload.
    ///
    /// Octets beyond `packet.tcp_octets` (Ethernet padding) are left out of the payload; if that is
    /// unknown, all octets are taken for sent.
    ///
    /// # Errors
    /// [`HeaderError`] if the 20 octets of a header without options are not all there, or if the
    /// data offset is below 5.
    ///
    /// ```
    /// use dissector_core::{PacketInfo, Segment};
    ///
    /// let packet = PacketInfo::new([10, 0, 0, 1], [10, 0, 0, 2], 0).with_tcp_octets(22);
    /// let header = b"\x9c\x40\x00\x50\0\0\0\x07\0\0\0\x09\x50\x18\xff\xff\0\0\0\0";
    /// let captured = [&header[..], b"hi", &[0; 4]].concat();
    /// let segment = Segment::parse(packet, &captured)?;
    /// assert_eq!(segment.tcp.flags.to_string(), "PSH, ACK");
    /// assert_eq!(segment.tcp.payload, b"hi");
    ///
    /// // The length is known even if only the header was captured.
    /// assert_eq!(Segment::parse(packet, header)?.payload_octets(), 2);
    /// assert!(Segment::parse(packet, &header[..19]).is_err());
    /// # Ok::<(), dissector_core::wire::HeaderError>(())
    /// ```
    #[inline]
    pub fn parse(packet: PacketInfo, captured: &'a [u8]) -> Result<Self, HeaderError> {
        let sent = captured.len().min(packet.tcp_octets as usize);
        Ok(Self::new(packet, TcpHeader::parse(&captured[..sent])?))
    }

    /// Payload octets that were sent, whether captured or not.
    pub fn payload_octets(&self) -> u32 {
        self.packet.tcp_octets.saturating_sub(self.tcp.header_octets() as u32)
    }
}
