//! A TCP segment with what the layers below say of it.

use std::net::IpAddr;

use crate::wire::{HeaderError, TcpHeader};

/// What is known of a packet before its TCP header is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct PacketInfo {
    /// Number of the frame in its capture, from 1; all frames count, as in Wireshark.
    pub frame: u64,
    /// Capture time, in nanoseconds since 1970 UTC.
    pub time_ns: i64,
    /// Sender.
    pub source: IpAddr,
    /// Receiver; behind an IPv6 routing header, the final one.
    pub destination: IpAddr,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Identification field of the IPv4 header; `None` for IPv6.
    pub ip_id: Option<u16>,
    /// Octets of TCP header and payload that were sent: from the IP length, at most what the frame
    /// had on the wire, and independent of how much of it was captured.
    pub tcp_octets: u32,
}

/// One TCP segment as the capture point saw it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Segment<'a> {
    /// What the layers below say.
    pub packet: PacketInfo,
    /// The header and the captured payload.
    pub tcp: TcpHeader<'a>,
}

impl<'a> Segment<'a> {
    /// Reads the TCP header at the start of `captured`, the captured octets of the IP payload.
    ///
    /// Octets beyond `packet.tcp_octets` (Ethernet padding) are left out of the payload.
    ///
    /// # Errors
    /// [`HeaderError`] where there is no whole TCP header.
    ///
    /// ```
    /// use dissector_core::{PacketInfo, Segment};
    ///
    /// let packet = PacketInfo {
    ///     frame: 1,
    ///     time_ns: 0,
    ///     source: [10, 0, 0, 1].into(),
    ///     destination: [10, 0, 0, 2].into(),
    ///     ttl: 64,
    ///     ip_id: Some(1),
    ///     tcp_octets: 22,
    /// };
    /// let header = b"\x9c\x40\x00\x50\0\0\0\x07\0\0\0\x09\x50\x18\xff\xff\0\0\0\0";
    /// let captured = [&header[..], b"hi", &[0; 4]].concat();
    /// let segment = Segment::parse(packet, &captured)?;
    /// assert_eq!(segment.tcp.flags.to_string(), "PSH, ACK");
    /// assert_eq!(segment.tcp.payload, b"hi");
    ///
    /// // Of a capture that holds headers only, the length is known all the same.
    /// assert_eq!(Segment::parse(packet, header)?.payload_octets(), 2);
    /// assert!(Segment::parse(packet, &header[..19]).is_err());
    /// # Ok::<(), dissector_core::wire::HeaderError>(())
    /// ```
    #[inline]
    pub fn parse(packet: PacketInfo, captured: &'a [u8]) -> Result<Self, HeaderError> {
        let sent = captured.len().min(packet.tcp_octets as usize);
        Ok(Self { packet, tcp: TcpHeader::parse(&captured[..sent])? })
    }

    /// Payload octets that were sent, whether captured or not.
    pub fn payload_octets(&self) -> u32 {
        self.packet.tcp_octets.saturating_sub(self.tcp.header_octets() as u32)
    }
}
