//! The pcap file format (draft-ietf-opsawg-pcap).

use pcap_file::pcap::{PcapHeader, PcapParser, PcapTsResolution};
use pcap_file::{DataLink, Endianness};

use super::clock::Clock;
use super::record::{FrameRecord, Interface, Record};
use crate::capture::error::CaptureError;
use crate::capture::link_type::LinkType;

/// Octets of the file header.
pub(crate) const HEADER_OCTETS: usize = 24;
/// Octets in front of each packet.
const RECORD_HEADER_OCTETS: usize = 16;
const NANOSECONDS_PER_SECOND: i64 = 1_000_000_000;
const ETHERNET_FCS_OCTETS: u8 = 4;

/// Reads the records of a pcap file.
///
/// pcap-file only cuts the records out: its checks of times and lengths would lose whole files
/// that every other reader opens.
#[derive(Debug)]
pub(crate) struct PcapRecords {
    parser: PcapParser,
    interface: Interface,
    units_per_second: u64,
    fraction_ns: i64,
    big_endian: bool,
}

impl PcapRecords {
    /// Whether a file that starts so is a pcap file.
    pub(crate) fn recognises(magic: [u8; 4]) -> bool {
        matches!(u32::from_be_bytes(magic), 0xa1b2_c3d4 | 0xa1b2_3c4d | 0xd4c3_b2a1 | 0x4d3c_b2a1)
    }

    /// Reads the file header.
    pub(crate) fn new(header: &[u8]) -> Result<Self, CaptureError> {
        let Ok((_, parser)) = PcapParser::new(header) else {
            return Err(CaptureError::HeaderCut {
                required: HEADER_OCTETS,
                available: header.len(),
            });
        };
        let PcapHeader { ts_resolution, datalink, .. } = parser.header();
        let (clock, units_per_second) = match ts_resolution {
            PcapTsResolution::MicroSecond => (Clock::MICROSECONDS, 1_000_000),
            PcapTsResolution::NanoSecond => (Clock::NANOSECONDS, 1_000_000_000),
        };
        let (link_type, fcs_octets) = link_field(datalink);
        let interface = Interface { link_type, fcs_octets, snap_octets: 0, clock };
        let big_endian = matches!(parser.header().endianness, Endianness::Big);
        let fraction_ns = NANOSECONDS_PER_SECOND / units_per_second as i64;
        Ok(Self { parser, interface, units_per_second, fraction_ns, big_endian })
    }

    pub(crate) fn is_big_endian(&self) -> bool {
        self.big_endian
    }

    /// Reads the record at the start of `octets` if it is all there: the frame, and the octets of all
    /// of the record.
    ///
    /// The four numbers in front are read here, at a third of the cost; whether they are
    /// [big-endian](Self::is_big_endian) is not asked of each.
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
        // At most 2^32 seconds and as many fractions: together below 2^63 nanoseconds.
        let time_ns = i64::from(field(seconds)) * NANOSECONDS_PER_SECOND
            + i64::from(field(fraction)) * self.fraction_ns;
        let end = RECORD_HEADER_OCTETS + captured;
        let record = RECORD_HEADER_OCTETS..end;
        Some((FrameRecord::at(&self.interface, time_ns, record, field(original)), end))
    }

    /// Reads the record at the start of `octets`, or says what is missing.
    pub(crate) fn next(&self, octets: &[u8]) -> Record {
        match self.parser.next_raw_packet(octets) {
            Ok((rest, packet)) => {
                // A fraction of a second or more is simply added.
                let timestamp =
                    u64::from(packet.ts_sec) * self.units_per_second + u64::from(packet.ts_frac);
                let octets = octets.len() - rest.len();
                let captured = RECORD_HEADER_OCTETS..octets;
                let frame = FrameRecord::new(&self.interface, timestamp, captured, packet.orig_len);
                Record::Packet { frame, octets }
            }
            Err(_) => Record::Incomplete { required: self.required(octets) },
        }
    }

    /// Octets that an incomplete record at the start of `octets` needs; of a header that is not all
    /// there, nothing is believed.
    #[cold]
    fn required(&self, octets: &[u8]) -> u64 {
        let header = octets.first_chunk::<RECORD_HEADER_OCTETS>();
        let packet_octets = match (header, self.parser.header().endianness) {
            (Some(&[.., a, b, c, d, _, _, _, _]), Endianness::Big) => {
                u32::from_be_bytes([a, b, c, d])
            }
            (Some(&[.., a, b, c, d, _, _, _, _]), Endianness::Little) => {
                u32::from_le_bytes([a, b, c, d])
            }
            (None, _) => 0,
        };
        RECORD_HEADER_OCTETS as u64 + u64::from(packet_octets)
    }
}

/// The link type, and the octets of frame check sequence that its upper bits tell of.
fn link_field(field: DataLink) -> (LinkType, u8) {
    let field = u32::from(field);
    let link_type = LinkType(field as u16);
    let fcs_present = field & 0x0400_0000 != 0;
    // The length is in units of 16 bits. Only Ethernet's own is taken off, as in Wireshark.
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
