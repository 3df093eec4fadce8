//! Telling a packet captured twice (mirror port, `any` interface) from one sent twice.

use crate::connection::event::Event;
use crate::connection::state::Connection;
use crate::vocabulary::Stage;
use crate::wire::TcpFlags;

const MS: i64 = 1_000_000;
/// No two captures of one packet are further apart, whatever its identification.
const LONGEST_NS: i64 = 1_000 * MS;
/// How many segments of its sender a segment is compared with.
const LAST: u8 = 4;

/// Copies of one packet whose checksums differ are captured in one host, one of them before the
/// checksum was calculated.
const IN_ONE_HOST_NS: i64 = 5 * MS;

/// The fields that tell a segment from others: sequence and acknowledgment number, flags, length,
/// window, addresses and ports, mixed; its timestamp; and how many segments were sent before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    fingerprint: u64,
    /// 0 if there is none.
    timestamp: u32,
    before: Before,
}

/// How many segments the ends of a connection had sent before a segment, modulo 256.
#[derive(Clone, Copy, Debug)]
struct Before {
    by_sender: u8,
    by_receiver: u8,
}

impl Identity {
    #[inline(always)]
    pub fn new(event: &Event<'_>, connection: &Connection) -> Self {
        let segment = event.segment;
        let numbers = u64::from(segment.sequence.0) << 32 | u64::from(segment.acknowledgment.0);
        let rest = u64::from(segment.tcp_octets) << 32
            | u64::from(segment.flags.bits()) << 16
            | u64::from(segment.window);
        let places =
            segment.addresses.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(segment.ports) << 32;
        let mixed = u128::from(numbers ^ places) * u128::from(rest ^ 0xd6e8_feb8_6659_fd93);
        Self {
            fingerprint: mixed as u64 ^ (mixed >> 64) as u64,
            timestamp: event.timestamps.map_or(0, |(value, _)| value),
            before: Before {
                by_sender: connection.end(event.sender).sent,
                by_receiver: connection.end(event.sender.other()).sent,
            },
        }
    }

    const fn tag(&self) -> u32 {
        (self.fingerprint >> 32) as u32
    }
}

/// A remembered segment.
#[derive(Clone, Copy, Debug)]
struct Remembered {
    time_ns: i64,
    /// The half of its fingerprint that its set does not follow from.
    tag: u32,
    /// 0 if there is none.
    timestamp: u32,
    ip_id: u16,
    checksum: u16,
    ttl: u8,
    stage: Stage,
    before: Before,
}

const NOTHING: Remembered = Remembered {
    time_ns: i64::MIN,
    tag: 0,
    timestamp: 0,
    ip_id: 0,
    checksum: 0,
    ttl: 0,
    stage: Stage::None,
    before: Before { by_sender: 0, by_receiver: 0 },
};

/// How many segments whose fingerprints share a set are found.
const SET: usize = 4;
/// 3.5 KiB with the segments they lead to.
const FEWEST_SETS: usize = 1 << 5;
/// 896 KiB.
const MOST_SETS: usize = 1 << 13;

/// Where a segment is remembered, below a part of its tag.
const PLACE_BITS: u32 = 15;

/// The segments of the last second, of all connections of a shard.
///
/// All connections share it: stored with each connection, four segments of either direction would be
/// most of its memory, and idle most of the time. It grows with the rate of the capture, up to a quarter
/// of a million segments in all eight shards.
///
/// Segments are stored one after the other, in a circle. Nearly all are never looked at again, and
/// sequential writes cost least.
#[derive(Debug)]
pub(crate) struct RecentSegments {
    segments: Vec<Remembered>,
    /// The place of the next one.
    next: usize,
    /// The places of segments by fingerprint, the newest first, each below a part of its tag. If that part
    /// differs, as nearly always, nothing else has to be looked at.
    sets: Vec<[u32; SET]>,
    /// When the current round of as many segments as there are sets began.
    round_ns: i64,
}

impl Default for RecentSegments {
    fn default() -> Self {
        Self {
            segments: vec![NOTHING; SET * FEWEST_SETS],
            next: 0,
            sets: vec![[0; SET]; FEWEST_SETS],
            round_ns: i64::MIN,
        }
    }
}

