//! The records of a file, in either format.

use std::ops::Range;

use super::clock::Clock;
use crate::capture::error::Problem;
use crate::capture::link_type::LinkType;

/// The interface that captured a frame: one in a pcap file, any number in a pcapng section.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interface {
    /// Its number in the capture.
    pub(crate) number: u32,
    pub(crate) link_type: LinkType,
    /// Octets of frame check sequence at the end of each frame.
    pub(crate) fcs_octets: u8,
    /// Captured octets of a frame at most; 0 is no limit.
    pub(crate) snap_octets: u32,
    pub(crate) clock: Clock,
}

impl Interface {
    /// A time in the statistics of the interface, in nanoseconds since 1970. dumpcap gives it in microseconds,
    /// whatever unit the interface has: the nearer one to the frames counts.
    pub(crate) fn statistics_time(&self, timestamp: u64, frame_ns: Option<i64>) -> i64 {
        let time_ns = self.clock.nanoseconds(timestamp);
        let Some(frame_ns) = frame_ns else { return time_ns };
        let other_ns = Clock::MICROSECONDS.nanoseconds(timestamp);
        let is_nearer = other_ns.abs_diff(frame_ns) < time_ns.abs_diff(frame_ns);
        if is_nearer { other_ns } else { time_ns }
    }
}

/// The record of a frame.
#[derive(Clone, Debug)]
pub(crate) struct FrameRecord {
    /// In nanoseconds since 1970; 0 if the file gives no time.
    pub(crate) time_ns: i64,
    pub(crate) link_type: LinkType,
    /// The number of its interface in the capture.
    pub(crate) interface: u32,
    /// The captured octets, counted from the start of the record.
    pub(crate) captured: Range<usize>,
    /// Octets on the wire, without the frame check sequence.
    pub(crate) wire_octets: u32,
}

impl FrameRecord {
    /// A frame of `interface` whose captured octets lie at `captured` in the record.
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

    /// The same with a timestamp that is already in nanoseconds.
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
        let (link_type, interface) = (interface.link_type, interface.number);
        Self { time_ns, link_type, interface, captured, wire_octets: original }
    }
}

/// The record at the start of the octets not yet consumed.
#[derive(Clone, Debug)]
pub(crate) enum Record {
    /// A frame, in a record of `octets` octets.
    Packet { frame: FrameRecord, octets: usize },
    /// Something else that Wireshark numbers as a frame.
    Numbered { octets: usize },
    /// Something that Wireshark does not number.
    Silent { octets: usize },
    /// A record that is not all there, of which `required` octets are needed next.
    Incomplete { required: u64 },
    /// A damaged record: the next one cannot be found.
    Damaged(Problem),
}
