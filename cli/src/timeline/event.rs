//! The events of a connection: segments, ICMP errors, runs of segments, changes of file.

use std::net::IpAddr;

use dissector_core::Segment;
use dissector_core::connection::{Annotation, Repeat, Side, Stage, States};
use dissector_core::wire::TcpOption;

#[derive(Clone, Debug)]
pub enum Event {
    Segment(SegmentEvent),
    Icmp(IcmpEvent),
    Run(Run),
    /// The following events are in this file, or in these files in turn.
    File(String),
}

impl Event {
    /// Capture times of its first and last packet.
    pub fn times(&self) -> Option<(i64, i64)> {
        match self {
            Self::Segment(segment) => Some((segment.time_ns, segment.time_ns)),
            Self::Icmp(error) => Some((error.time_ns, error.time_ns)),
            Self::Run(run) => Some((run.first_ns, run.last_ns)),
            Self::File(_) => None,
        }
    }

    /// Number of its first frame.
    pub fn frame(&self) -> Option<u64> {
        match self {
            Self::Segment(segment) => Some(segment.frame),
            Self::Icmp(error) => Some(error.frame),
            Self::Run(run) => Some(run.first_frame),
            Self::File(_) => None,
        }
    }

    /// States of client and server around the event.
    pub fn states(&self) -> Option<[States; 2]> {
        match self {
            Self::Segment(segment) => Some([segment.annotation.client, segment.annotation.server]),
            Self::Icmp(error) => Some(error.states),
            Self::Run(_) | Self::File(_) => None,
        }
    }
}

#[derive(Clone, Debug)]
pub struct SegmentEvent {
    pub frame: u64,
    pub time_ns: i64,
    pub from: Side,
    /// Sequence number relative to the sender's first, as in Wireshark.
    pub seq: i64,
    /// Acknowledgment number relative to the receiver's first sequence number.
    pub ack: Option<i64>,
    /// Octets of payload.
    pub len: u32,
    /// Octets of payload that were sent before.
    pub resent: u32,
    /// The engine's annotation of the segment.
    pub annotation: Annotation,
    /// Options of a SYN or SYN/ACK.
    pub options: Option<SynOptions>,
    /// A later segment shows that the receiver did not get or did not accept this one.
    pub undelivered: bool,
}

impl SegmentEvent {
    /// Whether the segment is neither part of handshake or close nor has a finding.
    pub fn is_plain(&self) -> bool {
        let Annotation { stage, findings, copy, .. } = self.annotation;
        stage == Stage::None && findings.is_empty() && copy == Repeat::Original
    }
}

/// Options of a SYN or SYN/ACK.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SynOptions {
    pub mss: Option<u16>,
    pub window_scale: Option<u8>,
    pub sack: bool,
    pub timestamps: bool,
    /// A Fast Open cookie, or the request for one.
    pub fast_open: bool,
    pub mptcp: bool,
}

impl SynOptions {
    pub fn of(segment: &Segment<'_>) -> Self {
        let mut options = Self::default();
        for option in segment.tcp.options().map_while(Result::ok) {
            match option {
                TcpOption::Mss(mss) => options.mss = Some(mss),
                TcpOption::WindowScale(shift) => options.window_scale = Some(shift),
                TcpOption::SackPermitted => options.sack = true,
                TcpOption::Timestamps { .. } => options.timestamps = true,
                TcpOption::FastOpen { .. } => options.fast_open = true,
                TcpOption::Mptcp { .. } => options.mptcp = true,
                _ => {}
            }
        }
        options
    }
}

/// An ICMP error that quotes a segment of the connection.
#[derive(Clone, Debug)]
pub struct IcmpEvent {
    pub frame: u64,
    pub time_ns: i64,
    /// Address of the sender of the error.
    pub by: IpAddr,
    /// The error comes from the receiver of the quoted segment, not from a router.
    pub by_receiver: bool,
    /// The sender of the quoted segment, which the error is for.
    pub to: Side,
    pub kind: u8,
    pub code: u8,
    /// States of client and server.
    pub states: [States; 2],
}

/// Several segments that are shown as one event.
#[derive(Clone, Debug)]
pub struct Run {
    pub first_frame: u64,
    pub last_frame: u64,
    pub first_ns: i64,
    pub last_ns: i64,
    pub segments: u64,
    /// Octets of payload from client and server.
    pub octets: [u64; 2],
    /// Octets of payload that were sent before.
    pub resent: [u64; 2],
    /// Some of the segments are part of handshake or close, or have a finding.
    pub remarkable: bool,
    /// The segments are in more than one file.
    pub several_files: bool,
}

impl Run {
    /// An empty run that begins with this frame.
    pub fn new(frame: u64, time_ns: i64) -> Self {
        Self {
            first_frame: frame,
            last_frame: frame,
            first_ns: time_ns,
            last_ns: time_ns,
            segments: 0,
            octets: [0; 2],
            resent: [0; 2],
            remarkable: false,
            several_files: false,
        }
    }

    pub fn add(&mut self, event: &Event) {
        match event {
            Event::Segment(segment) => {
                self.segments += 1;
                self.octets[segment.from as usize] += u64::from(segment.len);
                self.resent[segment.from as usize] += u64::from(segment.resent);
                self.remarkable |= !segment.is_plain();
                (self.last_frame, self.last_ns) = (segment.frame, segment.time_ns);
            }
            Event::Icmp(error) => {
                self.remarkable = true;
                (self.last_frame, self.last_ns) = (error.frame, error.time_ns);
            }
            Event::Run(run) => {
                self.segments += run.segments;
                for side in [0, 1] {
                    self.octets[side] += run.octets[side];
                    self.resent[side] += run.resent[side];
                }
                self.remarkable |= run.remarkable;
                self.several_files |= run.several_files;
                (self.last_frame, self.last_ns) = (run.last_frame, run.last_ns);
            }
            Event::File(_) => self.several_files = true,
        }
    }

    /// Time from the first to the last segment, in nanoseconds.
    pub fn duration_ns(&self) -> u64 {
        self.last_ns.saturating_sub(self.first_ns).max(0) as u64
    }
}
