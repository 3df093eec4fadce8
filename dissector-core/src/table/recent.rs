//! Telling a packet captured twice (mirror port, `any` interface) from one sent twice.

use crate::compact::Digest;
use crate::vocabulary::Stage;
use crate::wire::{TcpFlags, TcpOption, TcpOptions};

const MS: i64 = 1_000_000;
/// No two captures of one packet are further apart, whatever its identification.
const LONGEST_NS: i64 = 1_000 * MS;
/// How many segments of its direction a segment is compared with.
const LAST: u8 = 4;

/// Copies of one packet whose checksums differ are captured in one host, one of them before the
/// checksum was calculated.
const IN_ONE_HOST_NS: i64 = 5 * MS;

/// A segment with what tells it from others: sequence and acknowledgment number, flags, length,
/// window, addresses and ports, mixed; its timestamps; and what was sent before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Identity {
    fingerprint: u64,
    /// Value and echo of the timestamps option.
    pub timestamps: Option<(u32, u32)>,
    before: Before,
}

/// How many segments the ends of a connection had sent before one of theirs, each in a circle.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Before {
    /// Its sender.
    pub sent: u8,
    /// Its receiver.
    pub received: u8,
}

impl Identity {
    /// Of a segment with these timestamps, after so many others.
    #[inline(always)]
    pub fn of(digest: &Digest, timestamps: Option<(u32, u32)>, before: Before) -> Self {
        let Digest { sequence, acknowledgment, addresses, ports, .. } = *digest;
        let numbers = u64::from(sequence.0) << 32 | u64::from(acknowledgment.0);
        let rest = u64::from(digest.tcp_octets) << 32
            | u64::from(digest.flags.bits()) << 16
            | u64::from(digest.window);
        let places = addresses.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(ports) << 32;
        let mixed = u128::from(numbers ^ places) * u128::from(rest ^ 0xd6e8_feb8_6659_fd93);
        Self { fingerprint: mixed as u64 ^ (mixed >> 64) as u64, timestamps, before }
    }
}

/// What is remembered of a segment.
#[derive(Clone, Copy, Debug)]
struct Sent {
    time_ns: i64,
    /// The half of its fingerprint that its set does not follow from.
    tag: u32,
    /// 0 where it has none.
    timestamp: u32,
    ip_id: u16,
    checksum: u16,
    ttl: u8,
    stage: Stage,
    before: Before,
}

const NOTHING: Sent = Sent {
    time_ns: i64::MIN,
    tag: 0,
    timestamp: 0,
    ip_id: 0,
    checksum: 0,
    ttl: 0,
    stage: Stage::None,
    before: Before { sent: 0, received: 0 },
};

/// How many segments whose fingerprints fall together are found.
const SET: usize = 4;
/// 3.5 KiB with what they lead to.
const FEWEST_SETS: usize = 1 << 5;
/// 896 KiB.
const MOST_SETS: usize = 1 << 13;

/// Where a segment is remembered, below a part of its tag.
const PLACE_BITS: u32 = 15;

/// The segments of the last second, of all connections of a shard of the table.
///
/// One memory for all of them: kept with each connection, four segments of either direction would
/// be most of what a connection needs, and idle most of the time. It grows with the rate of the
/// capture, up to a quarter of a million segments in all eight shards.
///
/// They are remembered one after the other, in a circle. Nearly all are never looked at again, and
/// writing to one place after the other costs least.
#[derive(Debug)]
pub(crate) struct Recent {
    sent: Vec<Sent>,
    /// Where the next one goes.
    next: usize,
    /// By fingerprint, the places of segments, the newest first, each below a part of its tag: if that
    /// differs, and it nearly always does, nothing else has to be looked at.
    sets: Vec<[u32; SET]>,
    /// When the present round began: of as many segments as there are sets.
    round_ns: i64,
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            sent: vec![NOTHING; SET * FEWEST_SETS],
            next: 0,
            sets: vec![[0; SET]; FEWEST_SETS],
            round_ns: i64::MIN,
        }
    }
}

impl Recent {
    /// The segment that this one is a second capture of: its stage and TTL.
    #[inline(always)]
    pub fn first_capture(
        &self,
        digest: &Digest,
        identity: &Identity,
        now_ns: i64,
    ) -> Option<(Stage, u8)> {
        let set = &self.sets[self.place(identity)];
        // All of them at once, with one branch.
        if !set.iter().fold(false, |led, entry| led | leads_to(*entry, identity)) {
            return None;
        }
        self.find(*set, digest, identity, now_ns)
    }

