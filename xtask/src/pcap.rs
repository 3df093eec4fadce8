//! Just enough of the pcap format for the files that xtask itself writes and rewrites.

use std::fs;
use std::net::IpAddr;
use std::path::Path;

use crate::wireshark::about;

/// Octets of the file header, and of each record's header.
const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;

/// Little endian, microseconds: what tcpdump writes on every machine we record on, and we too.
const MICROSECONDS: u32 = 0xa1b2_c3d4;
/// The same with nanoseconds.
const NANOSECONDS: u32 = 0xa1b2_3c4d;

/// Octets of an Ethernet header without a tag.
pub(crate) const ETHERNET: usize = 14;

/// A whole capture of Ethernet frames in memory.
pub(crate) struct Pcap {
    octets: Vec<u8>,
}

impl Pcap {
    /// An empty capture with times in nanoseconds.
    pub(crate) fn new() -> Self {
        Self { octets: file_header().to_vec() }
    }

    /// Appends a frame.
    pub(crate) fn push(&mut self, time_ns: u64, frame: &[u8]) {
        self.octets.extend(record_header(time_ns, frame.len()));
        self.octets.extend(frame);
    }

    /// Reads a capture of whole Ethernet frames as tcpdump writes it on this machine.
    pub(crate) fn read(file: &Path) -> Result<Self, String> {
        let octets = fs::read(file).map_err(|error| about(file, &error))?;
        let magic = octets.first_chunk().map(|magic| u32::from_le_bytes(*magic));
        let link = octets.get(20..FILE_HEADER);
        if !matches!(magic, Some(MICROSECONDS | NANOSECONDS)) || link != Some(&[1, 0, 0, 0]) {
            return Err(format!("{} is no little-endian pcap of Ethernet", file.display()));
        }
        Ok(Self { octets })
    }

    /// Hands each frame to `change`, which may change its octets but not their number.
    pub(crate) fn each_frame(&mut self, mut change: impl FnMut(&mut [u8])) {
        let mut rest = self.octets.get_mut(FILE_HEADER..).unwrap_or_default();
        while let Some((header, after)) = rest.split_first_chunk_mut::<RECORD_HEADER>() {
            let [_, _, _, _, _, _, _, _, a, b, c, d, ..] = *header;
            let length = u32::from_le_bytes([a, b, c, d]) as usize;
            let Some((frame, next)) = after.split_at_mut_checked(length) else { return };
            change(frame);
            rest = next;
        }
    }

    /// Writes the file.
    pub(crate) fn write(&self, file: &Path) -> Result<(), String> {
        fs::write(file, &self.octets).map_err(|error| about(file, &error))
    }
}

/// The header of a file of Ethernet frames with times in nanoseconds.
pub(crate) fn file_header() -> [u8; FILE_HEADER] {
    let mut header = [0; FILE_HEADER];
    header[..4].copy_from_slice(&NANOSECONDS.to_le_bytes());
    header[4..8].copy_from_slice(&[2, 0, 4, 0]); // version 2.4
    // Then time zone and accuracy, never used.
    header[16..20].copy_from_slice(&0x0004_0000_u32.to_le_bytes()); // snapshot length
    header[20..].copy_from_slice(&1_u32.to_le_bytes()); // Ethernet
    header
}

/// The header of a record with a whole frame of `octets` octets.
pub(crate) fn record_header(time_ns: u64, octets: usize) -> [u8; RECORD_HEADER] {
    let part = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    let mut header = [0; RECORD_HEADER];
    header[..4].copy_from_slice(&part(time_ns / 1_000_000_000));
    header[4..8].copy_from_slice(&part(time_ns % 1_000_000_000));
    header[8..12].copy_from_slice(&part(octets as u64));
    header[12..].copy_from_slice(&part(octets as u64));
    header
}

/// The Internet checksum (RFC 1071) of `octets`, going on from `sum`; 0 over a correct packet.
pub(crate) fn checksum(sum: u32, octets: &[u8]) -> u16 {
    let mut sum = octets.chunks(2).fold(u64::from(sum), |sum, pair| {
        sum + u64::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]))
    });
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// The sum over the pseudo-header that TCP, UDP and ICMPv6 checksums begin with (RFC 9293 §3.1).
pub(crate) fn pseudo_header(
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    length: usize,
) -> u32 {
    let words = |address: IpAddr| -> u32 {
        address_octets(address)
            .chunks(2)
            .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]))
            .sum()
    };
    words(source) + words(destination) + u32::from(protocol) + length as u32
}

/// The 4 or 16 octets of an address.
pub(crate) fn address_octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071() {
        assert_eq!(checksum(0, &[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]), !0xddf2);
    }

    #[test]
    fn frames_come_back_in_order() {
        let mut pcap = Pcap::new();
        pcap.push(1_000_000_001, &[1, 2, 3]);
        pcap.push(2_000_000_002, &[4]);
        let mut seen = Vec::new();
        pcap.each_frame(|frame| seen.push(frame.to_vec()));
        assert_eq!(seen, [vec![1, 2, 3], vec![4]]);
    }
}
