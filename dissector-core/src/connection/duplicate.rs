//! Telling a packet captured twice (mirror port, `any` interface) from one sent twice.

use super::names::Stage;
use crate::Segment;
use crate::wire::{TcpFlags, TcpOption};

const MS: i64 = 1_000_000;

/// A segment with what tells it from others: sequence and acknowledgment number, flags, length and
/// checksum, mixed; and its timestamps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Identity {
    fingerprint: u64,
    /// Value and echo of the timestamps option.
    pub timestamps: Option<(u32, u32)>,
}

impl Identity {
    pub fn of(segment: &Segment<'_>) -> Self {
        Self::with_timestamps(segment, timestamps(segment))
    }

    /// Of a segment whose options have been read.
    pub fn with_timestamps(segment: &Segment<'_>, timestamps: Option<(u32, u32)>) -> Self {
        Self { fingerprint: fingerprint(segment), timestamps }
    }
}

/// What is remembered of a segment beside its fingerprint.
#[derive(Clone, Copy, Debug)]
struct Sent {
    time_ns: i64,
    timestamp: Option<u32>,
    ip_id: u16,
    ttl: u8,
    stage: Stage,
}

/// The last four segments of one direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recent {
    fingerprints: [u64; 4],
    sent: [Sent; 4],
    next: u8,
    known: u8,
}

impl Default for Recent {
    fn default() -> Self {
        let nothing = Sent { time_ns: 0, timestamp: None, ip_id: 0, ttl: 0, stage: Stage::None };
        Self { fingerprints: [0; 4], sent: [nothing; 4], next: 0, known: 0 }
    }
}

impl Recent {
    /// The stage of the segment that `segment` is a second capture of.
    #[inline]
    pub fn duplicated_by(
        &self,
        segment: &Segment<'_>,
        identity: &Identity,
        now_ns: i64,
    ) -> Option<Stage> {
        // Nearly always all four differ.
        if !self.fingerprints.contains(&identity.fingerprint) {
            return None;
        }
        self.find(segment, identity, now_ns)
    }

    #[cold]
    fn find(&self, segment: &Segment<'_>, identity: &Identity, now_ns: i64) -> Option<Stage> {
        let known = self.fingerprints.iter().zip(&self.sent).take(self.known.into());
        let same = known.filter(|(fingerprint, _)| **fingerprint == identity.fingerprint);
        let mut same = same.map(|(_, sent)| sent);
        same.find(|sent| is_duplicate(sent, segment, identity, now_ns)).map(|sent| sent.stage)
    }

    pub fn remember(
        &mut self,
        segment: &Segment<'_>,
        identity: &Identity,
        now_ns: i64,
        stage: Stage,
    ) {
        let place = usize::from(self.next);
        self.fingerprints[place] = identity.fingerprint;
        self.sent[place] = Sent {
            time_ns: now_ns,
            timestamp: identity.timestamps.map(|(value, _)| value),
            ip_id: segment.packet.ip_id.unwrap_or(0),
            ttl: segment.packet.ttl,
            stage,
        };
        self.next = (self.next + 1) % 4;
        self.known = (self.known + 1).min(4);
    }
}

/// The fingerprints are equal; do identification, timestamps and time say that it is one packet?
fn is_duplicate(sent: &Sent, segment: &Segment<'_>, identity: &Identity, now_ns: i64) -> bool {
    let since = now_ns.saturating_sub(sent.time_ns);
    let ip_id = segment.packet.ip_id.unwrap_or(0);
    let one_packet = if sent.ip_id != 0 || ip_id != 0 {
        sent.ip_id == ip_id && since <= 1_000 * MS
    } else {
        // Linux sends SYN/ACKs and reflex RSTs, new or repeated, with identification 0.
        match (sent.timestamp, identity.timestamps.map(|(value, _)| value)) {
            (Some(a), Some(b)) => a == b && since <= 100 * MS,
            (None, None) => since <= 5 * MS,
            _ => false,
        }
    };
    let tcp = &segment.tcp;
    let bare = segment.payload_octets() == 0
        && !tcp.flags.intersects(TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST);
    // Duplicate ACKs look alike too, and follow each other closely.
    one_packet && (!bare || since <= MS || sent.ttl != segment.packet.ttl)
}

fn fingerprint(segment: &Segment<'_>) -> u64 {
    let tcp = &segment.tcp;
    let numbers = u64::from(tcp.sequence.0) << 32 | u64::from(tcp.acknowledgment.0);
    let rest = u64::from(segment.packet.tcp_octets) << 32
        | u64::from(tcp.flags.bits()) << 16
        | u64::from(tcp.checksum);
    let mixed = numbers ^ rest.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// Value and echo of the timestamps option.
#[inline]
pub(super) fn timestamps(segment: &Segment<'_>) -> Option<(u32, u32)> {
    if segment.tcp.option_octets.is_empty() {
        return None;
    }
    // What nearly every stack sends: two NOPs and the option.
    if let [1, 1, 8, 10, a, b, c, d, e, f, g, h, ..] = *segment.tcp.option_octets {
        return Some((u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])));
    }
    segment.tcp.options().map_while(Result::ok).find_map(|option| match option {
        TcpOption::Timestamps { value, echo } => Some((value, echo)),
        _ => None,
    })
}
