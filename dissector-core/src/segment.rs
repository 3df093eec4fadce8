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