    #[cold]
    fn find(
        &self,
        set: [u32; SET],
        digest: &Digest,
        identity: &Identity,
        now_ns: i64,
    ) -> Option<(Stage, u8)> {
        let led = set.into_iter().filter(|entry| leads_to(*entry, identity));
        let mut sent = led.map(|entry| &self.sent[(entry & ((1 << PLACE_BITS) - 1)) as usize]);
        let same = sent.find(|sent| {
            sent.tag == identity.tag()
                && identity.before.sent.wrapping_sub(sent.before.sent).wrapping_sub(1) < LAST
                && is_duplicate(sent, digest, identity, now_ns)
        });
        same.map(|sent| (sent.stage, sent.ttl))
    }

    /// Remembers a segment.
    #[inline(always)]
    pub fn remember(&mut self, digest: &Digest, identity: &Identity, now_ns: i64, stage: Stage) {
        if self.next & (self.sets.len() - 1) == 0 {
            self.next_round(now_ns);
        }
        let (place, at) = (self.place(identity), self.next);
        self.next = (at + 1) & (self.sent.len() - 1);
        let [first, second, third, _] = self.sets[place];
        let newest = identity.tag() >> PLACE_BITS << PLACE_BITS | at as u32;
        self.sets[place] = [newest, first, second, third];
        self.sent[at] = Sent {
            time_ns: now_ns,
            tag: identity.tag(),
            timestamp: identity.timestamps.map_or(0, |(value, _)| value),
            ip_id: digest.ip_id,
            checksum: digest.checksum,
            ttl: digest.ttl,
            stage,
            before: identity.before,
        };
    }

    fn place(&self, identity: &Identity) -> usize {
        identity.fingerprint as usize & (self.sets.len() - 1)
    }

    /// As many segments as there are sets were remembered. Where that took less than a quarter of a
    /// second, there have to be more sets, or segments are forgotten too early.
    #[cold]
    fn next_round(&mut self, now_ns: i64) {
        let took_ns = now_ns.saturating_sub(self.round_ns);
        self.round_ns = now_ns;
        if took_ns < LONGEST_NS / 4 && self.sets.len() < MOST_SETS {
            // Which of the two new sets a segment belongs to is not known any more: it is in both.
            self.sets.extend_from_within(..);
            // What is remembered stays where it is.
            self.next = self.sent.len();
            self.sent.resize(2 * self.next, NOTHING);
        }
    }
}

/// Whether the segment in this place may be the one with this identity.
#[inline(always)]
fn leads_to(entry: u32, identity: &Identity) -> bool {
    (entry ^ identity.tag()) >> PLACE_BITS == 0
}

impl Identity {
    const fn tag(&self) -> u32 {
        (self.fingerprint >> 32) as u32
    }
}

/// The fingerprints are equal; do identification, timestamps, checksum and time say that it is one
/// packet?
fn is_duplicate(sent: &Sent, digest: &Digest, identity: &Identity, now_ns: i64) -> bool {
    let since_ns = now_ns.saturating_sub(sent.time_ns);
    let timestamp = identity.timestamps.map_or(0, |(value, _)| value);
    let has_id = sent.ip_id != 0 || digest.ip_id != 0;
    let is_bare = digest.payload_octets() == 0
        && !digest.flags.intersects(TcpFlags::SYN | TcpFlags::FIN | TcpFlags::RST);
    // Linux sends SYN/ACKs and reflex RSTs, new or repeated, with identification 0.
    let longest_ns = match (has_id, timestamp) {
        (true, _) => LONGEST_NS,
        (false, 0) => 5 * MS,
        (false, _) => 100 * MS,
    };
    // Duplicate ACKs look alike too, and follow each other closely.
    let longest_ns = if is_bare && sent.ttl == digest.ttl { MS } else { longest_ns };
    if sent.ip_id != digest.ip_id || !has_id && sent.timestamp != timestamp || since_ns > longest_ns
    {
        return false;
    }
    if sent.checksum != digest.checksum {
        // Duplicate ACKs also differ in what they say of octets behind the gap.
        return since_ns <= IN_ONE_HOST_NS && sent.timestamp == timestamp && (has_id || !is_bare);
    }
    // A host without the connection answers each segment with the same RST.
    let is_reflex = digest.flags.contains(TcpFlags::RST) && !has_id;
    !is_reflex || sent.ttl != digest.ttl || sent.before.received == identity.before.received
}

/// Value and echo of the timestamps option.
#[inline]
pub(crate) fn timestamps(options: &[u8]) -> Option<(u32, u32)> {
    if options.is_empty() {
        return None;
    }
    // What nearly every stack sends: two NOPs and the option.
    if let Some((&[kind, value, echo], _)) = options.as_chunks().0.split_first_chunk()
        && kind == [1, 1, 8, 10]
    {
        return Some((u32::from_be_bytes(value), u32::from_be_bytes(echo)));
    }
    other_timestamps(options)
}

#[inline(never)]
fn other_timestamps(options: &[u8]) -> Option<(u32, u32)> {
    TcpOptions::new(options, 0).map_while(Result::ok).find_map(|option| match option {
        TcpOption::Timestamps { value, echo } => Some((value, echo)),
        _ => None,
    })
}
