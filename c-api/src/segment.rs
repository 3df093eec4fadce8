//! A segment or ICMP message as C hands it in.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use dissector_core::{IcmpError, PacketInfo, Segment};
use libc::{c_int, time_t};

use crate::status::tcphs_status;

/// One TCP segment as it was captured.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct tcphs_segment {
    /// Number of the frame in its capture, from 1.
    pub frame: u64,
    /// Capture time in nanoseconds since 1970 UTC.
    pub time_ns: i64,
    /// The captured octets, from the start of the TCP header. The header and its options, at most
    /// 60 octets, suffice.
    pub captured: *const u8,
    /// Number of octets at `captured`.
    pub captured_octets: usize,
    /// Octets of TCP header and payload that were sent, captured or not.
    pub tcp_octets: u32,
    /// Identification field of the IPv4 header; -1 if it is unknown, and for IPv6.
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
    /// Reads the TCP header.
    ///
    /// # Errors
    /// `TCPHS_NULL_ARGUMENT`, `TCPHS_INVALID_ARGUMENT` (IP version) or `TCPHS_NO_HEADER`.
    ///
    /// # Safety
    /// `captured` is null or valid for reads of `captured_octets` octets.
    pub unsafe fn parse(&self) -> Result<Segment<'_>, tcphs_status> {
        // SAFETY: the contract is the same.
        let (packet, captured) = unsafe { self.packet() }?;
        Segment::parse(packet, captured).map_err(|_| tcphs_status::TCPHS_NO_HEADER)
    }

    /// Reads an ICMP error that quotes a TCP segment; `captured` begins with the ICMP header.
    ///
    /// # Errors
    /// As [`parse`](Self::parse); `TCPHS_NO_HEADER` also if the message is no such error.
    ///
    /// # Safety
    /// `captured` is null or valid for reads of `captured_octets` octets.
    pub unsafe fn parse_icmp(&self) -> Result<IcmpError, tcphs_status> {
        // SAFETY: the contract is the same.
        let (packet, captured) = unsafe { self.packet() }?;
        IcmpError::parse(packet, captured).ok_or(tcphs_status::TCPHS_NO_HEADER)
    }

    /// # Safety
    /// `captured` is null or valid for reads of `captured_octets` octets.
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
        // SAFETY: not null, and the caller guarantees the length.
        let captured = unsafe { std::slice::from_raw_parts(self.captured, self.captured_octets) };
        Ok((packet, captured))
    }
}

/// The octets of an address in network order; an IPv4 address is in the first 4.
pub fn address_octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(address) => {
            let mut octets = [0; 16];
            octets[..4].copy_from_slice(&address.octets());
            octets
        }
        IpAddr::V6(address) => address.octets(),
    }
}

/// Nanoseconds since 1970 of a time given in seconds and nanoseconds, as in `struct timespec`.
///
/// Times before 1677 or after 2262 do not fit and become the earliest or the latest that does.
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