impl RecentSegments {
    /// Stage and TTL of the segment that this one is a second capture of.
    #[inline(always)]
    pub fn first_capture(&self, event: &Event<'_>, identity: &Identity) -> Option<(Stage, u8)> {
        let set = &self.sets[self.place(identity)];
        // One branch for all of them.
        if !set.iter().fold(false, |leads, entry| leads | leads_to(*entry, identity)) {
            return None;
        }
        self.find(*set, *event, *identity)
    }

    #[cold]
    fn find(&self, set: [u32; SET], event: Event<'_>, identity: Identity) -> Option<(Stage, u8)> {
        let entries = set.into_iter().filter(|entry| leads_to(*entry, &identity));
        let mut segments =
            entries.map(|entry| &self.segments[(entry & ((1 << PLACE_BITS) - 1)) as usize]);
        let same = segments.find(|first| {
            let since = identity.before.by_sender.wrapping_sub(first.before.by_sender);
            first.tag == identity.tag()
                && since.wrapping_sub(1) < LAST
                && is_duplicate(first, &event, &identity)
        });
        same.map(|first| (first.stage, first.ttl))
    }

    /// Remembers a segment of this stage.
    #[inline(always)]
    pub fn remember(&mut self, event: &Event<'_>, identity: &Identity, stage: Stage) {
        if self.next & (self.sets.len() - 1) == 0 {
            self.next_round(event.now_ns);
        }
        let (place, at) = (self.place(identity), self.next);
        self.next = (at + 1) & (self.segments.len() - 1);
        let [first, second, third, _] = self.sets[place];
        let newest = identity.tag() >> PLACE_BITS << PLACE_BITS | at as u32;
        self.sets[place] = [newest, first, second, third];
        self.segments[at] = Remembered {
            time_ns: event.now_ns,
            tag: identity.tag(),
            timestamp: identity.timestamp,
            ip_id: event.segment.ip_id,
            checksum: event.segment.checksum,
            ttl: event.segment.ttl,
            stage,
            before: identity.before,
        };
    }

    fn place(&self, identity: &Identity) -> usize {
        identity.fingerprint as usize & (self.sets.len() - 1)
    }

    /// Begins a round of as many segments as there are sets. If the last one took less than a quarter of
    /// a second, doubles the sets, or segments would be forgotten too early.
    #[cold]
    fn next_round(&mut self, now_ns: i64) {
        let took_ns = now_ns.saturating_sub(self.round_ns);
        self.round_ns = now_ns;
        if took_ns < LONGEST_NS / 4 && self.sets.len() < MOST_SETS {
            // Which of the two new sets a segment belongs to is no longer known: it is in both.
            self.sets.extend_from_within(..);
            // Remembered segments stay in their places.
            self.next = self.segments.len();
            self.segments.resize(2 * self.next, NOTHING);
        }
    }
}

/// Whether the segment in this place may be the one with this identity.
#[inline(always)]
fn leads_to(entry: u32, identity: &Identity) -> bool {
    (entry ^ identity.tag()) >> PLACE_BITS == 0
}

/// Whether identification, timestamp, checksum and time of two segments with the same fingerprint say
/// that they are one packet.
fn is_duplicate(first: &Remembered, event: &Event<'_>, identity: &Identity) -> bool {
    let segment = event.segment;
    let since_ns = event.now_ns.saturating_sub(first.time_ns);
    let has_id = first.ip_id != 0 || segment.ip_id != 0;
    let is_bare = event.payload == 0
        && !segment.flags.intersects(TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST);
    // Linux sends SYN/ACKs and reflex RSTs, new or repeated, with identification 0.
    let longest_ns = match (has_id, identity.timestamp) {
        (true, _) => LONGEST_NS,
        (false, 0) => 5 * MS,
        (false, _) => 100 * MS,
    };
    // Duplicate ACKs look alike too, and follow each other closely.
    let longest_ns = if is_bare && first.ttl == segment.ttl { MS } else { longest_ns };
    let same_timestamp = first.timestamp == identity.timestamp;
    if first.ip_id != segment.ip_id || !has_id && !same_timestamp || since_ns > longest_ns {
        return false;
    }
    if first.checksum != segment.checksum {
        // Duplicate ACKs also differ in their SACK blocks.
        return since_ns <= IN_ONE_HOST_NS && same_timestamp && (has_id || !is_bare);
    }
    // A host without the connection answers each segment with the same RST.
    let is_reflex = segment.flags.contains(TcpFlags::RST) && !has_id;
    let answers_same = first.before.by_receiver == identity.before.by_receiver;
    !is_reflex || first.ttl != segment.ttl || answers_same
}
