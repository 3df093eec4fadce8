//! The pcap file format (draft-ietf-opsawg-pcap).

use pcap_file::pcap::{PcapHeader, PcapTsResolution};
use pcap_file::{DataLink, Endianness};

use super::clock::Clock;
use super::record::{FrameRecord, Interface, Record};
use crate::capture::error::CaptureError;
use crate::capture::link_type::LinkType;

/// Octets of the file header.
pub(crate) const HEADER_OCTETS: usize = 24;
/// Octets in front of each frame.
const RECORD_HEADER_OCTETS: usize = 16;
const NANOSECONDS_PER_SECOND: i64 = 1_000_000_000;
const ETHERNET_FCS_OCTETS: u8 = 4;

/// Reads the records of a pcap file.
///
/// pcap-file reads the file header only: its checks of times and lengths would refuse whole files that
/// every other reader opens.
#[derive(Debug)]
pub(crate) struct PcapRecords {
    interface: Interface,
    /// Nanoseconds of a unit of the fraction of a second.
    fraction_ns: i64,
    big_endian: bool,
}

impl PcapRecords {
    /// True if these are the first octets of a pcap file.
    pub(crate) fn recognises(magic: [u8; 4]) -> bool {
        matches!(u32::from_be_bytes(magic), 0xa1b2_c3d4 | 0xa1b2_3c4d | 0xd4c3_b2a1 | 0x4d3c_b2a1)
    }

    /// Reads the file header.
    pub(crate) fn new(header: &[u8]) -> Result<Self, CaptureError> {
        let Ok((_, header)) = PcapHeader::from_slice(header) else {
            return Err(CaptureError::HeaderCut {
                required: HEADER_OCTETS,
                available: header.len(),
            });
        };
        let (clock, fraction_ns) = match header.ts_resolution {
            PcapTsResolution::MicroSecond => (Clock::MICROSECONDS, 1_000),
            PcapTsResolution::NanoSecond => (Clock::NANOSECONDS, 1),
        };
        let (link_type, fcs_octets) = link_field(header.datalink);
        let interface = Interface { number: 0, link_type, fcs_octets, snap_octets: 0, clock };
        let big_endian = matches!(header.endianness, Endianness::Big);
        Ok(Self { interface, fraction_ns, big_endian })
    }

    /// The link type of all frames.
    pub(crate) fn link_type(&self) -> LinkType {
        self.interface.link_type
    }

    pub(crate) fn is_big_endian(&self) -> bool {
        self.big_endian
    }

    /// Nanoseconds of a unit of the fraction of a second.
    pub(crate) fn unit_ns(&self) -> u64 {
        self.fraction_ns.unsigned_abs()
    }

    /// Reads the record at the start of `octets` if it is all there; returns the frame and the length
    /// of the record. The [byte order](Self::is_big_endian) is a constant, to save branches.
    #[inline(always)]
    pub(crate) fn fast<const BIG_ENDIAN: bool>(
        &self,
        octets: &[u8],
    ) -> Option<(FrameRecord, usize)> {
        let (header, rest) = octets.split_first_chunk::<RECORD_HEADER_OCTETS>()?;
        let (fields, _) = header.as_chunks::<4>();
        let &[seconds, fraction, captured, original] = fields else { return None };
        let field = if BIG_ENDIAN { u32::from_be_bytes } else { u32::from_le_bytes };
        let captured = field(captured) as usize;
        if captured > rest.len() {
            return None;
        }
        // A fraction of a second or more is simply added. At most 2^32 seconds and as many fractions
        // are below 2^63 nanoseconds.
        let time_ns = i64::from(field(seconds)) * NANOSECONDS_PER_SECOND
            + i64::from(field(fraction)) * self.fraction_ns;
        let end = RECORD_HEADER_OCTETS + captured;
        let record = RECORD_HEADER_OCTETS..end;
        Some((FrameRecord::at(&self.interface, time_ns, record, field(original)), end))
    }

    /// Reads the record at the start of `octets`, or says how many octets it needs.
    pub(crate) fn next(&self, octets: &[u8]) -> Record {
        let frame =
            if self.big_endian { self.fast::<true>(octets) } else { self.fast::<false>(octets) };
        if let Some((frame, octets)) = frame {
            return Record::Packet { frame, octets };
        }
        let captured = match octets.first_chunk::<RECORD_HEADER_OCTETS>() {
            Some(&[.., a, b, c, d, _, _, _, _]) if self.big_endian => {
                u32::from_be_bytes([a, b, c, d])
            }
            Some(&[.., a, b, c, d, _, _, _, _]) => u32::from_le_bytes([a, b, c, d]),
            None => 0,
        };
        Record::Incomplete { required: RECORD_HEADER_OCTETS as u64 + u64::from(captured) }
    }
}

/// The link type, and the octets of frame check sequence, which the upper bits of the field give.
fn link_field(field: DataLink) -> (LinkType, u8) {
    let field = u32::from(field);
    let link_type = LinkType(field as u16);
    let fcs_present = field & 0x0400_0000 != 0;
    // In units of 16 bits. As in Wireshark, only Ethernet's is taken off.
    let fcs = if fcs_present { (field >> 28) as u8 * 2 } else { 0 };
    let known = link_type == LinkType::ETHERNET && fcs == ETHERNET_FCS_OCTETS;
    (link_type, if known { fcs } else { 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fcs_bits_are_no_part_of_the_link_type() {
        assert_eq!(link_field(DataLink::from(0x2400_0001)), (LinkType::ETHERNET, 4));
        assert_eq!(link_field(DataLink::from(0x2000_0001)), (LinkType::ETHERNET, 0));
        assert_eq!(link_field(DataLink::from(0x2400_0071)), (LinkType::LINUX_SLL, 0));
        assert_eq!(link_field(DataLink::from(1)), (LinkType::ETHERNET, 0));
    }
}
