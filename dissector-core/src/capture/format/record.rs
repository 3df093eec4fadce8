//! What the file formats have in common.

use std::ops::Range;

use super::clock::Clock;
use crate::capture::error::Problem;
use crate::capture::link_type::LinkType;

/// Where a packet was captured: a pcap file, or an interface of a pcapng section.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interface {
    pub(crate) link_type: LinkType,
    /// Octets of frame check sequence at the end of each packet.
    pub(crate) fcs_octets: u8,
    /// Captured octets per packet at most; 0 is no limit.
    pub(crate) snap_octets: u32,
    pub(crate) clock: Clock,
}

/// One packet of the file.
#[derive(Clone, Debug)]
pub(crate) struct FrameRecord {
    /// In nanoseconds since 1970; 0 where the file gives no time.
    pub(crate) time_ns: i64,
    pub(crate) link_type: LinkType,
    /// The captured octets, counted from the start of the record.
    pub(crate) captured: Range<usize>,
    /// Octets on the wire, without the frame check sequence.
    pub(crate) wire_octets: u32,
}

impl FrameRecord {
    /// A packet of `interface` whose captured octets lie at `captured` in the record.
    #[inline]
    pub(crate) fn new(
        interface: &Interface,
        timestamp: u64,
        captured: Range<usize>,
        wire_octets: u32,
    ) -> Self {
        let time_ns = interface.clock.nanoseconds(timestamp);
        Self::at(interface, time_ns, captured, wire_octets)
    }

    /// The same at a time that is known.
    #[inline(always)]
    pub(crate) fn at(
        interface: &Interface,
        time_ns: i64,
        captured: Range<usize>,
        wire_octets: u32,
    ) -> Self {
        let fcs = u32::from(interface.fcs_octets);
        // A frame was at least as long as what was captured of it, whatever the file says.
        let original = wire_octets.max(captured.len() as u32).saturating_sub(fcs);
        let captured = captured.start..captured.end.min(captured.start + original as usize);
        let link_type = interface.link_type;
        Self { time_ns, link_type, captured, wire_octets: original }
    }
}

/// What lies at the start of the octets not yet consumed.
#[derive(Clone, Debug)]
pub(crate) enum Record {
    /// A packet, in a record of `octets` octets.
    Packet { frame: FrameRecord, octets: usize },
    /// Something else that Wireshark numbers as a frame.
    Numbered { octets: usize },
    /// Something that is no frame.
    Silent { octets: usize },
    /// A record that is not all there.
    Incomplete { required: u64 },
    /// The next record cannot be found.
    Damaged(Problem),
}
