//! The events of a connection: segments, ICMP errors, runs of segments, changes of file.

use std::net::IpAddr;

use dissector_core::Segment;
use dissector_core::connection::{Annotation, Repeat, Side, Stage, State, States};
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
    /// Its sequence number is 0.
    pub is_from_zero: bool,
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
    /// The evidence in later segments on its arrival.
    pub arrival: Arrival,
    /// A keep-alive: its number is the one before the next octet (RFC 9293 §3.8.4).
    pub keep_alive: bool,
    /// The text of an RST.
    pub text: Option<String>,
    /// The reason that an RST gives in an option of Multipath TCP.
    pub mptcp_reason: Option<u8>,
}

impl SegmentEvent {
    /// Whether the segment is neither part of handshake or close nor has a finding.
    pub fn is_plain(&self) -> bool {
        let Annotation { stage, findings, copy, .. } = self.annotation;
        let usual = stage == Stage::None && findings.is_empty() && copy == Repeat::Original;
        usual && !self.precedes_synack() && !self.misses_synack()
    }

    /// Whether the client sends it after a SYN/ACK and does not acknowledge that.
    pub fn misses_synack(&self) -> bool {
        let Annotation { stage, client, server, .. } = self.annotation;
        stage == Stage::None
            && self.from == Side::Client
            && server.after() == State::SynReceived
            && !client.proven()
            && self.ack.is_some_and(|ack| ack != 1)
    }

    /// Whether the server sends it without a SYN/ACK: a client in SYN-SENT drops it.
    pub fn precedes_synack(&self) -> bool {
        let Annotation { stage, client, .. } = self.annotation;
        stage == Stage::None && self.from == Side::Server && client.after() == State::SynSent
    }
}

/// The evidence in the capture on the arrival of a segment.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Arrival {
    /// It is assumed, as usual.
    Assumed,
    /// Nothing shows it: nothing of the receiver was captured.
    Unknown,
    /// A later segment shows that the receiver did not get or did not accept this one.
    Refuted,
}

/// Subtype of the option of a SYN that joins a Multipath TCP connection (RFC 8684 §3.2).
const MP_JOIN: u8 = 1;
/// Subtype of the option that gives the reason of an RST (RFC 8684 §3.6).
const MP_TCPRST: u8 = 8;
/// Octets of an RST's text that are shown.
const MOST_TEXT: usize = 120;

/// The text that an RST carries (RFC 9293 §3.5.3 does not forbid it); `None` if it is no text. What is
/// shown cannot steer a terminal.
pub fn text_of_rst(payload: &[u8]) -> Option<String> {
    let payload = payload.get(..MOST_TEXT).unwrap_or(payload);
    let is_shown = |octet: &&u8| octet.is_ascii_graphic() || **octet == b' ';
    let shown = payload.iter().filter(is_shown).count();
    if shown < 4 || shown * 10 < payload.len() * 9 {
        return None;
    }
    let text: String = payload.iter().filter(is_shown).map(|octet| char::from(*octet)).collect();
    Some(text.trim().into())
}

/// The reason that an RST gives in an option of Multipath TCP.
pub fn mptcp_reason(segment: &Segment<'_>) -> Option<u8> {
    segment.tcp.options().map_while(Result::ok).find_map(|option| match option {
        TcpOption::Mptcp { subtype: MP_TCPRST, data: [_, reason, ..] } => Some(*reason),
        _ => None,
    })
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
    /// It joins a Multipath TCP connection.
    pub mptcp_join: bool,
    /// TCP-MD5 or TCP-AO.
    pub signed: bool,
    /// Further options were not captured.
    pub cut: bool,
}

impl SynOptions {
    pub fn of(segment: &Segment<'_>) -> Self {
        let captured = segment.tcp.option_octets.len() + 20;
        let cut = captured < segment.tcp.header_octets();
        let mut options = Self { cut, ..Self::default() };
        for option in segment.tcp.options().map_while(Result::ok) {
            match option {
                TcpOption::Mss(mss) => options.mss = Some(mss),
                TcpOption::WindowScale(shift) => options.window_scale = Some(shift),
                TcpOption::SackPermitted => options.sack = true,
                TcpOption::Timestamps { .. } => options.timestamps = true,
                TcpOption::FastOpen { .. } => options.fast_open = true,
                TcpOption::Mptcp { subtype: MP_JOIN, .. } => options.mptcp_join = true,
                TcpOption::Mptcp { .. } => options.mptcp = true,
                TcpOption::Md5(_) | TcpOption::Ao { .. } => options.signed = true,
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
    /// Keep-alives of client and server.
    pub keep_alives: [u64; 2],
    /// The sender of the first segment.
    pub from: Option<Side>,
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
            keep_alives: [0; 2],
            from: None,
        }
    }

    pub fn add(&mut self, event: &Event) {
        match event {
            Event::Segment(segment) => {
                self.segments += 1;
                self.from.get_or_insert(segment.from);
                self.octets[segment.from as usize] += u64::from(segment.len);
                self.resent[segment.from as usize] += u64::from(segment.resent);
                self.remarkable |= !segment.is_plain();
                self.keep_alives[segment.from as usize] += u64::from(segment.keep_alive);
                (self.last_frame, self.last_ns) = (segment.frame, segment.time_ns);
            }
            Event::Icmp(error) => {
                self.remarkable = true;
                (self.last_frame, self.last_ns) = (error.frame, error.time_ns);
            }
            Event::Run(run) => {
                self.segments += run.segments;
                self.from = self.from.or(run.from);
                for side in [0, 1] {
                    self.octets[side] += run.octets[side];
                    self.resent[side] += run.resent[side];
                    self.keep_alives[side] += run.keep_alives[side];
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
