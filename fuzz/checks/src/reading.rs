//! Reads a capture to its end and checks invariants of the result.

use std::collections::BTreeSet;
use std::io::{self, Read};

use dissector_core::PacketInfo;
use dissector_core::capture::{
    Capture, CaptureError, CaptureWarning, Coverage, Disorder, Packet, Skipped,
};

/// The most packets that are read: a small compressed file can hold many more.
const MAX_PACKETS: usize = 20_000;

/// The result of reading a capture.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Reading {
    pub packets: Vec<Seen>,
    pub frames: u64,
    pub skipped: Vec<(Skipped, u64)>,
    pub warning: Option<CaptureWarning>,
    pub disorder: Option<Disorder>,
    pub coverage: Coverage,
    /// Those of its interfaces.
    pub interfaces: Vec<Coverage>,
    /// The error that prevented or ended the reading.
    pub error: Option<String>,
    /// The capture has more than `MAX_PACKETS` packets.
    pub unfinished: bool,
}

/// A segment or an ICMP error.
#[derive(Debug, Eq, PartialEq)]
pub struct Seen {
    pub packet: PacketInfo,
    /// Whether it is a segment.
    pub segment: bool,
    /// All other values, as text.
    pub rest: String,
}

impl Reading {
    pub fn of(reader: impl Read) -> Self {
        let mut reading = Self::default();
        let mut capture = match Capture::new(reader) {
            Ok(capture) => capture,
            Err(error) => return Self { error: Some(told(&error)), ..reading },
        };
        while reading.packets.len() < MAX_PACKETS {
            let seen = match capture.next_packet() {
                Ok(None) => break,
                Ok(Some(packet)) => see(&packet),
                Err(error) => {
                    reading.error = Some(told(&error));
                    break;
                }
            };
            let last = reading.packets.last().map_or(1, |last| last.packet.frame);
            assert!((last..=capture.frames()).contains(&seen.packet.frame), "{seen:?}");
            reading.packets.push(seen);
        }
        reading.unfinished = reading.packets.len() == MAX_PACKETS;
        if !reading.unfinished {
            assert!(matches!(capture.next_packet(), Ok(None)), "the end is not the end");
        }
        reading.frames = capture.frames();
        reading.skipped = capture.skipped().collect();
        reading.warning = capture.warning().copied();
        reading.disorder = capture.disorder();
        reading.coverage = capture.coverage();
        reading.interfaces = capture.interfaces().map(|it| it.coverage).collect();
        reading.check();
        reading
    }

    /// Checks that each frame holds a segment or is counted by the reason why it does not.
    fn check(&self) {
        let frames: BTreeSet<_> =
            self.packets.iter().filter(|seen| seen.segment).map(|seen| seen.packet.frame).collect();
        let skipped: u64 = self.skipped.iter().map(|(_, count)| count).sum();
        if !self.unfinished {
            assert_eq!(frames.len() as u64 + skipped, self.frames, "{:?}", self.skipped);
        }
        for (reason, count) in &self.skipped {
            assert!(*count > 0 && !reason.to_string().is_empty());
            let _ = reason.may_hold_tcp();
        }
        for coverage in self.interfaces.iter().chain([&self.coverage]) {
            assert!(coverage.frames <= self.frames && coverage.first_ns <= coverage.last_ns);
            assert!(coverage.span().is_none_or(|(start, end)| start <= end), "{coverage:?}");
        }
        if let Some(warning) = &self.warning {
            assert!(!warning.to_string().is_empty());
        }
    }

    /// Whether this is the result of reading only the beginning of the capture.
    pub fn begins(&self, whole: &Self) -> bool {
        whole.unfinished || self.frames <= whole.frames && whole.packets.starts_with(&self.packets)
    }
}

fn told(error: &CaptureError) -> String {
    let text = error.to_string();
    assert!(!text.is_empty());
    text
}

fn see(packet: &Packet<'_>) -> Seen {
    match packet {
        Packet::Segment(segment) => {
            let tcp = &segment.tcp;
            let sent = segment.packet.tcp_octets as usize;
            assert!(20 + tcp.option_octets.len() + tcp.payload.len() <= sent, "{segment:?}");
            assert!(tcp.payload.len() <= segment.payload_octets() as usize, "{segment:?}");
            Seen { packet: segment.packet, segment: true, rest: format!("{tcp:?}") }
        }
        Packet::IcmpError(error) => {
            let same = error.quoted.source.is_ipv4() == error.packet.source.is_ipv4();
            assert!(same && error.quoted.destination.is_ipv4() == error.packet.source.is_ipv4());
            Seen { packet: error.packet, segment: false, rest: format!("{error:?}") }
        }
        other => panic!("neither segment nor ICMP error: {other:?}"),
    }
}

/// A reader that gives no more than `step` octets at once, and fails after `until`.
pub struct Slow<'a> {
    octets: &'a [u8],
    step: usize,
    until: usize,
    interrupts: bool,
}

impl<'a> Slow<'a> {
    pub fn new(octets: &'a [u8], step: usize) -> Self {
        Self { octets, step: step.max(1), until: usize::MAX, interrupts: false }
    }

    /// Fails after so many octets.
    pub fn failing(self, until: usize) -> Self {
        Self { until, ..self }
    }
}

impl Read for Slow<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // Every other call is interrupted by a signal, which is no failure.
        self.interrupts = !self.interrupts;
        if self.interrupts {
            return Err(io::ErrorKind::Interrupted.into());
        }
        if self.until == 0 {
            return Err(io::Error::other("the disk is gone"));
        }
        let length = self.octets.len().min(self.step).min(self.until).min(into.len());
        let (now, rest) = self.octets.split_at(length);
        into[..length].copy_from_slice(now);
        self.octets = rest;
        self.until -= length;
        Ok(length)
    }
}
