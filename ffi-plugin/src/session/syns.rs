//! The headers of the SYNs of a capture file, for options and signatures.
//!
//! They are kept because Wireshark may show a frame again without dissecting it: 19 octets and the
//! header for each segment with SYN, nothing for the others.

use dissector_core::Segment;
use dissector_core::wire::{SynSignature, TcpFlags, TcpHeader};

/// The headers, in the order of the capture.
#[derive(Default)]
pub struct Syns {
    entries: Vec<Entry>,
    octets: Vec<u8>,
}

struct Entry {
    /// The place of its segment.
    place: u32,
    /// The index of its first octet.
    start: usize,
}

/// The number of octets in front of each header: TTL, version of IP, and whether there is a
/// payload.
const ABOUT: usize = 3;
/// The longest header.
const HEADER: usize = 60;

impl Syns {
    /// Keeps the header of the segment at `place` if it has a SYN.
    pub fn note(&mut self, segment: &Segment<'_>, place: u32) {
        let (packet, tcp) = (&segment.packet, &segment.tcp);
        if !tcp.flags.contains(TcpFlags::SYN) {
            return;
        }
        // The places of a frame that a read filter rejected are used again.
        while let Some(last) = self.entries.pop_if(|last| last.place >= place) {
            self.octets.truncate(last.start);
        }
        let start = self.octets.len();
        let version = if packet.source.is_ipv4() { 4 } else { 6 };
        let payload = u8::from(segment.payload_octets() > 0);
        self.octets.extend([packet.ttl, version, payload]);
        write_header(tcp, &mut self.octets);
        self.entries.push(Entry { place, start });
    }

    /// The SYN at `place`.
    pub fn get(&self, place: u32) -> Option<SynSignature<'_>> {
        let index = self.entries.binary_search_by_key(&place, |entry| entry.place).ok()?;
        let end = self.entries.get(index + 1).map_or(self.octets.len(), |next| next.start);
        let octets = self.octets.get(self.entries[index].start..end)?;
        let (&[ttl, version, payload], header) = octets.split_first_chunk::<ABOUT>()?;
        let tcp = TcpHeader::parse(header).ok()?;
        Some(SynSignature { version, ttl, tcp, payload: payload != 0 })
    }
}

/// The header as it was on the wire, as far as it was captured.
fn write_header(tcp: &TcpHeader<'_>, out: &mut Vec<u8>) {
    let offset_and_flags = u16::from(tcp.data_offset) << 12 | tcp.flags.bits();
    out.reserve(HEADER);
    out.extend(tcp.source_port.to_be_bytes());
    out.extend(tcp.destination_port.to_be_bytes());
    out.extend(tcp.sequence.0.to_be_bytes());
    out.extend(tcp.acknowledgment.0.to_be_bytes());
    out.extend(offset_and_flags.to_be_bytes());
    out.extend(tcp.window.to_be_bytes());
    out.extend(tcp.checksum.to_be_bytes());
    out.extend(tcp.urgent_pointer.to_be_bytes());
    out.extend(tcp.option_octets);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::tests::{SYN, octets, segment};

    #[test]
    fn kept_headers_are_those_that_were_sent() {
        let mut syns = Syns::default();
        let mut with_options = SYN.to_vec();
        with_options[12] = 0x60;
        with_options.extend([2, 4, 5, 0xb4]);
        syns.note(&segment(&SYN), 3);
        syns.note(&segment(&octets(0x10, false, 1, 1)), 4);
        syns.note(&segment(&with_options), 5);
        assert_eq!(syns.get(3).unwrap().tcp, segment(&SYN).tcp);
        assert_eq!(syns.get(5).unwrap().tcp, segment(&with_options).tcp);
        assert!(syns.get(4).is_none() && syns.get(6).is_none());
    }

    #[test]
    fn a_place_used_again_holds_the_later_one() {
        let mut syns = Syns::default();
        syns.note(&segment(&octets(0x02, false, 1, 0)), 0);
        syns.note(&segment(&octets(0x02, false, 2, 0)), 1);
        syns.note(&segment(&octets(0x02, false, 3, 0)), 1);
        assert_eq!(syns.get(0).unwrap().tcp.sequence.0, 1);
        assert_eq!(syns.get(1).unwrap().tcp.sequence.0, 3);
        assert_eq!(syns.octets.len(), 2 * (ABOUT + SYN.len()));
    }
}
