//! A capture read from the first octet to the last, and what must hold of that.

use std::collections::BTreeSet;
use std::io::{self, Read};

use dissector_core::PacketInfo;
use dissector_core::capture::{Capture, CaptureError, CaptureWarning, Disorder, Packet, Skipped};

/// What is read of a capture at most: compressed octets can stand for many more.
const MAX_PACKETS: usize = 20_000;

/// Everything that reading a capture tells.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Reading {
    pub packets: Vec<Seen>,
    pub frames: u64,
    pub skipped: Vec<(Skipped, u64)>,
    pub warning: Option<CaptureWarning>,
    pub disorder: Option<Disorder>,
    /// Why it could not be read at all, or not on.
    pub error: Option<String>,
    /// It had more packets than were read.
    pub unfinished: bool,
}

/// A segment or an ICMP error.
#[derive(Debug, Eq, PartialEq)]
pub struct Seen {
    pub packet: PacketInfo,
    /// Of a segment.
    pub segment: bool,
    /// Everything else, as text.
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
        reading.check();
        reading
    }

    /// Each frame has given a segment, or is counted with the reason why not.
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
        if let Some(warning) = &self.warning {
            assert!(!warning.to_string().is_empty());
        }
    }

    /// Whether this is what a reader sees that does not get further.
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
