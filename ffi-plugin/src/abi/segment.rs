//! A segment as C hands it in, and what is said of it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dissector_core::connection::Annotation;
use dissector_core::{IcmpError, PacketInfo, Segment};
use libc::{c_int, time_t};

use super::tcphs_status;

/// One TCP segment as it was captured.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct tcphs_segment {
    /// Number of the frame in its capture, from 1.
    pub frame: u64,
    /// Capture time in nanoseconds since 1970 UTC.
    pub time_ns: i64,
    /// The captured octets from the start of the TCP header on. The header and its options suffice:
    /// 60 octets hold the longest.
    pub captured: *const u8,
    /// How many octets `captured` points to.
    pub captured_octets: usize,
    /// Octets of TCP header and payload that were sent, captured or not.
    pub tcp_octets: u32,
    /// Identification field of the IPv4 header; -1 where it is unknown, and for IPv6.
    pub ip_id: i32,
    /// Address of the sender, in network order; an IPv4 address is in the first 4 octets.
    pub source: [u8; 16],
    /// Address of the receiver, likewise.
    pub destination: [u8; 16],
    /// 4 or 6.
    pub ip_version: u8,
    /// TTL or hop limit.
    pub ttl: u8,
}

impl tcphs_segment {
    /// # Safety
    /// `captured` is null or valid for reads of `captured_octets` octets.
    pub(crate) unsafe fn parse(&self) -> Result<Segment<'_>, tcphs_status> {
        // SAFETY: as the caller says.
        let (packet, captured) = unsafe { self.packet() }?;
        Segment::parse(packet, captured).map_err(|_| tcphs_status::TCPHS_NO_HEADER)
    }

    /// Reads an ICMP error that quotes a TCP segment.
    ///
    /// # Safety
    /// `captured` is null or valid for `captured_octets` octets.
    pub(crate) unsafe fn parse_icmp(&self) -> Result<IcmpError, tcphs_status> {
        // SAFETY: as the caller says.
        let (packet, captured) = unsafe { self.packet() }?;
        IcmpError::parse(packet, captured).ok_or(tcphs_status::TCPHS_NO_HEADER)
    }

    /// # Safety
    /// `captured` is null or valid for `captured_octets` octets.
    unsafe fn packet(&self) -> Result<(PacketInfo, &[u8]), tcphs_status> {
        if self.captured.is_null() {
            return Err(tcphs_status::TCPHS_NULL_ARGUMENT);
        }
        let address: fn(&[u8; 16]) -> IpAddr = match self.ip_version {
            4 => |octets| Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]).into(),
            6 => |octets| Ipv6Addr::from(*octets).into(),
            _ => return Err(tcphs_status::TCPHS_INVALID_ARGUMENT),
        };
        let packet =
            PacketInfo::new(address(&self.source), address(&self.destination), self.time_ns)
                .with_frame(self.frame)
                .with_ttl(self.ttl)
                .with_ip_id(u16::try_from(self.ip_id).ok())
                .with_tcp_octets(self.tcp_octets);
        // SAFETY: not null, and the caller vouches for the length.
        let captured = unsafe { std::slice::from_raw_parts(self.captured, self.captured_octets) };
        Ok((packet, captured))
    }
}

/// What a segment was. Numbers are those of the enumerations above; each `tcphs_…_label` gives
/// their text.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct tcphs_annotation {
    /// Number of the connection, from 0 in order of first segment.
    pub connection: u32,
    /// The twelve control bits, FIN lowest.
    pub flags: u16,
    /// Its part in the handshake or the close: `enum tcphs_stage`.
    pub stage: u8,
    /// Whether it was sent before: `enum tcphs_copy`.
    pub copy: u8,
    /// Which end sent it: `enum tcphs_role`.
    pub sender: u8,
    /// On SYN, SYN/ACK and FIN: how many copies went before, at most 255.
    pub retry: u8,
    /// State of the client before the segment: `enum tcphs_state`.
    pub client_before: u8,
    /// State of the client after it.
    pub client_after: u8,
    /// Whether the client's own segments prove the state after; otherwise delivery is assumed.
    pub client_proven: bool,
    /// State of the server before the segment.
    pub server_before: u8,
    /// State of the server after it.
    pub server_after: u8,
    /// Whether the server's own segments prove the state after.
    pub server_proven: bool,
    /// Whether it completes the handshake: the third segment of three.
    pub final_ack: bool,
    /// Why an RST was sent: `enum tcphs_rst_reason`; 255 where it is none.
    pub rst_reason: u8,
    /// Whether the receiver has to believe the RST.
    pub rst_acceptable: bool,
    /// Time since the previous copy in nanoseconds; 0 where `retry` is 0.
    pub rto_ns: u64,
}

impl From<Annotation> for tcphs_annotation {
    fn from(said: Annotation) -> Self {
        Self {
            connection: said.connection,
            flags: said.flags.bits(),
            stage: said.stage.number(),
            copy: said.copy.number(),
            sender: said.sender.number(),
            retry: said.retry,
            client_before: said.client.before().number(),
            client_after: said.client.after().number(),
            client_proven: said.client.proven(),
            server_before: said.server.before().number(),
            server_after: said.server.after().number(),
            server_proven: said.server.proven(),
            final_ack: said.final_ack,
            rst_reason: said.rst_reason.map_or(u8::MAX, |reason| reason.number()),
            rst_acceptable: said.rst_acceptable().unwrap_or(false),
            rto_ns: said.rto_ns().unwrap_or(0),
        }
    }
}

/// Nanoseconds since 1970 of a time given in seconds and nanoseconds, as in `struct timespec`.
///
/// Times that do not fit (before 1677, after 2262) become the earliest or latest that does.
#[unsafe(no_mangle)]
#[allow(clippy::useless_conversion, reason = "time_t has 32 bits on some systems")]
pub extern "C" fn tcphs_time_ns(seconds: time_t, nanoseconds: c_int) -> i64 {
    i64::from(seconds).saturating_mul(1_000_000_000).saturating_add(i64::from(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_saturate() {
        assert_eq!(tcphs_time_ns(1, 500), 1_000_000_500);
        assert_eq!(tcphs_time_ns(-1, 999_999_999), -1);
        assert_eq!(tcphs_time_ns(time_t::MAX, 1), i64::MAX);
        assert_eq!(tcphs_time_ns(time_t::MIN, 0), i64::MIN);
    }
}
